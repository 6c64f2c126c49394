/** Templates as jinja2 renders them in transformers' environment. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { TemplateError } from '../../src/data/jinja/errors';
import { JinjaTemplate, type RenderOptions } from '../../src/data/jinja/template';
import fixture from '../fixtures/jinja/cases.json';

const render = (
  source: string,
  variables: Readonly<Record<string, unknown>> = {},
  options: RenderOptions = {},
): string => new JinjaTemplate(source, { keepTrailingNewline: false }).render(variables, options);

/** The text, or null where it is refused; anything but a TemplateError is a bug. */
function rendered(source: string): string | null {
  try {
    return render(source, fixture.variables);
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}

/** What is refused by name though jinja2 renders it. */
const REFUSED = [/\|random/, /urlize/, /lipsum/, /\bsuper\b/, /\{% block/, /\bvarargs\b/, /\.real\b/, /\bself\b/];

describe('small templates', () => {
  test('are as jinja2 renders them', () => {
    const wrong = (fixture.cases as [string, string | null][])
      .map(([source, expected]) => ({ source, expected, found: rendered(source) }))
      .filter(
        ({ source, expected, found }) =>
          found !== expected && !(found === null && REFUSED.some((one) => one.test(source))),
      );
    expect(wrong).toEqual([]);
  });
});

describe('a template ends, whatever it says', () => {
  const huge = '1'.repeat(5000);
  test.each([
    '{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}',
    "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    '{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
    '{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
    "{% set ns = namespace(x=['a']) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson(indent=4) }}",
    '{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}',
    '{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}',
    "{{ 'a' * 10 ** 12 }}",
    '{{ [1] * 10 ** 12 }}',
    '{{ (9 ** 5000) ** 5000 }}',
    "{{ '%1000000000000d' % 1 }}",
    "{{ 'a'.center(10 ** 12) }}",
    "{{ 'a'|indent(10 ** 12, true) }}",
    "{{ 'a\n'|replace('', 'b' * 1000000)|replace('', 'b' * 1000000) }}",
    '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
    '{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}',
    '{% for x in [[]] recursive %}{{ loop([x]) }}{% endfor %}',
    `{{ ${'('.repeat(9999)}1${')'.repeat(9999)} }}`,
    `{{ ${'-'.repeat(99_999)}1 }}`,
    `{{ 1${'+1'.repeat(99_999)} }}`,
    `{{ ${'not '.repeat(99_999)}1 }}`,
    `${'{% if 1 %}'.repeat(9999)}`,
    `{{ ${huge}1 }}`,
    "{% for c in 'ab' * 9000000 %}{% endfor %}",
    '{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}',
    '{% set ns = namespace(x=2) %}{% for i in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x }}',
  ])(
    '%#',
    (source) => {
      expect(() => render(source)).toThrow(TemplateError);
    },
    20_000,
  );

  test('what a conversation needs is far below', () => {
    const messages = Array.from({ length: 400 }, (_, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content: 'x'.repeat(5000),
    }));
    const source = "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m.content | trim + '\\n' }}{% endfor %}";
    expect(render(source, { messages }).length).toBeGreaterThan(2_000_000);
  });
});

describe('nothing of JavaScript is reached', () => {
  test.each([
    '{{ {}.constructor }}',
    "{{ 'a'.constructor }}",
    "{{ ''.__proto__ }}",
    '{{ [].__proto__ }}{{ [].length }}',
    "{{ {}['__proto__'] }}{{ {}.toString }}{{ {}.hasOwnProperty }}",
    '{{ range.constructor }}',
    '{{ namespace().__proto__ }}{{ constructor }}{{ __proto__ }}',
    '{% for x in [1] %}{{ loop.constructor }}{{ loop.items }}{% endfor %}',
    "{{ messages|map(attribute='constructor')|join }}",
  ])('%s is empty', (source) => {
    expect(render(source, { messages: [{ role: 'user' }] })).toBe('');
  });

  test('keys of data may have any name', () => {
    const data = JSON.parse('{"x": {"__proto__": 1, "constructor": 2}}') as Record<string, unknown>;
    expect(render('{{ x }}{{ x.constructor }}', data)).toBe("{'__proto__': 1, 'constructor': 2}2");
  });
});

describe('dates', () => {
  // python: datetime.datetime(2024, 7, 6, 15, 4, 5).strftime(...)
  test('are the pinned one', () => {
    const source = "{{ strftime_now('%d %b %Y|%Y-%m-%d|%A %B %-d|%I:%M %p|%j %y %H:%M:%S %%|%F %T') }}";
    expect(render(source, {}, { now: '2024-07-06T15:04:05' })).toBe(
      '06 Jul 2024|2024-07-06|Saturday July 6|03:04 PM|188 24 15:04:05 %|2024-07-06 15:04:05',
    );
  });
  test('are refused where none is pinned, and only if asked for', () => {
    expect(render("{% if strftime_now is defined %}x{% endif %}{{ '' if x is defined else 'y' }}")).toBe('xy');
    expect(() => render("{{ strftime_now('%Y') }}")).toThrow('none is pinned');
  });
});

describe('values', () => {
  test('JSON is read back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(render('{{ x|tojson }}', { x: value }))).toEqual(JSON.parse(JSON.stringify(value)));
        expect(JSON.parse(render('{{ x|tojson(indent=2) }}', { x: value }))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
  test('floats keep every bit and always show that they are floats', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }), (x) => {
        const text = render('{{ x }}', { x });
        expect(Number(text)).toBe(x);
        expect(text).toMatch(/^-?\d+(?:\.\d+)?(?:e[-+]\d{2,})?$/);
        expect(/[.e]/.test(text)).toBe(true);
      }),
    );
  });
  test('quoted texts mean themselves when a template has them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (x) => {
        const quoted = render('{{ [x] }}', { x }).slice(1, -1);
        expect(render(`{{ ${quoted} }}`)).toBe(x);
      }),
    );
  });
  test('slices are those of a list of characters', () => {
    const part = fc.option(fc.integer({ min: -6, max: 6 }), { nil: null });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 5 }),
        part,
        part,
        fc.constantFrom(1, 2, -1, -2),
        (x, a, b, by) => {
          const slice = `[${a ?? ''}:${b ?? ''}:${by}]`;
          expect(render(`{{ x${slice} }}`, { x })).toBe(render(`{{ (x|list)${slice}|join }}`, { x }));
        },
      ),
    );
  });
});
