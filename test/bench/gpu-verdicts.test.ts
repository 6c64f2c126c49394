/** The judgement of a GPU's figures: ratios inside a round, medians over rounds, and no verdict without a measurement. */
import { expect, test } from 'bun:test';
import { type PeerStep, type Round, ratiosOf, type Verdict, verdictsOf } from '../../bench/gpu-verdicts';
import type { TrainStepResult } from '../../src/bench/train-step';

const empty = (): Round => ({ checks: {}, train: {}, peerTrain: {}, paper: {}, generate: {}, peerGenerate: {} });
const peakOf = (hardware: string): Round['peak'] => ({
  hardware,
  peakFlops: 800e12,
  bytesPerSecond: { read: 4e12, copy: 4.2e12 },
});
const step = (name: string, figures: Partial<TrainStepResult>): TrainStepResult => ({
  name,
  shape: 'qwen3-8b',
  base: 'nf4',
  compute: 'bf16',
  rows: 16,
  tokens: 8192,
  threads: 1,
  isa: 'cuda',
  tokensPerSecond: 20_000,
  bestTokensPerSecond: 20_000,
  stepSeconds: 0.4,
  usefulFlops: 620e12,
  share: 0.7,
  peakBytes: 60e9,
  plannedBytes: 60e9,
  losses: [1],
  ...figures,
});
const peer = (tokensPerSecond: number, peakBytes: number, lossesFinite = true): PeerStep => ({
  tokensPerSecond,
  peakBytes,
  microBatch: 16,
  checkpointing: false,
  lossesFinite,
});
const of = (verdicts: readonly Verdict[], begin: string): Verdict =>
  verdicts.find(({ item }) => item.startsWith(begin))!;

test('without measurements nothing is met or missed, and each says why', () => {
  const verdicts = verdictsOf([{ ...empty(), train: { 'train qwen3-8b nf4 r16': { unmeasured: 'no driver' } } }]);
  expect(verdicts.length).toBeGreaterThan(15);
  for (const verdict of verdicts) {
    expect(verdict).toMatchObject({ measured: null, met: null });
    expect(verdict.note).not.toBe('');
  }
  expect(of(verdicts, 'train qwen3-8b nf4 r16').note).toContain('no driver');
});

test('floors in tokens/s hold on the card they are for', () => {
  const name = 'train qwen3-8b nf4 r16';
  const judge = (hardware: string, tokensPerSecond: number): Verdict =>
    of(verdictsOf([{ ...empty(), peak: peakOf(hardware), train: { [name]: step(name, { tokensPerSecond }) } }]), name);
  expect(judge('NVIDIA H200', 19_000).met).toBe(true);
  expect(judge('NVIDIA H200', 18_999).met).toBe(false);
  expect(judge('NVIDIA A100', 30_000)).toMatchObject({ met: null, measured: '30000 tokens/s' });
});

test('the peer is its fastest case with finite losses, and its memory is that case', () => {
  const name = 'train qwen3-8b nf4 r16 rows of 118';
  const round: Round = {
    ...empty(),
    train: { [name]: step(name, {}) },
    peerTrain: {
      [`${name}, autocast, 16 rows, base bf16`]: peer(4_000, 30e9),
      [`${name}, bf16, 16 rows, base bf16`]: peer(9_900, 50e9),
      [`${name}, bf16, 16 rows, base nf4`]: peer(50_000, 1e9, false),
      [`${name} dropout, bf16, 16 rows, base bf16`]: peer(40_000, 1e9),
      [`${name}, autocast, 16 rows, base nf4`]: { unmeasured: 'no bitsandbytes' },
    },
  };
  expect(ratiosOf([{ ...round, peak: peakOf('NVIDIA H200') }])).toEqual([
    { name, shareOfPeak: 620 / 800, speed: 20_000 / 9_900, memory: 60 / 50 },
  ]);
  expect(ratiosOf([round])[0]!.shareOfPeak).toBeNull();
  const verdicts = verdictsOf([round]);
  expect(of(verdicts, `${name}: against`)).toMatchObject({ measured: '2.02x', met: true });
  expect(of(verdicts, `${name}: memory`)).toMatchObject({ measured: '1.20x', met: false });
});

