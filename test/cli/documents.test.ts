/** `--json` is one document on stdout and nothing else there; a JUnit file is XML. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_FILES } from '../../scripts/run-files';
import { cudaState } from '../../src/native/choose';
import { medrepro } from './binary';
import { type Box, box, filesOf, runDirectories, statusOf, table } from './box';

setDefaultTimeout(60_000);

let files: Box;
beforeAll(() => {
  files = box();
});
afterAll(() => files.remove());

describe('--json', () => {
  test.each([
    ['list', ['list'], ['papers']] as const,
    ['plan', ['plan', 'abjadmed'], ['plans']],
    ['doctor', ['doctor'], ['ready', 'cpu', 'machine']],
    ['selftest', ['selftest', '--only', 'argmax'], ['ops', 'isa']],
    ...(cudaState().usable
      ? []
      : [['a device that is not there', ['run', 'abjadmed', '--device', 'cuda'], ['unmeasured']] as const]),
  ])('%s', async (_, words, keys) => {
    const { stdout } = await medrepro([...words, '--json']);
    const document = JSON.parse(stdout) as Record<string, unknown>;
    for (const key of keys) expect(document).toHaveProperty(key);
  });

  test('score: classes against a printed value; text metrics without a paper', async () => {
    const said = files.write('said.csv', 'id,prediction\n1,heart\n2,skin\n3,skin\n');
    const gold = files.write('gold.csv', 'id,answer\n1,heart\n2,skin\n3,heart\n');
    const pairs = ['--predictions', said, '--references', gold, '--json'];
    const scored = await medrepro(['score', 'abjadmed/attention-only', ...pairs]);
    expect(scored.exitCode).toBe(1);
    const { metrics } = JSON.parse(scored.stdout) as {
      metrics: { metric: string; value: number; published: object[] }[];
    };
    const f1 = metrics.find(({ metric }) => metric === 'macro-f1')!;
    expect(f1.value).toBeCloseTo(2 / 3, 15);
    expect(f1.published).toMatchObject([{ value: '0.404', verdict: 'DEVIATES' }]);
    const alone = await medrepro(['score', ...pairs, '--metrics', 'f1,meteor']);
    expect(alone.exitCode).toBe(0);
    const text = JSON.parse(alone.stdout) as { target: null; metrics: { value: number; signature: string }[] };
    expect(text.metrics.map(({ value }) => value)).toEqual([expect.closeTo(200 / 3, 10), expect.closeTo(1 / 3, 10)]);
  });

  test('run: the document agrees with the files it wrote; verify: claims, and JUnit', async () => {
    const out = files.at('out');
    const data = files.write('data.csv', table());
    const ran = await medrepro(['run', 'abjadmed/attention-only', '--data', data, '--out', out, '--json']);
    expect(ran.exitCode).toBe(0);
    const { runs, comparisons } = JSON.parse(ran.stdout) as {
      runs: { directory: string; metrics: Record<string, { value: number }> }[];
      comparisons: { paper: string; exitCode: number }[];
    };
    const [folder] = runDirectories(out);
    expect(runs.map(({ directory }) => directory)).toEqual([folder!]);
    expect(comparisons).toMatchObject([{ paper: 'abjadmed', exitCode: 0 }]);
    expect(filesOf(folder!)).toEqual([...RUN_FILES]);
    expect(statusOf(folder!)).toBe('finished');
    const { metrics } = JSON.parse(readFileSync(join(folder!, 'metrics.json'), 'utf8')) as (typeof runs)[0];
    expect(runs[0]!.metrics).toEqual(metrics);
    expect(metrics['macro-f1']!.value).toBeGreaterThanOrEqual(0);

    // other rows than the golden's: this run stands for nothing that verify looks for
    const junit = files.at('verify.xml');
    const verified = await medrepro(['verify', 'abjadmed', '--no-run', '--out', out, '--json', '--junit', junit]);
    expect(verified.exitCode).toBe(4);
    const document = JSON.parse(verified.stdout) as { comparisons: { claims: { claim: string }[] }[] };
    const xml = readFileSync(junit, 'utf8');
    expect(wellFormed(xml)).toBeNull();
    const claims = document.comparisons[0]!.claims;
    expect(claims.length).toBeGreaterThan(10);
    for (const { claim } of claims) expect(xml).toContain(`name="${claim}"`);
    expect(Number(/<testsuite [^>]*tests="(\d+)"/.exec(xml)?.[1])).toBe([...xml.matchAll(/<testcase /g)].length);
    expect(Number(/<testsuite [^>]*failures="(\d+)"/.exec(xml)?.[1])).toBe(0);
  });

  test('data: JSON Lines, one row each', async () => {
    const { exitCode, stdout } = await medrepro(['data', 'abjadmed/all-linear', '--limit', '3', '--json']);
    expect(exitCode).toBe(0);
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number[]>);
    expect(rows.map(({ index }) => Number(index))).toEqual([0, 1, 2]);
    for (const row of rows) expect(row.attention_mask).toHaveLength(row.input_ids!.length);
  });

  test('an error leaves stdout empty', async () => {
    const { exitCode, stdout } = await medrepro(['run', 'abjadmed/nobody', '--json']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  });

  test('a JUnit file that cannot be written', async () => {
    const junit = files.at('nowhere', 'verify.xml');
    const flags = ['--no-run', '--quiet', '--out', files.at('none'), '--junit', junit];
    const { exitCode, stdout, stderr } = await medrepro(['verify', 'abjadmed', ...flags]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toStartWith(`medrepro: cannot write ${junit}`);
  });
});

describe('wellFormed', () => {
  test.each([
    ['<a><b c="1"/>t&amp;</a>', null],
    ['<?xml version="1.0"?>\n<a/>\n', null],
    ['<a><b></a></b>', '</a> closes <b>'],
    ['<a>', '<a> is not closed'],
    ['<a b=1/>', 'not a tag: <a b=1/>'],
    ['<a>&</a>', 'a bare & or <'],
    ['<a/><b/>', 'two roots'],
  ])('%s', (xml, problem) => expect(wellFormed(xml)).toBe(problem));
});

/** What is wrong with an XML document of elements, attributes and text; null when nothing is. */
function wellFormed(xml: string): string | null {
  const body = xml.replace(/^<\?xml [^>]*\?>/, '');
  const open: string[] = [];
  let roots = 0;
  let rest = 0;
  for (const { 0: tag, index } of body.matchAll(/<[^>]*>/g)) {
    const between = body.slice(rest, index);
    if (/&(?!(amp|lt|gt|quot|apos|#\d+);)/.test(between)) return 'a bare & or <';
    if (open.length === 0 && between.trim() !== '') return 'text outside of the root';
    rest = index + tag.length;
    const [, slash, name, end] =
      /^<(\/?)([\w.-]+)(?:\s+[\w.:-]+="[^"<&]*(?:&[\w#]+;[^"<&]*)*")*\s*(\/?)>$/.exec(tag) ?? [];
    if (name === undefined) return `not a tag: ${tag}`;
    if (slash === '/') {
      const last = open.pop();
      if (last !== name) return `</${name}> closes <${last}>`;
      continue;
    }
    if (open.length === 0 && ++roots > 1) return 'two roots';
    if (end !== '/') open.push(name);
  }
  return open.length > 0 ? `<${open.at(-1)}> is not closed` : null;
}
