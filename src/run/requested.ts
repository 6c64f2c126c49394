/** An experiment with the changes of the command line, and the reason when it cannot run here. */
import type { DataFiles } from '../data/sources';
import { inputError } from '../errors';
import { withOverrides } from '../paper/override';
import type { Experiment } from '../paper/types';
import type { TargetRequest } from './request';

/** The experiment as it will run, and which flags changed its inputs. */
export interface Requested {
  readonly experiment: Experiment;
  /** The spec's own data source, where `--data` replaced it. */
  readonly source: string;
  /** Flags that changed an input: such a run has no golden verdict. */
  readonly overrides: readonly string[];
}

/** Applies `--seed`, `--data`, `--map` and `--model`. @throws MedreproError `input` for a column the spec does not have. */
export function applyRequest(experiment: Experiment, request: TargetRequest, seedOffset = 0): Requested {
  const overrides: string[] = [];
  if (request.data !== null) overrides.push(`--data ${describeData(request.data)}`);
  const columns = Object.entries(request.map);
  for (const [name] of columns) {
    if (!Object.hasOwn(experiment.data.columns, name)) {
      const own = Object.keys(experiment.data.columns);
      const remedy = `it has ${own.slice(0, -1).join(', ')}${own.length > 1 ? ' and ' : ''}${own.at(-1)}`;
      throw inputError(`--map: this data has no column '${name}'`, { remedy });
    }
  }
  if (columns.length > 0) overrides.push(`--map ${columns.map(([name, value]) => `${name}=${value}`).join(',')}`);
  if (request.model !== null) overrides.push(`--model ${request.model}`);
  if (request.tokenizer !== null) overrides.push(`--tokenizer ${request.tokenizer}`);
  const changed = withOverrides(experiment, {
    seed: (request.seed ?? experiment.training.seed) + seedOffset,
    data: request.data === null ? null : describeData(request.data),
    columns: request.map,
    model: request.model,
  });
  return { experiment: changed, source: experiment.data.source, overrides };
}

/** Why this experiment cannot run here; null when it can. The same with the changes of the command line and without. */
export function obstacle(experiment: Experiment, request: TargetRequest): string | null {
  if (experiment.unmeasured !== null) return experiment.unmeasured;
  if (request.model === null && !isEmbedded(experiment)) {
    return `the weights of ${experiment.model.id} are not here: name their folder with --model`;
  }
  return rowsObstacle(experiment, request);
}

/** Why the rows of this experiment cannot be shown here; null when they can. Its weights are not needed. */
export function dataObstacle(experiment: Experiment, request: TargetRequest): string | null {
  if (request.model === null && request.tokenizer === null && !isEmbedded(experiment)) {
    return `the tokeniser of ${experiment.model.id} is not here: name its folder with --tokenizer`;
  }
  return rowsObstacle(experiment, request);
}

/** Whether the experiment's model is part of this build. */
export const isEmbedded = (experiment: Experiment): boolean => experiment.model.id.startsWith('mini/');

// --- internal ---

function rowsObstacle(experiment: Experiment, request: TargetRequest): string | null {
  if (request.data !== null) return null;
  const { source, parts, testData } = experiment.data;
  const sources = testData?.source === undefined ? [source] : [source, testData.source];
  const away = sources.find((one) => !one.startsWith('mini/'));
  if (away === undefined) return null;
  const names = [...parts, ...(testData?.parts ?? [])].map(({ name }) => `${name}=FILE`);
  return `the rows of ${away} are not here: name them with --data${names.length === 0 ? '' : ` ${names.join(',')}`}`;
}

function describeData(data: DataFiles): string {
  if (data.kind === 'file') return data.path;
  const parts = (['train', 'validation', 'test'] as const).flatMap((split) =>
    data[split] === null ? [] : [`${split}=${data[split]}`],
  );
  for (const [name, path] of Object.entries(data.parts ?? {})) parts.push(`${name}=${path}`);
  return parts.join(',');
}
