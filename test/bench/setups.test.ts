/** What `medrepro bench` measures: rows and setups, as far as they can be checked without the time they take. */
import { describe, expect, test } from 'bun:test';
import { benchPaper, PAPER_SETUPS } from '../../src/bench/paper-run';
import { meanContext, ROWS_OF_118, sum, uniform } from '../../src/bench/rows';
import { SHAPES } from '../../src/bench/shapes';
import {
  benchTrainStep,
  plannedBytes,
  TRAIN_SETUPS,
  type TrainSetup,
  usefulPerToken,
} from '../../src/bench/train-step';
import { groupsOf } from '../../src/data/batches';
import { Device } from '../../src/native/device';

const setupOf = (name: string): TrainSetup => TRAIN_SETUPS.cuda.find((setup) => setup.name === name)!;

describe('rows', () => {
  test('stand for the data they are named after', () => {
    expect(sum(ROWS_OF_118) / ROWS_OF_118.length).toBe(118);
    const sorted = ROWS_OF_118.toSorted((a, b) => a - b);
    expect((sorted[15]! + sorted[16]!) / 2).toBe(97);
    // what batches of random rows of that distribution are padded to: an order that pads more would flatter us
    const padding = (batch: number): number =>
      sum(groupsOf(ROWS_OF_118, batch).map((rows) => batch * Math.max(...rows))) / sum(ROWS_OF_118);
    expect(padding(4)).toBeCloseTo(1.75, 1);
    expect(padding(16)).toBeLessThan(2.69);
  });

  test('of one length see half of it on average; long ones count for more', () => {
    expect(meanContext(uniform(3, 512))).toBe(256);
    // (100^2 + 300^2) / 400 / 2
    expect(meanContext([100, 300])).toBe(125);
  });
});

describe('useful FLOP of a token', () => {
  test('Qwen3-8B with r=16: 25,400 tokens/s of a peak of 790 TFLOP/s', () => {
    // r=16 on all linears is 43.6 M weights
    const { hiddenSize, vocabSize } = SHAPES['qwen3-8b'];
    const flops = usefulPerToken(SHAPES['qwen3-8b'], 43_646_976, hiddenSize * vocabSize, 256);
    expect(Math.round(790e12 / flops / 100)).toBe(254);
  });
});

describe('setups of a GPU', () => {
  test('have names of their own', () => {
    const names = [...TRAIN_SETUPS.cuda, ...PAPER_SETUPS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('run dry', () => {
    for (const setup of TRAIN_SETUPS.cuda) {
      const linears = SHAPES[setup.shape].hiddenSize * SHAPES[setup.shape].layers;
      // more than nothing, and within a card of 80 GB
      expect(plannedBytes(setup)).toBeGreaterThan(linears);
      expect(plannedBytes(setup)).toBeLessThan(80e9);
    }
    const [dense, dropped] = ['', ' dropout'].map((end) => plannedBytes(setupOf(`train qwen3-8b nf4 r16${end}`)));
    // a dropped input lives as long as its product
    expect(dropped).toBe(dense!);
  });

  test('MedGemma-27B in NF4 is planned within a card of 80 GB', () => {
    expect(plannedBytes(setupOf('train medgemma-27b nf4 r64 1024 tokens'))).toBeLessThan(80e9);
  });

  test("AbjadMed's run is the spec's: its rows, epochs and evaluations", () => {
    const [setup] = PAPER_SETUPS;
    const dry = benchPaper({ ...setup!, steps: 2 }, () => Device.plan('cuda'), 0);
    expect(dry.projected.trainRows).toBe(25155);
    expect(dry.projected.epochs).toBe(3);
    // 3 x 2,796 validation rows and 18,634 test rows
    expect(dry.projected.evaluationRows).toBe(27022);
    expect(dry.steps).toBe(2);
  });
});

test('a step over rows of uneven length counts their tokens and learns them', () => {
  const [mini] = TRAIN_SETUPS.cpu;
  const rows = [5, 40, 17];
  for (const classes of [0, 7]) {
    const step = benchTrainStep({ ...mini!, rows, classes }, () => Device.cpu({ threads: 2 }), 0, {
      steps: 2,
      warmup: 1,
    });
    expect(step).toMatchObject({ rows: 3, tokens: 62, plannedBytes: null });
    expect(step.tokensPerSecond * step.stepSeconds).toBeCloseTo(62, 6);
    expect(step.losses.at(-1)!).toBeLessThan(step.losses[0]!);
  }
});
