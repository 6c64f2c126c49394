/**
 * Renders a template as jinja2 3.1 does in the environment of transformers' `apply_chat_template` (a sandbox in which no
 * value can be changed), within a budget.
 */
import type { Arguments, Body, Expression, Parameter, Statement, Target } from './ast';
import { Budget } from './budget';
import { TemplateError } from './errors';
import { applyFilter, applyTest, type FilterContext, Group } from './filters';
import { method } from './methods';
import { arithmetic, compare, concatenated, integerOf, item, iterate, MISSING, negative, slice } from './operators';
import { str } from './text';
import {
  type CallArguments,
  Callable,
  Dict,
  equal,
  isNumber,
  List,
  Namespace,
  Sequence,
  Tuple,
  truth,
  typeName,
  Undefined,
  type Value,
  weight,
} from './values';

/** @throws TemplateError when the template rejects, asks for what is not there or takes more than its budget */
export function render(body: Body, variables: ReadonlyMap<string, Value>): string {
  let input = 0;
  for (const value of variables.values()) input += weight(value);
  return new Interpreter(variables, new Budget(input)).template(body);
}

// --- internal ---

/** Names that are bound in one place; those around it are seen too. */
class Frame {
  readonly names = new Map<string, Value>();

  constructor(readonly outer: Frame | null) {}

