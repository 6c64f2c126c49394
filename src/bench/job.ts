/** `medrepro bench`: what this machine reaches, beside what it could reach. */
import { EXIT } from '../errors';
import type { JobContext, JobResult } from '../job';
import { checkDevice } from '../jobs/scale';
import { openDevice } from '../native/choose';
import type { Device } from '../native/device';
import type { Backend } from '../native/library';
import type { BenchRequest } from '../run/request';
import { table } from '../table';
import { benchGemm, GEMM_SHAPES, type GemmResult } from './gemm';
import { BATCHES, type Base, benchGenerate, GENERATE_SHAPES, type GenerateResult } from './generate';
import { measurePeak } from './peak';
import { benchTrainStep, TRAIN_SETUPS, type TrainStepResult } from './train-step';

export async function benchJob(request: unknown, context: JobContext): Promise<JobResult> {
  const asked = request as BenchRequest;
  const unusable = checkDevice(asked);
  if (unusable !== null) return unusable;
  // what is measured is named: --device auto is the CPU
  const backend: Backend = asked.device === 'cuda' ? 'cuda' : 'cpu';
  const open = (): Device => openDevice(asked, backend, { cancelled: context.cancelled });
  const chosen = <Item>(items: readonly Item[], name: (item: Item) => string): Item[] =>
    items.filter((item) => asked.only === null || name(item).includes(asked.only));
  const announce = (detail: string): void => context.emit({ kind: 'stage', name: 'bench', detail });

  const device = open();
  const { path, threads, hardware } = device;
  const fast16 = path === 'cuda' || path === 'avx512bf16';
  const computes: readonly ('fp32' | 'bf16')[] = fast16 ? ['fp32', 'bf16'] : ['fp32'];
  const peaks = Object.fromEntries(computes.map((compute) => [compute, measurePeak(device, compute)]));
  const gemms: GemmResult[] = [];
  for (const shape of chosen(GEMM_SHAPES[backend], ({ name }) => `gemm ${name}`)) {
    announce(`gemm ${shape.name}`);
    for (const compute of computes) {
      device.checkCancelled();
      gemms.push(...benchGemm(device, shape, compute));
    }
  }
  device.destroy();

  const steps = chosen(TRAIN_SETUPS[backend], ({ name }) => name)
    .filter(({ compute }) => fast16 || compute === 'fp32')
    .map((setup) => {
      announce(setup.name);
      return benchTrainStep(setup, open, peaks[setup.compute] ?? 0);
    });
  const bases: readonly Base[] = fast16 ? ['nf4', 'bf16', 'fp32'] : ['nf4', 'fp32'];
  const pairs = GENERATE_SHAPES[backend].flatMap((shape) => bases.map((base) => ({ shape, base })));
  const generations = chosen(pairs, ({ shape, base }) => `generate ${shape} ${base}`).map(({ shape, base }) => {
    announce(`generate ${shape} ${base}`);
    return benchGenerate(shape, base, open);
  });
  return {
    exitCode: EXIT.ok,
    text: render(
      backend === 'cuda' ? `${hardware}; largest product` : `${path}, ${threads} threads; multiply-add peak`,
      BATCHES[backend],
      peaks,
      gemms,
      steps,
      generations,
    ),
    document: { isa: path, hardware, threads, peakFlops: peaks, gemm: gemms, train: steps, generate: generations },
  };
}

function render(
  machine: string,
  batches: readonly number[],
  peaks: Readonly<Record<string, number>>,
  gemms: readonly GemmResult[],
  steps: readonly TrainStepResult[],
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
