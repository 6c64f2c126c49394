/** The example of docs/sixth-paper.md, as files. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = join(import.meta.dir, '../../docs/sixth-paper.md');

/** The page's code blocks by the file name in their first line. */
export function exampleFiles(): Readonly<Record<'my-paper.yaml' | 'my-golden.yaml', string>> {
  const blocks = [...readFileSync(PAGE, 'utf8').matchAll(/^```yaml\n# (\S+)\n([\s\S]+?)^```$/gm)];
  const files = Object.fromEntries(blocks.map(([, name, text]) => [name!, text!]));
  const [paper, golden] = [files['my-paper.yaml'], files['my-golden.yaml']];
  if (paper === undefined || golden === undefined) throw new Error(`${PAGE} does not hold both files`);
  return { 'my-paper.yaml': paper, 'my-golden.yaml': golden };
}

/** The example's spec with the page's other blocks put in where their first lines say. */
export function extendedExample(): string {
  const page = readFileSync(PAGE, 'utf8');
  const blocks = [...page.matchAll(/^```yaml\n# under (\S+)\n([\s\S]+?)^```$/gm)];
  const text = exampleFiles()['my-paper.yaml'];
  return blocks.reduce((spec, [, place = '', lines]) => {
    const key = place.split('.').at(-1);
    const changed = spec.replace(new RegExp(`^ *${key}:\\n`, 'm'), (line) => `${line}${lines}`);
    if (changed === spec) throw new Error(`the example has no ${place}`);
    return changed;
  }, text);
}

/** Writes them into a folder; the path of the spec. */
export function writeExample(folder: string): string {
  for (const [name, text] of Object.entries(exampleFiles())) writeFileSync(join(folder, name), text);
  return join(folder, 'my-paper.yaml');
}