  find(name: string): Value | undefined {
    for (let frame: Frame | null = this; frame !== null; frame = frame.outer) {
      const found = frame.names.get(name);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** How a body ended. */
type Ending = 'done' | 'break' | 'continue';

/** As jinja2's sandbox. */
/** What Python's numbers have and templates never ask for. */
const NUMBERS_OWN = new Set([
  'real',
  'imag',
  'numerator',
  'denominator',
  'conjugate',
  'bit_length',
  'is_integer',
  'hex',
]);

const LONGEST_RANGE = 100_000n;

class Interpreter {
  private readonly globals = new Frame(null);
  private output: string[] = [];
  private readonly context: FilterContext;

  constructor(
    variables: ReadonlyMap<string, Value>,
    private readonly budget: Budget,
  ) {
    for (const [name, call] of this.functions()) this.globals.names.set(name, new Callable(name, call));
    for (const [name, value] of variables) this.globals.names.set(name, value);
    this.context = {
      budget,
      item: (value, name) => this.item(value, name),
      attribute: (value, name) => {
        const own = this.member(value, name);
        return own === undefined ? missing(value, name) : own;
      },
    };
  }

  template(body: Body): string {
    this.body(body, new Frame(this.globals));
    return this.output.join('');
  }

  // --- statements ---

  private body(body: Body, frame: Frame): Ending {
    for (const statement of body) {
      this.budget.step();
      const ending = this.statement(statement, frame);
      if (ending !== 'done') return ending;
    }
    return 'done';
  }

  private statement(statement: Statement, frame: Frame): Ending {
    switch (statement.kind) {
      case 'text':
        this.output.push(this.budget.made(statement.text));
        return 'done';
      case 'output': {
        const value = this.evaluate(statement.value, frame);
        this.budget.text(weight(value));
        this.output.push(str(value));
        return 'done';
      }
      case 'if': {
        const branch = statement.branches.find(({ test }) => truth(this.evaluate(test, frame)));
        return this.body(branch?.body ?? statement.otherwise, frame);
      }
      case 'for':
        return this.for(statement, frame);
      case 'set':
        this.bind(statement.target, this.evaluate(statement.value, frame), frame);
        return 'done';
      case 'set-block': {
        let value: Value = this.captured(statement.body, new Frame(frame));
        for (const { name, args } of statement.filters)
          value = applyFilter(name, value, this.args(args, frame), this.context);
        this.bind(statement.target, value, frame);
        return 'done';
      }
      case 'macro':
        frame.names.set(statement.name, this.macro(statement.name, statement.parameters, statement.body, frame));
        return 'done';
      case 'call': {
        const caller = this.macro('caller', statement.parameters, statement.body, frame);
        const { callee, args } = statement.call as Expression & { kind: 'call' };
        const given = this.args(args, frame);
        const named = new Map<string, Value>([...given.named, ['caller', caller]]);
        const value = this.call(this.evaluate(callee, frame), { positional: given.positional, named });
        this.output.push(this.budget.made(str(value)));
        return 'done';
      }
      case 'filter': {
        let value: Value = this.captured(statement.body, new Frame(frame));
        for (const { name, args } of statement.filters)
          value = applyFilter(name, value, this.args(args, frame), this.context);
        this.budget.text(weight(value));
        this.output.push(str(value));
        return 'done';
      }
      case 'with': {
        const inner = new Frame(frame);
        // values are those of the enclosing scope, whatever is bound before them
        const values = statement.bindings.map(([, value]) => this.evaluate(value, frame));
        statement.bindings.forEach(([target], i) => {
          this.bind(target, values[i]!, inner);
        });
        return this.body(statement.body, inner);
      }
      case 'break':
      case 'continue':
        return statement.kind;
    }
  }

  private captured(body: Body, frame: Frame): string {
    const before = this.output;
    this.output = [];
    this.budget.deeper(() => this.body(body, frame));
    const text = this.output.join('');
    this.output = before;
    return text;
  }

  private for(statement: Statement & { kind: 'for' }, frame: Frame): Ending {
    const iterable = this.evaluate(statement.iterable, frame);
    return this.loop(statement, iterable, frame, 0);
  }

  private loop(statement: Statement & { kind: 'for' }, iterable: Value, frame: Frame, depth: number): 'done' {
    let items = iterate(iterable, this.budget);
    const { test, target, body } = statement;
    if (test !== null) {
      items = items.filter((one) => {
        const inner = new Frame(frame);
        this.bind(target, one, inner);
        return truth(this.evaluate(test, inner));
      });
    }
    const loop = new Loop(items, depth);
    if (statement.recursive) {
      loop.again = (inner) => {
        const before = this.output;
        this.output = [];
        this.budget.deeper(() => this.loop(statement, inner, frame, depth + 1));
        const text = this.output.join('');
        this.output = before;
        return text;
      };
    }
    const value = loop.value();
    // as jinja2 compiles it: an iteration that ends with continue or break is not complete
    let completed = false;
    for (const [i, one] of items.entries()) {
      this.budget.step(2);
      loop.index = i;
      const inner = new Frame(frame);
      inner.names.set('loop', value);
      this.bind(target, one, inner);
      const ending = this.body(body, inner);
      if (ending === 'break') break;
      completed ||= ending === 'done';
    }
    if (!completed) this.body(statement.otherwise, new Frame(frame));
    return 'done';
  }

  private bind(target: Target, value: Value, frame: Frame): void {
    if (target.kind === 'name') frame.names.set(target.name, value);
    else if (target.kind === 'member') {
      const namespace = frame.find(target.object);
      if (!(namespace instanceof Namespace)) throw new TemplateError('cannot assign attribute on non-namespace object');
      namespace.members.set(target.name, value);
    } else {
      const items = iterate(value, this.budget);
      if (items.length !== target.items.length) {
        const few = items.length < target.items.length;
        throw new TemplateError(
          few
            ? `not enough values to unpack (expected ${target.items.length}, got ${items.length})`
            : `too many values to unpack (expected ${target.items.length})`,
        );
      }
      target.items.forEach((one, i) => {
        this.bind(one, items[i]!, frame);
      });
    }
  }

  private macro(name: string, parameters: readonly Parameter[], body: Body, frame: Frame): Callable {
    for (const rest of ['varargs', 'kwargs']) {
      if (mentions(body, rest)) throw new TemplateError(`${rest} of a macro is not supported`);
    }
    const usesCaller = name !== 'caller' && mentions(body, 'caller');
    return new Callable(name, ({ positional, named }) => {
      const inner = new Frame(frame);
      const extra = [...named.keys()].find(
        (key) => !parameters.some((one) => one.name === key) && !(key === 'caller' && usesCaller),
      );
      if (extra !== undefined) {
        throw new TemplateError(`macro '${name}' takes no keyword argument '${extra}'`);
      }
      if (positional.length > parameters.length) {
        throw new TemplateError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
      }
      if (usesCaller) inner.names.set('caller', named.get('caller') ?? new Undefined('No caller defined'));
      parameters.forEach(({ name: parameter, fallback }, i) => {
        const given = i < positional.length ? positional[i] : named.get(parameter);
        const value =
          given !== undefined
            ? given
            : fallback === null
              ? new Undefined(`parameter '${parameter}' was not provided`)
              : this.evaluate(fallback, inner);
        inner.names.set(parameter, value);
      });
      return this.captured(body, inner);
    });
  }

  // --- expressions ---

  private evaluate(expression: Expression, frame: Frame): Value {
    this.budget.step();
    return this.budget.deeper(() => this.evaluated(expression, frame));
  }

  private evaluated(expression: Expression, frame: Frame): Value {
    const { budget } = this;
    switch (expression.kind) {
      case 'constant':
        return expression.value;
      case 'name': {
        const found = frame.find(expression.name);
        return found === undefined ? new Undefined(`'${expression.name}' is undefined`) : found;
      }
      case 'list':
        return new List(expression.items.map((one) => this.evaluate(one, frame)));
      case 'tuple':
        return new Tuple(expression.items.map((one) => this.evaluate(one, frame)));
      case 'dict':
        return new Dict(
          expression.entries.map(([key, value]) => [this.evaluate(key, frame), this.evaluate(value, frame)] as const),
        );
      case 'attribute':
        return this.attribute(this.evaluate(expression.object, frame), expression.name);
      case 'item':
        return this.item(this.evaluate(expression.object, frame), this.evaluate(expression.index, frame));
      case 'slice': {
        const object = this.evaluate(expression.object, frame);
        return slice(
          object,
          expression.parts.map((part) => (part === null ? null : this.evaluate(part, frame))),
          budget,
        );
      }
      case 'call': {
        const callee = this.evaluate(expression.callee, frame);
        return this.call(callee, this.args(expression.args, frame));
      }
      case 'filter': {
        const operand = this.evaluate(expression.operand, frame);
        return applyFilter(expression.name, operand, this.args(expression.args, frame), this.context);
      }
      case 'test': {
        const operand = this.evaluate(expression.operand, frame);
        return applyTest(expression.name, operand, this.args(expression.args, frame), budget);
      }
      case 'unary': {
        const operand = this.evaluate(expression.operand, frame);
        return expression.operator === 'not' ? !truth(operand) : negative(expression.operator, operand);
      }
      case 'binary': {
        const left = this.evaluate(expression.left, frame);
        if (expression.operator === 'and') return truth(left) ? this.evaluate(expression.right, frame) : left;
        if (expression.operator === 'or') return truth(left) ? left : this.evaluate(expression.right, frame);
        return arithmetic(expression.operator, left, this.evaluate(expression.right, frame), budget);
      }
      case 'concat':
        return concatenated(
          expression.parts.map((part) => this.evaluate(part, frame)),
          budget,
        );
      case 'compare': {
        let left = this.evaluate(expression.first, frame);
        for (const [operator, other] of expression.rest) {
          const right = this.evaluate(other, frame);
          if (!compare(operator, left, right, budget)) return false;
          left = right;
        }
        return true;
      }
      case 'condition': {
        if (truth(this.evaluate(expression.test, frame))) return this.evaluate(expression.value, frame);
        return expression.otherwise === null
          ? new Undefined('the inline if-expression evaluated to false and no else section was defined.')
          : this.evaluate(expression.otherwise, frame);
      }
    }
  }

  private args({ positional, named }: Arguments, frame: Frame): CallArguments {
    return {
      positional: positional.map((one) => this.evaluate(one, frame)),
      named: new Map(named.map(([name, value]) => [name, this.evaluate(value, frame)])),
    };
  }

  private call(callee: Value, args: CallArguments): Value {
    if (callee instanceof Undefined) return callee.fail();
    if (!(callee instanceof Callable)) throw new TemplateError(`'${typeName(callee)}' object is not callable`);
    return this.budget.deeper(() => callee.call(args));
  }

  /** `value.name`: a method before an item. */
  private attribute(value: Value, name: string): Value {
    if (value instanceof Undefined) return value.fail();
    const own = this.member(value, name);
    if (own !== undefined) return own;
    const found = item(value, name, this.budget);
    return found === MISSING ? missing(value, name) : found;
  }

  /** `value[index]`: an item before a method. */
  private item(value: Value, index: Value): Value {
    if (value instanceof Undefined) return value.fail();
    const found = item(value, index, this.budget);
    if (found !== MISSING) return found;
    const own = typeof index === 'string' ? this.member(value, index) : undefined;
    return own === undefined ? missing(value, index) : own;
  }

  private member(value: Value, name: string): Value | undefined {
    if (value instanceof Namespace) return value.members.get(name);
    if (value instanceof LoopValue) return value.member(name);
    if (value instanceof Group && (name === 'grouper' || name === 'list')) return value.items[name === 'list' ? 1 : 0]!;
    if (isNumber(value) && NUMBERS_OWN.has(name)) throw new TemplateError(`${name} of a number is not supported`);
    if (value instanceof Callable && name === 'name') return value.name;
    return method(value, name, this.budget) ?? undefined;
  }

  private functions(): readonly (readonly [string, (args: CallArguments) => Value])[] {
    return [
      ['range', ({ positional }) => this.range(positional)],
      [
        'namespace',
        ({ positional, named }) => {
          const namespace = new Namespace();
          const [first] = positional;
          if (first instanceof Dict) for (const [key, value] of first.entries()) namespace.members.set(str(key), value);
          for (const [key, value] of named) namespace.members.set(key, value);
          return namespace;
        },
      ],
      [
        'dict',
        ({ positional, named }) => {
          const [first] = positional;
          const entries = first instanceof Dict ? first.entries() : [];
          if (first !== undefined && !(first instanceof Dict))
            throw new TemplateError('dict() of anything but a dict is not supported');
          return new Dict([...entries, ...named]);
        },
      ],
      [
        'raise_exception',
        ({ positional, named }) => {
          throw new TemplateError(str(positional[0] ?? named.get('message') ?? ''));
        },
      ],
      ...['lipsum', 'cycler', 'joiner'].map((name) => [name, () => refuse(`${name}() is not supported`)] as const),
    ];
  }

  private range(args: readonly Value[]): Sequence {
    const numbers = args.map(integerOf);
    if (numbers.length < 1 || numbers.length > 3) throw new TemplateError('range expected 1 to 3 arguments');
    const [start, stop] = numbers.length === 1 ? [0n, numbers[0]!] : [numbers[0]!, numbers[1]!];
    const step = numbers[2] ?? 1n;
    if (step === 0n) throw new TemplateError('range() arg 3 must not be zero');
    const span = step > 0n ? stop - start : start - stop;
    const size = step > 0n ? step : -step;
    const count = span > 0n ? (span + size - 1n) / size : 0n;
    if (count > LONGEST_RANGE) {
      throw new TemplateError(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${LONGEST_RANGE}).`);
    }
    this.budget.step(Number(count));
    const items = Array.from({ length: Number(count) }, (_, i) => start + step * BigInt(i));
    return new Sequence('range', items, `range(${start}, ${stop}${step === 1n ? '' : `, ${step}`})`);
  }
}

function refuse(what: string): never {
  throw new TemplateError(what);
}

function missing(value: Value, name: Value): Undefined {
  const type =
    value instanceof Namespace
      ? 'jinja2.utils.Namespace object'
      : value === null
        ? 'None'
        : `${typeName(value)} object`;
  const what = typeof name === 'string' ? `attribute '${name}'` : `element ${str(name)}`;
  return new Undefined(value === null ? `'None' has no ${what}` : `'${type}' has no ${what}`);
}

/** Whether a name stands anywhere in a body: what jinja2 finds out when it compiles a macro. */
function mentions(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((one) => mentions(one, name));
  if (typeof node !== 'object' || node === null) return false;
  const { kind, name: own } = node as { kind?: unknown; name?: unknown };
  if (kind === 'name' && own === name) return true;
  return Object.values(node).some((one) => mentions(one, name));
}

/** The state of a loop that `loop` shows. */
class Loop {
  index = 0;
  again: ((inner: Value) => string) | null = null;
  private last: readonly Value[] | null = null;

  constructor(
    readonly items: readonly Value[],
    private readonly depth: number,
  ) {}

  value(): LoopValue {
    return new LoopValue(this);
  }

  member(name: string): Value | undefined {
    const { index, items } = this;
    const count = items.length;
    switch (name) {
      case 'index':
        return BigInt(index + 1);
      case 'index0':
        return BigInt(index);
      case 'revindex':
        return BigInt(count - index);
      case 'revindex0':
        return BigInt(count - index - 1);
      case 'first':
        return index === 0;
      case 'last':
        return index === count - 1;
      case 'length':
        return BigInt(count);
      case 'depth':
        return BigInt(this.depth + 1);
      case 'depth0':
        return BigInt(this.depth);
      case 'previtem':
        return index === 0 ? new Undefined('there is no previous item') : items[index - 1]!;
      case 'nextitem':
        return index === count - 1 ? new Undefined('there is no next item') : items[index + 1]!;
      case 'cycle':
        return new Callable('cycle', ({ positional }) => {
          if (positional.length === 0) throw new TemplateError('no items for cycling given');
          return positional[index % positional.length]!;
        });
      case 'changed':
        return new Callable('changed', ({ positional }) => {
          const { last } = this;
          this.last = positional;
          return last === null || !equal(new Tuple(last), new Tuple(positional));
        });
      default:
        return undefined;
    }
  }
}

class LoopValue extends Callable {
  constructor(private readonly loop: Loop) {
    super('loop', ({ positional }) => {
      if (loop.again === null)
        throw new TemplateError("The loop must have the 'recursive' marker to be called recursively.");
      return loop.again(positional[0] ?? new List([]));
    });
  }

  member(name: string): Value | undefined {
    return this.loop.member(name);
  }
}
