/** `medrepro bench`: what this machine reaches, beside what it could reach. */
import { EXIT } from '../errors';
import type { JobContext, JobResult } from '../job';
import { checkDevice } from '../jobs/scale';
import { Device } from '../native/device';
import type { BenchRequest } from '../run/request';
import { table } from '../table';
import { benchGemm, GEMM_SHAPES, type GemmResult } from './gemm';
import { BATCHES, type Base, benchGenerate, GENERATE_SHAPES, type GenerateResult } from './generate';
import { benchTrainStep, TRAIN_BASES, TRAIN_SHAPES, type TrainStepResult, trainStepName } from './train-step';

export async function benchJob(request: unknown, context: JobContext): Promise<JobResult> {
  const asked = request as BenchRequest;
  const unusable = checkDevice(asked);
  if (unusable !== null) return unusable;
  const wanted = (name: string): boolean => asked.only === null || name.includes(asked.only);
  const options = { threads: asked.threads ?? 0, ...(asked.isa === null ? {} : { isa: asked.isa }) };

  const device = Device.cpu({ ...options, cancelled: context.cancelled });
  const { isa, threads } = device;
  const computes: readonly ('fp32' | 'bf16')[] = isa === 'avx512bf16' ? ['fp32', 'bf16'] : ['fp32'];
  const peaks = Object.fromEntries(computes.map((compute) => [compute, device.measurePeak(compute)]));
  const gemms: GemmResult[] = [];
  for (const shape of GEMM_SHAPES) {
    if (!wanted(`gemm ${shape.name}`)) continue;
    context.emit({ kind: 'stage', name: 'bench', detail: `gemm ${shape.name}` });
    for (const compute of computes) {
      device.checkCancelled();
      gemms.push(...benchGemm(device, shape, compute));
    }
  }
  device.destroy();

  const steps: TrainStepResult[] = [];
  for (const shape of Object.keys(TRAIN_SHAPES)) {
    for (const base of TRAIN_BASES) {
      for (const compute of computes) {
        const name = trainStepName(shape, base, compute);
        if (!wanted(name)) continue;
        context.emit({ kind: 'stage', name: 'bench', detail: name });
        steps.push(benchTrainStep(shape, base, compute, options));
      }
    }
  }
  const bases: readonly Base[] = isa === 'avx512bf16' ? ['nf4', 'bf16', 'fp32'] : ['nf4', 'fp32'];
  const generations: GenerateResult[] = [];
  for (const name of Object.keys(GENERATE_SHAPES)) {
    for (const base of bases) {
      if (!wanted(`generate ${name} ${base}`)) continue;
      context.emit({ kind: 'stage', name: 'bench', detail: `generate ${name} ${base}` });
      generations.push(benchGenerate(name, base, { ...options, cancelled: context.cancelled }));
    }
  }
  return {
    exitCode: EXIT.ok,
    text: render(isa, threads, peaks, gemms, steps, generations),
    document: { isa, threads, peakFlops: peaks, gemm: gemms, train: steps, generate: generations },
  };
}

function render(
  isa: string,
  threads: number,
  peaks: Readonly<Record<string, number>>,
  gemms: readonly GemmResult[],
  steps: readonly TrainStepResult[],
  generations: readonly GenerateResult[],
): string {
  const percent = (share: number | null): string => (share === null ? '-' : `${(100 * share).toFixed(0)}%`);
  const gigaflops = (value: number): string => (value / 1e9).toFixed(0);
  const measured = Object.entries(peaks).map(([compute, flops]) => `${compute} ${gigaflops(flops)} GFLOP/s`);
  const blocks = [`${isa}, ${threads} threads; multiply-add peak: ${measured.join(', ')}`];
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
    const rows = steps.map(({ shape, base, compute, tokensPerSecond, share, stepSeconds, peakBytes }) => [
      shape,
      base,
      compute,
      tokensPerSecond.toFixed(1),
      percent(share),
      stepSeconds.toFixed(3),
      (peakBytes / 1e6).toFixed(0),
    ]);
    blocks.push(table(['LoRA train step', 'base', 'compute', 'tokens/s', 'of peak', 's', 'process peak MB'], rows));
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
    const decoded = BATCHES.flatMap((batch) => [`decode x${batch}`, 'of GB/s']);
    blocks.push(
      table(['generation', 'base', 'prefill tokens/s', 'of peak', ...decoded, 'read GB/s', 'process peak MB'], rows),
    );
  }
  return blocks.join('\n\n');
}
