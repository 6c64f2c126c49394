/**
 * What bitsandbytes and transformers write into a checkpoint: `quantization_config`, which modules it leaves alone, and
 * matrices already in four or eight bits (`QuantState.as_dict(packed=True)`, `Int8Params`).
 */
import { type } from 'arktype';
import { inputError, type MedreproError } from '../errors';
import { MR_FP4, MR_NF4 } from '../native/bindings';
import type { Device } from '../native/device';
import { DTYPE_BYTES, type Tensor } from '../native/tensor';
import { compileRegex, type Regex } from '../regex/compile';
import type { Int8Parts } from './int8';
import { type StoredTensor, storedBytes, storedF32, type TensorToWrite } from './safetensors';
import {
  type FourBitOptions,
  type FourBitParts,
  NESTED_BLOCK,
  type QuantisationOptions,
  restoreAbsmax,
} from './weights';

// ---- quantization_config --------------------------------------------------------------------------------------------

const flag = 'boolean | null';

/** transformers' BitsAndBytesConfig as config.json holds it, with its defaults for fields that are left out. */
const BitsAndBytesFile = type({
  quant_method: "'bitsandbytes' = 'bitsandbytes'",
  'load_in_4bit?': flag,
  'load_in_8bit?': flag,
  '_load_in_4bit?': flag,
  '_load_in_8bit?': flag,
  bnb_4bit_quant_type: "'nf4' | 'fp4' = 'fp4'",
  bnb_4bit_use_double_quant: 'boolean = false',
  'bnb_4bit_compute_dtype?': 'string | null',
  'bnb_4bit_quant_storage?': 'string | null',
  llm_int8_threshold: 'number >= 0 = 6',
  'llm_int8_skip_modules?': 'string[] | null',
  'llm_int8_has_fp16_weight?': 'false | null',
  'llm_int8_enable_fp32_cpu_offload?': flag,
});

/** Weights per absmax that transformers quantises with; a serialised matrix names its own. */
const BLOCK_SIZE = 64;

/**
 * The quantisation of a checkpoint: the object under `quantization_config`; null without one. The dtypes it names
 * (`bnb_4bit_compute_dtype`, `bnb_4bit_quant_storage`) are read and change nothing: what is computed in is the run's choice,
 * and storage only says in which dtype the same bytes are written.
 *
 * @throws MedreproError `input` for another method than bitsandbytes, or a field we do not know the meaning of.
 */
export function quantisationOf(value: unknown, file: string): QuantisationOptions | null {
  if (value === undefined || value === null) return null;
  const refuse = (problem: string): MedreproError =>
    inputError(`${file}: quantization_config: ${problem}`, {
      where: { file },
      remedy: 'use a checkpoint that is not quantised, or one quantised by bitsandbytes',
    });
  const method = (value as { quant_method?: unknown }).quant_method;
  if (method !== undefined && method !== 'bitsandbytes') {
    throw refuse(`quant_method ${JSON.stringify(method)} is not implemented`);
  }
  const config = BitsAndBytesFile(value);
  if (config instanceof type.errors) throw refuse(config.summary.replace(/\s+/g, ' '));
  const four = config.load_in_4bit ?? config._load_in_4bit ?? false;
  const eight = config.load_in_8bit ?? config._load_in_8bit ?? false;
  if (four && eight) throw refuse('load_in_4bit and load_in_8bit are both true');
  const skip = config.llm_int8_skip_modules;
  const skipModules = skip === undefined || skip === null ? {} : { skipModules: skip };
  if (eight) return { kind: 'int8', threshold: config.llm_int8_threshold, ...skipModules };
  if (!four) return null;
  const { bnb_4bit_quant_type: kind, bnb_4bit_use_double_quant: doubleQuant } = config;
  return { kind, doubleQuant, blockSize: BLOCK_SIZE, ...skipModules };
}

/** The inverse: the object transformers needs in config.json to load matrices that `fourBitTensors` wrote. */
export function quantizationConfigJson(
  options: FourBitOptions & { readonly skipModules?: readonly string[] | null },
): Record<string, unknown> {
  return {
    bnb_4bit_compute_dtype: 'float32',
    bnb_4bit_quant_storage: 'uint8',
    bnb_4bit_quant_type: options.kind,
    bnb_4bit_use_double_quant: options.doubleQuant,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_skip_modules: options.skipModules ?? null,
    llm_int8_threshold: 6,
    load_in_4bit: true,
    load_in_8bit: false,
    quant_method: 'bitsandbytes',
  };
}

