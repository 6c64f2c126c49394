/** Predictions and references of `score`: rejected in one line, or scored. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ColumnMap, readPairs } from '../../src/score/pairs';
import { scorePairs } from '../../src/score/score';
import type { FuzzTarget } from './harness';

const folder = mkdtempSync(join(tmpdir(), 'medrepro-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const SEEDS = [
  '{"id": 1, "prediction": "1.0", "answer": "1"}\n{"id": 2, "prediction": "0.0", "answer": "0"}\n',
  '{"id": 1, "answers": [{"text": "a b"}, {"text": "c"}]}\n{"id": 2, "answers": [{"text": "d e f"}]}\n',
  '[{"prediction": "the cat sat", "answers": {"text": ["a cat", "cats"]}}, {"prediction": "x", "answers": {"text": ["y"]}}]',
  'id,prediction,answer\n1,"a, b",a\n2,NA,b\n',
  'prediction\treference\nyes\tno\nno\tno\n',
];
const MAPS: readonly ColumnMap[] = [{}, { reference: 'answers[].text' }, { reference: 'answers.text[0]' }];
const METRICS = ['exact-match', 'f1', 'bleu', 'rougeLsum+stemmer', 'meteor'];

export const target: FuzzTarget = {
  name: 'predictions',
  seeds: () => SEEDS.map((text) => new TextEncoder().encode(text)),
  parse: async (input) => {
    const path = join(folder, 'rows');
    writeFileSync(path, input);
    const map = MAPS[input.length % MAPS.length]!;
    const pairs = await readPairs(path, path, { prediction: 'prediction', ...map });
    const options = { golden: null, experiment: null, training: null };
    scorePairs(pairs, { ...options, metrics: METRICS });
    scorePairs(pairs, { ...options, metrics: ['accuracy', 'macro-f1'] });
  },
};
