/** Memory: the arena against a naive model, the plan against what a run really used, and nothing that stays behind. */
import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { Arena, aligned } from '../../src/native/arena';
import { Device } from '../../src/native/device';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { planMemory } from '../../src/plan/memory';
import { causalLoss, causalRowLosses, predictClasses } from '../../src/train/evaluate';
import type { Row } from '../../src/train/pass';
import { evaluationOptions, Trainer } from '../../src/train/trainer';
import {
  folderOf,
  LORA,
  modelOptions,
  type Setup,
  sampleRows,
  start,
  TRAINING,
  trainerOptions,
} from './fixture-training';
import { FIXTURES, onCpu } from './support';

// a fraction of a second each on a quiet machine; a busy one must not fail them
setDefaultTimeout(60_000);

describe('the arena', () => {
  /** Allocate so many bytes, or (negative) free the block at this place in the list. */
  const actions = fc.array(fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: -20, max: -1 })), {
    maxLength: 120,
  });

  test('never hands out a byte twice, and all gaps join again', () => {
    fc.assert(
      fc.property(actions, fc.integer({ min: 64, max: 16384 }), (list, capacity) => {
        const arena = new Arena(capacity);
        const blocks: { offset: number; bytes: number }[] = [];
        let peak = 0;
        for (const action of list) {
          if (action < 0) {
            const [block] = blocks.splice(-action % Math.max(1, blocks.length), 1);
            if (block !== undefined) arena.free(block.offset, block.bytes);
          } else {
            const offset = arena.allocate(action);
            expect(offset).toBe(firstFit(blocks, capacity, aligned(action)));
            if (offset >= 0) blocks.push({ offset, bytes: action });
          }
          const used = blocks.reduce((sum, { bytes }) => sum + aligned(bytes), 0);
          peak = Math.max(peak, ...blocks.map(({ offset, bytes }) => offset + aligned(bytes)));
          expect({ used: arena.inUse, peak: arena.peak }).toEqual({ used, peak });
        }
        for (const { offset, bytes } of blocks) arena.free(offset, bytes);
        arena.resetPeak();
        expect({ used: arena.inUse, peak: arena.peak }).toEqual({ used: 0, peak: 0 });
        // one gap again: the whole region can be had at once
        expect(arena.allocate(capacity - (capacity % 64))).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  /** The lowest place between the blocks in use, or -1. */
  function firstFit(blocks: readonly { offset: number; bytes: number }[], capacity: number, size: number): number {
    let begin = 0;
    for (const { offset, bytes } of blocks.toSorted((a, b) => a.offset - b.offset)) {
      if (offset - begin >= size) return begin;
      begin = offset + aligned(bytes);
    }
    return capacity - begin >= size ? begin : -1;
  }

  test('a peak after a reset is that of what is still there', () => {
    const arena = new Arena(1024);
    const first = arena.allocate(64);
    const second = arena.allocate(128);
    arena.free(second, 128);
    expect(arena.peak).toBe(192);
    arena.resetPeak();
    expect(arena.peak).toBe(64);
    arena.free(first, 64);
    arena.resetPeak();
    expect(arena.peak).toBe(0);
  });
});

describe('the plan', () => {
  const NF4 = { kind: 'nf4', doubleQuant: true, blockSize: 64 } as const;
  const uneven = (count: number): Row[] => sampleRows(count, 'sequence-classification', 60);
  /**
   * `slack`: bytes a run may need above the plan, which tries the few steps with the largest passes, and the largest pass
   * of an evaluation. Among many passes of nearly equal size, one with more rows can need some cache lines more.
   */
  const setups: (Setup & { readonly name: string; readonly slack?: number })[] = [
    { name: 'classifier, LoRA', task: 'sequence-classification', rows: uneven(37) },
    {
      name: 'classifier, checkpointed',
      task: 'sequence-classification',
      rows: uneven(20),
      training: { gradientCheckpointing: true },
    },
    { name: 'classifier, NF4', task: 'sequence-classification', rows: uneven(20), model: { quantisation: NF4 } },
    {
      name: 'causal, int8 in bf16 with an fp32 residual stream',
      task: 'causal-lm',
      rows: sampleRows(15, 'causal-lm', 60),
      training: { precision: 'bf16' },
      model: { quantisation: { kind: 'int8', threshold: 6, kbitPreparation: 'peft' } },
    },
    {
      name: 'several passes a step',
      slack: 4096,
      task: 'sequence-classification',
      rows: uneven(150),
      training: { batchSize: 8, accumulation: 16 },
    },
    { name: 'rows of one token', task: 'sequence-classification', rows: sampleRows(9, 'sequence-classification', 1) },
    {
      name: 'causal, LoRA in bf16',
      task: 'causal-lm',
      rows: sampleRows(15, 'causal-lm', 60),
      training: { precision: 'bf16' },
    },
    { name: 'causal, all parameters', task: 'causal-lm', model: { adapter: null, fullParameter: true } },
    {
      name: 'causal, several chunks of the head',
      slack: 4096,
      task: 'causal-lm',
      rows: sampleRows(40, 'causal-lm', 60),
      training: { batchSize: 10, lossNormalisation: 'sum-over-tokens-shifted' },
    },
  ];

  test.each([...setups])('$name: the peak of the real run', (setup) => {
    const rows = setup.rows ?? sampleRows(10, setup.task);
    const held = sampleRows(30, setup.task, 62);
    const options = trainerOptions(setup, rows.length);
    const files = openModelFolder(`${FIXTURES}/qwen3/${folderOf(setup.task)}`);
    const everything = Number.POSITIVE_INFINITY;
    const budgets = [
      { resident: 0, total: everything },
      { resident: everything, total: everything },
      { resident: 0, total: 0 },
    ];
    for (const budget of budgets) {
      const model = modelOptions(setup);
      const nothing = { generated: null, tested: null };
      const plan = planMemory(
        { backend: 'cpu', files, model, rows, evaluationRows: held, options, ...nothing },
        budget,
      );
      expect(plan.resident).toBe(setup.model?.quantisation === undefined || budget.resident > 0);
      expect(plan.offloaded).toBe(budget.total === 0);
      const measured = onCpu((device) => {
        const model = loadModel(device, files, { ...modelOptions(setup), resident: plan.resident });
        const trainer = new Trainer(device, model, rows, { ...options, offload: plan.offloaded ? tmpdir() : null });
        const persistent = device.bytesInUse;
        while (!trainer.finished) {
          trainer.run();
          if (!trainer.atEpochEnd) continue;
          const evaluate = setup.task === 'sequence-classification' ? predictClasses : causalRowLosses;
          evaluate(device, model, held, evaluationOptions(options.training));
        }
        return { persistentBytes: persistent, peakBytes: device.peakBytes };
      });
      expect(measured.persistentBytes).toBe(plan.persistentBytes);
      const excess = measured.peakBytes - plan.peakBytes;
      if (setup.slack === undefined) expect(excess).toBe(0);
      else expect(excess >= 0 && excess <= setup.slack, `${excess} bytes`).toBeTrue();
    }
    files.tensors.close();
  });
});

describe('nothing stays behind', () => {
  const setups: Setup[] = [
    { task: 'sequence-classification', model: { adapter: { ...LORA, dropout: 0.1 } } },
    { task: 'sequence-classification', training: { gradientCheckpointing: true } },
    // in the first block some inputs of attention and of the gated unit need no gradient
    { task: 'causal-lm', model: { adapter: { ...LORA, targets: ['q_proj', 'v_proj'] } } },
    { task: 'causal-lm', model: { adapter: { ...LORA, targets: ['up_proj'] } } },
    { task: 'causal-lm', model: { quantisation: { kind: 'nf4', doubleQuant: true, blockSize: 64 } } },
    { task: 'causal-lm', model: { quantisation: { kind: 'int8', threshold: 6, kbitPreparation: 'trl-norms' } } },
    { task: 'causal-lm', model: { adapter: null, fullParameter: true }, training: { gradientCheckpointing: true } },
  ];
  test.each(setups)('after a step or an evaluation: %j', (setup) => {
    onCpu((device) => {
      const { model, trainer, rows } = start(device, setup);
      const before = device.bytesInUse;
      while (!trainer.finished) {
        trainer.run();
        expect(device.bytesInUse).toBe(before);
      }
      const options = evaluationOptions(TRAINING);
      if (setup.task === 'causal-lm') causalLoss(device, model, rows, options);
      else predictClasses(device, model, rows, options);
      expect(device.bytesInUse).toBe(before);
    });
  });

  test('rotation tables that grow take the place of the shorter ones', () => {
    onCpu((device) => {
      const { model } = start(device, { task: 'causal-lm' });
      const table = (positions: number): number => 2 * aligned(positions * (model.config.headDim / 2) * 4);
      model.decoder.prepare(40);
      const before = device.bytesInUse;
      model.decoder.prepare(64);
      expect(device.bytesInUse - before).toBe(table(64) - table(40));
      model.decoder.prepare(10);
      expect(device.bytesInUse - before).toBe(table(64) - table(40));
    });
  });

  test('a freed tensor cannot be retained or released again', () => {
    const device = Device.plan();
    const tensor = device.scope(() => {
      const made = device.empty([4], 'f32');
      return { made };
    }).made;
    expect(() => tensor.retain()).toThrow('freed');
    expect(() => tensor.release()).toThrow('freed');
    expect(device.bytesInUse).toBe(0);
  });
});

test('a region that is too small is one clear error', () => {
  const run = () => onCpu((device) => start(device, { task: 'causal-lm' }), { capacity: 4096 });
  expect(run).toThrow(/^out of memory asking for \d+ bytes: \d+ of 4096 bytes are in use$/);
});