// ---- which modules --------------------------------------------------------------------------------------------------

/** What the rule depends on. */
export interface Heads {
  readonly task: 'sequence-classification' | 'causal-lm';
  readonly tiedEmbeddings: boolean;
  /** `llm_int8_skip_modules`: replaces the default list, in four bits too. */
  readonly skipModules?: readonly string[] | null | undefined;
}

/**
 * Whether transformers (5.18: `get_keys_to_not_convert`, `should_convert_module`) puts a quantised linear in the place of
 * `module`. By default the output embedding, what is tied to it and the last module stay: `lm_head`, or a classifier's
 * `score`. Each name of a list is a regular expression that a kept module's name begins with, or a suffix of that name.
 *
 * @throws MedreproError `input` for a name that is no regular expression.
 */
export function isQuantised(module: string, { task, tiedEmbeddings, skipModules }: Heads): boolean {
  const kept = skipModules ?? defaultKept(task, tiedEmbeddings);
  return !kept.some((name) => beginsWith(name, module) || module.endsWith(name));
}

function defaultKept(task: Heads['task'], tiedEmbeddings: boolean): readonly string[] {
  if (task === 'sequence-classification') return ['score'];
  return tiedEmbeddings ? ['lm_head', 'model.embed_tokens', 'model.norm'] : ['lm_head'];
}

function beginsWith(name: string, module: string): boolean {
  const expression = skipPatterns.get(name) ?? compileRegex(name, 'python', { name: 'the entry of skipModules' });
  skipPatterns.set(name, expression);
  return expression.matchAt(module, 0) !== null;
}

const skipPatterns = new Map<string, Regex>();

// ---- serialised matrices ----------------------------------------------------------------------------------------------

/** The tensors of a checkpoint by name. */
export type StoredTensors = ReadonlyMap<string, StoredTensor>;

/** A matrix read back: its parts on the device, and how they were made. */
export interface StoredFourBit {
  readonly parts: FourBitParts;
  readonly options: FourBitOptions;
}

const STATE = '.quant_state.bitsandbytes__';

/**
 * Whether `name` is in four or eight bits: bitsandbytes' parts accompany it, or its dtype is u8. Four bits may be
 * stored under any dtype (`bnb_4bit_quant_storage`), so that of the matrix says nothing.
 */
export function isStoredQuantised(tensors: StoredTensors, name: string): boolean {
  return stateKind(tensors, name) !== undefined || tensors.has(scalesOf(name)) || tensors.get(name)?.dtype === 'u8';
}

/** Whether any matrix of a checkpoint is. */
export function storesQuantised(tensors: StoredTensors): boolean {
  for (const name of tensors.keys()) if (name.includes(`.weight${STATE}`) || name.endsWith('.SCB')) return true;
  return false;
}

const QuantState = type({
  quant_type: "'nf4' | 'fp4'",
  blocksize: '1 <= number.integer <= 65536',
  shape: ['number.integer >= 0', 'number.integer >= 0'],
  dtype: 'string',
  'nested_blocksize?': 'number.integer',
  'nested_dtype?': 'string',
  'nested_offset?': 'number',
});

/**
 * A matrix that bitsandbytes stored in four bits under `name` (`….weight`), or null when it is stored otherwise. The packed
 * bytes stay where they are in the file. Blocks of zeros that CUDA packed as nibble 0 restore to the zeros they were.
 *
 * @throws MedreproError `input` when the parts do not fit each other or the shape.
 */
