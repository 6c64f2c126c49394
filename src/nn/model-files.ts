/**
 * Checkpoints on disk: config.json with model.safetensors, or with the shards that model.safetensors.index.json lists.
 *
 * Everything is mapped read-only. A shard's name must be that of a file in the folder itself: no separators, no `..`, not
 * absolute. A file may be a symbolic link, as every file of a Hugging Face cache snapshot is (to ../../blobs/...): names
 * come from whoever wrote the checkpoint, links from whoever set up the folder. Their target must be a regular file.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readAsset, readAssetText } from '../assets';
import { inputError, type MedreproError } from '../errors';
import { readText } from '../files';
import { isRecord } from '../json';
import { once } from '../once';
import { MULTIMODAL_PREFIX, OLD_MULTIMODAL_PREFIX, TEXT_PREFIX } from '../paper/module-names';
import { sha256 } from '../sha256';
import { quantisationOf, storesQuantised } from './bitsandbytes';
import { BLOCK_LINEARS, blockNorms, type DecoderConfig } from './config';
import { parseConfig, unknownConfigFields } from './config-file';
import { sha256File } from './file-hash';
import {
  type ForeignTensor,
  openSafetensors,
  parseSafetensors,
  type Safetensors,
  type StoredTensor,
  sameValues,
} from './safetensors';
import type { QuantisationOptions } from './weights';

/** A checkpoint: its configuration and its tensors, not yet on any device. */
export interface ModelFiles {
  readonly name: string;
  readonly config: DecoderConfig;
  /** By the names of a causal LM or classifier in transformers: `model.layers.0...`, `lm_head.weight`, `score.weight`. */
  readonly tensors: Safetensors;
  /** Their names in the file, where those differ. */
  readonly storedNames: ReadonlyMap<string, string>;
  /** The prefix of the decoder's modules in transformers' model, where it is not `model.`. */
  readonly prefix: string;
  /** The quantisation that config.json names. Which matrices are quantised, and how, is read from the tensors. */
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
  const text = readText(configPath, { limit: MAX_CONFIG_BYTES });
  const config = parseConfig(text, configPath);
  const { quantization_config, model_type } = JSON.parse(text) as Record<string, unknown>;
  const quantisation = quantisationOf(quantization_config, configPath);
  const prefix = model_type === 'gemma3' ? MULTIMODAL_PREFIX : TEXT_PREFIX;
  const single = join(folder, 'model.safetensors');
  const index = join(folder, INDEX);
  const shards = existsSync(single) ? null : existsSync(index) ? readIndex(index) : noWeights(folder, single);
  const { file: raw, notes } =
    shards === null ? { file: openSafetensors(single), notes: [] } : openShards(folder, index, shards);
  const sha256 = once(() => (shards === null ? sha256File(single) : sha256Shards(folder, shards)));
  try {
    const unknown = unknownConfigFields(text, configPath);
    if (unknown.length > 0) notes.unshift(`config.json has fields not known here: ${listed(unknown)}`);
    return modelFiles(folder, config, quantisation, raw, sha256, notes, prefix);
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
  const raw = parseSafetensors(bytes, `${folder}/model.safetensors`);
  try {
    return modelFiles(
      id,
      config,
      null,
      raw,
      once(() => sha256(bytes)),
      [],
    );
  } catch (error) {
    raw.close();
    throw error;
  }
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
  notes: readonly string[],
  prefix: string = TEXT_PREFIX,
): ModelFiles {
  const { file, storedNames } = canonicalNames(raw, name);
  const { tied, tensors } = outputHead(config, file);
  const ignored = ignoredTensors(name, config, tensors);
  const warnings = notes.map((note) => `${name}: ${note}`);
  if (tied !== config.tieWordEmbeddings) warnings.push(`${name}: ${OWN_HEAD}`);
  if (ignored.length > 0) warnings.push(`${name}: tensors that the model does not use: ${listed(ignored)}`);
  if (quantisation !== null && !storesQuantised(tensors.tensors)) {
    warnings.push(
      `${name}: config.json has a quantization_config, and the matrices are not quantised: used as stored (--quantise quantises them)`,
    );
  }
  const unused = new Set(ignored);
  const rounded = [...tensors.tensors].filter(([full, { dtype }]) => dtype === 'f64' && !unused.has(full)).map(first);
  if (rounded.length > 0) warnings.push(`${name}: float64 tensors are rounded to float32: ${listed(rounded)}`);
  return {
    name,
    config: { ...config, tieWordEmbeddings: tied },
    quantisation,
    tensors,
    storedNames,
    prefix,
    get sha256() {
      return sha256();
    },
    warnings,
  };
}

const first = <Value>([value]: readonly [Value, ...unknown[]]): Value => value;

/** Names, the first few of them, on one line. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => oneLine(name, 80));
  return shown.join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}

const oneLine = (text: string, length: number): string => text.slice(0, length).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?');

// ---- tensors ------------------------------------------------------------------------------------------------------

/** Prefixes of a decoder's names: a model with a head, the multimodal Gemma 3 old and new, a bare decoder. */
const PREFIXES = [TEXT_PREFIX, OLD_MULTIMODAL_PREFIX, MULTIMODAL_PREFIX, ''];

/** The same tensors under the names they have in a causal LM. */
function canonicalNames(file: Safetensors, folder: string): { file: Safetensors; storedNames: Map<string, string> } {
  // a tied file may hold its embedding as lm_head alone
  const prefix = ['embed_tokens.weight', 'norm.weight'].flatMap((name) =>
    PREFIXES.filter((candidate) => file.tensors.has(`${candidate}${name}`)),
  )[0];
  // a head alone is the embedding as well
  const storedNames = new Map<string, string>();
  if (prefix === undefined || prefix === TEXT_PREFIX) return { file, storedNames };
  storedNames.set(EMBEDDING, `${prefix}embed_tokens.weight`);
  const taken = new Set<string>();
  const canonical = (name: string): string => {
    let full = name;
    if (name.startsWith('language_model.lm_head.')) full = name.slice('language_model.'.length);
    else if (prefix !== '' && name.startsWith(prefix)) full = `model.${name.slice(prefix.length)}`;
    else if (prefix === '' && /^(embed_tokens|layers|norm)\./.test(name)) full = `model.${name}`;
    if (taken.has(full)) {
      throw inputError(`${folder}: two tensors stand for ${oneLine(full, 80)}`, { remedy: FETCH_AGAIN });
    }
    taken.add(full);
    if (full !== name) storedNames.set(full, name);
    return full;
  };
  const rename = <Value>(named: Iterable<[string, Value]>): Map<string, Value> =>
    new Map([...named].map(([name, value]) => [canonical(name), value]));
  const renamed = { ...file, tensors: rename(file.tensors), foreign: rename(file.foreign ?? []) };
  return { file: renamed, storedNames };
}

const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
const OWN_HEAD =
  'config.json ties the output head to the embedding, and lm_head.weight is another matrix: it is used, as transformers 5 does';

/**
 * Where config.json ties the output head to the embedding, the file decides (transformers 5.18: `tie_weights`): two
 * matrices that differ are both used, and one that is alone is both.
 */
function outputHead(config: DecoderConfig, file: Safetensors): { tied: boolean; tensors: Safetensors } {
  const embedding = file.tensors.get(EMBEDDING);
  const head = file.tensors.get(HEAD);
  const tied = { tied: config.tieWordEmbeddings, tensors: file };
  if (!config.tieWordEmbeddings) return tied;
  if (file.foreign?.has(HEAD)) return { tied: false, tensors: file };
  if (head === undefined) return tied;
  if (embedding === undefined) {
    const tensors = new Map(file.tensors).set(EMBEDDING, head);
    tensors.delete(HEAD);
    return { tied: true, tensors: { ...file, tensors } };
  }
  return { tied: sameValues(embedding, head), tensors: file };
}

/** Buffers of old checkpoints that follow from the configuration, and the other parts of a multimodal model. */
const EXPECTED_EXTRAS =
  /(^|\.)rotary_emb\.(inv_freq|(cos|sin)_cached)$|(^|\.)masked_bias$|^(model\.)?(vision_tower|vision_model|multi_modal_projector)\./;

/**
 * Tensors that are not used. One inside a block (a bias, a norm) belongs to another architecture than config.json
 * names, and computing without it would be silently wrong: an error.
 */
function ignoredTensors(folder: string, config: DecoderConfig, { tensors, foreign }: Safetensors): string[] {
  const inBlock = new Set<string>(blockNorms(config).map(({ name }) => `${name}.weight`));
  for (const name of BLOCK_LINEARS) inBlock.add(`${name}.weight`);
  for (const name of config.biases) inBlock.add(`${name}.bias`);
  const outside = new Set([EMBEDDING, 'model.norm.weight', HEAD, 'score.weight']);
  const ignored: string[] = [];
  for (const full of [...tensors.keys(), ...(foreign?.keys() ?? [])]) {
    if (EXPECTED_EXTRAS.test(full)) continue;
    // a quantised matrix is accompanied by its parts: `<name>.weight.absmax` (4 bits), `<name>.SCB` (8 bits)
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

/** Parses an index. The last of two equal names counts, as in every JSON reader. */
function readIndex(path: string): WeightMap {
  const wrong = (reason: string): MedreproError =>
    inputError(`${path}: ${reason}`, { where: { file: path }, remedy: FETCH_AGAIN });
  let json: unknown;
  try {
    json = JSON.parse(readText(path, { limit: MAX_INDEX_BYTES }));
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

/**
 * All shards as one set of tensors, as transformers reads them (5.18: `_load_pretrained_model`): the index names the
 * files, and their contents count; of a name in two of them, the tensor in the last file by name.
 */
function openShards(folder: string, index: string, shards: WeightMap): { file: Safetensors; notes: string[] } {
  const open: Safetensors[] = [];
  const close = (): void => {
    for (const file of open) file.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    const foreign = new Map<string, ForeignTensor>();
    const twice = new Set<string>();
    for (const file of [...new Set(shards.values())].sort()) {
      const path = join(folder, file);
      if (!existsSync(path)) {
        throw inputError(`${path} does not exist, and ${INDEX} names it`, {
          where: { file: index },
          remedy: 'fetch the missing shard',
        });
      }
      const opened = openSafetensors(path);
      open.push(opened);
      for (const name of [...opened.tensors.keys(), ...(opened.foreign?.keys() ?? [])]) {
        if (tensors.delete(name) || foreign.delete(name)) twice.add(name);
      }
      for (const [name, tensor] of opened.tensors) tensors.set(name, tensor);
      for (const [name, dtype] of opened.foreign ?? []) foreign.set(name, dtype);
    }
    const held = (name: string): boolean => tensors.has(name) || foreign.has(name);
    const lacking = [...shards.keys()].filter((name) => !held(name));
    const unlisted = [...tensors.keys(), ...foreign.keys()].filter((name) => !shards.has(name));
    const notes: string[] = [];
    if (lacking.length > 0) notes.push(`${INDEX} names tensors that no shard has: ${listed(lacking)}`);
    if (unlisted.length > 0) notes.push(`shards have tensors that ${INDEX} does not name: ${listed(unlisted)}`);
    if (twice.size > 0) notes.push(`several shards have the same tensors, the last counts: ${listed([...twice])}`);
    return { file: { tensors, foreign, metadata: open[0]!.metadata, close }, notes };
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

/** Of the lines `<sha256>  <name>\n` of all shards, by name. */
function sha256Shards(folder: string, shards: WeightMap): string {
  const names = [...new Set(shards.values())].sort();
  const lines = names.map((name) => `${sha256File(join(folder, name))}  ${name}\n`);
  return sha256(lines.join(''));
}
