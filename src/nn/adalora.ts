/**
 * AdaLoRA (Zhang et al. 2023) as PEFT 0.21 computes it (tuners/adalora/layer.py and model.py):
 *
 *   y = x W^T + alpha / (initialRank + 1e-5) * (dropout(x) (A * E)^T) B^T       A [r, in], E [r, 1], B [out, r]
 *   loss = task loss + orthogonalWeight * mean over all A and B of ||A A^T - I||_F or ||B^T B - I||_F
 *
 * After each optimiser step the importance of every triplet (a row of A, a value of E, a column of B) is averaged, and on a
 * cubic schedule the least important ones of the whole model get E = 0. The divisor stays the initial rank throughout.
 */
import { type LowRank, matmul, type Seed } from '../autograd/ops/linear';
import { scaleRows } from '../autograd/ops/scale-rows';
import { Tape } from '../autograd/tape';
import { specError } from '../errors';
import { type Device, hostLibrary } from '../native/device';
import { spansOf } from '../native/several';
import type { Tensor } from '../native/tensor';
import { type ModuleSelection, ownName } from '../paper/targets';
import type { Linear, LowRankModule } from './linear';
import { addModules, checkRank, dropoutOf } from './lora';

/** Steps count from 0 here: the first step of training is step 0, as in PEFT's examples. */
export interface AdaLoraOptions extends ModuleSelection {
  readonly kind: 'adalora';
  readonly initialRank: number;
  /** Mean rank of a module at the end. */
  readonly targetRank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Last step with the whole budget (PEFT: tinit). */
  readonly warmupSteps: number;
  /** Final steps with fixed ranks (PEFT: tfinal). */
  readonly finalSteps: number;
  /** Steps between two allocations (PEFT: deltaT). */
  readonly interval: number;
  /** Steps the schedule is laid out for (PEFT: total_step). */
  readonly totalSteps: number;
  /** Averaging of importance and of its uncertainty. */
  readonly beta1: number;
  readonly beta2: number;
  readonly orthogonalWeight: number;
  /** `never-updated`: nothing calls the allocator, as under a Trainer without a callback; every rank stays the initial one. */
  readonly budget: 'scheduled' | 'never-updated';
  /** Which triplets a loaded adapter still has, by module; all where absent. */
  readonly kept?: Readonly<Record<string, readonly boolean[]>>;
}

/** Moving averages of one tensor's importance. */
interface Importance {
  readonly sensitivity: Tensor;
  readonly uncertainty: Tensor;
}

export class AdaLoraModule implements LowRankModule {
  readonly parameters: Readonly<Record<string, Tensor>>;

  constructor(
    readonly name: string,
    readonly a: Tensor,
    readonly e: Tensor,
    readonly b: Tensor,
    private readonly scale: number,
    private readonly p: number,
  ) {
    this.parameters = { lora_A: a, lora_B: b, lora_E: e };
  }

  operands(tape: Tape, seedOf: ((module: number) => Seed) | null, module: number): LowRank | null {
    if (this.e.size === 0) return null;
    return {
      a: scaleRows(tape, this.a, this.e),
      b: this.b,
      scale: this.scale,
      dropout: dropoutOf(this.p, seedOf, module),
    };
  }
}

/** Random streams of the initial A and B. */
const INIT_STREAM = 0x41444100;
/** Standard deviation of the initial A and B (PEFT: reset_lora_parameters). */
const INIT_STD = 0.02;

/**
 * Puts an update on every targeted linear: A and B ~ N(0, 0.02), E zero. Returns the adapter and its trainable tensors by
 * their PEFT names.
 * @throws MedreproError `spec` when a target names no linear or the schedule leaves no step for pruning.
 */
export function addAdaLora(
  device: Device,
  linears: Iterable<Linear>,
  options: AdaLoraOptions,
  seed: number,
): { readonly adapter: AdaLora; readonly trainable: Map<string, Tensor> } {
  checkSchedule(options);
  const { initialRank, alpha, dropout, kept } = options;
  // PEFT divides by an fp32 parameter to which 1e-5 has been added
  const scale = alpha / Math.fround(initialRank + Math.fround(1e-5));
  const modules: AdaLoraModule[] = [];
  const trainable = addModules(linears, options, ({ name, weight: { inFeatures, outFeatures } }, index) => {
    const rank = kept?.[ownName(options, name)]?.filter(Boolean).length ?? initialRank;
    checkRank(options, name, rank);
    const a = device.empty([rank, inFeatures], 'f32');
    const b = device.empty([outFeatures, rank], 'f32');
    [a, b].forEach((tensor, which) => {
      const stream = (INIT_STREAM + 2 * index + which) >>> 0;
      device.ops.normal(tensor.size, 0, INIT_STD, seed >>> 0, stream, tensor.address);
    });
    const made = new AdaLoraModule(name, a, device.zeros([rank, 1], 'f32'), b, scale, dropout);
    modules.push(made);
    return made;
  });
  return { adapter: new AdaLora(device, options, modules), trainable };
}

