/** Published predictions of one experiment scored again: what `score` does, and `verify` where it finds no kept result. */
import { version } from '../../package.json';
import { type Paper, resolveExperiment } from '../paper/load';
import { documentText, RunDirectory } from '../run/directory';
import { sha256 } from '../sha256';
import type { Golden } from '../verify/golden';
import type { ScoreData, ScoreRecord } from '../verify/scored';
import type { PaddedPerplexity } from './findings';
import { type ColumnMap, readPairs, readTraining, type SourceFile } from './pairs';
import { type ScoreResult, scorePairs } from './score';

export interface ScoredFiles {
  readonly predictions: string;
  readonly references: string;
  /** Training rows, for their overlap with the references. */
  readonly train: string | null;
  readonly map: ColumnMap;
}

/** Whose printed values the predictions are compared with; null of a predictions file without a paper. */
export interface PublishedExperiment {
  readonly paper: Paper;
  readonly experiment: string;
  readonly golden: Golden | null;
}

export interface Rescored {
  readonly result: ScoreResult;
  readonly files: readonly SourceFile[];
}

/** Reads the files and scores them. @throws MedreproError `input` (exit 2) with what is wrong with a file. */
export async function rescore(
  { predictions, references, train, map }: ScoredFiles,
  metrics: readonly string[],
  of: PublishedExperiment | null,
): Promise<Rescored> {
  const pairs = await readPairs(predictions, references, map);
  const training = train === null ? null : await readTraining(train, map);
  const { golden = null, experiment = null } = of ?? {};
  const padded = of === null ? null : paddedPerplexity(of);
  return {
    result: scorePairs(pairs, { metrics, golden, experiment, training, padded }),
    files: [...pairs.files, ...(training === null ? [] : [training.file])],
  };
}

/** The metrics a paper reports of an experiment. */
export function publishedMetrics(paper: Paper, experiment: string): readonly string[] {
  const scales = paper.experiments.find(({ id }) => id === experiment)?.scales;
  return resolveExperiment(paper, experiment, scales?.full === undefined ? 'mini' : 'full').metrics;
}

/** Writes `<out>/<paper>/<experiment>/<id>/score.json`, where `verify` finds it. */
export function keepScore(out: string, { result, files }: Rescored, of: PublishedExperiment): ScoreRecord {
  const { paper, experiment } = of;
  const values = result.metrics.map(({ metric, value, signature, toolNoise, reason }) => {
    return [metric, { value, signature, toolNoise, reason }];
  });
  const data: ScoreData = {
    format: 'medrepro-score-1',
    paper: paper.id,
    experiment,
    files: [...files],
    metrics: Object.fromEntries(values),
    ...result.perRow,
  };
  const identity = sha256(files.map((file) => file.sha256).join());
  const manifest = { format: 'medrepro-manifest-1', medrepro: version, target: `${paper.id}/${experiment}` };
  const directory = RunDirectory.create(out, paper.id, experiment, identity, {
    'manifest.json': documentText(manifest),
  });
  directory.complete(manifest, 'score.json', data);
  return { ...data, file: directory.file('score.json') };
}

// --- internal ---

function paddedPerplexity({ paper, experiment }: PublishedExperiment): PaddedPerplexity | null {
  for (const { statement } of paper.statements) {
    if (statement.kind === 'text-perplexity' && statement.experiment === experiment) return statement;
  }
  return null;
}
