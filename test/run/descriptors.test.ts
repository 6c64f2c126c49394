/** Runs in one process close what they opened, however they end: descriptors, mapped files, the memory of devices. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runJob } from '../../src/commands/run/job';
import type { RunRequest } from '../../src/commands/run/request';
import { openModelFolder } from '../../src/nn/model';
import { storedBytes, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import type { Experiment } from '../../src/paper/types';
import { execute } from '../../src/run/execute';
import { readInputs } from '../../src/run/inputs';
import { open } from '../../src/run/open';
import { prepareRun } from '../../src/run/prepare';
import { type Held, heldBelow } from '../held';
import { CONFIG, directories, experiment, request as requestOf, rows, run, sandbox, writeModel } from './support';

setDefaultTimeout(60_000);

const box = sandbox();
afterAll(() => box.remove());

const held = (): Held => heldBelow(box.path);

/** A checkpoint of the sandbox's model without one tensor. */
function without(name: string): string {
  const folder = join(box.path, `without-${name}`);
  mkdirSync(folder);
  const { tensors } = openModelFolder(box.model);
  const kept = [...tensors.tensors]
    .filter(([own]) => own !== name)
    .map(([own, stored]): TensorToWrite => {
      return { name: own, dtype: stored.dtype, shape: stored.shape, data: storedBytes(stored) };
    });
  writeSafetensors(join(folder, 'model.safetensors'), kept);
  tensors.close();
  cpSync(join(box.model, 'config.json'), join(folder, 'config.json'));
  return folder;
}

const SHORT = { epochs: 1 };
const CONTEXT = { emit: () => {}, cancelled: () => false };
/** One thread: the descriptors of a Worker are closed some time after it has ended. */
const request = (changes: Partial<RunRequest> = {}): RunRequest => requestOf(box, { threads: 1, ...changes });

test('a run that ends and one that is stopped leave nothing open', async () => {
  // what a process opens once: the library, threads
  await run(request(), experiment(SHORT));
  const before = held();
  expect(before.files).toEqual([]);
  expect((await run(request({ seed: 7 }), experiment(SHORT))).error).toBeNull();
  expect(held()).toEqual(before);
  const stopped = await run(request({ seed: 2 }), experiment(SHORT), (polls) => polls > 6);
  expect(stopped.error?.code).toBe('interrupted');
  expect(held()).toEqual(before);
});

test('twenty seeds of one command leave as much open as one of them does', async () => {
  const [train, test] = [join(box.path, 'few.csv'), join(box.path, 'fewer.csv')];
  writeFileSync(train, rows(24, 0));
  writeFileSync(test, rows(4, 1000));
  const data = { kind: 'splits', train, validation: null, test } as const;
  const asked = (seeds: number): RunRequest => request({ data, seeds, out: join(box.path, `seeds-${seeds}`) });
  await runJob(asked(1), CONTEXT);
  const before = held();
  await runJob(asked(20), CONTEXT);
  expect(directories(asked(20))).toHaveLength(20);
  expect(held()).toEqual(before);
});

describe('a run that fails leaves nothing open', () => {
  let unfinished: RunRequest;
  const away = (name: string): string => {
    const path = join(box.path, name);
    writeFileSync(path, 'not a folder\n');
    return path;
  };
  beforeAll(async () => {
    const asked = request({ out: join(box.path, 'damaged') });
    await run(asked, experiment(SHORT), (_, events) => events.some(({ kind }) => kind === 'step'));
    truncateSync(join(directories(asked)[0]!, 'checkpoint', 'state.safetensors'), 1000);
    unfinished = { ...asked, resume: true };
  });

  test.each<[string, () => Partial<RunRequest>, () => Experiment, RegExp]>([
    ['at the tokeniser', () => ({ tokenizer: join(box.path, 'nowhere') }), () => experiment(SHORT), /nowhere/],
    [
      'at the rows',
      () => ({ data: { kind: 'file', path: join(box.path, 'nothing.csv') } }),
      () => experiment(SHORT),
      /nothing\.csv/,
    ],
    [
      'at the weights',
      () => {
        const model = join(box.path, 'cut');
        cpSync(box.model, model, { recursive: true });
        truncateSync(join(model, 'model.safetensors'), 5000);
        return { model };
      },
      () => experiment(SHORT),
      /truncated/,
    ],
    [
      'where the tokeniser is of another model',
      () => {
        const model = join(box.path, 'small-vocabulary');
        writeModel(model, { ...CONFIG, vocabSize: 3000 });
        return { model };
      },
      () => experiment(SHORT),
      /do not belong together/,
    ],
    [
      'where there are no training rows',
      () => ({ data: { kind: 'splits', train: null, validation: null, test: box.test } }),
      () => ({ ...experiment(SHORT), data: { ...experiment().data, source: 'given/rows' } }),
      /no training rows/,
    ],
    [
      'while the model is planned',
      () => ({ model: without('model.layers.1.mlp.down_proj.weight') }),
      () => experiment(SHORT),
      /has no tensor model\.layers\.1\.mlp\.down_proj\.weight/,
    ],
    ['where the run directory cannot be made', () => ({ out: away('file') }), () => experiment(SHORT), /file/],
    [
      'at the checkpoint it is resumed from',
      () => unfinished,
      () => experiment(SHORT),
      /the checkpoint cannot be used/,
    ],
    [
      'in training',
      () => ({}),
      () => {
        const { optimiser } = experiment().training;
        return experiment({ ...SHORT, optimiser: { ...optimiser, learningRate: 1e10 }, clip: null });
      },
      /the loss is/,
    ],
  ])('%s', async (_, changes, what, message) => {
    const asked = request(changes());
    const failing = what();
    const before = held();
    for (let times = 0; times < 2; times++) {
      const { error } = await run(asked, failing);
      expect(error?.message).toMatch(message);
    }
    expect(held()).toEqual(before);
  });

  test('where the folder for what does not fit into memory cannot be made', async () => {
    const before = held();
    const asked = request({ out: join(away('no-folder'), 'runs') });
    const opened = open(experiment(SHORT), asked);
    const inputs = await readInputs(opened, () => {});
    const { memory } = prepareRun({ ...opened, budget: () => ({ total: 0, resident: 0 }) }, inputs);
    inputs.files.tensors.close();
    expect(memory.offloaded).toBeTrue();
    const { peakBytes: total } = memory;
    const failed = execute({ ...opened, budget: () => ({ total, resident: total }) }, asked, CONTEXT);
    expect(await failed.catch((error) => error)).toMatchObject({
      code: 'input',
      message: expect.stringContaining('no-folder'),
    });
    expect(held()).toEqual(before);
  });
});
