/**
 * The same settings give the same bits: twice, on any number of threads, on every CPU path in fp32, with and without gradient
 * checkpointing, and however rows share a pass. Every assertion is about bits.
 */
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import fc from 'fast-check';
import { Tape } from '../../src/autograd/tape';
import { hostLibrary } from '../../src/native/device';
import { ISAS, type Isa } from '../../src/native/isa';
import type { LoraOptions } from '../../src/nn/lora';
import type { QuantisationOptions } from '../../src/nn/weights';
import { causalLogits, classifierLogits, type Row } from '../../src/train/pass';
import { CLASSES, LORA, type Setup, sampleRows, trace, WIDE } from './fixture-training';
import { forwardOptions, loadCase, onCpu } from './support';

// a fraction of a second each on a quiet machine; a busy one must not fail them
setDefaultTimeout(60_000);

const DROPOUT: LoraOptions = { ...LORA, dropout: 0.1 };
const NF4: QuantisationOptions = { kind: 'nf4', doubleQuant: true, blockSize: 64 };
const FULL = { adapter: null, fullParameter: true } as const;

/** The paths of this machine, slowest first. */
const PATHS: readonly Isa[] = ISAS.slice(0, hostLibrary().cpuBestIsa() + 1);

const SETUPS: readonly (Setup & { readonly name: string })[] = [
  { name: 'classifier, LoRA', task: 'sequence-classification', model: { adapter: DROPOUT } },
  { name: 'classifier, all parameters', task: 'sequence-classification', model: FULL },
  {
    name: 'classifier, LoRA on NF4',
    task: 'sequence-classification',
    model: { adapter: DROPOUT, quantisation: NF4 },
    loss: { kind: 'dice-ce', diceWeight: 0.5, ceWeight: 0.5, exponent: 1, smoothing: 1, reduction: 'example' },
  },
  { name: 'causal, LoRA', task: 'causal-lm', model: { adapter: DROPOUT } },
  {
    name: 'causal, all parameters',
    task: 'causal-lm',
    model: FULL,
    training: { lossNormalisation: 'sum-over-tokens-shifted' },
  },
  { name: 'causal, LoRA in bf16', task: 'causal-lm', model: { adapter: DROPOUT }, training: { precision: 'bf16' } },
];

describe.each([...SETUPS])('$name', (setup) => {
  const reference = trace(setup);

  test('a second run', () => {
    expect(trace(setup)).toEqual(reference);
  });

  test('one and three threads', () => {
    for (const threads of [1, 3]) expect(trace(setup, { threads })).toEqual(reference);
  });

  test('gradient checkpointing', () => {
    const training = { ...setup.training, gradientCheckpointing: true };
    expect(trace({ ...setup, training })).toEqual(reference);
  });

  if (setup.training?.precision === 'bf16') return;
  test(`fp32 on ${PATHS.join(', ')}`, () => {
    for (const isa of PATHS) expect({ isa, ...trace(setup, { isa }) }).toEqual({ isa, ...reference });
  });
});

/** The portable path is left out: it would take seconds, and the tiny models above run it. */
describe.each([
  { name: 'LoRA', model: { adapter: DROPOUT } },
  { name: 'all parameters', model: FULL },
  { name: 'LoRA on NF4', model: { adapter: DROPOUT, quantisation: NF4 } },
])('a wide model, $name', ({ model }) => {
  const rows = sampleRows(6, 'causal-lm', 120);
  const setup: Setup = { task: 'causal-lm', model, config: WIDE, rows, training: { epochs: 1 } };
  const reference = trace(setup);

  test('one and three threads, gradient checkpointing', () => {
    for (const threads of [1, 3]) expect(trace(setup, { threads })).toEqual(reference);
    expect(trace({ ...setup, training: { epochs: 1, gradientCheckpointing: true } })).toEqual(reference);
  });

  const fast = PATHS.filter((isa) => isa !== 'portable');
  test(`fp32 on ${fast.join(', ')}`, () => {
    for (const isa of fast) expect({ isa, ...trace(setup, { isa }) }).toEqual({ isa, ...reference });
  });
});

