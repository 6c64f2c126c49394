/**
 * Checkpoints on disk: config.json with model.safetensors, or with the shards that model.safetensors.index.json lists.
 *
 * Everything is mapped read-only. A shard's name must be that of a file in the folder itself: no separators, no `..`, not
 * absolute. A file may be a symbolic link, as every file of a Hugging Face cache snapshot is (to ../../blobs/...): names
 * come from whoever wrote the checkpoint, links from whoever set up the folder. What they lead to must be a regular file.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readAsset, readAssetText } from '../assets';
import { inputError, type MedreproError } from '../errors';
import { quantisationOf } from './bitsandbytes';
import type { DecoderConfig } from './config';
import { parseConfig, unknownConfigFields } from './config-file';
import { BLOCK_LINEARS, blockNorms } from './decoder';
import { openSafetensors, parseSafetensors, type Safetensors, type StoredTensor } from './safetensors';
import type { QuantisationOptions } from './weights';

/** A checkpoint: its configuration and its tensors, not yet on any device. */
export interface ModelFiles {
  readonly name: string;
  readonly config: DecoderConfig;
  /** By the names of a causal LM or classifier in transformers: `model.layers.0...`, `lm_head.weight`, `score.weight`. */
  readonly tensors: Safetensors;
  /** What config.json says of its quantisation: applies where a run asks for none. */
  readonly quantisation: QuantisationOptions | null;
  /** sha256 of the weights, for the manifest: of the file, or of the list of the shards' hashes and names. */
  readonly sha256: string;
  /** What was ignored, one line each, for the caller to show. */
  readonly warnings: readonly string[];
}

/**
 * Opens a folder of a Hugging Face checkpoint.
 * @throws MedreproError `input` when a file is missing or unsound, or the checkpoint is of an architecture we do not have.
 */
export function openModelFolder(folder: string): ModelFiles {
  const configPath = join(folder, 'config.json');
  if (!existsSync(configPath)) throw noConfig(folder, configPath);
  const text = readText(configPath, MAX_CONFIG_BYTES);
  const config = parseConfig(text, configPath);
  const quantisation = quantisationOf(
    (JSON.parse(text) as { quantization_config?: unknown }).quantization_config,
    configPath,
  );
  const single = join(folder, 'model.safetensors');
  const index = join(folder, INDEX);
  const shards = existsSync(single) ? null : existsSync(index) ? readIndex(index) : noWeights(folder, single);
  const raw = shards === null ? openSafetensors(regularFile(single)) : openShards(folder, index, shards);
  const sha256 = once(() => (shards === null ? sha256File(single) : sha256Shards(folder, shards)));
  try {
    return modelFiles(folder, config, quantisation, raw, sha256, unknownConfigFields(text, configPath));
  } catch (error) {
    raw.close();
    throw error;
  }
}

/** Opens an embedded miniature: `mini/base-large`. */
export function openEmbeddedModel(id: string): ModelFiles {
  const folder = `papers/${id}`;
  const config = parseConfig(readAssetText(`${folder}/config.json`), `${folder}/config.json`);
  const bytes = readAsset(`${folder}/model.safetensors`);
  const sha256 = once(() => new Bun.CryptoHasher('sha256').update(bytes).digest('hex'));
  return modelFiles(id, config, null, parseSafetensors(bytes, `${folder}/model.safetensors`), sha256, []);
}

// --- internal ---

const INDEX = 'model.safetensors.index.json';
const MAX_CONFIG_BYTES = 2 ** 24;
/** A model of a hundred thousand tensors has an index of some 10 MB. */
const MAX_INDEX_BYTES = 2 ** 26;
const FETCH_AGAIN = 'fetch or export the checkpoint again';

function modelFiles(
  name: string,
  config: DecoderConfig,
  quantisation: QuantisationOptions | null,
  raw: Safetensors,
  sha256: () => string,
  unknownFields: readonly string[],
): ModelFiles {
  const tensors = canonicalNames(raw, name);
  const ignored = ignoredTensors(name, config, tensors);
  const warnings: string[] = [];
  if (unknownFields.length > 0)
    warnings.push(`${name}: config.json has fields not known here: ${listed(unknownFields)}`);
  if (ignored.length > 0) warnings.push(`${name}: tensors that the model does not use: ${listed(ignored)}`);
  return {
    name,
    config,
    quantisation,
    tensors,
    get sha256() {
      return sha256();
    },
    warnings,
  };
}

