/** Pages for people: the commands that they show exist and have the flags that they give. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GLOBAL_FLAGS } from '../../src/cli/command';
import { commands } from '../../src/commands';

const ROOT = join(import.meta.dir, '../..');

/** Lines of code such as `    dist/medrepro run abjadmed --seed 7`, and `medrepro run` in backquotes. */
const shown = ['*.md', '{docs,bench}/**/*.md'].flatMap((glob) =>
  [...new Bun.Glob(glob).scanSync(ROOT)].flatMap((page) =>
    [
      ...readFileSync(join(ROOT, page), 'utf8').matchAll(
        /(?:^ {4}|`|medrepro )(?:dist\/)?medrepro ([a-z]+)([^`\n]*)/gm,
      ),
    ].map(([, name, rest]) => ({ page, name: name!, flags: (rest!.match(/--[a-z][a-z-]*/g) ?? []) as string[] })),
  ),
);

test('pages show commands', () => expect(shown.length).toBeGreaterThan(30));

test.each(shown.map((one) => [one.page, one.name, one.flags.join(' '), one] as const))(
  '%s: %s %s',
  (_page, _name, _flags, one) => {
    const command = commands.find(({ name }) => name === one.name);
    expect(command).toBeDefined();
    const known = Object.keys({ ...GLOBAL_FLAGS, ...command?.flags }).map((flag) => `--${flag}`);
    expect(one.flags.filter((flag) => !known.includes(flag))).toEqual([]);
  },
);
