/**
 * `adapter_config.json` as PEFT writes it. What would change the mathematics and is not implemented is rejected by name; fields
 * that change nothing are accepted.
 */
import { type } from 'arktype';
import { inputError } from '../errors';
import type { AdaLoraOptions } from './adalora';
import type { AdapterOptions } from './adapter';
import type { LoraOptions } from './lora';

export type PeftTask = 'SEQ_CLS' | 'CAUSAL_LM';

/** What `adapter_config.json` says. */
export interface AdapterConfig {
  /** For `loadModel`. */
  readonly options: AdapterOptions;
  /** null when the file names none. */
  readonly task: PeftTask | null;
  readonly base: { readonly id: string | null; readonly revision: string | null };
  /** Tokens whose rows it has by module (`trainable_token_indices`), with names as in a model of text; null without any. */
  readonly tokenRows: ReadonlyMap<string, readonly number[]> | null;
  /** Unknown fields that are set: they may matter. */
  readonly warnings: readonly string[];
}

/**
 * @param text the file's content
 * @param file its name, for messages
 * @throws MedreproError `input` naming what is wrong or not implemented
 */
export function parseAdapterConfig(text: string, file: string): AdapterConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw inputError(`${file} is not JSON: ${oneLine((error as Error).message)}`, {
      where: { file },
      remedy: 'fetch the adapter again, or save it again with PEFT',
    });
  }
  const config = ConfigFile(json);
  if (config instanceof type.errors) {
    const problems = config.map(({ message }) => message);
    throw inputError(`${file}: ${oneLine(problems.join('; '))}`, {
      where: { file },
      remedy: 'LoRA and AdaLoRA adapters of decoders are read; save it again with a current PEFT',
    });
  }
  const fields = json as Record<string, unknown>;
  refuseUnimplemented(fields, file);
  const unknown = Object.keys(fields).filter((key) => !KNOWN.has(key) && isSet(fields[key]));
  const layers = [config.layers_to_transform ?? []].flat(); // layer 0 may be a bare number
  const modules = {
    targets: config.target_modules,
    ...(isSet(config.exclude_modules) ? { exclude: config.exclude_modules! } : {}),
    ...(layers.length > 0 ? { layers } : {}),
    ...(isSet(config.modules_to_save) ? { modulesToSave: config.modules_to_save! } : {}),
    dropout: config.lora_dropout ?? 0,
    alpha: config.lora_alpha,
  };
  const options =
    config.peft_type === 'LORA' ? loraOptions(config, modules, file) : adaLoraOptions(config, modules, file);
  return {
    options,
    task: (config.task_type ?? null) as PeftTask | null,
    base: { id: config.base_model_name_or_path ?? null, revision: config.revision ?? null },
    tokenRows: tokenRows(config, file),
    warnings: unknown
      .slice(0, 20)
      .map((key) => `${file} sets ${oneLine(key)}, which this version does not know and leaves aside`),
  };
}

// --- internal ---

/** On one line of bounded length: the file may hold anything. */
const oneLine = (text: string): string => text.replace(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 300);

/** Entries of a list or a pattern: an adapter of every linear of the largest models names some thousands. */
const MAX_ENTRIES = 50_000;

/** Whole numbers that are held exactly; what memory a rank takes is checked against the file (`checkRank`). */
const count = '1 <= number.integer <= 2147483647';
const steps = '0 <= number.integer <= 2147483647';
/** A factor: PEFT takes any, and beyond this one nothing finite comes out in fp32. */
const factor = '-1000000000 <= number <= 1000000000';
const expression = '1 <= string <= 100000';
const list = `string[] <= ${MAX_ENTRIES}` as const;
const indices = `(${steps})[] <= ${MAX_ENTRIES}` as const;
const names = `${expression} | ${list} | null` as const;

const ConfigFile = type({
  peft_type: "'LORA' | 'ADALORA'",
  'task_type?': "'SEQ_CLS' | 'CAUSAL_LM' | null",
  'base_model_name_or_path?': 'string | null',
  'revision?': 'string | null',
  target_modules: `${expression} | 1 <= string[] <= ${MAX_ENTRIES}`,
  'exclude_modules?': names,
  'layers_to_transform?': `${steps} | (${steps})[] <= ${MAX_ENTRIES} | null`,
  'modules_to_save?': `${list} | null`,
  'r?': count,
  lora_alpha: factor,
  'lora_dropout?': '0 <= number < 1',
  'use_rslora?': 'boolean | null',
  'rank_pattern?': 'object | null',
  'alpha_pattern?': type({ '[string]': factor }).or('null'),
  'trainable_token_indices?': 'object | null',
  'init_r?': count,
  'target_r?': steps,
  'tinit?': steps,
  'tfinal?': steps,
  'deltaT?': count,
  'beta1?': '0 < number < 1',
  'beta2?': '0 < number < 1',
  'orth_reg_weight?': '0 <= number <= 1000000000',
  'total_step?': `${count} | null`,
});
type ConfigFile = typeof ConfigFile.infer;

const LoraRanks = type({ '[string]': count });
const TokenList = type(indices);
const KeptRanks = type({ '[string]': 'boolean[]' });

type Modules = Pick<LoraOptions, 'targets' | 'exclude' | 'layers' | 'modulesToSave' | 'dropout' | 'alpha'>;