export function readFourBit(
  device: Device,
  tensors: StoredTensors,
  name: string,
  shape: readonly [number, number],
): StoredFourBit | null {
  const kind = stateKind(tensors, name);
  if (kind === undefined) return null;
  const refuse = (problem: string): MedreproError =>
    inputError(`${name}: ${problem}`, { remedy: 'the checkpoint is damaged: fetch or quantise it again' });
  const part = (suffix: string, dtype: 'f32' | 'u8', count: number): StoredTensor => {
    const found = tensors.get(`${name}.${suffix}`);
    if (found === undefined) throw refuse(`is in four bits, and has no ${suffix}`);
    const size = found.bytes / DTYPE_BYTES[found.dtype];
    if (found.dtype !== dtype || size !== count) {
      throw refuse(`${suffix} is ${size} of ${found.dtype}, not ${count} of ${dtype}`);
    }
    return found;
  };
  const state = QuantState(parseState(tensors.get(`${name}${STATE}${kind}`)!, refuse));
  if (state instanceof type.errors) throw refuse(`the quant_state is not sound: ${state.summary.replace(/\s+/g, ' ')}`);
  if (state.quant_type !== kind) throw refuse(`the quant_state of ${kind} says ${state.quant_type}`);
  if (state.shape.join() !== shape.join()) {
    throw refuse(`is [${state.shape.join(', ')}], config.json says [${shape.join(', ')}]`);
  }
  const n = shape[0] * shape[1];
  const packed = tensors.get(name);
  if (packed === undefined) throw refuse('the checkpoint has the parts of a matrix and not the matrix');
  // quant_storage only changes the dtype these bytes are written as
  if (packed.bytes !== Math.ceil(n / 2)) throw refuse(`${packed.bytes} bytes for ${n} weights in four bits`);
  const map = storedF32(part('quant_map', 'f32', 16));
  const book = codeBook(device, kind);
  // a planned device has no values
  if (!device.planned && map.some((value, code) => value !== book[code]))
    throw refuse(`the quant_map is not that of ${kind}`);
  const blocks = Math.ceil(n / state.blocksize);
  const options = { kind, doubleQuant: state.nested_offset !== undefined, blockSize: state.blocksize };
  const adopted = device.adopt(packed.address, [packed.bytes], 'u8');
  const own = (stored: StoredTensor): Tensor =>
    device.fromArray(storedBytes(stored), [stored.bytes / DTYPE_BYTES[stored.dtype]], stored.dtype);
  if (state.nested_offset === undefined) {
    return { parts: { packed: adopted, absmax: own(part('absmax', 'f32', blocks)), nested: null }, options };
  }
  if (state.nested_blocksize !== NESTED_BLOCK) {
    throw refuse(`scales in blocks of ${state.nested_blocksize}: bitsandbytes multiplies with ${NESTED_BLOCK} alone`);
  }
  const nested = {
    codes: own(part('absmax', 'u8', blocks)),
    absmax: own(part('nested_absmax', 'f32', Math.ceil(blocks / NESTED_BLOCK))),
    offset: Math.fround(state.nested_offset),
    map: storedF32(part('nested_quant_map', 'f32', 256)),
  };
  return { parts: { packed: adopted, absmax: restoreAbsmax(device, nested), nested }, options };
}

/** The dtype that a matrix in four bits was quantised from and is restored to; null for any other, and where it is not stored. */
export function denseDtype(tensors: StoredTensors, name: string): 'f32' | 'bf16' | 'f16' | null {
  const kind = stateKind(tensors, name);
  if (kind === undefined) return null;
  const state = parseState(tensors.get(`${name}${STATE}${kind}`)!, (problem) => inputError(`${name}: ${problem}`));
  const dtype = (state as { dtype?: unknown } | null)?.dtype;
  return dtype === 'float32' ? 'f32' : dtype === 'bfloat16' ? 'bf16' : dtype === 'float16' ? 'f16' : null;
}

/** The shape of a matrix that bitsandbytes stored under `name`, from the parts stored with it; null where they are inconsistent. */
export function storedShape(tensors: StoredTensors, name: string): readonly [number, number] | null {
  const kind = stateKind(tensors, name);
  if (kind === undefined) {
    const [rows, cols, ...more] = tensors.get(name)?.shape ?? [];
    return rows !== undefined && cols !== undefined && more.length === 0 ? [rows, cols] : null;
  }
  const refuse = (problem: string): MedreproError => inputError(`${name}: ${problem}`);
  const state = QuantState(parseState(tensors.get(`${name}${STATE}${kind}`)!, refuse));
  return state instanceof type.errors ? null : [state.shape[0]!, state.shape[1]!];
}

/**
 * The tensors of a saved 4-bit matrix, as bitsandbytes writes them: `name` and its parts.
 * @param dtype that the matrix was quantised from and bitsandbytes restores it to
 */
