/** docs/spec.md is what the schemas say, names everything a spec can say, and every example on it loads. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { specPage } from '../../scripts/spec-page';
import { loadPaper } from '../../src/paper/load';
import { METRIC_IDS } from '../../src/run/metrics';
import { loadGolden } from '../../src/verify/golden';
import { exampleFiles } from './sixth-paper';

const PAGE = readFileSync(join(import.meta.dir, '../../docs/spec.md'), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/^```yaml\n([\s\S]+?)^```$/gm)].map(([, text]) => text!);
const FILES = exampleFiles();

test('it is current', () => expect(PAGE === specPage()).toBe(true));

test('it has every metric, and an example of every kind', () => {
  expect(METRIC_IDS.filter((id) => !PAGE.includes(`| \`${id}\` |`))).toEqual([]);
  const kinds = EXAMPLES.flatMap((text) => [...text.matchAll(/^ +kind: (\S+)$/gm)].map(([, kind]) => kind!));
  const expected = ['nf4', 'int8', 'lora', 'adalora', 'classification', 'causal', 'focal', 'adamw', 'adafactor'];
  expect(kinds).toEqual(expect.arrayContaining([...expected, 'relative-change', 'sourced', 'beats', 'fact']));
  expect(EXAMPLES.length).toBeGreaterThan(50);
});

const named = EXAMPLES.map(
  (text, i) => [`${text.split(':', 1)[0]}, example ${i + 1} of the page, loads`, text] as const,
);
test.each(named)('%s', (_name, text) => {
  const example = asObject(parse(text));
  const paper = asObject(parse(FILES['my-paper.yaml']));
  const golden = asObject(parse(FILES['my-golden.yaml']));
  const [[key, value] = []] = Object.entries(example);
  // a classifier's rows are their text; a causal LM's template is the paper's to say
  const task = 'choices' in example ? { data: { template: '{text}' } } : {};
  if ('choices' in example) paper.task = 'causal-lm';
  if (key === 'claims') golden.claims = { ...asObject(golden.claims), ...asObject(value) };
  else if (key === 'statements') paper.statements = { ...asObject(paper.statements), ...asObject(value) };
  else {
    const defaults = asObject(paper.defaults);
    const both = asObject(defaults.both);
    paper.defaults = { ...defaults, both: laidOver(laidOver(both, task), example) };
  }
  const loaded = loadPaper(stringify(paper), { kind: 'file', path: 'x.yaml' });
  expect(loaded.experiments.length).toBeGreaterThan(0);
  expect(Object.keys(loadGolden(stringify(golden), 'golden.yaml', loaded).claims).length).toBeGreaterThan(1);
});

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${JSON.stringify(value)} is no object`);
  return { ...value };
}

/** As one block over another: an object with a kind replaces what is there. */
function laidOver(below: Record<string, unknown>, above: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const own = result[key];
    const both = [own, value].every((one) => typeof one === 'object' && one !== null && !Array.isArray(one));
    result[key] = both && !('kind' in asObject(value)) ? laidOver(asObject(own), asObject(value)) : value;
  }
  // what the example replaces is explained no more
  for (const note of ['section', 'assumed']) delete result[note];
  return result;
}
