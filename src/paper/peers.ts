/**
 * What releases of the peers did where a paper does not say otherwise: `peers: { transformers: '4.46', peft: '0.13' }` in a block.
 *
 * A row is here only after the value was read in that peer's source, or measured by running it: `source` says at which releases.
 * Those between releases that agree are taken to agree. A release that is not in {@link KNOWN} is an error of the spec rather than a guess.
 */

import { matches, type When } from './paths';
import type { Block } from './schema';

export type Peer = keyof NonNullable<Block['peers']>;

export const PEERS = ['transformers', 'peft', 'trl', 'bitsandbytes'] as const satisfies readonly Peer[];

/** The releases that a spec names. */
export type PeerVersions = { readonly [P in Peer]?: string | undefined };

/** First and last release, both included, as `major.minor`. */
type Releases = readonly [first: string, last: string];

interface PeerDefault {
  readonly peer: Peer;
  readonly path: string;
  readonly value: unknown;
  /** Releases that have it; absent = all of {@link KNOWN}. */
  readonly releases?: Releases;
  /** The settings it holds for; absent = all. */
  readonly when?: When;
  /** What of the release this value is not. */
  readonly but?: string;
  readonly source: string;
}

/** A value with the reason that its mark gives. */
export interface Assumed {
  readonly value: unknown;
  readonly reason: string;
}

/** The value that the named releases give a setting; null when they say nothing of it. */
export function peerDefault(path: string, versions: PeerVersions, settings: unknown): Assumed | null {
  for (const row of PEER_DEFAULTS) {
    const version = versions[row.peer];
    if (row.path !== path || version === undefined || !matches(row.when, settings)) continue;
    if (row.releases !== undefined && !within(version, row.releases)) continue;
    const but = row.but === undefined ? '' : `; ${row.but}`;
    return { value: row.value, reason: `default of ${row.peer} ${version}${but}` };
  }
  return null;
}

/** The releases that can be named, when this is none of them; else null. */
export function knownReleases(peer: Peer, version: string): string | null {
  if (KNOWN[peer].some((releases) => within(version, releases))) return null;
  return KNOWN[peer].map((releases) => releases.join(' to ')).join(', ');
}

/** The releases whose defaults the rows below are. Those of transformers that are left out take steps that no mode of ours follows. */
export const KNOWN: Readonly<Record<Peer, readonly Releases[]>> = {
  transformers: [
    ['4.40', '4.46'],
    ['4.49', '5.1'],
    ['5.6', '5.18'],
  ],
  peft: [['0.4', '0.21']],
  trl: [['0.12', '1.9']],
  bitsandbytes: [['0.39', '0.50']],
};

type Values = Readonly<Record<string, unknown>>;
type More = Pick<PeerDefault, 'releases' | 'when' | 'but'>;

const of = (peer: Peer, source: string, values: Values, more: More = {}): readonly PeerDefault[] =>
  Object.entries(values).map(([path, value]) => ({ peer, path, value, source, ...more }));

const ADAMW = { 'training.optimiser.kind': ['adamw', 'adamw-8bit'] };
const ADAFACTOR = { 'training.optimiser.kind': ['adafactor'] };
const FOUR_BIT = { 'quantisation.kind': ['nf4', 'fp4'] };
const INT8 = { 'quantisation.kind': ['int8'] };
const LORA = { 'adapter.kind': ['lora'] };
const ADALORA = { 'adapter.kind': ['adalora'] };
/** The losses that transformers' own models compute. */
const CAUSAL = { task: ['causal-lm'], 'loss.kind': ['cross-entropy'] };
const CLASSES = { task: ['sequence-classification'], 'loss.kind': ['cross-entropy'] };
/** A loss that a script computes: a compute_loss of its own. */
const OWN_LOSS = { 'loss.kind': ['focal', 'dice-ce'] };

const ARGUMENTS =
  'training_args.py of 4.57.6, 5.17.0, 5.18.0 and a 4.x copy older than those; earlier releases are taken to agree';
const ERAS = 'the steps of the Trainer at 4.40 to 5.18, run by test/fixtures/check_trainer_eras.py';
const QUANTISATION = 'utils/quantization_config.py of 4.57.6, 5.17.0 and 5.18.0';
const SFT = 'trainer/sft_config.py, and base_config.py where it is, at every tag from 0.12.0 to 1.9.0';
const PEFT = 'config.py (once lora.py, adalora.py) of both tuners at every tag from 0.4.0 to 0.20.0, and 0.21.0';
const BITSANDBYTES = 'Params4bit in nn/modules.py at tags from 0.39.1 to 0.50.1; on ROCm 0.47 and 0.48 have 128';

/** Values that the releases of their rows share; `defaults.ts` has them for papers that name no release. */
export const ADAMW_VALUES: Values = {
  'training.optimiser.beta1': 0.9,
  'training.optimiser.beta2': 0.999,
  'training.optimiser.epsilon': 1e-8,
};
export const ADAFACTOR_VALUES: Values = {
  'training.optimiser.relativeStep': false,
  'training.optimiser.scaleParameter': false,
  'training.optimiser.warmupInit': false,
  'training.optimiser.beta1': null,
  'training.optimiser.decayRate': -0.8,
  'training.optimiser.epsilon': [1e-30, 1e-3],
  'training.optimiser.clipThreshold': 1,
};
export const ADALORA_VALUES: Values = {
  'adapter.warmup': { steps: 0 },
  'adapter.final': { steps: 0 },
  'adapter.interval': 1,
  'adapter.beta1': 0.85,
  'adapter.beta2': 0.85,
  'adapter.orthogonalWeight': 0.5,
};

