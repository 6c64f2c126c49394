/** `medrepro bench`: what this machine reaches, compared with its peak. */

import { benchGemm, GEMM_SHAPES, type GemmResult } from '../../bench/gemm';
import { BATCHES, type Base, benchGenerate, GENERATE_SHAPES, type GenerateResult } from '../../bench/generate';
import type { PaperRunResult } from '../../bench/paper-run';
import { measurePeak } from '../../bench/peak';
import type { ShapeName } from '../../bench/shapes';
import { benchTrainStep, TRAIN_SETUPS, type TrainStepResult } from '../../bench/train-step';
import { EXIT } from '../../errors';
import type { JobContext, JobResult } from '../../job';
import { openDevice } from '../../native/choose';
import type { Device } from '../../native/device';
import type { Backend } from '../../native/library';
import { table } from '../../text-table';
import { duration } from '../../units';
import type { BenchDocument, BenchRequest } from './request';

export async function benchJob(asked: BenchRequest, context: JobContext): Promise<JobResult<BenchDocument>> {
  // results name what they measure, so --device auto is always the CPU
  const backend: Backend = asked.device === 'cuda' ? 'cuda' : 'cpu';
  // specs and their schema take memory, which is what a CPU's measurements report
  const paperRun = backend === 'cuda' ? await import('../../bench/paper-run') : null;
  const open = (): Device => openDevice(asked, backend, { cancelled: context.cancelled });
  // a complete name selects one measurement, even where other names begin with it
  const exact = namesOf(backend, paperRun?.PAPER_SETUPS ?? []).includes(asked.only ?? '');
  const chosen = <Item>(items: readonly Item[], name: (item: Item) => string): Item[] =>
    items.filter(
      (item) => asked.only === null || (exact ? name(item) === asked.only : name(item).includes(asked.only)),
    );
  const announce = (detail: string): void => context.emit({ kind: 'stage', name: 'bench', detail });

  const device = open();
  const { path, threads, hardware } = device;
  // without bf16 instructions each operand is converted to fp32: only measured when asked for by name
  const fast16 = path === 'cuda' || path === 'avx512bf16';
  const computes: readonly ('fp32' | 'bf16')[] = fast16 ? ['fp32', 'bf16'] : ['fp32'];
  const peaks = Object.fromEntries(computes.map((compute) => [compute, measurePeak(device, compute)]));
  const gemms: GemmResult[] = [];
  for (const shape of chosen(GEMM_SHAPES[backend], gemmName)) {
    announce(`gemm ${shape.name}`);
    for (const compute of computes) {
      device.checkCancelled();
      // nothing large is computed in fp32 on a GPU
      if (backend === 'cuda' && compute === 'fp32' && shape.m > 2048) continue;
      // a CPU's speed drifts, and its peak is cheap to measure
      const peakNow = backend === 'cuda' ? () => peaks[compute]! : () => measurePeak(device, compute);
      gemms.push(...benchGemm(device, shape, compute, peakNow));
    }
  }
  device.destroy();

  const steps = chosen(TRAIN_SETUPS[backend], ({ name }) => name)
    .filter(({ compute }) => fast16 || exact || compute === 'fp32')
    .map((setup) => {
      announce(setup.name);
      return benchTrainStep(setup, open, peaks[setup.compute] ?? peaks.fp32 ?? 0);
    });
  const papers = chosen(paperRun?.PAPER_SETUPS ?? [], ({ name }) => name).map((setup) => {
    announce(setup.name);
    return paperRun!.benchPaper(setup, open, peaks.bf16 ?? 0);
  });
  const generations = chosen(generationsOf(backend), generationName)
    .filter(({ base }) => fast16 || exact || base !== 'bf16')
    .map((generation) => {
      announce(generationName(generation));
      return benchGenerate(generation.shape, generation.base, open);
    });
  return {
    exitCode: EXIT.ok,
    text: render(
      backend === 'cuda' ? `${hardware}; largest product` : `${path}, ${threads} threads; multiply-add peak`,
      BATCHES[backend],
      peaks,
      gemms,
      steps,
      papers,
      generations,
    ),
    document: {
      isa: path,
      hardware,
      threads,
      peakFlops: peaks,
      gemm: gemms,
      train: steps,
      papers,
      generate: generations,
    },
  };
}

