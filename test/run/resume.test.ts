/** A run that is stopped anywhere and resumed leaves the files of one that was not, byte for byte. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { hasAsset } from '../../src/assets';
import {
  CONFIG,
  directories,
  experiment,
  filesOf,
  type Ran,
  read,
  request,
  rows,
  run,
  type Sandbox,
  sandbox,
  stepsOf,
  writeModel,
} from './support';

// a fraction of a second each on a quiet machine; a busy one must not fail them
setDefaultTimeout(60_000);

let box: Sandbox;
let never: Ran;
const EXPERIMENT = experiment();

beforeAll(async () => {
  box = sandbox();
  never = await run(request(box, { out: join(box.path, 'never') }), EXPERIMENT);
});
afterAll(() => box.remove());

let outs = 0;
const freshOut = (): string => join(box.path, `out-${outs++}`);

/** What must be equal: every file but the manifest (it has times and folders), and the log without its times. */
function results(folder: string): Record<string, unknown> {
  const names = ['metrics.json', 'predictions.jsonl', 'per-class.json', 'spec.yaml'];
  const adapter = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => join('adapter', name));
  const files = [...names, ...adapter].map((name) => [name, Bun.hash(readFileSync(join(folder, name))).toString()]);
  return { ...Object.fromEntries(files), log: stepsOf(folder) };
}

