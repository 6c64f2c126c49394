/** What `--help` and `--version` print. Snapshots: `bun test test/cli/help --update-snapshots` after a change. */

import { expect, test } from 'bun:test';
import { version } from '../../package.json';
import { commands } from '../../src/commands';
import { medrepro } from './binary';

test.each(['', ...commands.map(({ name }) => name)])('medrepro %s --help', async (name) => {
  const { exitCode, stdout, stderr } = await medrepro([...(name === '' ? [] : [name]), '--help']);
  expect(stdout).toMatchSnapshot();
  expect(stdout.split('\n').every((line) => line.length <= 120)).toBe(true);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

test('-h anywhere is help, also with flags that are wrong', async () => {
  const help = await medrepro(['run', '--help']);
  expect(await medrepro(['run', 'abjadmed', '--frobnicate', '-h'])).toEqual(help);
});

test('--version', async () => {
  expect(await medrepro(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});