/** Names, the first few of them, on one line. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => oneLine(name, 80));
  return shown.join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}

const oneLine = (text: string, length: number): string => text.slice(0, length).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?');

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

// ---- tensors ------------------------------------------------------------------------------------------------------

/** What stands before `embed_tokens.weight`: a model with a head, the multimodal Gemma 3 old and new, a bare decoder. */
const PREFIXES = ['model.', 'language_model.model.', 'model.language_model.', ''];

/** The same tensors under the names they have in a causal LM. */
function canonicalNames(file: Safetensors, folder: string): Safetensors {
  const prefix = PREFIXES.find((candidate) => file.tensors.has(`${candidate}embed_tokens.weight`));
  if (prefix === undefined || prefix === 'model.') return file;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of file.tensors) {
    let canonical = name;
    if (name.startsWith('language_model.lm_head.')) canonical = name.slice('language_model.'.length);
    else if (prefix !== '' && name.startsWith(prefix)) canonical = `model.${name.slice(prefix.length)}`;
    else if (prefix === '' && /^(embed_tokens|layers|norm)\./.test(name)) canonical = `model.${name}`;
    if (tensors.has(canonical)) {
      throw inputError(`${folder}: two tensors stand for ${oneLine(canonical, 80)}`, { remedy: FETCH_AGAIN });
    }
    tensors.set(canonical, tensor);
  }
  return { ...file, tensors };
}

/** Buffers of old checkpoints that follow from the configuration, and the other parts of a multimodal model. */
const EXPECTED_EXTRAS =
  /(^|\.)rotary_emb\.inv_freq$|(^|\.)masked_bias$|^(model\.)?(vision_tower|vision_model|multi_modal_projector)\./;

/**
 * Tensors that nothing will ask for. One inside a block (a bias, a norm) belongs to another architecture than config.json
 * names, and computing without it would be silently wrong: an error.
 */
function ignoredTensors(folder: string, config: DecoderConfig, { tensors }: Safetensors): string[] {
  const inBlock = new Set<string>(blockNorms(config).map(({ name }) => `${name}.weight`));
  for (const name of BLOCK_LINEARS) inBlock.add(`${name}.weight`);
  for (const name of config.biases) inBlock.add(`${name}.bias`);
  const outside = new Set(['model.embed_tokens.weight', 'model.norm.weight', 'lm_head.weight', 'score.weight']);
  const ignored: string[] = [];
  for (const full of tensors.keys()) {
    if (EXPECTED_EXTRAS.test(full)) continue;
    // a quantised matrix has its parts beside it: `<name>.weight.absmax` (4 bits), `<name>.SCB` (8 bits)
    const name = full.replace(/(?<=\.weight)\..*$|\.SCB$|\.weight_format$/, (part) =>
      part.startsWith('.SCB') || part === '.weight_format' ? '.weight' : '',
    );
    const [, layer, rest] = /^model\.layers\.(\d+)\.(.*)$/s.exec(name) ?? [];
    if (layer === undefined ? outside.has(name) : Number(layer) < config.layers && inBlock.has(rest!)) continue;
    if (layer !== undefined && Number(layer) < config.layers) {
      throw inputError(`${folder}: a ${config.family} block has no ${oneLine(full, 100)}`, {
        remedy: `config.json and the weights are not of one checkpoint: ${FETCH_AGAIN}`,
      });
    }
    ignored.push(full);
  }
  return ignored.sort();
}

// ---- files --------------------------------------------------------------------------------------------------------

/** Which shard holds each tensor. */
type WeightMap = ReadonlyMap<string, string>;

