/**
 * What the figures of bench/gpu.ts say about the numbers that medrepro sets itself on a GPU: met, not met, or unmeasured with
 * the reason. Nothing is estimated: a number without its measurement has none.
 */
import type { GemmResult } from '../src/bench/gemm';
import type { GenerateResult } from '../src/bench/generate';
import type { PaperRunResult } from '../src/bench/paper-run';
import type { TrainStepResult } from '../src/bench/train-step';

/** A figure, or why there is none. */
export type Measured<Figure> = Figure | { readonly unmeasured: string };
export const isMeasured = <Figure extends object>(value: Measured<Figure> | undefined): value is Figure =>
  value !== undefined && !('unmeasured' in value);

/** A line of peers/gpu_step.py. */
export interface PeerStep {
  /** Of tokens that are not padding. */
  readonly tokensPerSecond: number;
  readonly peakBytes: number;
  readonly microBatch: number;
  readonly checkpointing: boolean;
  readonly lossesFinite: boolean;
}
/** A line of peers/gpu_gemm.py. */
export interface PeerGemm {
  readonly name: string;
  readonly layout: string;
  readonly flops: number;
}
/** A line of peers/gpu_generate.py. */
export interface PeerGenerate {
  readonly variant: string;
  readonly prefill: number;
  readonly decode: Readonly<Record<string, number>>;
  readonly peakBytes: number;
}
/** torch's largest product, and what it reads and copies. */
export interface Peak {
  readonly hardware: string;
  readonly peakFlops: number;
  readonly bytesPerSecond: { readonly read: number; readonly copy: number };
}

/** Cases that must not fail: of the self-test, or a paper's miniature against its golden file. */
export interface Check {
  readonly cases: number;
  readonly failed: number;
  readonly seconds: number;
  /** What failed or was reported, one line each. */
  readonly told: readonly string[];
}

/** What one round measured; by name of the setup, or of the peer's case with its base. */
export interface Round {
  peak?: Measured<Peak>;
  gemm?: Measured<{ readonly products: readonly GemmResult[] }>;
  peerGemm?: Measured<{ readonly products: readonly Measured<PeerGemm>[] }>;
  readonly checks: Record<string, Measured<Check>>;
  readonly train: Record<string, Measured<TrainStepResult>>;
  readonly peerTrain: Record<string, Measured<PeerStep>>;
  readonly paper: Record<string, Measured<PaperRunResult>>;
  readonly generate: Record<string, Measured<GenerateResult>>;
  readonly peerGenerate: Record<string, readonly Measured<PeerGenerate>[]>;
}

export interface Verdict {
  readonly item: string;
  readonly needed: string;
  /** As text; null when unmeasured. */
  readonly measured: string | null;
  /** Null when unmeasured, or measured on another card than the number is for. */
  readonly met: boolean | null;
  /** Why it is unmeasured, or what a ratio is of. */
  readonly note: string;
}

const TIMES = 2;
const H200 = /H200/;

