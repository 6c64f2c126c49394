/** LoRA (Hu et al. 2021) as PEFT does it: which linears, and the initial A and B. */
import type { LowRank, Seed } from '../autograd/ops/linear';
import type { Tape } from '../autograd/tape';
import { inputError, specError } from '../errors';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { respell, TEXT_PREFIX } from '../paper/module-names';
import { isTarget, type ModuleSelection, ownName, patternValue, unmatchedTargets } from '../paper/targets';
import type { Linear, LowRankModule } from './linear';

export interface LoraOptions extends ModuleSelection {
  readonly kind?: 'lora';
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Rank-stabilised (Kalajdzievski 2023): alpha / sqrt(rank) instead of alpha / rank. */
  readonly rslora?: boolean;
  /** Ranks and alphas of single modules, by expressions for the end of their names. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

export class LoraModule implements LowRankModule {
  readonly parameters: Readonly<Record<string, Tensor>>;

  constructor(
    /** [rank, in] */
    readonly a: Tensor,
    /** [out, rank] */
    readonly b: Tensor,
    private readonly scale: number,
    private readonly p: number,
  ) {
    this.parameters = { 'lora_A.weight': a, 'lora_B.weight': b };
  }

  operands(_tape: Tape, seedOf: ((module: number) => Seed) | null, module: number): LowRank {
    const { a, b, scale, p } = this;
    return { a, b, scale, dropout: dropoutOf(p, seedOf, module) };
  }
}

/** Dropout of one module in one pass. */
export function dropoutOf(
  p: number,
  seedOf: ((module: number) => Seed) | null,
  module: number,
): { readonly p: number; readonly seed: Seed } | null {
  return seedOf === null || p === 0 ? null : { p, seed: seedOf(module) };
}

/** Rank and scale of one module. */
export function loraShape(options: LoraOptions, module: string): { readonly rank: number; readonly scale: number } {
  const name = ownName(options, module);
  const rank = patternValue(options.rankPattern, name) ?? options.rank;
  const alpha = patternValue(options.alphaPattern, name) ?? options.alpha;
  return { rank, scale: options.rslora ? alpha / Math.sqrt(rank) : alpha / rank };
}

/** Random stream of the initial A matrices, apart from every training stream. */
const INIT_STREAM = 0x4c6f5241;

/**
 * Puts an update on every targeted linear: A uniform in +-1/sqrt(in) (Kaiming with a = sqrt 5, as PEFT), B zero. Returns the
 * trainable tensors by their PEFT names, in module order. The initial A depends on `seed` alone, not on earlier draws.
 * @throws MedreproError `spec` when a target names no linear.
 */
export function addLora(
  device: Device,
  linears: Iterable<Linear>,
  options: LoraOptions,
  seed: number,
): Map<string, Tensor> {
  return addModules(linears, options, ({ name, weight: { inFeatures, outFeatures } }, index) => {
    const { rank, scale } = loraShape(options, name);
    checkRank(options, name, rank);
    const a = device.empty([rank, inFeatures], 'f32');
    const bound = 1 / Math.sqrt(inFeatures);
    device.ops.uniform(a.size, -bound, bound, seed >>> 0, (INIT_STREAM + index) >>> 0, a.address);
    const b = device.zeros([outFeatures, rank], 'f32');
    return new LoraModule(a, b, scale, options.dropout);
  });
}

/**
 * Compares the rank that adapter_config.json gives a module with that of the weights before memory is allocated for it.
 * @throws MedreproError `input` when a loaded adapter has no matrices for `module`, or others.
 */
export function checkRank({ source }: ModuleSelection, module: string, rank: number): void {
  if (source === undefined) return;
  const rows = source.ranks.get(respell(module, TEXT_PREFIX));
  if (rows === rank) return;
  const problem =
    rows === undefined
      ? `has no base_model.model.${module}.lora_A.weight`
      : `lora_A of ${module} has ${rows} rows, and adapter_config.json makes it ${rank}`;
  throw inputError(`${source.folder} ${problem}`, {
    remedy: 'adapter_config.json and its weights do not belong together',
  });
}

/** Puts what `make` returns on every targeted linear, and lists its tensors by their PEFT names. */
export function addModules(
  linears: Iterable<Linear>,
  options: ModuleSelection,
  make: (linear: Linear, index: number) => LowRankModule,
): Map<string, Tensor> {
  const all = [...linears];
  const trainable = new Map<string, Tensor>();
  all.forEach((linear, index) => {
    if (!isTarget(options, linear.name)) return;
    const made = make(linear, index);
    linear.lora = made;
    for (const [name, tensor] of Object.entries(made.parameters)) {
      trainable.set(`base_model.model.${linear.name}.${name}`, tensor);
    }
  });
  const unmatched = unmatchedTargets(
    options,
    all.map(({ name }) => name),
  );
  if (unmatched.length > 0 || trainable.size === 0) {
    const named = unmatched.map((target) => JSON.stringify(target)).join(', ');
    const problem =
      named === '' ? 'the adapter has no targets' : `adapter targets ${named} name no linear of this model`;
    throw specError(problem, {
      remedy: 'use q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj or all-linear',
    });
  }
  return trainable;
}