describe('a run', () => {
  test('that is not stopped: all its files, no checkpoint, validation after every epoch', async () => {
    const { executed, error } = never;
    expect(error).toBeNull();
    const { directory, result, log } = executed!;
    expect(filesOf(directory.path).filter((name) => name !== 'report.html')).toEqual([
      'adapter/adapter_config.json',
      'adapter/adapter_model.safetensors',
      'log.jsonl',
      'manifest.json',
      'metrics.json',
      'per-class.json',
      'predictions.jsonl',
      'spec.yaml',
    ]);
    expect(log.map(({ step }) => step)).toEqual(log.map((_, i) => i + 1));
    const { memory, status } = JSON.parse(read(directory.path, 'manifest.json')) as {
      memory: { plannedPeakBytes: number; measuredPeakBytes: number };
      status: string;
    };
    expect(status).toBe('finished');
    // the plan packs validation and test rows together, the run one after the other
    expect(memory.measuredPeakBytes).toBeLessThanOrEqual(memory.plannedPeakBytes);
    const { epochs } = EXPERIMENT.training;
    const ends = Array.from({ length: epochs }, (_, epoch) => ((epoch + 1) * log.length) / epochs);
    expect(result.validation.map(({ step }) => step)).toEqual(ends);
    expect(result.test!.predicted).toHaveLength(30);
    // best-macro-f1: the weights that were kept are those of the best epoch, the first of equals
    const best = Math.max(...result.validation.map(({ metrics }) => metrics['macro-f1']!));
    const selected = result.validation.find(({ metrics }) => metrics['macro-f1'] === best)!;
    expect(result.selectedStep).toBe(selected.step);
  });

  test('asks at least once per block whether to stop', async () => {
    const { log } = never.executed!;
    // forward and backward of two blocks, besides the evaluations
    expect(never.polls).toBeGreaterThan(log.length * 2 * 2);
  });

  test('of the same settings again: other folder, same bytes; on one and three threads too', async () => {
    for (const threads of [1, 2, 3]) {
      const again = await run(request(box, { out: freshOut(), threads }), EXPERIMENT);
      expect(results(again.executed!.directory.path)).toEqual(results(never.executed!.directory.path));
    }
  });

  test('goes on from any moment with the same bytes', async () => {
    const moments = fc.array(fc.integer({ min: 1, max: never.polls - 1 }), { minLength: 1, maxLength: 2 });
    const property = fc.asyncProperty(moments, fc.integer({ min: 1, max: 3 }), async (stops, threads) => {
      const asked = request(box, { out: freshOut(), threads });
      for (const [index, stop] of stops.entries()) {
        const { error, events } = await run({ ...asked, resume: index > 0 }, EXPERIMENT, (polls) => polls >= stop);
        // a later leg has fewer polls left than the whole run and may reach its end first
        if (index > 0 && error === null) continue;
        expect(error).toMatchObject({ code: 'interrupted', exitCode: 130 });
        expect(error!.message).toMatch(/^stopped after step \d+$/);
        expect(error!.remedy).toContain('--resume');
        expect(events.at(-1)).toMatchObject({ kind: 'checkpoint' });
        const [folder] = directories(asked);
        expect(filesOf(folder!)).toContain('checkpoint/state.safetensors');
        expect(existsSync(join(folder!, 'metrics.json'))).toBeFalse();
        expect(JSON.parse(read(folder!, 'manifest.json'))).toMatchObject({ status: 'unfinished' });
      }
      await run({ ...asked, resume: true }, EXPERIMENT);
      const [folder] = directories(asked);
      expect(filesOf(folder!).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
      expect(results(folder!)).toEqual(results(never.executed!.directory.path));
    });
    await fc.assert(property, {
      numRuns: 6,
      examples: [
        [[1], 2],
        [[never.polls - 1], 2],
      ],
    });
  });
});

describe('--resume', () => {
  const afterSteps = (count: number) => (_: number, events: Ran['events']) =>
    events.filter(({ kind }) => kind === 'step').length >= count;
  /** A run that was stopped after four steps. */
  async function stopped(
    out = freshOut(),
  ): Promise<{ asked: ReturnType<typeof request>; folder: string; state: string }> {
    const asked = request(box, { out });
    expect((await run(asked, EXPERIMENT, afterSteps(4))).error!.message).toBe('stopped after step 4');
    const folder = directories(asked).at(-1)!;
    return { asked: { ...asked, resume: true }, folder, state: join(folder, 'checkpoint', 'state.safetensors') };
  }
  const infos = ({ events }: Ran): string[] =>
    events.flatMap((event) => (event.kind === 'info' ? [event.message] : []));

  test('says where it goes on, and with nothing unfinished starts a new run', async () => {
    const { asked, folder } = await stopped();
    expect(infos(await run(asked, EXPERIMENT))).toContain(`resuming ${folder} after step 4`);
    expect(directories(asked)).toEqual([folder]);
    const second = await run(asked, EXPERIMENT);
    expect(infos(second).join()).toContain('starting a new one');
    expect(directories(asked)).toHaveLength(2);
    expect(results(second.executed!.directory.path)).toEqual(results(folder));
  });

  test('a directory that a killed process left without a name is removed, one of a living process is not', async () => {
    const { asked, folder } = await stopped();
    const parent = dirname(folder);
    const left = (pid: number): string => join(parent, `.new-${hostname()}-${pid}-0a1b2c3d`);
    for (const pid of [2 ** 30, process.pid]) {
      mkdirSync(left(pid));
      writeFileSync(join(left(pid), 'manifest.json'), read(folder, 'manifest.json'));
    }
    await run({ ...asked, resume: false }, EXPERIMENT);
    expect([existsSync(left(2 ** 30)), existsSync(left(process.pid))]).toEqual([false, true]);
    // neither is a run to go on with
    expect(infos(await run(asked, EXPERIMENT))).toContain(`resuming ${folder} after step 4`);
    rmSync(left(process.pid), { recursive: true });
  });

  test('takes the newest of two', async () => {
    const { asked, folder } = await stopped();
    const { folder: newer } = await stopped(asked.out);
    expect(newer).not.toBe(folder);
    expect((await run(asked, EXPERIMENT)).executed!.directory.path).toBe(newer);
  });

  test('without the flag a new run starts and the unfinished one stays', async () => {
    const { asked, folder, state } = await stopped();
    const before = readFileSync(state);
    expect((await run({ ...asked, resume: false }, EXPERIMENT)).executed!.directory.path).not.toBe(folder);
    expect(readFileSync(state).equals(before)).toBeTrue();
  });

  test('does not take a run of another seed, other rows, other weights or other settings', async () => {
    const { asked, folder } = await stopped();
    const other = join(box.path, 'other.csv');
    writeFileSync(other, rows(110, 1));
    const changed = join(box.path, 'changed.csv');
    copyFileSync(box.train, changed);
    const data = (train: string) => ({ kind: 'splits', train, validation: null, test: box.test }) as const;
    const soon = (polls: number): boolean => polls > 0;
    const attempts: Ran[] = [
      await run({ ...asked, seed: 43 }, EXPERIMENT, soon),
      await run({ ...asked, data: data(other) }, EXPERIMENT, soon),
      await run(asked, experiment({ epochs: EXPERIMENT.training.epochs + 1 }), soon),
      await run(asked, experiment({ clip: null }), soon),
    ];
    for (const attempt of attempts) expect(infos(attempt).join()).toContain('starting a new one');
    expect(directories(asked)).toHaveLength(5);
    // weights and rows that changed under the same name
    const model = join(box.path, 'other-model');
    writeModel(model, CONFIG, 6);
    const weights = request(box, { out: freshOut(), model });
    await run(weights, EXPERIMENT, soon);
    writeModel(model, CONFIG, 7);
    expect(infos(await run({ ...weights, resume: true }, EXPERIMENT, soon)).join()).toContain('starting a new one');
    writeFileSync(changed, read(box.train).replace('pain', 'rash'));
    const named = request(box, { out: freshOut(), data: data(changed) });
    await run(named, EXPERIMENT, afterSteps(2));
    copyFileSync(box.train, changed);
    expect(infos(await run({ ...named, resume: true }, EXPERIMENT, soon)).join()).toContain('starting a new one');
    // and the first one is still there to go on with
    expect((await run(asked, EXPERIMENT)).executed!.directory.path).toBe(folder);
    expect(results(folder)).toEqual(results(never.executed!.directory.path));
  });

  test('of a run that was killed before its first checkpoint starts it from the beginning, in its folder', async () => {
    const { asked, folder, state } = await stopped();
    truncateSync(join(folder, 'log.jsonl'), 40);
    expect(existsSync(state)).toBeTrue();
    rmSync(join(folder, 'checkpoint'), { recursive: true });
    expect((await run(asked, EXPERIMENT)).executed!.directory.path).toBe(folder);
    expect(results(folder)).toEqual(results(never.executed!.directory.path));
  });

  test.each([
    ['cut off', (state: string) => truncateSync(state, 1000)],
    ['with a flipped bit', (state: string) => flip(state)],
    ['of nothing', (state: string) => writeFileSync(state, '')],
  ])('of a checkpoint %s is one clear error, and nothing is overwritten', async (_, damage) => {
    const { asked, folder, state } = await stopped();
    damage(state);
    const before = { state: readFileSync(state), log: read(folder, 'log.jsonl') };
    const { error } = await run(asked, EXPERIMENT);
    expect(error).toMatchObject({ code: 'input', where: { file: state } });
    expect(error!.message).not.toContain('\n');
    expect(error!.remedy).toContain('without --resume');
    expect({ state: readFileSync(state), log: read(folder, 'log.jsonl') }).toEqual(before);
  });

  function flip(path: string): void {
    const bytes = readFileSync(path);
    bytes[bytes.length - 100]! ^= 4;
    writeFileSync(path, bytes);
  }
});

const miniature = ['mini/base-small', 'mini/base-large'].filter((id) => hasAsset(`papers/${id}/model.safetensors`));
test.each(miniature)(
  'the checkpoint of %s is asked for in every micro-batch, and made at the first question',
  async (id) => {
    const out = freshOut();
    const asked = request(box, { out, data: null, map: {}, model: null, tokenizer: null, threads: 2 });
    const mini = { ...experiment({ batchSize: 4, accumulation: 8 }), model: { id, revision: null } };
    const questions: number[] = [];
    const { error, events } = await run(asked, mini, (_, seen) => {
      const steps = seen.filter(({ kind }) => kind === 'step').length;
      questions[steps] = (questions[steps] ?? 0) + 1;
      // in the middle of the second step
      return steps === 1 && questions[1] === 4;
    });
    expect(questions[0]).toBeGreaterThanOrEqual(8);
    expect(questions.slice(1)).toEqual([4]);
    expect(error).toMatchObject({ code: 'interrupted' });
    expect(events.at(-1)).toMatchObject({ kind: 'checkpoint', step: 1 });
  },
  60_000,
);