/** Medians over the rounds, of ratios taken inside a round. */
export function verdictsOf(rounds: readonly Round[]): Verdict[] {
  const peak = rounds.map(({ peak: found }) => found).find(isMeasured);
  const onH200 = peak !== undefined && H200.test(peak.hardware);
  const overRounds = (of: (round: Round) => number | string): number | string => {
    const values = rounds.map(of);
    const numbers = values.filter((value) => typeof value === 'number');
    return numbers.length > 0 ? median(numbers) : (values[0] ?? 'no round was run');
  };
  const verdict = (
    item: string,
    needed: string,
    of: (round: Round) => number | string,
    judge: {
      readonly met: (value: number) => boolean;
      readonly text: (value: number) => string;
      readonly note?: string;
    },
    cardFor: RegExp | null = null,
  ): Verdict => {
    const value = overRounds(of);
    if (typeof value === 'string') return { item, needed, measured: null, met: null, note: value };
    const other = cardFor !== null && !onH200;
    const note = other ? `measured on ${peak?.hardware ?? 'a card not asked'}, the number is for an H200` : judge.note;
    return { item, needed, measured: judge.text(value), met: other ? null : judge.met(value), note: note ?? '' };
  };
  const atLeast = (floor: number, text: (value: number) => string, note?: string) => ({
    met: (value: number) => value >= floor,
    text,
    ...(note === undefined ? {} : { note }),
  });
  const atMost = (ceiling: number, text: (value: number) => string, note?: string) => ({
    ...atLeast(0, text, note),
    met: (value: number) => value <= ceiling,
  });

  const speedOf = (name: string, floor: number): Verdict =>
    verdict(
      name,
      `>= ${floor} tokens/s on an H200`,
      (r) => own(r, name, ({ tokensPerSecond }) => tokensPerSecond),
      {
        ...atLeast(floor, rate),
      },
      H200,
    );
  const shareOf = (name: string, floor: number): Verdict =>
    verdict(
      name,
      `>= ${percent(floor)} of the ceiling`,
      (r) => own(r, name, ({ usefulFlops }) => (isMeasured(r.peak) ? usefulFlops / r.peak.peakFlops : reason(r.peak))),
      atLeast(floor, percent, "useful FLOP/s over those of torch's product of 8192^3 in bf16"),
    );
  const timesPeer = (name: string): Verdict[] => {
    const against = (round: Round, of: (ours: TrainStepResult, peer: PeerStep) => number): number | string =>
      own(round, name, (ours) => {
        const peer = fastestPeer(round, name);
        return typeof peer === 'string' ? peer : of(ours, peer);
      });
    const note = 'against the fastest of its bases and precisions that ran';
    return [
      verdict(
        `${name}: against transformers + PEFT, padded`,
        `>= ${TIMES}x its tokens/s without padding`,
        (r) => against(r, (ours, peer) => ours.tokensPerSecond / peer.tokensPerSecond),
        atLeast(TIMES, times, note),
      ),
      verdict(
        `${name}: memory against the same`,
        '< 1x',
        (r) => against(r, (ours, peer) => ours.peakBytes / peer.peakBytes),
        { ...atMost(1, times, note), met: (value) => value < 1 },
      ),
    ];
  };
  const decoding = (shape: string, batch: number): Verdict =>
    verdict(
      `decode ${shape} bf16, ${batch} rows`,
      '>= 60% of the bandwidth bound',
      (r) => {
        const figures = r.generate[`generate ${shape} bf16`];
        if (!isMeasured(figures)) return reason(figures);
        const found = figures.decode.find((row) => row.batch === batch);
        if (found === undefined) return 'this batch was not run';
        if (!isMeasured(r.peak)) return reason(r.peak);
        const fastest = Math.max(figures.bandwidth, r.peak.bytesPerSecond.read, r.peak.bytesPerSecond.copy);
        return (found.share * figures.bandwidth) / fastest;
      },
      atLeast(
        0.6,
        percent,
        "bytes a step reads over its time; bound: the fastest of our sum, torch's sum and its copy",
      ),
    );

  const checked = (item: string, begin: string): Verdict =>
    verdict(item, 'none fails', (r) => failures(r, begin), {
      met: (value) => value === 0,
      text: (value) => `${value} failed`,
    });

  return [
    checked('the self-test on the card', 'selftest'),
    checked("the mini papers' claims on CUDA, a golden file each", 'mini '),
    verdict(
      'GEMM at the 8B shapes, M >= 2,048, the worst product',
      '>= 90% of torch',
      (r) => worstProduct(r),
      atLeast(0.9, percent, 'of three layouts; each product is in the file'),
    ),
    speedOf('train qwen3-8b nf4 r16', 19_000),
    speedOf('train qwen3-8b nf4 r256 82 classes', 18_000),
    ...timesPeer('train qwen3-8b nf4 r16 rows of 118'),
    ...timesPeer('train qwen3-8b nf4 r16 rows of 118 dropout'),
    ...timesPeer('train qwen3-8b nf4 r256 82 classes rows of 118'),
    shareOf('train llama-3-8b nf4 r64', 0.75),
    shareOf('train qwen2-7b nf4 r64', 0.75),
    verdict(
      'AdaLoRA against LoRA, Llama-3-8B r=64',
      '>= 90% of its tokens/s',
      (r) =>
        own(r, 'train llama-3-8b nf4 adalora', (ada) =>
          own(r, 'train llama-3-8b nf4 r64', (lora) => ada.tokensPerSecond / lora.tokensPerSecond),
        ),
      atLeast(0.9, percent),
    ),
    shareOf('train qwen3-0.6b bf16 r16', 0.6),
    shareOf('train tinyllama-1.1b bf16 r16', 0.6),
    verdict(
      'train medgemma-27b nf4 r64 1024 tokens',
      '<= 80 GB, losses finite',
      (r) =>
        own(r, 'train medgemma-27b nf4 r64 1024 tokens', ({ peakBytes, losses }) =>
          losses.every(Number.isFinite) ? peakBytes : Number.POSITIVE_INFINITY,
        ),
      atMost(80e9, gigabytes),
    ),
    ...['qwen3-0.6b', 'llama-3.2-1b'].flatMap((shape) => [decoding(shape, 32), decoding(shape, 1)]),
    verdict(
      'AbjadMed all-linear at the full scale, evaluation included, projected from 500 steps',
      '< 10 minutes on an H200',
      (r) => {
        const found = r.paper['paper abjadmed all-linear'];
        return isMeasured(found) ? found.projected.seconds : reason(found);
      },
      atMost(600, (seconds) => `${(seconds / 60).toFixed(1)} minutes`, 'without loading, tokenising and checkpoints'),
      H200,
    ),
    verdict(
      "peak memory against the plan's, the worst training step",
      'within 5%',
      (r) => {
        const found = Object.values(r.train)
          .filter(isMeasured)
          .flatMap(({ peakBytes, plannedBytes }) =>
            plannedBytes === null ? [] : [Math.abs(peakBytes / plannedBytes - 1)],
          );
        return found.length > 0 ? Math.max(...found) : reason(Object.values(r.train)[0]);
      },
      atMost(0.05, (value) => `${(100 * value).toFixed(1)}% off`),
    ),
  ];
}

