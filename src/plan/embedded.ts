/**
 * Facts about the miniatures, read from the files that are embedded in the binary, so that there is no second copy of them.
 */

import { hasAsset, listAssets, readAsset, readAssetText } from '../assets';
import { parseCsv } from '../data/formats/csv';
import { parseConfig } from '../nn/config-file';
import type { Architecture, DatasetFacts } from '../paper/schema';
import type { DataSpec, Experiment } from '../paper/types';
import type { PlanFacts } from './plan';

/** The facts of the miniatures some experiments use; what is not embedded is left out. */
export function embeddedFacts(experiments: readonly Experiment[]): PlanFacts {
  // keyed by names from a spec, which may be any
  const architectures: Record<string, Architecture> = Object.create(null);
  const datasets: Record<string, DatasetFacts> = Object.create(null);
  const embeddedBytes: Record<string, number> = Object.create(null);
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
 * @throws MedreproError as {@link parseConfig}
 */
export function architectureOf(text: string, file: string): Architecture {
  const { vocabSize, tieWordEmbeddings, ...config } = parseConfig(text, file);
  const { family, hiddenSize, layers, heads, kvHeads, headDim, intermediateSize } = config;
  const sizes = { hiddenSize, layers, heads, kvHeads, headDim, intermediateSize };
  return { family, ...sizes, vocabulary: vocabSize, tiedEmbeddings: tieWordEmbeddings };
}

// --- internal ---

/** Counts the rows that the filter keeps; where there is no test file, the spec's share of them is held out. */
function datasetOf({ source, columns, filter, test: share }: DataSpec): DatasetFacts {
  const wanted = Object.entries(filter);
  const folder = `papers/${source}/`;
  const rows: Record<string, number> = {};
  const labels = new Set<string>();
  for (const name of listAssets(folder)) {
    const file = /^([^/]+)\.csv$/.exec(name.slice(folder.length))?.[1];
    if (file === undefined) continue;
    const { columns: names, records: lines } = parseCsv({ name, bytes: readAsset(name) });
    const records = Array.from(lines, ({ values }) =>
      Object.fromEntries(names.map((column, i) => [column, values[i]])),
    );
    // the miniatures' files carry the spec's own column names
    rows[file] = records.filter((record) => wanted.every(([column, value]) => record[column] === value)).length;
    for (const record of records) labels.add(String(record[columns.label ?? ''] ?? ''));
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
