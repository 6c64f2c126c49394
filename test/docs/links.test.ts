/** Pages for people: what they link to and name exists. */
import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dir, '../..');
const pages = ['*.md', '{.github,bench,docs,kernels,language,papers,scripts,test}/**/*.md'].flatMap((glob) => [
  ...new Bun.Glob(glob).scanSync({ cwd: ROOT, dot: true }),
]);

/** `[text](target)` of this repository, without its anchor. */
const links = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!).filter((link) => !/^[a-z]+:/.test(link));

/** Paths in backquotes below a folder of the repository: `src/data/`, `kernels/medrepro.h`. `my-` is an example's. */
const paths = (text: string): string[] =>
  [...text.matchAll(/`((?:src|kernels|scripts|test|docs|bench|papers|golden|language)\/[\w./-]*\w\/?)`/g)]
    .map(([, path]) => path!)
    .filter((path) => !path.includes('/my-'));

test('there are pages', () => expect(pages).toContain('README.md'));

test.each(pages)('%s', (page) => {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const missing = [
    ...links(text).filter((link) => !existsSync(join(ROOT, dirname(page), link))),
    ...paths(text).filter((path) => !existsSync(join(ROOT, path))),
  ];
  expect(missing).toEqual([]);
});