/** One measurement beside its peer and the card; null where one of the two is unmeasured. Medians over the rounds. */
export interface Ratios {
  readonly name: string;
  /** Of the FLOP/s of torch's largest product in the same round. */
  readonly shareOfPeak: number | null;
  /** Ours over the fastest peer's. */
  readonly speed: number | null;
  readonly memory: number | null;
}

/** The ratios of every product in bf16, training step and kind of generation that was measured in the first round. */
export function ratiosOf(rounds: readonly Round[]): Ratios[] {
  const [first] = rounds;
  if (first === undefined) return [];
  const overRounds = (of: (round: Round) => number | null): number | null => {
    const numbers = rounds.map(of).filter((value) => value !== null);
    return numbers.length > 0 ? median(numbers) : null;
  };
  const peakShare = (round: Round, flops: number | null): number | null =>
    isMeasured(round.peak) && flops !== null ? flops / round.peak.peakFlops : null;

  const products = isMeasured(first.gemm) ? first.gemm.products.filter(({ compute }) => compute === 'bf16') : [];
  const gemms = products.map(({ name, layout }): Ratios => {
    const flops = ({ gemm }: Round): number | null =>
      (isMeasured(gemm) ? gemm.products.find((row) => matches(row, name, layout) && row.compute === 'bf16') : null)
        ?.flops ?? null;
    const speed = (round: Round): number | null => quotient(flops(round), torchFlops(round, name, layout));
    const shareOfPeak = overRounds((round) => peakShare(round, flops(round)));
    return { name: `gemm ${name}, ${layout}`, shareOfPeak, speed: overRounds(speed), memory: null };
  });
  const steps = Object.keys(first.train).map((name): Ratios => {
    const against = (kind: 'tokensPerSecond' | 'peakBytes') =>
      overRounds((round) => {
        const ours = round.train[name];
        const peer = fastestPeer(round, name);
        return isMeasured(ours) && typeof peer !== 'string' ? ours[kind] / peer[kind] : null;
      });
    const flops = ({ train }: Round): number | null => {
      const ours = train[name];
      return isMeasured(ours) ? ours.usefulFlops : null;
    };
    const shareOfPeak = overRounds((round) => peakShare(round, flops(round)));
    return { name, shareOfPeak, speed: against('tokensPerSecond'), memory: against('peakBytes') };
  });
  const generations = Object.entries(first.generate).flatMap(([key, figures]) => {
    if (!isMeasured(figures)) return [];
    const kinds = ['prefill', ...figures.decode.map(({ batch }) => String(batch))];
    return kinds.map((kind): Ratios => {
      const against = (of: (ours: number, ourBytes: number, peer: PeerGenerate) => number) =>
        overRounds((round) => {
          const ours = round.generate[key];
          const speedOf = (peer: PeerGenerate): number => (kind === 'prefill' ? peer.prefill : peer.decode[kind]!);
          const [best] = (round.peerGenerate[figures.shape] ?? [])
            .filter(isMeasured)
            .toSorted((a, b) => speedOf(b) - speedOf(a));
          if (!isMeasured(ours) || best === undefined) return null;
          const row = ours.decode.find(({ batch }) => String(batch) === kind) ?? ours.prefill;
          return of(row.tokensPerSecond / speedOf(best), ours.peakBytes, best);
        });
      return {
        name: `${key}, ${kind === 'prefill' ? kind : `decode ${kind} rows`}`,
        shareOfPeak: null,
        speed: against((ratio) => ratio),
        memory: against((_, ourBytes, peer) => ourBytes / peer.peakBytes),
      };
    });
  });
  return [...gemms, ...steps, ...generations];
}