export function fourBitTensors(
  device: Device,
  name: string,
  shape: readonly [number, number],
  { packed, absmax, nested }: FourBitParts,
  { kind, blockSize }: FourBitOptions,
  dtype: 'float32' | 'bfloat16' | 'float16',
): TensorToWrite[] {
  const bytesOf = (values: Float32Array): Uint8Array =>
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const f32 = (suffix: string, values: Float32Array): TensorToWrite => ({
    name: `${name}.${suffix}`,
    dtype: 'f32',
    shape: [values.length],
    data: bytesOf(values),
  });
  const u8 = (suffix: string, data: Uint8Array): TensorToWrite => ({
    name: `${name}.${suffix}`,
    dtype: 'u8',
    shape: [data.length],
    data,
  });
  const more =
    nested === null
      ? []
      : [
          ['nested_blocksize', NESTED_BLOCK],
          ['nested_dtype', 'float32'],
          ['nested_offset', nested.offset],
        ];
  const state = [['quant_type', kind], ['blocksize', blockSize], ['dtype', dtype], ['shape', shape], ...more];
  const data = device.readBytes(packed);
  return [
    { name, dtype: 'u8', shape: [data.length, 1], data },
    nested === null ? f32('absmax', device.readF32(absmax)) : u8('absmax', device.readBytes(nested.codes)),
    f32('quant_map', codeBook(device, kind)),
    ...(nested === null
      ? []
      : [f32('nested_absmax', device.readF32(nested.absmax)), f32('nested_quant_map', nested.map)]),
    u8(`${STATE.slice(1)}${kind}`, new TextEncoder().encode(pythonJson(state))),
  ];
}

/** A matrix that bitsandbytes stored in eight bits under `name` (`….weight`), or null when it is stored otherwise. */
export function readInt8(
  device: Device,
  tensors: StoredTensors,
  name: string,
  shape: readonly [number, number],
): Int8Parts | null {
  const scales = tensors.get(scalesOf(name));
  const codes = tensors.get(name);
  if (scales === undefined || codes === undefined) return null;
  const refuse = (problem: string): MedreproError =>
    inputError(`${name}: ${problem}`, { remedy: 'the checkpoint is damaged: fetch or quantise it again' });
  if (codes.dtype !== 'u8' || codes.shape.join() !== shape.join()) {
    throw refuse(`is [${codes.shape.join(', ')}] of ${codes.dtype}, not [${shape.join(', ')}] in eight bits`);
  }
  if (scales.dtype !== 'f32' || scales.bytes !== shape[0] * 4) throw refuse(`SCB is not ${shape[0]} scales`);
  const format = tensors.get(`${moduleOf(name)}.weight_format`);
  // 0 is 'row'; the others are tilings for GPUs that bitsandbytes no longer supports
  if (format !== undefined && storedBytes(format)[0] !== 0) throw refuse('weight_format is not that of rows');
  const absmax = device.fromArray(storedBytes(scales), [shape[0]], 'f32');
  return { codes: device.adopt(codes.address, shape, 'u8'), absmax };
}

// --- internal ---

const moduleOf = (name: string): string => name.replace(/\.weight$/, '');
/** The scales of a matrix in eight bits. */
const scalesOf = (name: string): string => `${moduleOf(name)}.SCB`;

/** In which four bits `name` is stored, if in any. */
const stateKind = (tensors: StoredTensors, name: string): 'nf4' | 'fp4' | undefined =>
  (['nf4', 'fp4'] as const).find((candidate) => tensors.has(`${name}${STATE}${candidate}`));

/** Values of the sixteen codes, from the kernel that holds them. */
function codeBook(device: Device, kind: 'nf4' | 'fp4'): Float32Array {
  return device.scope(() => {
    const packed = device.fromArray(
      Uint8Array.from({ length: 8 }, (_, i) => 2 * i * 16 + 2 * i + 1),
      [8],
      'u8',
    );
    const one = device.fromArray(Float32Array.of(1), [1], 'f32');
    const values = device.empty([16], 'f32');
    const code = kind === 'nf4' ? MR_NF4 : MR_FP4;
    device.ops.dequantize4bit(code, 16, 16, packed.address, one.address, values.code, values.address);
    return device.readF32(values);
  });
}

function parseState(stored: StoredTensor, refuse: (problem: string) => MedreproError): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(storedBytes(stored)));
  } catch {
    throw refuse('the quant_state is not JSON');
  }
}

/** An object's entries as Python's json.dumps spaces them. */
function pythonJson(entries: readonly (readonly unknown[])[]): string {
  const text = (value: unknown): string =>
    Array.isArray(value) ? `[${value.map(text).join(', ')}]` : JSON.stringify(value);
  return `{${entries.map(([key, value]) => `${text(key)}: ${text(value)}`).join(', ')}}`;
}