test('ratios are taken inside a round, and the median of the rounds counts', () => {
  const ada = 'train llama-3-8b nf4 adalora';
  const lora = 'train llama-3-8b nf4 r64';
  const round = (a: number, l: number): Round => ({
    ...empty(),
    train: { [ada]: step(ada, { tokensPerSecond: a }), [lora]: step(lora, { tokensPerSecond: l }) },
  });
  const verdicts = verdictsOf([round(80, 100), round(1, 100), round(95, 100)]);
  expect(of(verdicts, 'AdaLoRA')).toMatchObject({ measured: '80.0%', met: false });
});

test('the worst of all layouts is the one that counts, and all must be there', () => {
  const own = (layout: 'NT' | 'NN', flops: number) => ({
    name: '8b gate, 2048',
    m: 2048,
    n: 12288,
    k: 4096,
    compute: 'bf16' as const,
    layout,
    microseconds: 1,
    flops,
    share: null,
  });
  const theirs = { name: '8b gate, 2048', layout: 'NT', flops: 100 };
  const gemm = { products: [own('NT', 95), own('NN', 60)] };
  const judge = (products: readonly (typeof theirs)[]): Verdict =>
    of(verdictsOf([{ ...empty(), gemm, peerGemm: { products } }]), 'GEMM');
  expect(judge([theirs, { ...theirs, layout: 'NN' }])).toMatchObject({ measured: '60.0%', met: false });
  expect(ratiosOf([{ ...empty(), gemm, peerGemm: { products: [theirs] } }])).toEqual([
    { name: 'gemm 8b gate, 2048, NT', shareOfPeak: null, speed: 0.95, memory: null },
    { name: 'gemm 8b gate, 2048, NN', shareOfPeak: null, speed: null, memory: null },
  ]);
  expect(judge([theirs])).toMatchObject({ met: null, note: 'torch: no figure for 8b gate, 2048, NN' });
});

test('decoding is bound by the fastest reading that was measured, by whoever', () => {
  const generate = {
    'generate qwen3-0.6b bf16': {
      shape: 'qwen3-0.6b',
      base: 'bf16' as const,
      threads: 1,
      isa: 'cuda' as const,
      prefill: { tokensPerSecond: 1, share: null },
      decode: [{ batch: 32, tokensPerSecond: 1, share: 0.9 }],
      bandwidth: 2.1e12,
      peakBytes: 1,
    },
  };
  const variant = { variant: 'static', prefill: 4, decode: { 32: 0.5 }, peakBytes: 2 };
  const peerGenerate = { 'qwen3-0.6b': [{ unmeasured: 'no compiler' }, variant, { ...variant, decode: { 32: 0.1 } }] };
  const round = { ...empty(), peak: peakOf('NVIDIA H200'), generate, peerGenerate };
  const verdicts = verdictsOf([round]);
  const name = 'generate qwen3-0.6b bf16';
  expect(ratiosOf([round])).toEqual([
    { name: `${name}, prefill`, shareOfPeak: null, speed: 0.25, memory: 0.5 },
    { name: `${name}, decode 32 rows`, shareOfPeak: null, speed: 2, memory: 0.5 },
  ]);
  // 0.9 of 2.1 TB/s is 45% of the 4.2 TB/s that a copy moves
  expect(of(verdicts, 'decode qwen3-0.6b bf16, 32')).toMatchObject({ measured: '45.0%', met: false });
  expect(of(verdicts, 'decode qwen3-0.6b bf16, 1 rows')).toMatchObject({ met: null });
});

test('checks: what failed is counted, and one that did not end leaves no verdict', () => {
  const check = (failed: number) => ({ cases: 9, failed, seconds: 1, told: [] });
  const judge = (checks: Round['checks'], begin: string): Verdict => of(verdictsOf([{ ...empty(), checks }]), begin);
  const minis = { 'mini a': check(0), 'mini b': check(1) };
  expect(judge({ selftest: check(0), ...minis }, 'the self-test')).toMatchObject({ met: true });
  expect(judge(minis, 'the mini papers')).toMatchObject({ met: false, measured: '1 failed' });
  const died = { selftest: { unmeasured: 'stopped after 180 s' }, 'selftest gemm': check(0) };
  expect(judge(died, 'the self-test')).toMatchObject({ met: null, note: 'selftest: stopped after 180 s' });
});

test('memory off its plan is found in the worst step', () => {
  const name = 'train qwen3-0.6b bf16 r16';
  const train = { a: step('a', {}), [name]: step(name, { peakBytes: 64e9 }) };
  expect(of(verdictsOf([{ ...empty(), train }]), 'peak memory')).toMatchObject({ measured: '6.7% off', met: false });
});