// --- internal ---

const matches = (row: { readonly name: string; readonly layout: string }, name: string, layout: string): boolean =>
  row.name === name && row.layout === layout;
const quotient = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a / b);

const torchFlops = ({ peerGemm }: Round, name: string, layout: string): number | null => {
  if (!isMeasured(peerGemm)) return null;
  return peerGemm.products.filter(isMeasured).find((row) => matches(row, name, layout))?.flops ?? null;
};

const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;
const times = (value: number): string => `${value.toFixed(2)}x`;
const rate = (value: number): string => `${value.toFixed(0)} tokens/s`;
const gigabytes = (value: number): string =>
  Number.isFinite(value) ? `${(value / 1e9).toFixed(1)} GB` : 'losses not finite';

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

const reason = (value: object | undefined): string =>
  value !== undefined && 'unmeasured' in value ? String(value.unmeasured) : 'not part of this run';

/** Cases that failed in the checks whose names begin so; a reason when one of them did not end. */
function failures({ checks }: Round, begin: string): number | string {
  const found = Object.entries(checks).filter(([name]) => name.startsWith(begin));
  const [open] = found.filter(([, check]) => !isMeasured(check));
  if (open !== undefined) return `${open[0]}: ${reason(open[1])}`;
  const measured = found.map(([, check]) => check).filter(isMeasured);
  return measured.length === 0 ? reason(undefined) : measured.reduce((sum, { failed }) => sum + failed, 0);
}

function own(round: Round, name: string, of: (figures: TrainStepResult) => number | string): number | string {
  const figures = round.train[name];
  return isMeasured(figures) ? of(figures) : `${name}: ${reason(figures)}`;
}

/** Of the cases of the same name, whatever base and precision: `name, base, precision`. */
function fastestPeer(round: Round, name: string): PeerStep | string {
  const entries = Object.entries(round.peerTrain).filter(([key]) => key.split(', ')[0] === name);
  const ran = entries.map(([, figures]) => figures).filter(isMeasured);
  const sound = ran.filter(({ lossesFinite }) => lossesFinite);
  if (sound.length === 0)
    return `transformers + PEFT: ${ran.length > 0 ? 'losses not finite' : reason(entries[0]?.[1])}`;
  return sound.reduce((best, figures) => (figures.tokensPerSecond > best.tokensPerSecond ? figures : best));
}

/** The smallest of our FLOP/s over torch's, over the layouts of the 8B shapes; a reason when one of them is missing. */
function worstProduct(round: Round): number | string {
  const { gemm, peerGemm } = round;
  if (!isMeasured(gemm)) return reason(gemm);
  if (!isMeasured(peerGemm)) return `torch: ${reason(peerGemm)}`;
  let worst = Number.POSITIVE_INFINITY;
  for (const { name, layout, compute, flops } of gemm.products) {
    if (compute !== 'bf16' || !name.startsWith('8b ')) continue;
    const theirs = torchFlops(round, name, layout);
    if (theirs === null) return `torch: no figure for ${name}, ${layout}`;
    worst = Math.min(worst, flops / theirs);
  }
  return Number.isFinite(worst) ? worst : 'no product of the 8B shapes was run';
}
