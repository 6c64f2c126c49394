/** Wrong inputs: exit code 2, one line of cause, one of remedy, nothing on stdout, and no run directory. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cudaState } from '../../src/native/choose';
import { medrepro, type Outcome, ROOT } from './binary';
import { type Box, box, expectFailure, runDirectories, table } from './box';

setDefaultTimeout(60_000);

let files: Box;
beforeAll(() => {
  files = box();
});
afterAll(() => files.remove());

/** A quiet run that must not leave anything below `--out`. */
async function run(target: string, ...flags: string[]): Promise<Outcome> {
  const out = files.at('out');
  const outcome = await medrepro(['run', target, '--quiet', '--out', out, ...flags]);
  expect(existsSync(out)).toBeFalse();
  return outcome;
}

describe('--data', () => {
  const HEADER = 'text,category\n';
  const ONE_CLASS = HEADER + 'pain,heart\n'.repeat(40);
  test.each([
    ['wrong columns', 'question,answer\na,b\n', ':1: there is no column "text"; the columns are question, answer'],
    ['a missing column', 'text\npain\n', ':1: there is no column "category"; the columns are text'],
    ['an empty file', '', ': the file is empty'],
    ['a header alone', HEADER, ':1: the file has a header but no rows'],
    ['one class alone', ONE_CLASS, ': every training row has the label "heart"'],
    ['an empty cell', `${table()}pain,\n`, ':42: row 41 has nothing in column "category"'],
    ['a row too long', `${HEADER}${'a'.repeat(10_000_000)},heart\n`, ':2: row 1 is longer than 1 MiB'],
    ['a quote that is never closed', `${HEADER}"pain,heart\n`, ':2: row 1 opens a quote that is never closed'],
  ])('%s', async (_, content, cause) => {
    const file = files.write('wrong.csv', content);
    expectFailure(await run('abjadmed/all-linear', '--data', file), `${file}${cause}`);
  });

  test('broken UTF-8', async () => {
    const file = files.write('utf.csv', Buffer.from(`${HEADER}pa\xffin,heart\n`, 'latin1'));
    expectFailure(await run('abjadmed/all-linear', '--data', file), `${file}:2: byte 16 is not UTF-8`);
  });

  test('a gzip file that is cut short, and one that is none', async () => {
    const packed = gzipSync(table());
    const cut = files.write('cut.csv.gz', packed.subarray(0, packed.length / 2));
    expectFailure(await run('abjadmed/all-linear', '--data', cut), `${cut}: the gzip data is cut short`);
    const plain = files.write('plain.csv.gz', table());
    expectFailure(await run('abjadmed/all-linear', '--data', plain), 'is named .gz but is not gzip data');
  });

  test('a folder, a device, nothing at all', async () => {
    expectFailure(await run('abjadmed/all-linear', '--data', files.path), `${files.path} is a folder, not a file`);
    expectFailure(await run('abjadmed/all-linear', '--data', '/dev/zero'), '/dev/zero is a device, not a file');
    const unknown = await run('abjadmed/all-linear', '--data', 'train=a,dev=b');
    expectFailure(unknown, "--data names 'dev', which is no part of this data");
    const missing = files.at('nobody.csv');
    expectFailure(await run('abjadmed/all-linear', '--data', missing), `${missing} does not exist`);
    const test = `test=${files.write('test.csv', table())},train=${missing}`;
    expectFailure(await run('abjadmed/all-linear', '--data', test), `${missing} does not exist`);
  });

  test('--map: a column the file does not have, a role the spec does not have', async () => {
    const file = files.write('good.csv', table());
    const frage = await run('abjadmed/all-linear', '--data', file, '--map', 'text=Frage');
    expectFailure(frage, `${file}:1: there is no column "Frage"; the columns are text, category`);
    expect(frage.stderr).toContain('--map text=COLUMN,label=category');
    const role = await run('abjadmed/all-linear', '--data', file, '--map', 'question=text');
    expectFailure(role, "--map: this data has no column 'question'");
  });
});