/** By default the embedding's, as PEFT has it; of other modules only the head's. */
function tokenRows({ trainable_token_indices: given }: ConfigFile, file: string): AdapterConfig['tokenRows'] {
  if (!isSet(given)) return null;
  const byModule: Readonly<Record<string, unknown>> = Array.isArray(given) ? { embed_tokens: given } : { ...given };
  const modules: Readonly<Record<string, string>> = { embed_tokens: 'model.embed_tokens', lm_head: 'lm_head' };
  return new Map(
    Object.entries(byModule).map(([name, listed]) => {
      const tokens = TokenList(listed);
      if (tokens instanceof type.errors) {
        throw inputError(`${file}: trainable_token_indices ${oneLine(tokens.summary)}`, { where: { file } });
      }
      const module = Object.hasOwn(modules, name) ? modules[name] : undefined;
      if (module !== undefined) return [module, tokens];
      throw inputError(`${file}: trainable_token_indices of ${oneLine(name)} is not implemented`, {
        where: { file },
        remedy: 'merge the adapter with PEFT and load the merged model',
      });
    }),
  );
}

function checkEntries({ rank_pattern: ranks, alpha_pattern: alphas }: ConfigFile, file: string): void {
  const most = Math.max(...[ranks, alphas].map((pattern) => Object.keys(pattern ?? {}).length));
  if (most <= MAX_ENTRIES) return;
  throw inputError(`${file}: a pattern of ${most} entries is above ${MAX_ENTRIES}`, { where: { file } });
}

function loraOptions(config: ConfigFile, modules: Modules, file: string): LoraOptions {
  const ranks = LoraRanks(config.rank_pattern ?? {});
  if (ranks instanceof type.errors) throw inputError(`${file}: rank_pattern ${oneLine(ranks.summary)}`);
  checkEntries(config, file);
  return {
    kind: 'lora',
    ...modules,
    rank: config.r ?? 8,
    ...(config.use_rslora ? { rslora: true } : {}),
    ...(isSet(ranks) ? { rankPattern: ranks } : {}),
    ...(isSet(config.alpha_pattern) ? { alphaPattern: config.alpha_pattern! } : {}),
  };
}

function adaLoraOptions(config: ConfigFile, modules: Modules, file: string): AdaLoraOptions {
  const pattern = KeptRanks(config.rank_pattern ?? {});
  if (pattern instanceof type.errors) throw inputError(`${file}: rank_pattern ${oneLine(pattern.summary)}`);
  checkEntries(config, file);
  const initialRank = config.init_r ?? 12;
  const kept = Object.fromEntries(
    Object.entries(pattern).map(([name, flags]) => [name.replace(/\.lora_E(\..*)?$/, ''), flags]),
  );
  for (const [name, flags] of Object.entries(kept)) {
    if (flags.length !== initialRank) {
      throw inputError(
        `${file}: rank_pattern of ${oneLine(name)} has ${flags.length} entries, init_r is ${initialRank}`,
      );
    }
  }
  return {
    kind: 'adalora',
    ...modules,
    // a scale of 0 would switch the adapter off: PEFT takes the initial rank then (update_layer)
    alpha: modules.alpha > 0 ? modules.alpha : initialRank,
    initialRank,
    targetRank: config.target_r ?? 8,
    warmupSteps: config.tinit ?? 0,
    finalSteps: config.tfinal ?? 0,
    interval: config.deltaT ?? 1,
    totalSteps: config.total_step ?? 1,
    beta1: config.beta1 ?? 0.85,
    beta2: config.beta2 ?? 0.85,
    orthogonalWeight: config.orth_reg_weight ?? 0.5,
    budget: config.rank_pattern == null ? 'never-updated' : 'scheduled',
    kept,
  };
}

/** Fields that say nothing about what a loaded adapter computes. */
const NEUTRAL = [
  'alora_invocation_tokens arrow_config auto_mapping corda_config ensure_weight_tying eva_config fan_in_fan_out inference_mode',
  'init_lora_weights kasa_config layer_replication layers_pattern loftq_config lora_bias lora_ga_config megatron_config',
  'megatron_core monteclora_config peft_version qalora_group_size runtime_config target_parameters trainable_token_indices',
  'use_bdlora use_dora use_qalora velora_config bias',
].flatMap((line) => line.split(' '));

const KNOWN = new Set([...NEUTRAL, ...ConfigFile.props.map(({ key }) => String(key))]);

/** Fields that change what an adapter computes when they are set. */
const UNIMPLEMENTED = [
  'alora_invocation_tokens',
  'arrow_config',
  'fan_in_fan_out',
  'kasa_config',
  'layer_replication',
  'layers_pattern',
  'lora_bias',
  'monteclora_config',
  'target_parameters',
  'use_bdlora',
  'use_dora',
  'use_qalora',
  'velora_config',
] as const;

/** Ways to start that leave the base model as it is: a loaded adapter has its own values anyway. */
const NEUTRAL_STARTS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva'];

function refuseUnimplemented(fields: Record<string, unknown>, file: string): void {
  const refused: string[] = UNIMPLEMENTED.filter((key) => isSet(fields[key]));
  if (fields.bias !== undefined && fields.bias !== 'none') refused.push('bias');
  if (!NEUTRAL_STARTS.includes(fields.init_lora_weights)) refused.push('init_lora_weights');
  if (fields.ensure_weight_tying === true && isSet(fields.modules_to_save)) refused.push('ensure_weight_tying');
  if (refused.length === 0) return;
  const named = refused.map((key) => oneLine(`${key} = ${JSON.stringify(fields[key])}`).slice(0, 80)).join(', ');
  throw inputError(`${file}: ${named} changes the mathematics and is not implemented`, {
    where: { file },
    remedy: 'merge the adapter with PEFT and load the merged model, or train one without it',
  });
}

/** Not null, false, empty or zero. */
function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}
