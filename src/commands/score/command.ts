/** `medrepro score` */

import { usageError } from '../../errors';
import { READINGS } from '../../paper/lists';
import { JSON_FLAG, parsePairs, TARGET_FLAGS } from '../flags';
import { jobCommand } from '../job-command';
import type { ScoreRequest } from './request';

const ROLES = ['prediction', 'reference', 'question', 'id'] as const;

export const score = jobCommand({
  name: 'score',
  description: 'metrics of a predictions file against references, compared with one published experiment',
  flags: {
    predictions: {
      type: 'string',
      valueHint: 'file',
      description: 'what the model wrote: JSON Lines, CSV, Parquet, …',
    },
    references: { type: 'string', valueHint: 'file', description: 'what it should have written, the same rows' },
    train: { type: 'string', valueHint: 'file', description: 'training rows: which test rows do they hold?' },
    metrics: { type: 'string', valueHint: 'ids', description: "which metrics, with commas (the experiment's)" },
    map: {
      type: 'string',
      valueHint: 'role=…',
      description: `column names of ${ROLES.join(', ')} (found by their usual names)`,
    },
    reading: TARGET_FLAGS.reading,
    golden: TARGET_FLAGS.golden,
    out: {
      type: 'string',
      valueHint: 'dir',
      description: 'keep the scores in this parent of run directories, for verify',
    },
    ...JSON_FLAG,
  },
  words: {
    name: 'target',
    min: 0,
    max: 1,
    description: 'an experiment (paper/experiment, or spec.yaml/experiment); without one, metrics alone',
  },
  examples: [
    'medrepro score --predictions predictions.jsonl --references test.jsonl --metrics f1,rougeL+stemmer',
    'medrepro score path/to/spec.yaml/baseline --predictions predictions.jsonl.gz --references test.csv --train train.csv',
  ],
  request: (flags) => {
    const [predictions, references] = [flags.text('predictions'), flags.text('references')];
    if (predictions === null) throw usageError('no predictions were named', 'name them with --predictions FILE');
    if (references === null) throw usageError('no references were named', 'name them with --references FILE');
    const [map, metrics] = [flags.text('map'), flags.text('metrics')];
    const request: ScoreRequest = {
      target: flags.words[0] ?? null,
      predictions,
      references,
      train: flags.text('train'),
      metrics: metrics === null ? null : metrics.split(',').map((id) => id.trim()),
      map: map === null ? {} : columnMap(map),
      reading: flags.choice('reading', READINGS),
      golden: flags.text('golden'),
      out: flags.text('out'),
    };
    if (request.out !== null && request.target === null) {
      throw usageError('--out keeps the scores of an experiment, and none was named', 'name one: PAPER/EXPERIMENT');
    }
    return request;
  },
  job: async () => (await import('./job')).scoreJob,
  saves: false,
});

// --- internal ---

function columnMap(text: string): Record<string, string> {
  const map = Object.fromEntries(parsePairs('map', text));
  const stranger = Object.keys(map).find((role) => !ROLES.some((known) => known === role));
  if (stranger !== undefined)
    throw usageError(
      `--map knows ${ROLES.join(', ')}, not '${stranger}'`,
      'write --map prediction=COLUMN,reference=COLUMN',
    );
  return map;
}
