/** The statements and expressions of a template (jinja2 3.1, parser.py), with loop controls and the `generation` block. */
import type { Arguments, Body, Comparison, Expression, Filter, Parameter, Statement, Target } from './ast';
import { TemplateError } from './errors';
import { type LexerOptions, type Token, tokenise } from './lexer';

/** @throws TemplateError for what is not Jinja or is not supported, with its line */
export function parseTemplate(source: string, options: LexerOptions): Body {
  return new Parser(tokenise(source, options)).template();
}

// --- internal ---

/** Levels of brackets and blocks; each is a level of recursion. */
const DEEPEST = 150;
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=']);
const REFUSED = new Set(['extends', 'include', 'import', 'from', 'block', 'autoescape', 'do', 'trans', 'debug']);

class Parser {
  private at = 0;
  private depth = 0;
  private loops = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  template(): Body {
    const body = this.body([]);
    if (this.token.kind !== 'eof') this.fail(`unexpected "${this.token.text}"`);
    return body;
  }

  // --- tokens ---

  private get token(): Token {
    return this.tokens[this.at]!;
  }

  private fail(what: string, line = this.token.line): never {
    throw new TemplateError(what, line);
  }

  private is(kind: Token['kind'], text?: string): boolean {
    return this.token.kind === kind && (text === undefined || this.token.text === text);
  }

  private skip(kind: Token['kind'], text?: string): boolean {
    const found = this.is(kind, text);
    if (found) this.at++;
    return found;
  }

  private expect(kind: Token['kind'], text?: string): Token {
    const { token } = this;
    if (!this.skip(kind, text))
      this.fail(`expected ${text === undefined ? `a ${kind}` : `"${text}"`}, found "${token.text}"`);
    return token;
  }

  private deeper<T>(read: () => T): T {
    if (++this.depth > DEEPEST) this.fail(`nested more than ${DEEPEST} deep`);
    const result = read();
    this.depth--;
    return result;
  }

  // --- statements ---

  /** Up to a block that begins with one of `ends`, which is left unread after its `begin`. */
  private body(ends: readonly string[]): Body {
    return this.deeper(() => {
      const statements: Statement[] = [];
      for (;;) {
        const { token } = this;
        if (token.kind === 'eof') {
          if (ends.length > 0) this.fail(`the template ends before {% ${ends.at(-1)} %}`);
          return statements;
        }
        this.at++;
        if (token.kind === 'text') statements.push({ kind: 'text', text: token.text });
        else if (token.text === 'variable') {
          statements.push({ kind: 'output', value: this.tuple() });
          this.expect('end', 'variable');
        } else {
          if (this.is('name') && ends.includes(this.token.text)) return statements;
          statements.push(...this.statement());
        }
      }
    });
  }

  /** A whole block with its end tag, whose name is `end`. */
  private block(end: string): Body {
    this.expect('end', 'block');
    const body = this.body([end]);
    this.at++;
    this.expect('end', 'block');
    return body;
  }

  private statement(): readonly Statement[] {
    const name = this.expect('name');
    switch (name.text) {
      case 'if':
        return [this.if()];
      case 'for':
        return [this.for()];
      case 'set':
        return [this.set()];
      case 'macro':
        return [this.macro()];
      case 'call':
        return [this.callBlock()];
      case 'filter': {
        const filters = this.filters();
        return [{ kind: 'filter', filters, body: this.block('endfilter') }];
      }
      case 'with':
        return [this.with()];
      case 'print': {
        const value = this.tuple();
        this.expect('end', 'block');
        return [{ kind: 'output', value }];
      }
      case 'generation':
        return [{ kind: 'with', bindings: [], body: this.own(() => this.block('endgeneration')) }];
      case 'break':
      case 'continue':
        if (this.loops === 0) this.fail(`{% ${name.text} %} outside a loop`, name.line);
        this.expect('end', 'block');
        return [{ kind: name.text }];
      default:
        return REFUSED.has(name.text)
          ? this.fail(`{% ${name.text} %} is not supported`, name.line)
          : this.fail(`unknown tag "${name.text}"`, name.line);
    }
  }

  private if(): Statement {
    const branches: { test: Expression; body: Body }[] = [];
    let otherwise: Body = [];
    for (;;) {
      const test = this.tuple(false);
      this.expect('end', 'block');
      branches.push({ test, body: this.body(['elif', 'else', 'endif']) });
      const end = this.expect('name').text;
      if (end === 'elif') continue;
      if (end === 'else') otherwise = this.block('endif');
      else this.expect('end', 'block');
      return { kind: 'if', branches, otherwise };
    }
  }

