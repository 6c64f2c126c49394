/** A number that is not finite ends a command with where it comes from, and never becomes a null. */
import { afterAll, describe, expect, test } from 'bun:test';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { evalJob } from '../../src/commands/eval/job';
import type { EvalRequest } from '../../src/commands/eval/request';
import { jobCommand } from '../../src/commands/job-command';
import { asMedreproError, EXIT, type ExitCode } from '../../src/errors';
import { type GenerationOptions, generate } from '../../src/generate/generate';
import { firstNoNumber, jsonText, parseJsonText } from '../../src/json';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { causalRowLosses, classifierEvaluationLoss, predictClasses } from '../../src/train/evaluate';
import { box } from '../cli/box';
import { FIXTURES, forwardOptions, onCpu, PLAIN } from '../engine/support';

const made = box();
afterAll(() => made.remove());

/** A copy of a checkpoint of fp32 whose tensor is changed; returns its folder. */
function changed(checkpoint: string, tensor: string, change: (values: Float32Array) => void): string {
  const folder = made.at('model');
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(FIXTURES, checkpoint), folder, { recursive: true });
  const path = join(folder, 'model.safetensors');
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<string, { data_offsets: number[] }>;
  const [begin, end] = header[tensor]!.data_offsets as [number, number];
  const values = new Float32Array(new Uint8Array(bytes.subarray(8 + length + begin, 8 + length + end)).buffer);
  change(values);
  bytes.set(new Uint8Array(values.buffer), 8 + length + begin);
  writeFileSync(path, bytes);
  return folder;
}

const NAN = (values: Float32Array): void => void values.fill(Number.NaN, 5, 6);
const HUGE = (values: Float32Array): void => values.set(values.map((value) => value * 1e5));

const evaluated = (model: string, more: Partial<EvalRequest> = {}) =>
  evalJob(
    {
      model,
      adapter: null,
      precision: 'fp32',
      quantise: null,
      device: 'cpu',
      threads: 1,
      isa: null,
      maxNewTokens: 0,
      repetitionPenalty: null,
      noRepeatNgramSize: null,
      eos: null,
      ids: made.write('ids.json', JSON.stringify({ ids: [[7], [5, 0, 9]] })),
      promptTokens: null,
      train: null,
      ...more,
    } satisfies EvalRequest,
    { emit: () => {}, cancelled: () => false },
  );

const CAUSAL = 'qwen3/causal-untied';

describe('eval without continuations', () => {
  test.each([
    ['model.embed_tokens.weight', NAN, 'fp32', 'row 1 is NaN: embed_tokens holds such values'],
    ['model.layers.0.mlp.up_proj.weight', NAN, 'fp32', 'row 0 is NaN: model.layers.0.mlp.up_proj holds such values'],
    ['model.layers.1.input_layernorm.weight', NAN, 'fp32', 'row 0 is NaN: the inputNorm of block 2 holds such values'],
    ['model.norm.weight', NAN, 'fp32', 'row 0 is NaN: the last norm holds such values'],
    ['lm_head.weight', NAN, 'fp32', 'row 0 is NaN: the matrix of the head holds such values'],
    ['model.layers.0.mlp.down_proj.weight', HUGE, 'fp16', 'the first such value is in the output of block 1 of 2'],
  ] as const)('%s, %p in %s', async (tensor, change, precision, message) => {
    const model = changed(CAUSAL, tensor, change);
    const error = await evaluated(model, { precision }).then(
      () => null,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toContain(message);
    if (change === HUGE) expect((await evaluated(model)).exitCode).toBe(EXIT.ok);
  });
});

test('generated texts, losses and classes', () => {
  const options: GenerationOptions = {
    compute: 'fp32',
    maxNewTokens: 4,
    eosTokenIds: [],
    sampling: null,
    repetitionPenalty: 1,
    noRepeatNgramSize: 0,
  };
  onCpu((device) => {
    const files = openModelFolder(changed(CAUSAL, 'model.layers.1.self_attn.v_proj.weight', NAN));
    const model = loadModel(device, files, PLAIN);
    const prompts = [[5, 6], [7]];
    const message = 'of prompt 1 is NaN: model.layers.1.self_attn.v_proj holds such values';
    expect(() => generate(device, model, prompts, options)).toThrow(message);
    const drawn = { ...options, sampling: { temperature: 1, topK: 3, topP: null, seed: 1 } };
    expect(() => generate(device, model, prompts, drawn)).toThrow(message);
    const rows = prompts.map((ids) => ({ ids, label: 0, labels: ids }));
    expect(() => causalRowLosses(device, model, rows, forwardOptions('fp32'))).toThrow('the loss of row 0 is NaN');
    files.tensors.close();
  });
  onCpu((device) => {
    const files = openModelFolder(changed(CAUSAL, 'model.layers.1.mlp.up_proj.weight', NAN));
    const model = loadModel(device, files, { ...PLAIN, task: 'sequence-classification', classes: 3 });
    const rows = [[5, 6], [7]].map((ids) => ({ ids, label: 0, labels: null }));
    const message = 'a logit of row 0 is NaN: model.layers.1.mlp.up_proj holds such values';
    expect(() => predictClasses(device, model, rows, forwardOptions('fp32'))).toThrow(message);
    const loss = { kind: 'cross-entropy' } as const;
    expect(() => classifierEvaluationLoss(device, model, rows, loss, 2, forwardOptions('fp32'))).toThrow(message);
    files.tensors.close();
  });
});

describe('JSON', () => {
  const value = { a: [1, Number.NaN, { b: Number.NEGATIVE_INFINITY }], c: 'NaNs', d: null };
  test('says what it cannot hold, and reads it again', () => {
    expect(jsonText(value)).toBe('{"a":[1,"NaN",{"b":"-Infinity"}],"c":"NaNs","d":null}');
    expect(parseJsonText(jsonText(value, 2))).toEqual(value);
    expect(firstNoNumber(value)).toBe('a[1] is NaN');
    expect(firstNoNumber({ a: { b: [0, { c: Number.POSITIVE_INFINITY }] } })).toBe('a.b[1].c is Infinity');
    expect(firstNoNumber({ a: ['NaN', null, 0] })).toBeNull();
  });
  test('a job that found nothing amiss has numbers alone in its document', async () => {
    const context = { emit: () => {}, cancelled: () => false };
    const ends = async (exitCode: ExitCode) => {
      const job = async () => async () => ({ exitCode, text: '', document: value });
      const { task } = jobCommand({ name: 'odd', description: '', flags: {}, words: null, request: () => null, job });
      return (await task.load())(null, context);
    };
    expect(ends(EXIT.ok)).rejects.toThrow('odd: in the result, a[1] is NaN');
    expect((await ends(EXIT.differs)).document).toEqual(value);
  });
});

test('memory that ran out is no bug', () => {
  let thrown: unknown = null;
  try {
    new Float32Array(2 ** 45);
  } catch (error) {
    thrown = error;
  }
  const error = asMedreproError(thrown);
  expect([error.code, error.exitCode]).toEqual(['unmeasured', EXIT.unmeasured]);
  expect(error.message).toStartWith('out of memory');
});