const lastAccumulation = (value: string) => ({ 'training.lastAccumulation': value });
const lossNormalisation = (value: string) => ({ 'training.lossNormalisation': value });

/** The first row of a path that applies counts. */
export const PEER_DEFAULTS: readonly PeerDefault[] = [
  // SFTConfig is a TrainingArguments with other defaults, so its rows precede those
  ...of('trl', SFT, { 'training.optimiser.learningRate': 2e-5 }),
  ...of('trl', SFT, { 'data.maxLength': 1024 }, { releases: ['0.15', '1.9'] }),
  ...of('trl', SFT, { 'training.precision': 'bf16' }, { releases: ['0.19', '1.9'] }),
  ...of('trl', SFT, { 'training.gradientCheckpointing': true }, { releases: ['0.22', '1.9'] }),

  ...of('transformers', ARGUMENTS, {
    'training.epochs': 3,
    'training.batchSize': 8,
    'training.accumulation': 1,
    'training.optimiser.learningRate': 5e-5,
    'training.optimiser.weightDecay': 0,
    'training.schedule.warmup': { steps: 0 },
    'training.clip': 1,
    'training.gradientCheckpointing': false,
    'training.selection': 'last',
    'training.evaluationBatchSize': 8,
    'training.seed': 42,
  }),
  ...of('transformers', `${ARGUMENTS}; ${ERAS}`, ADAMW_VALUES, { when: ADAMW }),
  ...of('transformers', 'trainer.py and optimization.py of 4.57.6 and 5.17.0', ADAFACTOR_VALUES, {
    when: ADAFACTOR,
    releases: ['4.57', '5.18'],
  }),
  ...of('transformers', ERAS, { 'training.stepsPerEpoch': 'floor' }, { releases: ['4.40', '4.51'] }),
  ...of('transformers', ERAS, { 'training.stepsPerEpoch': 'ceil' }, { releases: ['4.52', '5.18'] }),
  ...of('transformers', ERAS, lastAccumulation('carried'), { releases: ['4.40', '4.45'] }),
  ...of('transformers', `the nearest mode; ${ERAS}`, lastAccumulation('carried'), {
    releases: ['4.46', '4.46'],
    but: 'what an epoch leaves over is normalised there with the micro-batches fetched beside it, which no mode does',
  }),
  ...of('transformers', ERAS, lastAccumulation('miscounted'), { releases: ['4.49', '4.51'] }),
  ...of('transformers', ERAS, lastAccumulation('step'), { releases: ['4.52', '4.54'] }),
  ...of('transformers', ERAS, lastAccumulation('rescaled'), { releases: ['4.55', '5.18'] }),
  ...of('transformers', ERAS, lossNormalisation('mean-of-means'), { releases: ['4.40', '4.45'] }),
  ...of('transformers', ERAS, lossNormalisation('undivided'), { releases: ['4.46', '5.18'], when: OWN_LOSS }),
  ...of('transformers', ERAS, lossNormalisation('sum-over-tokens-shifted'), {
    releases: ['4.46', '4.46'],
    when: CAUSAL,
  }),
  ...of('transformers', ERAS, lossNormalisation('sum-over-tokens-unshifted'), {
    releases: ['4.49', '5.9'],
    when: CAUSAL,
  }),
  ...of('transformers', ERAS, lossNormalisation('sum-over-tokens-shifted'), {
    releases: ['5.10', '5.18'],
    when: CAUSAL,
  }),
  ...of('transformers', ERAS, lossNormalisation('mean-of-means'), { releases: ['4.46', '4.53'], when: CLASSES }),
  ...of('transformers', ERAS, lossNormalisation('undivided'), { releases: ['4.54', '5.18'], when: CLASSES }),
  ...of('transformers', QUANTISATION, { 'quantisation.doubleQuant': false }, { when: FOUR_BIT }),
  ...of('transformers', QUANTISATION, { 'quantisation.threshold': 6 }, { when: INT8 }),
  ...of('transformers', 'the release itself', { 'data.transformers': 4 }, { releases: ['4.40', '4.57'] }),
  ...of('transformers', 'the release itself', { 'data.transformers': 5 }, { releases: ['5.0', '5.18'] }),

  ...of('peft', PEFT, { 'adapter.rank': 8, 'adapter.alpha': 8, 'adapter.dropout': 0 }, { when: LORA }),
  ...of(
    'peft',
    PEFT,
    {
      'adapter.initialRank': 12,
      'adapter.targetRank': 8,
      'adapter.alpha': 8,
      'adapter.dropout': 0,
      ...ADALORA_VALUES,
    },
    { when: ADALORA },
  ),

  ...of('bitsandbytes', BITSANDBYTES, { 'quantisation.blockSize': 64 }, { when: FOUR_BIT }),
];

// --- internal ---

/** Whether `4.46` or `4.46.3` is one of the releases. */
function within(version: string, [first, last]: Releases): boolean {
  return order(version) >= order(first) && order(version) <= order(last);
}

/** Releases in their order; patch releases count as their minor one. */
function order(version: string): number {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major * 10_000 + minor;
}
