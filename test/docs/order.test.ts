/** Imports of `src/`, type-only and dynamic ones too, go downwards in the order of CONTRIBUTING.md's map, and never in a circle. */
import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';

const root = join(import.meta.dir, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const map = /^## The map$.*?\n\n((?: {4}.+\n)+)/ms.exec(read('CONTRIBUTING.md'))?.[1] ?? '';
/** Rooms from the ground up; those of one storey do not know each other. */
const storeys = map.split(/[\n<]/).map((line): string[] => line.match(/[a-z\d-]+/g) ?? []);
const room = (file: string): string => /^src\/([^/.]+)/.exec(file)![1]!;
const storey = (file: string): number => storeys.findIndex((rooms) => rooms.includes(room(file)));

interface Import {
  readonly to: string;
  readonly at: string;
}

const imports = new Map<string, Import[]>();
for (const name of new Bun.Glob('**/*.ts').scanSync(join(root, 'src'))) {
  const [file, text] = [`src/${name}`, read(`src/${name}`)];
  const found = [...text.matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].flatMap(({ 1: path, index }) => {
    const base = normalize(join(file, '..', path!));
    const to = [`${base}.ts`, `${base}/index.ts`].find((one) => one.startsWith('src/') && existsSync(join(root, one)));
    return to === undefined ? [] : [{ to, at: `${file}:${text.slice(0, index).split('\n').length}` }];
  });
  imports.set(file, found);
}

test('every room has a place in the map', () => {
  expect([...imports.keys()].filter((file) => storey(file) === -1)).toEqual([]);
});

test('imports go downwards', () => {
  const up = [...imports].flatMap(([file, own]) =>
    own
      .filter(({ to }) => room(to) !== room(file) && storey(to) >= storey(file))
      .map(({ to, at }) => `${at} imports ${to}`),
  );
  expect(up).toEqual([]);
});

test('no circle', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    for (const { to, at } of imports.get(file) ?? []) {
      const begin = path.indexOf(to);
      if (begin >= 0) circles.push(`${at} closes ${[...path.slice(begin), to].join(' -> ')}`);
      else if (!done.has(to)) visit(to, [...path, to]);
    }
    done.add(file);
  };
  for (const file of imports.keys()) if (!done.has(file)) visit(file, [file]);
  expect(circles).toEqual([]);
});