  private for(): Statement {
    const target = this.target(['in']);
    this.expect('name', 'in');
    const iterable = this.tuple(false, ['recursive']);
    const test = this.skip('name', 'if') ? this.expression() : null;
    const recursive = this.skip('name', 'recursive');
    this.expect('end', 'block');
    this.loops++;
    const body = this.body(['else', 'endfor']);
    this.loops--;
    let otherwise: Body = [];
    if (this.expect('name').text === 'else') otherwise = this.block('endfor');
    else this.expect('end', 'block');
    return { kind: 'for', target, iterable, test, recursive, body, otherwise };
  }

  private set(): Statement {
    const target = this.target(['=', '|'], true);
    if (this.skip('operator', '=')) {
      const value = this.tuple();
      this.expect('end', 'block');
      return { kind: 'set', target, value };
    }
    if (target.kind === 'tuple') this.fail('a block sets one variable');
    const filters = this.is('operator', '|') ? this.filterChain() : [];
    return { kind: 'set-block', target, filters, body: this.block('endset') };
  }

  private with(): Statement {
    const bindings: (readonly [Target, Expression])[] = [];
    while (!this.is('end', 'block')) {
      if (bindings.length > 0) this.expect('operator', ',');
      const target = this.oneTarget(false);
      this.expect('operator', '=');
      bindings.push([target, this.expression()]);
    }
    return { kind: 'with', bindings, body: this.block('endwith') };
  }

  private macro(): Statement {
    const name = this.expect('name').text;
    const parameters = this.parameters();
    return { kind: 'macro', name, parameters, body: this.own(() => this.block('endmacro')) };
  }

  private callBlock(): Statement {
    const parameters = this.is('operator', '(') ? this.parameters() : [];
    const { line } = this.token;
    const call = this.expression();
    if (call.kind !== 'call') this.fail('expected a call', line);
    return { kind: 'call', call, parameters, body: this.own(() => this.block('endcall')) };
  }

  /** A body that loops around it cannot be left from. */
  private own(read: () => Body): Body {
    const { loops } = this;
    this.loops = 0;
    const body = read();
    this.loops = loops;
    return body;
  }

  private parameters(): readonly Parameter[] {
    const parameters: Parameter[] = [];
    this.expect('operator', '(');
    while (!this.skip('operator', ')')) {
      if (parameters.length > 0) this.expect('operator', ',');
      if (parameters.length > 0 && this.skip('operator', ')')) break;
      const { text: name } = this.expect('name');
      const fallback = this.skip('operator', '=') ? this.expression() : null;
      if (fallback === null && parameters.at(-1)?.fallback != null)
        this.fail('a parameter without a default follows one with');
      parameters.push({ name, fallback });
    }
    return parameters;
  }

  private filters(): readonly Filter[] {
    return [this.filter(), ...(this.is('operator', '|') ? this.filterChain() : [])];
  }

  private filterChain(): readonly Filter[] {
    const filters: Filter[] = [];
    while (this.skip('operator', '|')) filters.push(this.filter());
    return filters;
  }

  private filter(): Filter {
    let name = this.expect('name').text;
    while (this.skip('operator', '.')) name += `.${this.expect('name').text}`;
    return { name, args: this.is('operator', '(') ? this.args() : NO_ARGUMENTS };
  }

  private target(ends: readonly string[], members = false): Target {
    const items: Target[] = [];
    let tuple = false;
    for (;;) {
      items.push(this.oneTarget(members));
      if (!this.skip('operator', ',')) break;
      tuple = true;
      if (ends.includes(this.token.text)) break;
    }
    return tuple ? { kind: 'tuple', items } : items[0]!;
  }

  private oneTarget(members: boolean): Target {
    if (this.skip('operator', '(')) {
      const target = this.deeper(() => this.target([')'], members));
      this.expect('operator', ')');
      return target;
    }
    const { text: name, line } = this.expect('name');
    if (CONSTANTS.has(name)) this.fail(`"${name}" cannot be assigned to`, line);
    if (!members || !this.skip('operator', '.')) return { kind: 'name', name };
    return { kind: 'member', object: name, name: this.expect('name').text };
  }

  // --- expressions, loosest first ---

  private expression(conditions = true): Expression {
    return this.deeper(() => (conditions ? this.condition() : this.or()));
  }