export class AdaLora {
  /** Which triplets each module has, fp32 ones and zeros; what is zero is masked. Pruned as loaded, or by the schedule. */
  private readonly masks: ReadonlyMap<string, Tensor>;
  private readonly importance: ReadonlyMap<string, Importance>;

  constructor(
    private readonly device: Device,
    readonly options: AdaLoraOptions,
    readonly modules: readonly AdaLoraModule[],
  ) {
    const masks = new Map<string, Tensor>();
    const importance = new Map<string, Importance>();
    if (options.budget === 'scheduled' && options.kept === undefined) {
      for (const { name, parameters, e } of modules) {
        const mask = device.empty([e.size], 'f32');
        device.ops.fill(mask.code, mask.size, 1, mask.address);
        masks.set(name, mask);
        for (const [part, { shape }] of Object.entries(parameters)) {
          const averages = { sensitivity: device.zeros(shape, 'f32'), uncertainty: device.zeros(shape, 'f32') };
          importance.set(`${name}.${part}`, averages);
        }
      }
    }
    this.masks = masks;
    this.importance = importance;
  }

  /** Everything besides weights and moments that a resumed run needs, by name. */
  get state(): Map<string, Tensor> {
    const state = new Map([...this.masks].map(([name, mask]) => [`${name}.mask`, mask]));
    for (const [name, { sensitivity, uncertainty }] of this.importance) {
      state.set(`${name}.sensitivity`, sensitivity);
      state.set(`${name}.uncertainty`, uncertainty);
    }
    return state;
  }

  /**
   * The orthogonal loss, weight included. With `scale`, also adds the gradient of scale times it; null only measures.
   * PEFT adds it to the loss of every micro-batch, evaluation included, so a step counts it as often.
   */
  orthogonalLoss(scale: number | null): number {
    const { device, modules } = this;
    const weight = this.options.orthogonalWeight / (2 * modules.length);
    return device.scope(() => {
      const factors = modules.flatMap(({ a, b }) => [
        { tensor: a, byRows: true } as const,
        { tensor: b, byRows: false } as const,
      ]);
      const some = factors.filter(({ tensor }) => tensor.size > 0);
      const squares = device.empty([some.length], 'f64');
      // all norms are read at once: reading each would synchronise with a GPU hundreds of times
      const grams = some.map(({ tensor, byRows }) => this.gramMinusIdentity(tensor, byRows));
      const largest = grams.reduce((most, { size }) => Math.max(most, size), 0);
      device.ops.sumSquaresEach(grams.length, largest, spansOf(device, grams).address, squares.address);
      const norms = device.readF64(squares).map(Math.sqrt);
      some.forEach(({ tensor, byRows }, i) => {
        // the norm's gradient at 0 is 0, as torch defines it
        if (scale === null || norms[i] === 0) return;
        const tape = new Tape(device, false);
        const { into, accumulate } = tape.claim(tensor);
        const [left, right] = byRows ? [grams[i]!, tensor] : [tensor, grams[i]!];
        const alpha = (2 * (scale * weight)) / norms[i]!;
        matmul(tape, 'fp32', left, false, right, false, into, { alpha, accumulate });
      });
      return weight * norms.reduce((sum, norm) => sum + norm, 0);
    });
  }

  /**
   * What follows an optimiser step: importance, budget, masks (PEFT: AdaLoraModel.update_and_allocate). To be called with the
   * gradients the step used, times `gradScale` (clipping), before they are cleared; null ignores them, as they are not
   * finite. `step` counts from 0. Returns the ranks where it changed any.
   */
  afterStep(step: number, gradScale: number | null): Record<string, number> | null {
    const { budget, totalSteps, finalSteps, interval, warmupSteps } = this.options;
    if (budget === 'never-updated') return null;
    const frozen = totalSteps - finalSteps;
    if (step < frozen && gradScale !== null) this.updateImportance(gradScale);
    let changed = false;
    if (step === frozen || (step < frozen && step > warmupSteps && step % interval === 0)) {
      changed = this.allocate(this.budgetAt(step));
    } else if (step > frozen) this.applyMasks();
    return changed ? this.ranks() : null;
  }

