/** `eval` against torch, and what it refuses. */
import { afterAll, describe, expect, spyOn, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evalJob } from '../../src/commands/eval/job';
import type { EvalDocument, EvalRequest, EvalStep } from '../../src/commands/eval/request';
import type { JobContext } from '../../src/job';
import { decoderConfig } from '../../src/nn/config';
import { box } from '../cli/box';
import { FIXTURES, readJson, relativeError } from '../engine/support';
import { SIZES, writeModel } from '../run/support';

interface Fixture {
  readonly checkpoint: string;
  readonly ids: readonly (readonly number[])[];
  readonly rows: readonly {
    readonly meanNll: number | null;
    readonly lastLogits: number[];
    readonly continuation: number[];
  }[];
  readonly settings: {
    readonly steps: number;
    readonly lr: number;
    readonly weight_decay: number;
    readonly clip: number;
    readonly repetition_penalty: number;
    readonly no_repeat_ngram_size: number;
  };
  readonly all: readonly EvalStep[];
  readonly matrices?: readonly EvalStep[];
}

const folder = box();
afterAll(() => folder.remove());
const context: JobContext = { emit: () => {}, cancelled: () => false };

const run = (fixture: { checkpoint: string; ids: unknown }, more: Partial<EvalRequest>): ReturnType<typeof evalJob> => {
  const request: EvalRequest = {
    model: join(FIXTURES, fixture.checkpoint),
    adapter: null,
    precision: 'fp32',
    quantise: null,
    device: 'cpu',
    threads: 2,
    isa: null,
    maxNewTokens: 12,
    repetitionPenalty: 1.3,
    noRepeatNgramSize: 2,
    eos: null,
    ids: folder.write('ids.json', JSON.stringify({ ids: fixture.ids })),
    promptTokens: 3,
    train: null,
    ...more,
  };
  return evalJob(request, context);
};

/** Of a causal model. */
async function causal(...asked: Parameters<typeof run>): Promise<EvalDocument> {
  const { document } = await run(...asked);
  if (!('train' in document)) throw new Error('a classifier');
  return document;
}

describe.each([
  ['causal-untied', false],
  ['causal-padding', false],
  ['causal-lora', true],
])('%s', (name, adapted) => {
  const fixture = readJson<Fixture>('eval', `${name}.json`);
  const adapter = adapted ? join(FIXTURES, fixture.checkpoint, 'adapter') : null;
  const { steps, lr, weight_decay: weightDecay, clip } = fixture.settings;
  const { repetition_penalty: repetitionPenalty, no_repeat_ngram_size: noRepeatNgramSize } = fixture.settings;
  const train = { steps, learningRate: lr, weightDecay, clip, lora: null, seed: 0 };

  test.each(['all', 'matrices'] as const)(
    'NLL, logits, continuations and AdamW steps equal torch: %s decay',
    async (decay) => {
      const expected = decay === 'all' || adapted ? fixture.all : fixture.matrices!;
      const { rows, train: made } = await causal(fixture, {
        adapter,
        repetitionPenalty,
        noRepeatNgramSize,
        train: { ...train, decay },
      });
      rows.forEach(({ meanNll, lastLogits, continuation }, i) => {
        const row = fixture.rows[i]!;
        if (row.meanNll === null) expect(meanNll).toBeNull();
        else expect(Math.abs(meanNll! / row.meanNll - 1)).toBeLessThan(1e-5);
        expect(relativeError(lastLogits!, row.lastLogits)).toBeLessThan(1e-5);
        expect(continuation).toEqual(row.continuation);
      });
      expect(made!.length).toBe(steps);
      made!.forEach(({ loss, gradNorm }, i) => {
        expect(Math.abs(loss / expected[i]!.loss - 1)).toBeLessThan(1e-5);
        expect(Math.abs(gradNorm / expected[i]!.gradNorm - 1)).toBeLessThan(1e-4);
      });
    },
  );
});

test('a classifier gives the logits of its classes', async () => {
  const fixture = readJson<{ checkpoint: string; ids: number[][]; rows: { logits: number[] }[] }>(
    'eval',
    'classifier-lora.json',
  );
  const { document } = await run(fixture, { adapter: join(FIXTURES, fixture.checkpoint, 'adapter') });
  if ('train' in document) throw new Error('a causal model');
  for (const [i, { logits }] of document.rows.entries()) {
    expect(relativeError(logits, fixture.rows[i]!.logits)).toBeLessThan(1e-5);
  }
});