  /** Several after commas are a tuple. */
  private tuple(conditions = true, ends: readonly string[] = []): Expression {
    const items: Expression[] = [];
    let tuple = false;
    for (;;) {
      if (this.is('end') || this.is('operator', ')') || (this.is('name') && ends.includes(this.token.text))) break;
      items.push(this.expression(conditions));
      if (!this.skip('operator', ',')) break;
      tuple = true;
    }
    if (!tuple && items.length === 1) return items[0]!;
    if (items.length === 0) this.fail('expected an expression');
    return { kind: 'tuple', items };
  }

  private condition(): Expression {
    let value = this.or();
    while (this.skip('name', 'if')) {
      const test = this.or();
      const otherwise = this.skip('name', 'else') ? this.deeper(() => this.condition()) : null;
      value = { kind: 'condition', test, value, otherwise };
    }
    return value;
  }

  private or(): Expression {
    let left = this.and();
    while (this.skip('name', 'or')) left = { kind: 'binary', operator: 'or', left, right: this.and() };
    return left;
  }

  private and(): Expression {
    let left = this.not();
    while (this.skip('name', 'and')) left = { kind: 'binary', operator: 'and', left, right: this.not() };
    return left;
  }

  private not(): Expression {
    if (!this.skip('name', 'not')) return this.compare();
    return { kind: 'unary', operator: 'not', operand: this.deeper(() => this.not()) };
  }

  private compare(): Expression {
    const first = this.sum();
    const rest: (readonly [Comparison, Expression])[] = [];
    for (;;) {
      const { token } = this;
      if (token.kind === 'operator' && COMPARISONS.has(token.text)) {
        this.at++;
        rest.push([token.text as Comparison, this.sum()]);
      } else if (this.skip('name', 'in')) rest.push(['in', this.sum()]);
      else if (this.is('name', 'not') && this.tokens[this.at + 1]?.text === 'in') {
        this.at += 2;
        rest.push(['not in', this.sum()]);
      } else return rest.length === 0 ? first : { kind: 'compare', first, rest };
    }
  }

  private sum(): Expression {
    let left = this.concat();
    for (;;) {
      const operator = this.is('operator', '+') ? '+' : this.is('operator', '-') ? '-' : null;
      if (operator === null) return left;
      this.at++;
      left = { kind: 'binary', operator, left, right: this.concat() };
    }
  }

  private concat(): Expression {
    const parts = [this.product()];
    while (this.skip('operator', '~')) parts.push(this.product());
    return parts.length === 1 ? parts[0]! : { kind: 'concat', parts };
  }

  private product(): Expression {
    let left = this.power();
    for (;;) {
      const operator = (['*', '/', '//', '%'] as const).find((one) => this.is('operator', one));
      if (operator === undefined) return left;
      this.at++;
      left = { kind: 'binary', operator, left, right: this.power() };
    }
  }

  private power(): Expression {
    let left = this.unary(true);
    while (this.skip('operator', '**')) left = { kind: 'binary', operator: '**', left, right: this.unary(true) };
    return left;
  }

  private unary(filters: boolean): Expression {
    const operator = this.is('operator', '-') ? '-' : this.is('operator', '+') ? '+' : null;
    let node: Expression;
    if (operator === null) node = this.primary();
    else {
      this.at++;
      node = { kind: 'unary', operator, operand: this.deeper(() => this.unary(false)) };
    }
    node = this.postfix(node);
    return filters ? this.filtered(node) : node;
  }

  private primary(): Expression {
    const { token } = this;
    this.at++;
    switch (token.kind) {
      case 'name':
        return CONSTANTS.has(token.text)
          ? { kind: 'constant', value: CONSTANTS.get(token.text)! }
          : { kind: 'name', name: token.text };
      case 'string': {
        let value = token.text;
        while (this.is('string')) value += this.tokens[this.at++]!.text;
        return { kind: 'constant', value };
      }
      case 'integer':
      case 'float':
        return { kind: 'constant', value: token.value };
    }
    if (token.text === '(') return this.parenthesised();
    if (token.text === '[') return { kind: 'list', items: this.listed(']') };
    if (token.text === '{') return this.dict();
    return this.fail(token.kind === 'end' ? 'expected an expression' : `unexpected "${token.text}"`, token.line);
  }

  private parenthesised(): Expression {
    if (this.skip('operator', ')')) return { kind: 'tuple', items: [] };
    const value = this.tuple();
    this.expect('operator', ')');
    return value;
  }

  private listed(end: string): readonly Expression[] {
    const items: Expression[] = [];
    while (!this.skip('operator', end)) {
      if (items.length > 0) this.expect('operator', ',');
      if (this.skip('operator', end)) break;
      items.push(this.expression());
    }
    return items;
  }