describe('targets', () => {
  test.each([
    ['nobody', "there is no paper 'nobody'"],
    ['abjadme', "there is no paper 'abjadme'"],
    ['abjadmed/all-linaer', "abjadmed has no experiment 'all-linaer'"],
    ['nobody.yaml', 'nobody.yaml does not exist'],
  ])('%s', async (target, cause) => expectFailure(await run(target), cause));

  test('one wrong target among several: nothing runs', async () => {
    expectFailure(await run('abjadmed/attention-only', 'abjadmed/nobody'), "abjadmed has no experiment 'nobody'");
  });

  test('an unknown flag', async () => {
    expectFailure(await run('abjadmed', '--frobnicate'), 'unknown option --frobnicate');
  });
});

describe('--out', () => {
  test.each([
    ['below a file', (): string => join(files.write('file', ''), 'runs')],
    ['below a device', (): string => '/dev/full'],
    ['where nobody may write', (): string => '/proc/medrepro'],
  ])('%s', async (_, out) => {
    const flags = ['--data', files.write('good.csv', table()), '--out', out(), '--quiet'];
    expectFailure(await medrepro(['run', 'abjadmed/attention-only', ...flags]), `cannot write ${out()}`);
  });
});

describe('what this machine cannot measure is exit 4, in one line on stdout', () => {
  test.skipIf(cudaState().usable).each(['run abjadmed', 'verify abjadmed', 'selftest', 'bench'])(
    '%s on a GPU',
    async (words) => {
      const { exitCode, stdout, stderr } = await medrepro([...words.split(' '), '--device', 'cuda', '--quiet']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: '' });
      expect(stdout).toMatch(/^UNMEASURED[^\n]+\n$/);
    },
  );

  test('the full scale without weights and rows', async () => {
    const { exitCode, stdout, stderr } = await run('abjadmed', '--scale', 'full');
    expect({ exitCode, stderr }).toEqual({ exitCode: 4, stderr: '' });
    const lines = stdout.split('\n').slice(0, 6);
    expect(lines.every((line) => /^abjadmed\/\S+: UNMEASURED \(.+\)$/.test(line))).toBeTrue();
  });

  test('verify --no-run without any run, and with a level that is required', async () => {
    for (const flags of [[], ['--require', 'L1'], ['--require', 'L2'], ['--require', 'L3'], ['--scale', 'mini']]) {
      const words = ['verify', 'abjadmed', '--no-run', '--quiet', '--out', files.at('none'), ...flags];
      const { exitCode, stdout, stderr } = await medrepro(words);
      expect({ flags, exitCode, stderr }).toEqual({ flags, exitCode: 4, stderr: '' });
      expect(stdout).toContain('not run');
    }
  });
});

describe('a spec file', () => {
  const paper = readFileSync(join(ROOT, 'papers/abjadmed.yaml'), 'utf8');
  const lineOf = (text: string, part: string): number => text.slice(0, text.indexOf(part)).split('\n').length;

  test('with several problems: each with its line, then one line of remedy', async () => {
    const wrong = paper
      .replace('adapter: { kind: lora, rank:', 'adapter: { kind: lora, rnk:')
      .replace('    metrics: [', '    colour: blue\n    metrics: [')
      .replace('batchSize: 4', 'batchSize: four');
    const file = files.write('wrong.yaml', wrong);
    const { exitCode, stdout, stderr } = await run(file);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    expect(lines[0]).toStartWith(
      `medrepro: ${file}:${lineOf(wrong, 'rnk:')}: defaults.both.adapter.rnk is not a known`,
    );
    expect(lines[0]).toEndWith("did you mean 'rank'?");
    const rest = lines.slice(1, 3).join('\n');
    expect(rest).toContain(
      `${file}:${lineOf(wrong, 'batchSize: four')}: defaults.both.training.batchSize must be a number`,
    );
    expect(rest).toContain(`${file}:${lineOf(wrong, 'colour:')}: defaults.both.colour is not a known field`);
    expect(lines[3]).toStartWith('  compare with');
  });

  test('that is no YAML, or empty', async () => {
    expectFailure(await run(files.write('broken.yaml', '{')), 'broken.yaml:1: is not YAML that can be read');
    expectFailure(await run(files.write('empty.yaml', '')), 'empty.yaml:1: must be an object (was null)');
    const noise = new Uint8Array(4000).map((_, i) => (i * 7919) % 256);
    const { exitCode, stdout, stderr } = await run(files.write('noise.yaml', noise));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(22);
  });
});