// --- internal ---

const gemmName = ({ name }: { readonly name: string }): string => `gemm ${name}`;
const generationName = ({ shape, base }: { readonly shape: string; readonly base: Base }): string =>
  `generate ${shape} ${base}`;
const generationsOf = (backend: Backend): { readonly shape: ShapeName; readonly base: Base }[] =>
  GENERATE_SHAPES[backend].flatMap((shape) => (['nf4', 'bf16', 'fp32'] as const).map((base) => ({ shape, base })));

/** What `--only` can name on a back end. */
const namesOf = (backend: Backend, papers: readonly { readonly name: string }[]): string[] => [
  ...GEMM_SHAPES[backend].map(gemmName),
  ...TRAIN_SETUPS[backend].map(({ name }) => name),
  ...papers.map(({ name }) => name),
  ...generationsOf(backend).map(generationName),
];

function render(
  machine: string,
  batches: readonly number[],
  peaks: Readonly<Record<string, number>>,
  gemms: readonly GemmResult[],
  steps: readonly TrainStepResult[],
  papers: readonly PaperRunResult[],
  generations: readonly GenerateResult[],
): string {
  const gigaflops = (value: number): string => (value / 1e9).toFixed(0);
  const percent = (share: number | null): string => (share === null ? '-' : `${(100 * share).toFixed(0)}%`);
  const measured = Object.entries(peaks).map(([compute, flops]) => `${compute} ${gigaflops(flops)} GFLOP/s`);
  const blocks = [`${machine}: ${measured.join(', ')}`];
  if (gemms.length > 0) {
    const rows = gemms.map(({ name, compute, layout, m, n, k, microseconds, flops, share }) => [
      name,
      compute,
      layout,
      `${m} x ${n} x ${k}`,
      microseconds.toFixed(0),
      gigaflops(flops),
      percent(share),
    ]);
    blocks.push(table(['gemm', 'compute', 'layout', 'm x n x k', 'us', 'GFLOP/s', 'of peak'], rows));
  }
  if (steps.length > 0) {
    const rows = steps.map(({ name, tokensPerSecond, stepSeconds, usefulFlops, share, peakBytes }) => [
      name,
      tokensPerSecond.toFixed(1),
      stepSeconds.toFixed(3),
      gigaflops(usefulFlops),
      percent(share),
      (peakBytes / 1e6).toFixed(0),
    ]);
    blocks.push(table(['train step', 'tokens/s', 's', 'useful GFLOP/s', 'of peak', 'peak MB'], rows));
  }
  if (papers.length > 0) {
    const rows = papers.map(({ name, steps: timed, tokensPerSecond, share, evaluationTokensPerSecond, projected }) => [
      name,
      String(timed),
      tokensPerSecond.toFixed(1),
      percent(share),
      evaluationTokensPerSecond.toFixed(1),
      duration(projected.seconds),
    ]);
    blocks.push(table(['run', 'steps', 'tokens/s', 'of peak', 'evaluation tokens/s', 'whole run, projected'], rows));
  }
  if (generations.length > 0) {
    const rows = generations.map(({ shape, base, prefill, decode, bandwidth, peakBytes }) => [
      shape,
      base,
      prefill.tokensPerSecond.toFixed(0),
      percent(prefill.share),
      ...decode.flatMap(({ tokensPerSecond, share }) => [tokensPerSecond.toFixed(1), percent(share)]),
      (bandwidth / 1e9).toFixed(1),
      (peakBytes / 1e6).toFixed(0),
    ]);
    const decoded = batches.flatMap((batch) => [`decode x${batch}`, 'of GB/s']);
    blocks.push(table(['generation', 'base', 'prefill tokens/s', 'of peak', ...decoded, 'read GB/s', 'peak MB'], rows));
  }
  return blocks.join('\n\n');
}
