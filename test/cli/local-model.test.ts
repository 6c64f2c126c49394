/** `eval` and `generate` through the binary. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { FIXTURES, readJson } from '../engine/support';
import { BINARY, medrepro, ROOT } from './binary';
import { box, expectFailure } from './box';

// the binary starts in a tenth of a second, and on a busy machine in several
setDefaultTimeout(60_000);

const folder = box();
afterAll(() => folder.remove());
const tiny = join(FIXTURES, 'qwen3/causal-untied');
const mini = ['--model', 'papers/mini/base-large', '--tokenizer', 'papers/mini/tokenizer', '--quiet'];

test.each([
  ['causal-untied', '--repetition-penalty 1.3 --no-repeat-ngram-size 2'],
  ['causal-padding', '--no-repeat-ngram-size=1'],
])('eval --json is what torch says: %s, %s', async (name, penalties) => {
  interface Row {
    readonly meanNll: number | null;
    readonly continuation: readonly number[];
  }
  const fixture = readJson<{ ids: number[][]; rows: Row[]; all: { loss: number }[] }>(`eval/${name}.json`);
  const ids = folder.write('ids.json', JSON.stringify({ ids: fixture.ids }));
  const how = `--prompt-tokens 3 --max-new-tokens 12 ${penalties}`;
  const training = '--train-steps 2 --lr 1e-3 --weight-decay 0.1 --clip 1 --json --quiet';
  const { exitCode, stdout, stderr } = await medrepro([
    'eval',
    '--model',
    tiny,
    '--ids',
    ids,
    ...how.split(' '),
    ...training.split(' '),
  ]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const { rows, train } = JSON.parse(stdout) as { rows: Row[]; train: { loss: number }[] };
  expect(rows.map(({ continuation }) => continuation)).toEqual(fixture.rows.map(({ continuation }) => continuation));
  rows.forEach(({ meanNll }, i) => {
    expect(meanNll ?? -1).toBeCloseTo(fixture.rows[i]!.meanNll ?? -1, 4);
  });
  expect(train[1]!.loss).toBeCloseTo(fixture.all[1]!.loss, 4);
});

test('generate writes text to stdout and its rate to stderr', async () => {
  const args = ['generate', ...mini.slice(0, -1), '--prompt', 'I have a fever', '--max-new-tokens', '8'];
  const { exitCode, stdout, stderr } = await medrepro(args);
  expect(exitCode).toBe(0);
  expect(stdout.trim().length).toBeGreaterThan(0);
  expect(stderr).toMatch(/8 new ones: .* tokens\/s/);
  const { stdout: json } = await medrepro([...args, '--json']);
  expect(`${(JSON.parse(json) as { rows: { text: string }[] }).rows[0]!.text}\n`).toBe(stdout);
});

test('Ctrl-C ends the text with exit code 130', async () => {
  const child = Bun.spawn(
    [BINARY, 'generate', ...mini, '--prompt', 'I have', '--max-new-tokens', '100000', '--eos', 'none'],
    { cwd: ROOT, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' },
  );
  const reader = child.stdout.getReader();
  expect((await reader.read()).done).toBe(false);
  child.kill('SIGINT');
  while (!(await reader.read()).done);
  expect(await child.exited).toBe(130);
  expect(await child.stderr.text()).toContain('medrepro: interrupted');
});

describe('what is refused', () => {
  const good = folder.write('good.json', '{"ids": [[1, 2]]}');
  test.each([
    [['eval', '--ids', good], '--model is needed'],
    [['eval', '--model', tiny], '--ids is needed'],
    [['eval', '--model', '/nowhere', '--ids', good], '/nowhere/config.json does not exist'],
    [['eval', '--model', tiny, '--ids', good, '--lora-rank', '2'], '--lora-rank trains an adapter'],
    [['eval', '--model', tiny, '--ids', good, '--eos', 'x'], '--eos takes token ids'],
    [['eval', '--model', tiny, '--ids', good, '--train-steps', '1', '--lr', 'fast'], '--lr takes a number'],
    [
      ['eval', '--model', tiny, '--ids', good, '--repetition-penalty', '0'],
      '--repetition-penalty takes a number above 0',
    ],
    [['eval', '--model', tiny, '--ids', folder.write('bad.json', '{"ids": [[]]}')], 'row 0 is empty'],
    [['generate', '--model', tiny], 'one of --prompt, --prompts and --ids is needed'],
    [['generate', '--model', tiny, '--prompt', 'a', '--ids', good], 'one of --prompt, --prompts and --ids is needed'],
    [['generate', '--model', tiny, '--prompt', 'a'], 'holds no tokenizer.json'],
    [['generate', '--model', tiny, '--ids', good, '--chat'], '--chat makes texts into prompts'],
    [['generate', '--model', tiny, '--prompt', 'a', '--system', 'b'], '--system is a part of a chat'],
    [['generate', '--model', tiny, '--ids', good, '--top-p', '1.5'], '--top-p takes a number'],
  ])('%p', async (args, cause) => {
    expectFailure(await medrepro([...args, '--quiet']), cause);
  });
});