  private dict(): Expression {
    const entries: (readonly [Expression, Expression])[] = [];
    while (!this.skip('operator', '}')) {
      if (entries.length > 0) this.expect('operator', ',');
      if (this.skip('operator', '}')) break;
      const key = this.expression();
      this.expect('operator', ':');
      entries.push([key, this.expression()]);
    }
    return { kind: 'dict', entries };
  }

  private postfix(node: Expression): Expression {
    let value = node;
    for (;;) {
      if (this.skip('operator', '.')) {
        const { token } = this;
        this.at++;
        if (token.kind === 'name') value = { kind: 'attribute', object: value, name: token.text };
        else if (token.kind === 'integer') value = item(value, { kind: 'constant', value: token.value });
        else this.fail(`expected a name or a number after ".", found "${token.text}"`, token.line);
      } else if (this.skip('operator', '[')) value = this.subscript(value);
      else if (this.is('operator', '(')) value = { kind: 'call', callee: value, args: this.args() };
      else return value;
    }
  }

  private subscript(object: Expression): Expression {
    const items: Expression[] = [];
    for (;;) {
      const parts = this.slice();
      const isSlice = parts.length > 1;
      if (isSlice && (items.length > 0 || !this.is('operator', ']')))
        this.fail('slices of several dimensions are not supported');
      if (isSlice) {
        this.at++;
        return { kind: 'slice', object, parts };
      }
      items.push(parts[0] ?? this.fail('expected an expression'));
      if (this.skip('operator', ']')) break;
      this.expect('operator', ',');
    }
    return item(object, items.length === 1 ? items[0]! : { kind: 'tuple', items });
  }

  /** One part is an index, more are a slice. */
  private slice(): (Expression | null)[] {
    const parts: (Expression | null)[] = [];
    do {
      const empty = this.is('operator', ':') || this.is('operator', ']') || this.is('operator', ',');
      parts.push(empty ? null : this.expression());
    } while (parts.length < 3 && this.skip('operator', ':'));
    return parts;
  }

  private filtered(node: Expression): Expression {
    let value = node;
    for (;;) {
      if (this.skip('operator', '|')) value = { kind: 'filter', operand: value, ...this.filter() };
      else if (this.skip('name', 'is')) value = this.test(value);
      else if (this.is('operator', '(')) value = { kind: 'call', callee: value, args: this.args() };
      else return value;
    }
  }

  private test(operand: Expression): Expression {
    const negated = this.skip('name', 'not');
    let name = this.expect('name').text;
    while (this.skip('operator', '.')) name += `.${this.expect('name').text}`;
    const args = this.is('operator', '(') ? this.args() : this.testArgument();
    const test: Expression = { kind: 'test', name, operand, args };
    return negated ? { kind: 'unary', operator: 'not', operand: test } : test;
  }

  /** `is divisibleby 3`: one argument may stand without brackets. */
  private testArgument(): Arguments {
    const { kind, text } = this.token;
    const opens = kind === 'operator' && (text === '[' || text === '{');
    const value = kind === 'name' || kind === 'string' || kind === 'integer' || kind === 'float' || opens;
    if (!value || (kind === 'name' && (text === 'else' || text === 'or' || text === 'and'))) return NO_ARGUMENTS;
    if (kind === 'name' && text === 'is') this.fail('tests cannot be chained with "is"');
    return { positional: [this.postfix(this.primary())], named: [] };
  }

  private args(): Arguments {
    return this.deeper(() => {
      const positional: Expression[] = [];
      const named: (readonly [string, Expression])[] = [];
      this.expect('operator', '(');
      let first = true;
      while (!this.skip('operator', ')')) {
        if (!first) this.expect('operator', ',');
        if (!first && this.skip('operator', ')')) break;
        first = false;
        if (this.is('operator', '*') || this.is('operator', '**')) this.fail('"*" before arguments is not supported');
        const next = this.tokens[this.at + 1];
        if (this.is('name') && next?.kind === 'operator' && next.text === '=') {
          const name = this.expect('name').text;
          this.at++;
          named.push([name, this.expression()]);
        } else {
          if (named.length > 0) this.fail('an argument without a name follows one with');
          positional.push(this.expression());
        }
      }
      return { positional, named };
    });
  }
}

const NO_ARGUMENTS: Arguments = { positional: [], named: [] };

const CONSTANTS = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['none', null],
  ['True', true],
  ['False', false],
  ['None', null],
]);

const item = (object: Expression, index: Expression): Expression => ({ kind: 'item', object, index });
