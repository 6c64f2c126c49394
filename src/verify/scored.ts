/**
 * The result of re-scoring published predictions, as stored in `score.json`: measurements without verdicts, so that a golden file
 * that changes is compared with what was measured. Written by `score` and `verify`, read by `verify`.
 */

import { inputError } from '../errors';
import { list, map, object, pattern, value, words } from '../paper/schema-part';
import { accepts, type Fault, summary } from '../paper/validate';
import { checkItems, ItemsByMetric, TestClasses } from '../run/result';
import type { Evidence } from './evidence';
import type { GoldenData } from './golden';
import { judgeScored, type ScoredVerdict } from './printed';

const textOrNull = value('string | null');

const ScoreFile = object({
  format: words('medrepro-score-1'),
  paper: value('string'),
  experiment: value('string'),
  files: list(
    object({
      role: words('predictions', 'references', 'train'),
      name: value('string'),
      sha256: pattern(/^[0-9a-f]{64}$/),
      rows: value('number.integer'),
    }),
  ).describe("The predictions and the references, with the sha256 of each file's bytes."),
  metrics: map(
    object({
      value: value('number | null'),
      signature: textOrNull,
      toolNoise: value('number | null'),
      reason: textOrNull,
    }),
  ).describe('By metric id, in order; a value of null has a reason.'),
  test: TestClasses,
  items: ItemsByMetric,
});

export type ScoreData = typeof ScoreFile.infer;

/** A re-scoring and where it was read or written. */
export interface ScoreRecord extends ScoreData {
  /** The `score.json`. */
  readonly file: string;
}

/** Reads a `score.json`. @throws MedreproError `input` when it is not one. */
export function parseScore(text: string, file: string): ScoreRecord {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw inputError('is not JSON', { where: { file }, cause, remedy: 'score the predictions again' });
  }
  const faults: Fault[] = [];
  if (!accepts(ScoreFile, content, faults)) {
    throw inputError(`is not a re-scoring: ${summary(faults)}`, {
      where: { file },
      remedy: 'the file comes from another version of medrepro: score the predictions again',
    });
  }
  checkItems(content, file);
  return { ...content, file };
}

/** Published predictions as evidence: without a seed and without validation rows. */
export interface ScoredEvidence extends Evidence {
  readonly record: ScoreRecord;
}

export function evidenceOf(record: ScoreRecord): ScoredEvidence {
  const metrics = Object.entries(record.metrics).flatMap(([id, { value }]) =>
    value === null ? [] : [[id, { value }]],
  );
  return {
    experiment: record.experiment,
    seed: null,
    metrics: Object.fromEntries(metrics),
    test: record.test,
    items: record.items,
    validation: [],
    selectedStep: 0,
    rows: record.files.find(({ role }) => role === 'references')?.sha256 ?? '',
    file: record.file,
    record,
  };
}

/** One metric of published predictions against what the paper prints of it. */
export interface ScoreRow extends ScoredVerdict {
  readonly paper: string;
  readonly experiment: string;
  readonly metric: string;
  readonly value: number | null;
  readonly reason: string | null;
  readonly provenance: string;
}

export function scoreRows(record: ScoreRecord, golden: GoldenData | null): ScoreRow[] {
  const { paper, experiment } = record;
  return Object.entries(record.metrics).map(([metric, scored]) => ({
    paper,
    experiment,
    metric,
    value: scored.value,
    reason: scored.reason,
    ...judgeScored(scored, golden, experiment, metric),
    provenance: describeScore(record),
  }));
}

/** Which files were scored, in one line. */
export function describeScore({ file, files }: ScoreRecord): string {
  const sources = files
    .filter(({ role }) => role !== 'train')
    .map(({ role, name, sha256 }) => `${role} ${name}, sha256 ${sha256.slice(0, 12)}`);
  return `${file} (${sources.join('; ')})`;
}