  /** Triplets the whole model may keep after `step` (PEFT: RankAllocator.budget_schedule). */
  budgetAt(step: number): number {
    const { initialRank, targetRank, warmupSteps, finalSteps, totalSteps } = this.options;
    const initial = initialRank * this.modules.length;
    const target = targetRank * this.modules.length;
    if (step <= warmupSteps) return initial;
    if (step > totalSteps - finalSteps) return target;
    const left = 1 - (step - warmupSteps) / (totalSteps - finalSteps - warmupSteps);
    return Math.trunc((initial - target) * hostLibrary().pow(left, 3) + target);
  }

  /** Triplets each module may use now, by module: PEFT's rank_pattern. */
  pattern(): Map<string, boolean[]> {
    return new Map(
      this.modules.map(({ name, e }) => {
        const kept = this.options.kept?.[ownName(this.options, name)];
        if (kept !== undefined) return [name, [...kept]];
        const mask = this.masks.get(name);
        const values = mask === undefined ? null : this.device.readF32(mask);
        return [name, Array.from({ length: e.size }, (_, i) => values === null || values[i] !== 0)];
      }),
    );
  }

  /** Rank of each module now. */
  ranks(): Record<string, number> {
    return Object.fromEntries([...this.pattern()].map(([name, kept]) => [name, kept.filter(Boolean).length]));
  }

  /** G - I for G of the rows or of the columns. */
  private gramMinusIdentity(tensor: Tensor, byRows: boolean): Tensor {
    const { device } = this;
    const rank = byRows ? tensor.rows : tensor.cols;
    const gram = device.empty([rank, rank], 'f32');
    matmul(new Tape(device, false), 'fp32', tensor, !byRows, tensor, byRows, gram);
    device.ops.subtractIdentity(rank, gram.address);
    return gram;
  }

  private updateImportance(gradScale: number): void {
    const { beta1, beta2 } = this.options;
    for (const { name, parameters } of this.modules) {
      for (const [part, tensor] of Object.entries(parameters)) {
        const { sensitivity, uncertainty } = this.importance.get(`${name}.${part}`)!;
        this.device.ops.adaloraImportance(
          tensor.size,
          tensor.address,
          tensor.grad!.address,
          gradScale,
          beta1,
          beta2,
          sensitivity.address,
          uncertainty.address,
        );
      }
    }
  }

  /**
   * Masks everything up to the k-th smallest score of the model, k = what is over budget; ties with it go too. Returns
   * whether any mask is another one than before.
   */
  private allocate(budget: number): boolean {
    const scores = this.modules.map((module) => this.scores(module));
    const all = Float32Array.from(scores.flatMap((values) => [...values]));
    const threshold = all.sort()[all.length - budget - 1]!;
    let changed = false;
    this.modules.forEach(({ name }, index) => {
      // NaN is above every threshold, as torch.kthvalue sorts it
      const values = Float32Array.from(scores[index]!, (score) => (score <= threshold ? 0 : 1));
      const mask = this.masks.get(name)!;
      changed ||= this.device.readF32(mask).some((value, i) => value !== values[i]);
      this.device.write(mask, values);
    });
    this.applyMasks();
    return changed;
  }

  private scores({ name, a, b, e }: AdaLoraModule): Float32Array {
    const { device } = this;
    const [inA, inB, inE] = ['lora_A', 'lora_B', 'lora_E'].map((part) => this.importance.get(`${name}.${part}`)!);
    return device.scope(() => {
      const scores = device.empty([e.size], 'f32');
      device.ops.adaloraScore(
        e.size,
        a.cols,
        b.rows,
        inA!.sensitivity.address,
        inA!.uncertainty.address,
        inE!.sensitivity.address,
        inE!.uncertainty.address,
        inB!.sensitivity.address,
        inB!.uncertainty.address,
        scores.address,
      );
      return device.readF32(scores);
    });
  }

  private applyMasks(): void {
    const { device } = this;
    for (const { name, e } of this.modules) {
      const kept = device.readF32(this.masks.get(name)!);
      device.write(
        e,
        device.readF32(e).map((value, i) => (kept[i] === 0 ? 0 : value)),
      );
    }
  }
}

// --- internal ---

function checkSchedule(options: AdaLoraOptions): void {
  const { initialRank, targetRank, warmupSteps, finalSteps, totalSteps, budget } = options;
  if (budget === 'never-updated' || options.kept !== undefined) return;
  if (targetRank >= initialRank) {
    throw specError(`AdaLoRA's target rank ${targetRank} is not below its initial rank ${initialRank}`, {
      remedy: 'lower adapter.targetRank, or set adapter.budget: never-updated',
    });
  }
  if (warmupSteps >= totalSteps - finalSteps) {
    throw specError(
      `AdaLoRA has no step to prune in: warm-up ${warmupSteps}, final ${finalSteps}, ${totalSteps} steps in all`,
      { remedy: 'lower adapter.warmup or adapter.final, or train more steps' },
    );
  }
}
