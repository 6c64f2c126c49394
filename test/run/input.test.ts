/** What a user can get wrong, through the whole run: one line of cause, one of remedy, and what was done is kept. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runJob } from '../../src/commands/run/job';
import type { RunRequest } from '../../src/commands/run/request';
import { MedreproError } from '../../src/errors';
import type { AdafactorSettings, Experiment } from '../../src/paper/types';
import {
  CONFIG,
  directories,
  experiment,
  filesOf,
  read,
  request,
  run,
  type Sandbox,
  sandbox,
  stepsOf,
  writeModel,
} from './support';

// a fraction of a second each on a quiet machine; a busy one must not fail them
setDefaultTimeout(60_000);

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
});
afterAll(() => box.remove());

/** Runs what must fail, and checks the form of what it says. */
async function failure(changes: Partial<RunRequest>, what: Experiment = experiment()): Promise<MedreproError> {
  const { error } = await run(request(box, changes), what);
  expect(error).toBeInstanceOf(MedreproError);
  expect(error!.code).not.toBe('internal');
  expect(error!.message).not.toContain('\n');
  expect(error!.message.length).toBeLessThan(300);
  return error!;
}

describe('a loss that is not a number', () => {
  test('is one line that says what to change, and the steps before it are kept', async () => {
    const out = join(box.path, 'nan');
    const base = experiment();
    const optimiser = { ...base.training.optimiser, learningRate: 1e10 };
    const diverging = experiment({ optimiser, schedule: { kind: 'constant', warmup: { steps: 2 } }, clip: null });
    const { message, code, remedy } = await failure({ out }, diverging);
    expect(code).toBe('input');
    expect(message).toMatch(/^step \d+: the loss is .+ and the gradient norm .+$/);
    expect(remedy).toContain('learningRate');
    const [folder] = directories(request(box, { out }));
    const step = Number(/^step (\d+)/.exec(message)![1]);
    expect(step).toBeGreaterThan(2);
    expect(stepsOf(folder!)).toHaveLength(step - 1);
    expect(existsSync(join(folder!, 'metrics.json'))).toBeFalse();
    expect(JSON.parse(read(folder!, 'manifest.json'))).toMatchObject({ status: 'unfinished' });
  });
});

describe('the base model', () => {
  const broken = (name: string): string => {
    const folder = join(box.path, name);
    writeModel(folder, CONFIG);
    return folder;
  };

  test('that is not there', async () => {
    const error = await failure({ model: join(box.path, 'absent') });
    expect(error.message).toContain(join(box.path, 'absent', 'config.json'));
  });

  test('without weights', async () => {
    const model = broken('no-weights');
    rmSync(join(model, 'model.safetensors'));
    expect((await failure({ model })).message).toContain('model.safetensors does not exist');
  });

  test('whose weights are cut off', async () => {
    const model = broken('cut');
    const path = join(model, 'model.safetensors');
    writeFileSync(path, readFileSync(path).subarray(0, 100_000));
    expect((await failure({ model })).message).toContain('truncated');
  });

  test('whose config.json is of another family, or says other sizes', async () => {
    const model = broken('family');
    const config = JSON.parse(read(model, 'config.json')) as Record<string, unknown>;
    writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, model_type: 'mixtral' }));
    expect((await failure({ model })).message).toContain('model_type must be');
    // a Llama would run without the norms of queries and keys
    writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, model_type: 'llama' }));
    expect((await failure({ model })).message).toContain('a llama block has no model.layers.0.self_attn.q_norm.weight');
    writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, intermediate_size: 64 }));
    expect((await failure({ model })).message).toContain('is [48, 32], config.json says [64, 32]');
  });

  test('with fewer tokens than the tokeniser', async () => {
    const model = join(box.path, 'small-vocabulary');
    writeModel(model, { ...CONFIG, vocabSize: 3000 });
    const error = await failure({ model });
    expect(error.message).toMatch(/tokeniser has 30\d\d tokens and the model 3000/);
    expect(error.remedy).toContain('--tokenizer');
  });

  test('with fewer positions than the longest row, where rotary frequencies depend on it', async () => {
    const model = join(box.path, 'few-positions');
    const rope = { theta: 10_000, scaling: { kind: 'dynamic', factor: 2 } } as const;
    writeModel(model, { ...CONFIG, maxPositions: 8, rope: { full: rope, sliding: rope } });
    const error = await failure({ model });
    expect(error.message).toMatch(/rows reach \d+ tokens; rope type "dynamic" is not implemented beyond the model's 8/);
    expect(error.remedy).toContain('maxLength');
  });

  test('rows beyond the positions of the model are run, and the record says so', async () => {
    const model = join(box.path, 'beyond-positions');
    writeModel(model, { ...CONFIG, maxPositions: 8 });
    const { error, executed, events } = await run(request(box, { model, out: join(box.path, 'beyond') }), experiment());
    expect(error).toBeNull();
    const message = expect.stringMatching(/^rows reach \d+ tokens, and the model was made for 8$/);
    expect(executed!.result.warnings).toContainEqual({ id: 'beyond-positions', message });
    expect(events).toContainEqual(expect.objectContaining({ kind: 'warning', message }));
  });

  test('with attention dropout', async () => {
    const model = join(box.path, 'attention-dropout');
    writeModel(model, { ...CONFIG, attentionDropout: 0.1 });
    expect((await failure({ model })).message).toContain('attention_dropout 0.1, which is not implemented in training');
  });

  test('without a tokeniser', async () => {
    expect((await failure({ tokenizer: box.model })).message).toContain('holds no tokenizer.json');
  });
});

