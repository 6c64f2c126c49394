/** What a run directory says of itself: `metrics.json`. */

import { parseResult } from '../../src/run/result';
import type { FuzzTarget } from './harness';

const RESULT = {
  format: 'medrepro-result-1',
  paper: 'abjadmed',
  experiment: 'all-linear',
  scale: 'mini',
  seed: 42,
  specSha256: '0'.repeat(64),
  dataSha256: 'f'.repeat(64),
  precision: 'fp32',
  kernelPath: 'avx2',
  build: 'medrepro 0.1.0',
  overrides: [],
  metrics: { 'macro-f1': { value: 0.5175, printed: '0.5175', signature: 'macro-f1|v:1' } },
  test: { gold: [0, 1, 2], predicted: [0, 1, 1], labels: ['a', 'b', 'c'] },
  items: { loss: { kind: 'ratio', numerators: [1.5, 2], denominators: [3, 4] } },
  validation: [{ step: 4, epoch: 1, metrics: { loss: 1.25 } }],
  warnings: [{ id: 'x', message: 'y' }],
  selectedStep: 4,
};

export const target: FuzzTarget = {
  name: 'result',
  seeds: () => [new TextEncoder().encode(JSON.stringify(RESULT, null, 2))],
  parse: (input) => parseResult(new TextDecoder().decode(input), 'metrics.json'),
};