/** Parses an index. Of a name given twice the last counts, as in every JSON reader. */
function readIndex(path: string): WeightMap {
  const wrong = (reason: string): MedreproError =>
    inputError(`${path}: ${reason}`, { where: { file: path }, remedy: FETCH_AGAIN });
  let json: unknown;
  try {
    json = JSON.parse(readText(path, MAX_INDEX_BYTES));
  } catch (error) {
    if (error instanceof SyntaxError) throw wrong(`not JSON: ${oneLine(error.message, 120)}`);
    throw error;
  }
  const map = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(map)) throw wrong('there is no weight_map');
  const shards = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !isPlainName(file)) {
      throw wrong(`${oneLine(JSON.stringify(file) ?? '', 80)} is not the name of a safetensors file in this folder`);
    }
    shards.set(name, file);
  }
  if (shards.size === 0) throw wrong('weight_map is empty');
  return shards;
}

/** A file's name without a path: it cannot leave the folder. */
const isPlainName = (name: string): boolean => /^[^/\\\p{Cc}]+\.safetensors$/u.test(name) && !name.startsWith('.');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** All shards as one set of tensors. A tensor counts where the index says it is; one the index does not name does not. */
function openShards(folder: string, index: string, shards: WeightMap): Safetensors {
  const open = new Map<string, Safetensors>();
  const close = (): void => {
    for (const file of open.values()) file.close();
  };
  try {
    for (const file of new Set(shards.values())) {
      const path = join(folder, file);
      if (!existsSync(path)) {
        throw inputError(`${path} does not exist, and ${INDEX} names it`, {
          where: { file: index },
          remedy: 'fetch the missing shard',
        });
      }
      open.set(file, openSafetensors(regularFile(path)));
    }
    const tensors = new Map<string, StoredTensor>();
    for (const [name, file] of shards) {
      const tensor = open.get(file)!.tensors.get(name);
      if (tensor === undefined) {
        throw inputError(`${join(folder, file)} has no tensor ${oneLine(name, 100)}, and ${INDEX} says so`, {
          where: { file: index },
          remedy: FETCH_AGAIN,
        });
      }
      tensors.set(name, tensor);
    }
    return { tensors, metadata: [...open.values()][0]!.metadata, close };
  } catch (error) {
    close();
    throw error;
  }
}

function noConfig(folder: string, path: string): MedreproError {
  const adapter = existsSync(join(folder, 'adapter_config.json'));
  const remedy = adapter
    ? 'this is an adapter: name its base with --model and the adapter with --adapter'
    : 'name a folder of a HF checkpoint';
  return inputError(`${path} does not exist`, { remedy });
}

function noWeights(folder: string, path: string): never {
  const other = ['pytorch_model.bin', 'pytorch_model.bin.index.json'].find((name) => existsSync(join(folder, name)));
  throw inputError(`${path} does not exist${other === undefined ? `, nor does ${INDEX}` : ''}`, {
    remedy:
      other === undefined
        ? 'name a folder of a HF checkpoint'
        : `${other} is a pickle, which can run code: save the model as safetensors`,
  });
}

/** @throws MedreproError `input` for a folder, a pipe or a device, of which the latter two could block for ever. */
function regularFile(path: string): string {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw inputError(`${path} is not a file`, { where: { file: path }, remedy: FETCH_AGAIN });
  }
  return path;
}

function readText(path: string, limit: number): string {
  const { size } = statSync(regularFile(path));
  if (size > limit) throw inputError(`${path} is above ${limit / 2 ** 20} MiB`, { remedy: FETCH_AGAIN });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    const reason = error instanceof TypeError ? 'not UTF-8' : oneLine((error as Error).message, 120);
    throw inputError(`cannot read ${path}: ${reason}`, { where: { file: path }, remedy: FETCH_AGAIN });
  }
}

const HASH_CHUNK = 2 ** 23;

function sha256File(path: string): string {
  const hasher = new Bun.CryptoHasher('sha256');
  const buffer = new Uint8Array(HASH_CHUNK);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      hasher.update(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hasher.digest('hex');
}

/** Of the lines `<sha256>  <name>\n` of all shards, by name. */
function sha256Shards(folder: string, shards: WeightMap): string {
  const names = [...new Set(shards.values())].sort();
  const lines = names.map((name) => `${sha256File(join(folder, name))}  ${name}\n`);
  return new Bun.CryptoHasher('sha256').update(lines.join('')).digest('hex');
}
