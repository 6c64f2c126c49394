/** `data` says of the rows what a run says of them before step 1. */

import { afterAll, expect, test } from 'bun:test';
import { readAssetText } from '../../src/assets';
import { dataJob } from '../../src/commands/data/job';
import type { DataRequest } from '../../src/commands/data/request';
import type { JobEvent } from '../../src/events';
import { resolveExperiment } from '../../src/paper/load';
import { loadTarget } from '../../src/paper/target';
import { readInputs } from '../../src/run/inputs';
import { open } from '../../src/run/open';
import { box } from '../cli/box';

const folder = box();
afterAll(() => folder.remove());

const request = (target: string, path: string): DataRequest => ({
  targets: [target],
  all: false,
  scale: 'mini',
  device: 'cpu',
  threads: 1,
  isa: null,
  seed: null,
  data: { kind: 'file', path },
  map: {},
  model: null,
  tokenizer: null,
  reading: null,
  golden: null,
  split: 'train',
  limit: null,
});

type Warning = Extract<JobEvent, { kind: 'warning' }>;
const warningsOf = (events: readonly JobEvent[]): string[] =>
  events.filter((event): event is Warning => event.kind === 'warning').map(({ id, message }) => `${id}: ${message}`);

async function shown(asked: DataRequest): Promise<string[]> {
  const events: JobEvent[] = [];
  await dataJob(asked, { emit: (event) => events.push(event), cancelled: () => false });
  return warningsOf(events);
}

async function ofRun(asked: DataRequest): Promise<string[]> {
  const events: JobEvent[] = [];
  const { paper, experiments } = loadTarget(asked.targets[0]!, asked.reading);
  const experiment = resolveExperiment(paper, experiments[0]!, 'mini');
  const { files } = await readInputs(open(experiment, asked), (event) => events.push(event));
  files.tensors.close();
  return warningsOf(events);
}

test('a classifier: labels, extra rows, repeated texts', async () => {
  const rows = Array.from({ length: 12 }, (_, i) => `patient ${i % 11},${i % 3 === 0 ? '01' : (i % 3) + 9}`);
  const asked = request('abjadmed/icliniq-augmented', folder.write('d.csv', `text,category\n${rows.join('\n')}\n`));
  const found = await shown(asked);
  expect(found).toEqual(await ofRun(asked));
  expect(found.length).toBeGreaterThan(1);
  expect(found.some((line) => line.includes('--data does not name: they are left out'))).toBe(true);
});

test('a causal LM: what its labels teach', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => `t,question ${i},answer ${i}`).join('\n');
  const asked = request('qwen3-medquad/fine-tuned', folder.write('m.csv', `qtype,question,answer\n${rows}\n`));
  const found = await shown(asked);
  expect(found).toEqual(await ofRun(asked));
  expect(found.length).toBeGreaterThan(0);
});

test('rows that a run stops at are shown, and why it stops', async () => {
  // four tokens are of the prompt, whose labels are masked
  const spec = readAssetText('papers/llama-symptoms.yaml').replace('maxLength: 128', 'maxLength: 4');
  const rows = Array.from({ length: 40 }, (_, i) => `symptoms,question ${i},answer ${i}`).join('\n');
  const path = folder.write('s.csv', `qtype,Question,Answer\n${rows}\n`);
  const asked = { ...request(`${folder.write('x.yaml', spec)}/bs-2`, path), reading: 'as-written' as const };
  const found = await shown(asked);
  expect(found.at(-1)).toMatch(/every label of the \d+ training rows is -100.*: a run stops here$/);
  await expect(ofRun(asked)).rejects.toThrow('there is nothing to learn from');
});