describe('--out', () => {
  test.each([
    ['under a file', (): string => join(box.train, 'runs')],
    ['on a device', (): string => '/dev/full/runs'],
  ])('%s', async (_, out) => {
    const error = await failure({ out: out() });
    expect(error.message).toStartWith(`cannot write ${out()}`);
    expect(error.remedy).toContain('--out');
  });

  test('that vanishes while training', async () => {
    const out = join(box.path, 'vanishing');
    const { error } = await run(request(box, { out }), experiment(), (_, events) => {
      if (!events.some(({ kind }) => kind === 'step')) return false;
      rmSync(out, { recursive: true, force: true });
      writeFileSync(out, 'a file where the folder was');
      return true;
    });
    expect(error).toMatchObject({ code: 'input' });
    expect(error!.message).toStartWith(`cannot write ${out}`);
    expect(error!.message).not.toContain('\n');
  });
});

test('LoRA on a linear the model does not have', async () => {
  const base = experiment();
  const error = await failure({}, { ...base, adapter: { ...base.adapter!, targets: ['q_proj', 'c_attn'] } });
  expect(error).toMatchObject({ code: 'spec' });
  expect(error.remedy).toContain('q_proj');
});

/** The Trainer's `optim="adafactor"`. */
const ADAFACTOR: AdafactorSettings = {
  kind: 'adafactor',
  learningRate: 1e-3,
  relativeStep: false,
  scaleParameter: false,
  warmupInit: false,
  beta1: null,
  decayRate: -0.8,
  epsilon: [1e-30, 1e-3],
  clipThreshold: 1,
  weightDecay: 0,
};

describe('settings that would be ignored', () => {
  test('4-bit weights without an adapter', async () => {
    const base = experiment();
    expect(base.quantisation).not.toBeNull();
    expect((await failure({}, { ...base, adapter: null })).message).toContain('quantisation without an adapter');
  });

  test('a selection by a metric that does not exist', async () => {
    expect((await failure({}, experiment({ selection: 'best-bleu' }))).message).toContain('"bleu"');
  });

  test('early stopping without a metric', async () => {
    const training = { selection: 'last', earlyStopping: { patience: 1, threshold: 0 } } as const;
    expect((await failure({}, experiment(training))).message).toContain('earlyStopping needs a metric');
  });

  test('Adafactor with a learning rate of its own and one of the spec', async () => {
    const own: AdafactorSettings = { ...ADAFACTOR, relativeStep: true };
    expect((await failure({}, experiment({ optimiser: own }))).remedy).toContain('learningRate: null');
    const none: AdafactorSettings = { ...ADAFACTOR, learningRate: null };
    expect((await failure({}, experiment({ optimiser: none }))).remedy).toContain('give learningRate');
  });

  test('a selection without validation rows is announced', async () => {
    const base = experiment({ epochs: 1 });
    const { events, executed } = await run(request(box), { ...base, data: { ...base.data, validation: 0 } });
    const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []));
    expect(warnings.join()).toContain('no validation rows');
    expect(executed!.result).toMatchObject({ validation: [], selectedStep: executed!.log.length });
  });
});

test('all parameters of a dense model: no adapter is written', async () => {
  const { executed, error } = await run(request(box), {
    ...experiment({ epochs: 1 }),
    adapter: null,
    quantisation: null,
  });
  expect(error).toBeNull();
  expect(filesOf(executed!.directory.path).filter((name) => name.startsWith('adapter'))).toEqual([]);
});

describe('the job', () => {
  const context = { emit: () => {}, cancelled: () => false };

  test('runs the experiment, and other weights and rows have no golden verdict', async () => {
    const asked = request(box, { out: join(box.path, 'job') });
    const { exitCode, text, document } = await runJob(asked, context);
    expect(exitCode).toBe(0);
    const { runs } = document;
    expect(text).toContain(runs[0]!.directory);
    expect(runs[0]!.overrides.map((flag) => flag.split(' ')[0])).toEqual(['--data', '--map', '--model', '--tokenizer']);
    expect(filesOf(runs[0]!.directory)).toContain('metrics.json');
    expect(JSON.stringify(document)).not.toMatch(/NaN|Infinity/);
  });

  test('stopped: the error is the interruption, and the same request resumes', async () => {
    const asked = request(box, { out: join(box.path, 'stopped-job') });
    let polls = 0;
    const stopped = runJob(asked, { ...context, cancelled: () => ++polls > 40 });
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
    const { exitCode } = await runJob({ ...asked, resume: true }, context);
    expect(exitCode).toBe(0);
    expect(directories(asked)).toHaveLength(1);
  });

  test('fails with what failed', async () => {
    mkdirSync(join(box.path, 'empty'), { recursive: true });
    const asked = request(box, { model: join(box.path, 'empty') });
    await expect(runJob(asked, context)).rejects.toMatchObject({ code: 'input' });
  });
});

test('more steps than can be planned are refused before any is made', async () => {
  const { error } = await run(request(box, { device: 'cpu' }), experiment({ epochs: 1e9 }));
  expect(error?.message).toContain('steps, and at most 10000000 can be planned');
});
