/**
 * Jinja templates as transformers renders them: jinja2 3.1 with `trim_blocks`, `lstrip_blocks`, loop controls, its `tojson`,
 * `raise_exception`, `strftime_now` and the `generation` block. By this project's own interpreter: a template comes with a
 * model or a spec, so it reaches nothing but the values it is given and ends within a budget.
 */
import type { Body, Expression, Statement, Target } from './ast';
import { TemplateError } from './errors';
import { render } from './interpreter';
import type { LexerOptions } from './lexer';
import { parseTemplate } from './parser';
import { strftime } from './strftime';
import { str } from './text';
import { Callable, fromJson, type Value } from './values';

export interface RenderOptions {
  /** What `strftime_now` calls now, as `2024-07-26` or `2024-07-26T13:45:00`: never the clock. */
  readonly now?: string;
}

export class JinjaTemplate {
  private readonly body: Body;

  /** @throws TemplateError with a line: not Jinja, or something that is not supported */
  constructor(source: string, options: LexerOptions) {
    this.body = parseTemplate(source, options);
  }

  /** The variables it reads and does not set itself. */
  freeNames(): Set<string> {
    const names = new Set<string>();
    readNames(this.body, new Set(BUILT_IN), names);
    return names;
  }

  /** The text outside tags, as it is written out. */
  texts(): string[] {
    return textsOf(this.body);
  }

  /**
   * @param variables plain JSON data
   * @throws TemplateError when the template rejects, asks for what is not there or takes more than its budget
   */
  render(variables: Readonly<Record<string, unknown>>, { now }: RenderOptions = {}): string {
    const values = new Map<string, Value>([
      [
        'strftime_now',
        new Callable('strftime_now', ({ positional }) => strftime(str(positional[0] ?? ''), pinned(now))),
      ],
    ]);
    for (const [name, value] of Object.entries(variables)) values.set(name, fromJson(value));
    return render(this.body, values);
  }
}

// --- internal ---

const BUILT_IN = ['range', 'namespace', 'dict', 'raise_exception', 'strftime_now'];

function pinned(now: string | undefined): string {
  if (now !== undefined) return now;
  throw new TemplateError("it writes today's date (strftime_now) and none is pinned");
}

function textsOf(body: Body): string[] {
  return body.flatMap((statement) => {
    if (statement.kind === 'text') return [statement.text];
    if (statement.kind === 'if') {
      return [...statement.branches.flatMap((branch) => textsOf(branch.body)), ...textsOf(statement.otherwise)];
    }
    if (statement.kind === 'for') return [...textsOf(statement.body), ...textsOf(statement.otherwise)];
    return 'body' in statement ? textsOf(statement.body) : [];
  });
}

/** Adds to `found` what `body` reads before it is bound; `bound` is what is, and grows. */
function readNames(body: Body, bound: Set<string>, found: Set<string>): void {
  for (const statement of body) readStatement(statement, bound, found);
}

function readStatement(statement: Statement, bound: Set<string>, found: Set<string>): void {
  const read = (expression: Expression): void => readExpression(expression, bound, found);
  const inside = (body: Body, names: readonly string[] = []): void =>
    readNames(body, new Set([...bound, ...names]), found);
  switch (statement.kind) {
    case 'output':
      read(statement.value);
      return;
    case 'if':
      for (const { test, body } of statement.branches) {
        read(test);
        readNames(body, bound, found);
      }
      readNames(statement.otherwise, bound, found);
      return;
    case 'for': {
      read(statement.iterable);
      const names = namesOf(statement.target);
      if (statement.test !== null) readExpression(statement.test, new Set([...bound, ...names]), found);
      inside(statement.body, [...names, 'loop']);
      inside(statement.otherwise);
      return;
    }
    case 'set':
      read(statement.value);
      for (const name of namesOf(statement.target)) bound.add(name);
      return;
    case 'set-block':
      inside(statement.body);
      for (const { args } of statement.filters) readArguments(args, bound, found);
      for (const name of namesOf(statement.target)) bound.add(name);
      return;
    case 'macro':
      bound.add(statement.name);
      for (const { fallback } of statement.parameters) if (fallback !== null) read(fallback);
      inside(statement.body, [...statement.parameters.map(({ name }) => name), 'caller']);
      return;
    case 'call':
      read(statement.call);
      inside(
        statement.body,
        statement.parameters.map(({ name }) => name),
      );
      return;
    case 'filter':
      for (const { args } of statement.filters) readArguments(args, bound, found);
      inside(statement.body);
      return;
    case 'with':
      for (const [, value] of statement.bindings) read(value);
      inside(
        statement.body,
        statement.bindings.flatMap(([target]) => namesOf(target)),
      );
      return;
  }
}

function readArguments(args: (Expression & { kind: 'call' })['args'], bound: Set<string>, found: Set<string>): void {
  for (const value of args.positional) readExpression(value, bound, found);
  for (const [, value] of args.named) readExpression(value, bound, found);
}

function readExpression(expression: Expression, bound: Set<string>, found: Set<string>): void {
  const read = (inner: Expression | null): void => {
    if (inner !== null) readExpression(inner, bound, found);
  };
  switch (expression.kind) {
    case 'constant':
      return;
    case 'name':
      if (!bound.has(expression.name)) found.add(expression.name);
      return;
    case 'list':
    case 'tuple':
      expression.items.forEach(read);
      return;
    case 'dict':
      expression.entries.flat().forEach(read);
      return;
    case 'attribute':
      read(expression.object);
      return;
    case 'item':
      read(expression.object);
      read(expression.index);
      return;
    case 'slice':
      read(expression.object);
      expression.parts.forEach(read);
      return;
    case 'call':
      read(expression.callee);
      readArguments(expression.args, bound, found);
      return;
    case 'filter':
    case 'test':
      read(expression.operand);
      readArguments(expression.args, bound, found);
      return;
    case 'unary':
      read(expression.operand);
      return;
    case 'binary':
      read(expression.left);
      read(expression.right);
      return;
    case 'concat':
      expression.parts.forEach(read);
      return;
    case 'compare':
      read(expression.first);
      for (const [, value] of expression.rest) read(value);
      return;
    case 'condition':
      read(expression.test);
      read(expression.value);
      read(expression.otherwise);
      return;
  }
}

function namesOf(target: Target): readonly string[] {
  if (target.kind === 'name') return [target.name];
  return target.kind === 'tuple' ? target.items.flatMap(namesOf) : [];
}