describe('--golden', () => {
  const golden = readFileSync(join(ROOT, 'golden/abjadmed.yaml'), 'utf8');
  /** `verify` against a folder that holds `content`. */
  async function verify(name: string, content: string): Promise<Outcome> {
    mkdirSync(files.at(name));
    files.write(join(name, 'abjadmed.yaml'), content);
    return medrepro([
      'verify',
      'abjadmed',
      '--no-run',
      '--quiet',
      '--out',
      files.at('none'),
      '--golden',
      files.at(name),
    ]);
  }

  test('one digit changed: exit 1, and where', async () => {
    const { exitCode, stdout, stderr } = await verify('digit', golden.replace("'0.4441'", "'0.4442'"));
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' });
    expect(stdout).toContain('it was changed after its last acceptance');
    expect(stdout).toContain('published.all-linear.macro-f1.1.value is "0.4442", and in the embedded file "0.4441"');
  });

  test('a faithful copy: as the embedded one', async () => {
    const { exitCode, stdout } = await verify('copy', golden);
    expect(exitCode).toBe(4);
    expect(stdout).not.toContain('changed');
  });

  test('cut off or not there: exit 2', async () => {
    const { exitCode, stdout, stderr } = await verify('cut', golden.slice(0, golden.indexOf('claims:')));
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/abjadmed\.yaml:\d+: claims is missing/);
    expectFailure(await verify('syntax', "paper: 'abjadmed"), 'is not YAML that can be read');
    const nowhere = await medrepro(['verify', 'abjadmed', '--no-run', '--quiet', '--golden', files.at('nowhere')]);
    expectFailure(nowhere, 'holds no golden file abjadmed.yaml');
  });
});

test('nothing above left a run', () => {
  expect(runDirectories(files.at('out'))).toEqual([]);
});

describe('verify --predictions', () => {
  test.each([
    [['--predictions', 'abjadmed/all-linear=p.csv'], 'no references were named'],
    [['--references', 'r.csv'], '--references stand without --predictions'],
    [['--predictions', 'p.csv', '--references', 'r.csv'], "--predictions: 'p.csv' is not paper/experiment=FILE"],
    [['--predictions', 'abjadmed/x=p.csv', '--references', 'abjadmed/x=r.csv'], "abjadmed has no experiment 'x'"],
    [['--predictions', 'qwen3-medquad/baseline=p.csv', '--references', 'r.csv'], 'which is not verified here'],
    [['--predictions', 'abjadmed/all-linear=p.csv', '--references', 'r.csv', '--no-run'], '--no-run scores nothing'],
    [
      ['--predictions', 'abjadmed/all-linear=p,abjadmed/focal-4b=q', '--references', 'abjadmed/all-linear=r.csv'],
      '--references name no file for abjadmed/focal-4b',
    ],
  ])('%j', async (flags, cause) => {
    expectFailure(await medrepro(['verify', 'abjadmed', '--quiet', '--out', files.at('none'), ...flags]), cause);
  });
});

describe('score', () => {
  const score = (...flags: string[]): Promise<Outcome> => medrepro(['score', '--quiet', ...flags]);

  test('files that are missing, a metric and a target that do not exist', async () => {
    const file = files.write('pairs.csv', 'prediction,answer\na,a\n');
    expectFailure(await score('--references', file), 'no predictions were named');
    const both = ['--predictions', file, '--references', file];
    expectFailure(await score(...both, '--metrics', 'f2'), 'there is no metric "f2"');
    expectFailure(await score('abjadmed', ...both), 'score compares predictions with one experiment');
    expectFailure(await score(...both, '--out', files.at('kept')), '--out keeps the scores of an experiment');
    expectFailure(
      await score(...both, '--map', 'label=a'),
      "--map knows prediction, reference, question, id, not 'label'",
    );
  });
});
