/**
 * Facts about the miniatures, read from the files that travel in the binary: they cannot drift from a second copy.
 */

import { type } from 'arktype';
import { parse } from 'csv-parse/sync';
import { hasAsset, listAssets, readAsset, readAssetText } from '../assets';
import { specError } from '../errors';
import type { Architecture, DatasetFacts } from '../spec/schema';
import type { DataSpec, Experiment } from '../spec/types';
import type { PlanFacts } from './plan';

/** The facts of the miniatures some experiments use; what is not embedded is left out. */
export function embeddedFacts(experiments: readonly Experiment[]): PlanFacts {
  const architectures: Record<string, Architecture> = {};
  const datasets: Record<string, DatasetFacts> = {};
  const embeddedBytes: Record<string, number> = {};
  for (const { model, data } of experiments) {
    const folder = `papers/${model.id}/`;
    if (model.id.startsWith('mini/') && hasAsset(`${folder}config.json`)) {
      architectures[model.id] ??= architectureOf(readAssetText(`${folder}config.json`), `${folder}config.json`);
      embeddedBytes[model.id] ??= listAssets(folder).reduce((total, name) => total + readAsset(name).byteLength, 0);
    }
    if (data.source.startsWith('mini/') && hasAsset(`papers/${data.source}/train.csv`)) {
      datasets[data.source] ??= datasetOf(data);
    }
  }
  return { architectures, datasets, embeddedBytes };
}

/**
 * The sizes in a Hugging Face `config.json`.
 *
 * @throws MedreproError `spec` when a size is missing.
 */
export function architectureOf(text: string, file: string): Architecture {
  const config = ConfigFile(JSON.parse(text));
  if (config instanceof type.errors)
    throw specError(`not a model configuration: ${config.summary}`, { where: { file } });
  return {
    family: config.model_type,
    hiddenSize: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    intermediateSize: config.intermediate_size,
    vocabulary: config.vocab_size,
    tiedEmbeddings: config.tie_word_embeddings ?? false,
  };
}

// --- internal ---

const size = 'number.integer >= 1';

const ConfigFile = type({
  model_type: "'qwen3' | 'qwen2' | 'llama' | 'gemma3'",
  hidden_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size,
  head_dim: size,
  intermediate_size: size,
  vocab_size: size,
  'tie_word_embeddings?': 'boolean',
});

/** Counts the rows that the filter keeps; where there is no test file, the spec's share of them is held out. */
function datasetOf({ source, columns, filter, test: share }: DataSpec): DatasetFacts {
  const wanted = Object.entries(filter);
  const folder = `papers/${source}/`;
  const rows: Record<string, number> = {};
  const labels = new Set<string>();
  for (const name of listAssets(folder)) {
    const file = /^([^/]+)\.csv$/.exec(name.slice(folder.length))?.[1];
    if (file === undefined) continue;
    const records: Record<string, string>[] = parse(readAssetText(name), { columns: true, bom: true });
    // the miniatures' files carry the spec's own column names
    rows[file] = records.filter((record) => wanted.every(([column, value]) => record[column] === value)).length;
    for (const record of records) labels.add(record[columns.label ?? ''] ?? '');
  }
  const { train: kept = 0, test: given, validation: _validation, ...extra } = rows;
  const test = given ?? (share < 1 ? Math.ceil(kept * share) : share);
  return {
    train: given === undefined ? kept - test : kept,
    test,
    classes: labels.size,
    extra,
    gated: null,
    meanTokens: null,
  };
}
