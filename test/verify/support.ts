/** Synthetic results for the tests of verdicts. */

import { readAssetText } from '../../src/assets';
import type { VerifyRequest } from '../../src/commands/verify/request';
import { specSha256 } from '../../src/paper/canonical';
import { resolveExperiment } from '../../src/paper/load';
import { withOverrides } from '../../src/paper/override';
import { loadEmbedded } from '../../src/paper/target';
import type { Scale } from '../../src/paper/types';
import type { ExperimentResult } from '../../src/run/result';
import { acceptGolden } from '../../src/verify/accept';
import { type Golden, loadGolden } from '../../src/verify/golden';

export const paper = loadEmbedded('abjadmed');
export const GOLDEN_FILE = 'golden/abjadmed.yaml';
/** The golden file as it is before anything was measured. */
export const GOLDEN_TEXT = withoutMeasurements(readAssetText(GOLDEN_FILE));
export const BOOTSTRAP = { resamples: 400, seed: 42 } as const;

export interface Fake {
  readonly experiment: string;
  /** Every how-many-th item is wrong; larger is better. */
  readonly wrongEvery: number;
  readonly seed?: number;
  readonly scale?: Scale;
  readonly validation?: number;
  readonly macroF1?: number;
  readonly change?: Partial<ExperimentResult>;
}

const CLASSES = 8;
const ITEMS = 400;

export function fake({
  experiment,
  wrongEvery,
  seed = 42,
  scale = 'mini',
  validation = 0.5,
  macroF1,
  change,
}: Fake): ExperimentResult {
  const gold = Array.from({ length: ITEMS }, (_, i) => i % CLASSES);
  const predicted = gold.map((label, i) => ((i + seed) % wrongEvery === 0 ? (label + 1) % CLASSES : label));
  const accuracy = gold.filter((label, i) => label === predicted[i]).length / ITEMS;
  const spec = withOverrides(resolveExperiment(paper, experiment, scale), { seed });
  const score = (value: number) => ({ value, printed: value.toFixed(4), signature: 'test' });
  return {
    format: 'medrepro-result-1',
    paper: paper.id,
    experiment,
    scale,
    seed,
    specSha256: specSha256(spec),
    dataSha256: 'd'.repeat(64),
    precision: scale === 'mini' ? 'fp32' : 'bf16',
    kernelPath: scale === 'mini' ? 'avx2' : 'cuda',
    overrides: [],
    metrics: { accuracy: score(accuracy), 'macro-f1': score(macroF1 ?? accuracy) },
    test: { gold, predicted, labels: Array.from({ length: CLASSES }, (_, i) => `class ${i}`) },
    validation: [{ step: 33, epoch: 1, metrics: { 'macro-f1': validation } }],
    selectedStep: 33,
    file: `runs/abjadmed/${experiment}/test/metrics.json`,
    ...change,
  };
}

/** Mini results in which every claim of the paper holds. */
export function holding(): ExperimentResult[] {
  return [
    fake({ experiment: 'attention-only', wrongEvery: 3 }),
    fake({ experiment: 'all-linear', wrongEvery: 9, validation: 0.6 }),
    fake({ experiment: 'focal-4b', wrongEvery: 3 }),
    fake({ experiment: 'dice-ce-4b', wrongEvery: 7 }),
    fake({ experiment: 'medgemma-27b', wrongEvery: 11 }),
    fake({ experiment: 'icliniq-augmented', wrongEvery: 4, validation: 0.9 }),
  ];
}

export function accept(
  results: readonly ExperimentResult[],
  text = GOLDEN_TEXT,
): { golden: Golden; text: string; changes: readonly string[] } {
  const accepted = acceptGolden(text, GOLDEN_FILE, paper, results, {
    reason: 'test',
    date: '2026-01-31',
    bootstrap: BOOTSTRAP,
  });
  return { golden: loadGolden(accepted.text, GOLDEN_FILE, paper), ...accepted };
}

/** A request with nothing asked for but what `change` says. */
export function verifyRequest(change: Partial<VerifyRequest>): VerifyRequest {
  return {
    targets: [],
    all: false,
    scale: 'auto',
    device: 'auto',
    threads: null,
    isa: null,
    seed: null,
    data: null,
    map: {},
    model: null,
    tokenizer: null,
    reading: null,
    golden: null,
    out: 'runs',
    run: true,
    junit: null,
    require: null,
    scored: [],
    ...change,
  };
}

// --- internal ---

/** What is accepted at the mini level changes with the miniature; these tests bring their own. */
function withoutMeasurements(text: string): string {
  const mini = text.indexOf('\nmini:');
  const log = text.indexOf('\nlog:');
  const body = text
    .slice(0, mini)
    .replace(/^ +mini: ?(?:\{ verdict: (?!UNMEASURED).*\}|\n +verdict: (?!UNMEASURED).*\n +reason: .*)\n/gm, '');
  return `${body}\nmini: []\n\n${text.slice(log + 1)}`;
}
