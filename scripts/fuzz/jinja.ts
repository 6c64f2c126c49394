/** Templates, as a tokeniser's folder or a spec may hold them, rendered with a small conversation. */
import { TemplateError } from '../../src/data/jinja/errors';
import { JinjaTemplate } from '../../src/data/jinja/template';
import { MedreproError } from '../../src/errors';
import chat from '../../test/fixtures/chat/templates.json';
import fixture from '../../test/fixtures/jinja/cases.json';
import type { FuzzTarget } from './harness';

const SOURCES = [
  ...Object.values(chat.templates).map(({ source }) => source),
  ...fixture.cases.map(([source]) => source!),
  '{% for a in range(99) %}{% for b in range(99) %}{{ a * b }}{% endfor %}{% endfor %}',
  "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
  '{% macro m(n) %}{{ m(n - 1) if n else 1 }}{% endmacro %}{{ m(9) }}',
];

/** Pieces that mean something, put in or taken from another place. */
const PIECES = [
  '{{ ',
  ' }}',
  '{% ',
  ' %}',
  '{#',
  '#}',
  '-',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '|',
  '.',
  ',',
  "'",
  '"',
  '*',
  '**',
  '+',
  '~',
  '%',
  '//',
  'loop',
  'l',
  'd',
  't',
  'messages',
  ' if ',
  ' else ',
  ' in ',
  ' is ',
  ' not ',
  '|list',
  '|tojson(indent=4)',
  '|map("upper")',
  '|join',
  '|sort',
  '|length',
  '|indent',
  '[::-1]',
  '9999999999',
  '0',
  'none',
  '{% for x in range(99999) %}',
  '{% endfor %}',
  '{% set l = l + l %}',
  '{% if t %}',
  '{% endif %}',
  '{% set x %}',
  '{% endset %}',
  '{% break %}',
  '{% macro m(a) %}',
  '{% endmacro %}',
  '{{ m(1) }}',
];

export const target: FuzzTarget = {
  name: 'jinja',
  seeds: () => SOURCES.map((source) => new TextEncoder().encode(source)),
  parse(input) {
    try {
      const template = new JinjaTemplate(new TextDecoder().decode(input), { keepTrailingNewline: false });
      template.freeNames();
      return template.render({ ...fixture.variables, add_generation_prompt: true }, { now: '2024-07-26' });
    } catch (error) {
      if (error instanceof TemplateError) throw new MedreproError('input', error.message);
      throw error;
    }
  },
  mutate(seed, random) {
    let text = new TextDecoder().decode(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let times = 1 + below(4); times > 0; times--) {
      const at = below(text.length + 1);
      const piece = random() < 0.7 ? PIECES[below(PIECES.length)]! : text.slice(at, at + below(20));
      const to = below(text.length + 1);
      text = text.slice(0, to) + piece + text.slice(to + (random() < 0.5 ? 0 : below(4)));
    }
    return new TextEncoder().encode(text);
  },
};