describe('what eval refuses, in one line', () => {
  const tiny = { checkpoint: 'qwen3/causal-tied', ids: [[1]] };
  const refused = async (content: string, message: string): Promise<void> => {
    const ids = folder.write('bad.json', content);
    expect(run(tiny, { ids })).rejects.toThrow(message);
  };
  test.each([
    ['', 'not JSON'],
    ['[[1]]', 'there is no list "ids"'],
    ['{"ids": 3}', 'there is no list "ids"'],
    ['{"ids": []}', '"ids" is empty'],
    ['{"ids": [[1], 2]}', 'row 1 is not a list of token ids'],
    ['{"ids": [[1], []]}', 'row 1 is empty'],
    ['{"ids": [[1, 2.5]]}', 'row 0, token 1 is 2.5, not a whole number'],
    ['{"ids": [[1, "2"]]}', 'row 0, token 1 is "2", not a whole number'],
    ['{"ids": [[1, null]]}', 'row 0, token 1 is null, not a whole number'],
    ['{"ids": [[160]]}', "row 0, token 0 is 160, and the model's tokens are 0 to 159"],
    ['{"ids": [[-1]]}', "row 0, token 0 is -1, and the model's tokens are 0 to 159"],
  ])('%p', refused);

  test('rows beyond the positions of the model are computed, with a warning', async () => {
    const emit = spyOn(context, 'emit');
    await run({ ...tiny, ids: [Array(65).fill(3)] }, { maxNewTokens: 1 });
    expect(emit).toHaveBeenCalledWith(
      expect.objectContaining({ kind: 'warning', message: 'rows reach 65 tokens, and the model was made for 64' }),
    );
    emit.mockRestore();
  });

  test('nothing to train on, a frozen base to train, a missing file', async () => {
    const train = { steps: 1, learningRate: 1, weightDecay: 0, decay: 'all', clip: null, lora: null, seed: 0 } as const;
    expect(run(tiny, { train })).rejects.toThrow('every row has one token');
    expect(run(tiny, { train, precision: 'fp16' })).rejects.toThrow('needs loss scaling');
    expect(run(tiny, { train, quantise: 'nf4' })).rejects.toThrow('a quantised matrix is frozen');
    expect(run(tiny, { ids: folder.at('absent.json') })).rejects.toThrow('absent.json does not exist');
  });
});

test('a fresh adapter leaves the first loss as it is, and trains', async () => {
  const fixture = readJson<Fixture>('eval', 'causal-untied.json');
  const lora = { rank: 4, alpha: 8, targets: ['q_proj', 'v_proj'] };
  const train = { steps: 3, learningRate: 1e-2, weightDecay: 0, decay: 'all', clip: null, lora, seed: 3 } as const;
  for (const quantise of [null, 'nf4'] as const) {
    const { train: steps, rows } = await causal(fixture, { quantise, train });
    const labels = fixture.ids.map((ids) => ids.length - 1);
    const sum = rows.reduce((total, { meanNll }, i) => total + (meanNll ?? 0) * labels[i]!, 0);
    expect(Math.abs(steps![0]!.loss / (sum / labels.reduce((a, b) => a + b)) - 1)).toBeLessThan(1e-6);
    expect(steps![2]!.loss).toBeLessThan(steps![0]!.loss);
  }
});

describe('more logits than are printed', () => {
  const sizes = { ...SIZES, vocabSize: 2 ** 16, hiddenSize: 8, layers: 1, heads: 1, kvHeads: 1, headDim: 8 };
  const model = folder.at('wide');
  const ids = Array.from({ length: 17 }, (_, row) => [row, 2 * row + 1, 40_000 + row]);
  const asked = { model, maxNewTokens: 0, promptTokens: null };

  test('are null in the document, and rows of a NumPy file on request', async () => {
    writeModel(model, decoderConfig('qwen3', { ...sizes, intermediateSize: 16 }));
    const file = folder.at('logits.npy');
    const { rows } = await causal({ checkpoint: '', ids }, { ...asked, logits: file });
    expect(rows.every(({ lastLogits }) => lastLogits === null)).toBeTrue();
    const bytes = readFileSync(file);
    const start = 10 + bytes.readUInt16LE(8);
    expect(start % 64).toBe(0);
    expect(bytes.toString('latin1', 0, start)).toMatch(
      /^.NUMPY....\{'descr': '<f4', 'fortran_order': False, 'shape': \(17, 65536\), \} *\n$/s,
    );
    const logits = new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
    expect(logits.length).toBe(17 * 65_536);
    for (const [i, row] of rows.entries()) {
      if (i % 8 !== 0) continue;
      const [one] = (await causal({ checkpoint: '', ids: [ids[i]] }, asked)).rows;
      expect(one!.lastLogits).toEqual([...logits.subarray(i * 65_536, (i + 1) * 65_536)]);
      expect([row.best, row.bestLogit, row.meanNll]).toEqual([one!.best, one!.bestLogit, one!.meanNll]);
      expect(one!.bestLogit).toBe(one!.lastLogits![one!.best]!);
    }
  });
  test('a file that cannot be written', () => {
    const logits = join(folder.path, 'absent', 'logits.npy');
    expect(run({ checkpoint: '', ids }, { ...asked, logits })).rejects.toThrow('logits.npy');
  });
});
