/** An experiment is opened once: its rows are read once, and the memory that decides is the memory that is named. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { execSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyJob } from '../../src/commands/verify/job';
import type { VerifyRequest } from '../../src/commands/verify/request';
import { resolveExperiment } from '../../src/paper/load';
import { loadTargets } from '../../src/paper/target';
import { execute } from '../../src/run/execute';
import { readInputs } from '../../src/run/inputs';
import { open, opener, readRows } from '../../src/run/open';
import { prepareRun } from '../../src/run/prepare';
import { bytes } from '../../src/units';
import { directories, experiment, read, request, sandbox, stepsOf } from './support';

setDefaultTimeout(60_000);

const box = sandbox();
afterAll(() => box.remove());

const CONTEXT = { emit: () => {}, cancelled: () => false };
const INPUTS = { data: null, map: {}, model: null, tokenizer: null } as const;

test('experiments with the same rows and all seeds share one reading of them', async () => {
  const asked = request(box, INPUTS);
  let experiments = 0;
  let readings = 0;
  for (const { paper, experiments: ids } of loadTargets([], true)) {
    const read: string[] = [];
    const openOne = opener(asked, (requested, own) => {
      const { data, task } = requested.experiment;
      read.push(JSON.stringify({ data, task }));
      return readRows(requested, own);
    });
    for (const id of ids) {
      if (!paper.experiments.find((one) => one.id === id)?.scales.mini) continue;
      const [first, second] = [0, 1].map((seed) => openOne(resolveExperiment(paper, id, 'mini'), seed));
      const [one, other] = [await first!.identity(), await second!.identity()];
      expect({ ...other, seed: one.seed, specSha256: one.specSha256 }).toEqual(one);
      expect(other.specSha256).not.toBe(one.specSha256);
      expect(await second!.rows()).toBe(await first!.rows());
      experiments++;
    }
    expect(read).toEqual([...new Set(read)]);
    readings += read.length;
  }
  expect(readings).toBeLessThan(experiments / 2);
});

test('rows that another run has used give the same numbers', async () => {
  const asked = (out: string) => request(box, { threads: 1, seed: 3, out: join(box.path, out) });
  const what = experiment({ epochs: 1 });
  const openOne = opener(asked('shared'));
  const [first, second] = [openOne(what, 0), openOne(what, 1)];
  await execute(first, asked('shared'), CONTEXT);
  const shared = await execute(second, asked('shared'), CONTEXT);
  const alone = await execute(opener(asked('alone'))(what, 1), asked('alone'), CONTEXT);
  expect(await first.rows()).toBe(await second.rows());
  expect(stepsOf(shared.directory.path)).toEqual(stepsOf(alone.directory.path));
  for (const name of ['metrics.json', 'predictions.jsonl', join('adapter', 'adapter_model.safetensors')]) {
    expect(readFileSync(shared.directory.file(name)).equals(readFileSync(alone.directory.file(name)))).toBeTrue();
  }
});

test('verify reads the rows of an experiment once, to look for its run and to make it', async () => {
  const pipe = join(box.path, 'rows.pipe');
  execSync(`mkfifo ${pipe}`);
  // whoever opened it again would wait for rows in vain
  const writer = Bun.spawn(['sh', '-c', `cat ${box.train} > ${pipe}`]);
  const data = { kind: 'splits', train: pipe, validation: null, test: box.test } as const;
  const asked: VerifyRequest = {
    ...request(box, { data, threads: 1, out: join(box.path, 'verified') }),
    run: true,
    junit: null,
    require: null,
    scored: [],
  };
  await verifyJob(asked, CONTEXT);
  expect(await writer.exited).toBe(0);
  expect(directories(asked)).toHaveLength(1);
});

test('the memory in an error is what the run was planned for', async () => {
  const asked = request(box, { threads: 1, out: join(box.path, 'short') });
  const opened = open(experiment({ epochs: 1 }), asked);
  expect(opened.budget()).toBe(opened.budget());
  const inputs = await readInputs(opened, () => {});
  const withTotal = (total: number) => ({ ...opened, budget: () => ({ total, resident: total }) });
  const { memory } = prepareRun(withTotal(0), inputs);
  const [enough, less] = [memory.peakBytes, Math.floor(memory.peakBytes / 2)];
  const { remedy } = prepareRun(withTotal(less), inputs);
  inputs.files.tensors.close();
  const short = await execute(withTotal(less), asked, CONTEXT).catch((error) => error);
  expect(short).toMatchObject({
    code: 'input',
    message: `training needs ${bytes(enough)} and ${bytes(less)} are free`,
    remedy,
  });
  const { directory } = await execute(withTotal(enough), asked, CONTEXT);
  const { memory: recorded } = JSON.parse(read(directory.path, 'manifest.json')) as { memory: object };
  expect(recorded).toMatchObject({ plannedPeakBytes: enough, optimiserState: 'files' });
});
