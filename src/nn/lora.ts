/** LoRA (Hu et al. 2021) as PEFT does it: which linears, how A and B start, and the adapter file PEFT can load. */
import type { LowRank, Seed } from '../autograd/ops/linear';
import { specError } from '../errors';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { Linear } from './decoder';

export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Last parts of the linears' names, or every linear of every block. */
  readonly targets: 'all-linear' | readonly string[];
}

/** The update of one linear. */
export class LoraModule {
  constructor(
    /** [rank, in] */
    readonly a: Tensor,
    /** [out, rank] */
    readonly b: Tensor,
    private readonly options: LoraOptions,
  ) {}

  /** The operands of one forward pass; `seedOf` is null in evaluation. */
  operands(seedOf: ((module: number) => Seed) | null, module: number): LowRank {
    const { rank, alpha, dropout: p } = this.options;
    const dropout = seedOf === null || p === 0 ? null : { p, seed: seedOf(module) };
    return { a: this.a, b: this.b, scale: alpha / rank, dropout };
  }
}

/** Random stream of the initial A matrices, apart from every training stream. */
const INIT_STREAM = 0x4c6f5241;

/**
 * Puts an update on every targeted linear: A uniform in +-1/sqrt(in) (Kaiming with a = sqrt 5, as PEFT), B zero. Returns the
 * trainable tensors by their PEFT names, in module order. A starts from `seed` alone, whatever else was drawn before.
 * @throws MedreproError `spec` when a target names no linear.
 */
export function addLora(
  device: Device,
  linears: Iterable<Linear>,
  options: LoraOptions,
  seed: number,
): Map<string, Tensor> {
  const trainable = new Map<string, Tensor>();
  const unmatched = new Set(options.targets === 'all-linear' ? [] : options.targets);
  let module = 0;
  for (const linear of linears) {
    const target = linear.name.slice(linear.name.lastIndexOf('.') + 1);
    const index = module++;
    if (options.targets !== 'all-linear' && !options.targets.includes(target)) continue;
    unmatched.delete(target);
    const { inFeatures, outFeatures } = linear.weight;
    const a = device.empty([options.rank, inFeatures], 'f32');
    const bound = 1 / Math.sqrt(inFeatures);
    device.ops.uniform(a.size, -bound, bound, seed >>> 0, (INIT_STREAM + index) >>> 0, a.address);
    const b = device.zeros([outFeatures, options.rank], 'f32');
    linear.lora = new LoraModule(a, b, options);
    trainable.set(`base_model.model.${linear.name}.lora_A.weight`, a);
    trainable.set(`base_model.model.${linear.name}.lora_B.weight`, b);
  }
  if (unmatched.size > 0 || trainable.size === 0) {
    const named = [...unmatched].map((target) => JSON.stringify(target)).join(', ');
    throw specError(named === '' ? 'LoRA has no targets' : `LoRA targets ${named} name no linear of this model`, {
      remedy: 'use q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj or all-linear',
    });
  }
  return trainable;
}

/** `adapter_config.json` for PEFT. */
export function adapterConfigJson(
  options: LoraOptions,
  base: { readonly id: string; readonly revision: string | null },
  task: 'SEQ_CLS' | 'CAUSAL_LM',
  targets: readonly string[],
): string {
  const fields = {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: base.id,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: options.alpha,
    lora_dropout: options.dropout,
    modules_to_save: task === 'SEQ_CLS' ? ['classifier', 'score'] : null,
    peft_type: 'LORA',
    r: options.rank,
    rank_pattern: {},
    revision: base.revision,
    target_modules: [...targets].sort(),
    task_type: task,
    use_dora: false,
    use_rslora: false,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}
