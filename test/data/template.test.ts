import { describe, expect, test } from 'bun:test';
import { compileTemplate } from '../../src/data/template';

const fill = (source: string): string =>
  compileTemplate(source, ['text', 'label'], 'task.prompt')({ text: 'a {label}', label: 'b' });

describe('templates of a spec', () => {
  test.each([
    ['{text} {"json": 1}\n', 'a {label} {"json": 1}\n'],
    ['{{ text }}\n', 'a {label}\n'],
    ['{{ text }}\n\n', 'a {label}\n\n'],
    // the line end after a block goes, also at the end
    ['{% if label %}{{ text }}{% endif %}\n', 'a {label}'],
    ['{% if label %}\n{{ text }}\n{% endif %}\n', 'a {label}\n'],
    ['{{ text }}{# note #}\n', 'a {label}'],
    ["{{ text }} {{ '{label}' }} {json} { }", 'a {label} {label} {json} { }'],
    ["{% for c in text %}{{ c }}{% if c == ' ' %}{% break %}{% endif %}{% endfor %}", 'a '],
  ])('%j', (source, expected) => {
    expect(fill(source)).toBe(expected);
  });

  test.each([
    ['{text} {{ label }}', 'task.prompt has {text} beside Jinja, in which it is text'],
    ['{% if label %}{text}{% endif %}', 'task.prompt has {text} beside Jinja'],
    ['{{ txt }} {{ text }}', 'task.prompt names txt, which is no column'],
    ['{% set x = text %}{{ x }}{{ y }}', 'task.prompt names y'],
    ['{{ text', 'task.prompt is not Jinja: a variable is not closed (line 1 of it)'],
    ['{{ "a" }}', 'task.prompt names no column'],
    ['{{ text + 1 }}', "task.prompt cannot be rendered: unsupported operand type(s) for +: 'str' and 'int'"],
    ['{{ text }}{{ strftime_now("%Y") }}', 'task.prompt cannot be rendered'],
  ])('%j is refused', (source, message) => {
    expect(() => fill(source)).toThrow(message);
  });

  test('names that a template sets itself are no columns', () => {
    expect(fill('{% for c in text[:1] %}{{ c }}{{ loop.index }}{% endfor %}{% set z = label %}{{ z }}')).toBe('a1b');
    expect(fill('{% macro m(q) %}{{ q }}{% endmacro %}{{ m(text) }}')).toBe('a {label}');
  });
});
