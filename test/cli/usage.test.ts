/** Usage errors: exit code 2, nothing on stdout, one line of cause and at most one of remedy. `bun test test/cli/usage` */

import { describe, expect, test } from 'bun:test';
import { medrepro } from './binary';

describe('usage errors', () => {
  test.each([
    [[], "medrepro: a command is needed\n  see 'medrepro --help'\n"],
    [['rnu'], "medrepro: unknown command 'rnu'; did you mean 'run'?\n"],
    [['constructor'], "medrepro: unknown command 'constructor'\n"],
    [['frobnicate'], "medrepro: unknown command 'frobnicate'\n  the commands are list, plan, "],
    [['--scale', 'mini', 'run'], 'medrepro: --scale stands before the command\n  flags follow the command\n'],
    [['run', 'x', '--sede', '1'], "medrepro: unknown option --sede; did you mean '--seed'?\n"],
    [['run', 'x', '--frobnicate'], "medrepro: unknown option --frobnicate\n  see 'medrepro run --help'\n"],
    [['run', 'x', '--quite'], "medrepro: unknown option --quite; did you mean '--quiet'?\n"],
    [['run', 'x', '-z'], 'medrepro: unknown option -z\n'],
    [['run', 'x', '--constructor'], 'medrepro: unknown option --constructor\n'],
    [['run', 'x', '--no-resume'], 'medrepro: unknown option --no-resume'],
    [['run', 'x', '--no-seed'], 'medrepro: unknown option --no-seed'],
    [['verify', 'x', '--no-rnu'], "medrepro: unknown option --no-rnu; did you mean '--no-run'?\n"],
    [['run', 'x', '--out'], 'medrepro: --out needs a value\n  write --out <dir>\n'],
    [['run', 'x', '--out='], 'medrepro: --out needs a value\n'],
    [['run', 'x', '--out', '--resume'], 'medrepro: --out needs a value\n'],
    [['run', 'x', '--resume=yes'], 'medrepro: --resume takes no value\n'],
    [['run', 'x', '--seed', '1', '--seed=2'], 'medrepro: --seed is given twice\n'],
    [['run', 'x', '--scale', 'ful'], "medrepro: --scale is one of auto, mini, full, not 'ful'; did you mean 'full'?\n"],
    [['run', 'x', '--seed', 'one'], "medrepro: --seed takes a whole number from 0 to 4294967295, not 'one'\n"],
    [['run', 'x', '--seed', '-1'], "medrepro: --seed takes a whole number from 0 to 4294967295, not '-1'\n"],
    [['run', 'x', '--seed', '1e3'], "medrepro: --seed takes a whole number from 0 to 4294967295, not '1e3'\n"],
    [['run', 'x', '--threads', '0'], "medrepro: --threads takes a whole number from 1 to 1024, not '0'\n"],
    [['run', 'x', '--device', 'cuda', '--isa', 'avx2'], 'medrepro: --isa is a CPU path and --device says cuda\n'],
    [['run', 'x', '--data', 'train=a,train=b'], 'medrepro: --data names train twice\n'],
    [['run', 'x', '--map', 'text'], "medrepro: --map: 'text' is not name=value\n"],
    [['run'], 'medrepro: no target was named\n  name a paper, such as abjadmed, or say --all;'],
    [['run', '--all', 'abjadmed'], "medrepro: --all already means 'abjadmed'\n"],
    [['list', 'abjadmed'], "medrepro: unexpected 'abjadmed'\n  see 'medrepro list --help'\n"],
    [['doctor', '--', '--json'], "medrepro: unexpected '--json'\n"],
  ])('%j', async (args: string[], expected: string) => {
    const { exitCode, stdout, stderr } = await medrepro(args);
    expect(stderr).toStartWith(expected);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });

  test('--verbose adds the stack', async () => {
    const { stderr } = await medrepro(['list', '--jsno', '--verbose']);
    expect(stderr).toContain('\n    at ');
  });
});