test('dense copies of NF4 weights, kept or made for each use', () => {
  for (const training of [{}, { gradientCheckpointing: true }, { precision: 'bf16' }] as const) {
    const run = (resident: boolean) =>
      trace({ task: 'causal-lm', training, model: { adapter: DROPOUT, quantisation: NF4, resident } });
    expect(run(true)).toEqual(run(false));
  }
});

test('another seed, another adapter and other masks', () => {
  const run = (seed: number) => trace({ task: 'causal-lm', model: { adapter: DROPOUT }, training: { seed } });
  expect(run(8).gradients[0]).not.toEqual(run(7).gradients[0]);
});

describe('rows on their own and in any company', () => {
  interface Case {
    readonly lengths: readonly number[];
    /** Where the rows are cut into passes. */
    readonly cuts: readonly number[];
    readonly compute: 'fp32' | 'bf16';
    readonly dropout: boolean;
  }
  const cases: fc.Arbitrary<Case> = fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
    cuts: fc.array(fc.nat(11), { maxLength: 5 }),
    compute: fc.constantFrom('fp32', 'bf16'),
    dropout: fc.boolean(),
  });
  const rowsOf = (lengths: readonly number[]): Row[] =>
    lengths.map((length, row) => ({
      ids: Array.from({ length }, (_, t) => 2 + ((row * 31 + t * 17) % 150)),
      label: 0,
      labels: null,
    }));

  /** Logits of every pass, one after the other. Dropout masks go on where the last pass ended. */
  function logits(name: string, passes: readonly (readonly Row[])[], { compute, dropout }: Case): number[] {
    const classifier = name === 'classifier-lora';
    const adapter: LoraOptions = classifier
      ? { ...LORA, dropout: 0.3 }
      : { rank: 4, alpha: 16, dropout: 0.3, targets: ['q_proj', 'v_proj'] };
    const task = classifier ? 'sequence-classification' : 'causal-lm';
    return onCpu((device) => {
      const model = loadCase(device, name, { task, classes: CLASSES, adapter, compute });
      model.decoder.prepare(40);
      let tokens = 0;
      return passes.flatMap((rows) => {
        const firstToken = tokens;
        for (const row of rows) tokens += row.ids.length;
        const dropoutSeed = dropout ? (module: number) => ({ low: 1, high: module, firstToken }) : null;
        const options = { ...forwardOptions(compute), dropoutSeed };
        return device.scope(() => {
          const tape = new Tape(device, false);
          const forward = classifier ? classifierLogits : causalLogits;
          return [...device.readF32(forward(tape, model, rows, options))];
        });
      });
    });
  }

  test.each(['classifier-lora', 'causal-lora'])('%s: the logits of a row do not depend on its pass', (name) => {
    const property = fc.property(cases, (one) => {
      const rows = rowsOf(one.lengths);
      const cuts = [0, ...[...new Set(one.cuts)].filter((cut) => cut > 0 && cut < rows.length), rows.length];
      cuts.sort((a, b) => a - b);
      const passes = cuts.slice(1).map((end, index) => rows.slice(cuts[index], end));
      expect(logits(name, passes, one)).toEqual(logits(name, [rows], one));
    });
    fc.assert(property, { numRuns: 40 });
  });

  test('dropout changes logits at all, and tokens of one step have masks of their own', () => {
    const rows = rowsOf([12, 12]).map((row) => ({ ...row, ids: Array.from({ length: 12 }, () => 3) }));
    const one: Case = { lengths: [], cuts: [], compute: 'fp32', dropout: true };
    const [first, second] = [0, CLASSES].map((begin) =>
      logits('classifier-lora', [rows.slice(0, 1), rows.slice(1)], one).slice(begin, begin + CLASSES),
    );
    expect(first).not.toEqual(second);
    expect(first).not.toEqual(logits('classifier-lora', [rows.slice(0, 1)], { ...one, dropout: false }));
  });
});
