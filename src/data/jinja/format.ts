/** Python's `%` on texts, and `str.format` with plain fields. */
import type { Budget } from './budget';
import { TemplateError } from './errors';
import { repr, str } from './text';
import { Dict, isNumber, numeric, Tuple, typeName, type Value, weight } from './values';

/** `template % values`; flags, width and precision as in C. @throws TemplateError for what does not fit or is not supported */
export function formatted(template: string, values: Value, budget: Budget): string {
  const list: readonly Value[] = values instanceof Tuple ? values.items : [values];
  let used = 0;
  const next = (): Value => {
    const value = list[used++];
    if (value === undefined) throw new TemplateError('not enough arguments for format string');
    return value;
  };
  const text = template.replace(
    /%(?:\(([^)]*)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?([\s\S]?)/g,
    (whole, key: string | undefined, flags: string, width: string, precision: string | undefined, kind: string) => {
      if (kind === '%') return '%';
      if (!KINDS.includes(kind) || kind === '' || flags.includes('#')) {
        throw new TemplateError(`the format ${JSON.stringify(whole)} is not supported`);
      }
      let value: Value;
      if (key === undefined) value = next();
      else {
        if (!(values instanceof Dict)) throw new TemplateError('format requires a mapping');
        value = values.get(key) ?? null;
        if (!values.has(key)) throw new TemplateError(repr(key));
      }
      budget.text(weight(value) + Number(width || 0) + Number(precision ?? 0));
      return padded(one(kind, value, flags, precision), flags, Number(width || 0), kind);
    },
  );
  if (!(values instanceof Dict) && used < list.length) {
    throw new TemplateError('not all arguments converted during string formatting');
  }
  return budget.made(text);
}

/** `text.format(...)` with `{}`, `{0}` and `{name}`; no conversions, specifications or members. */
export function formatFields(
  template: string,
  positional: readonly Value[],
  named: ReadonlyMap<string, Value>,
  budget: Budget,
): string {
  let next = 0;
  const text = template.replace(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (whole, field: string | undefined) => {
    if (whole === '{{' || whole === '}}') return whole[0]!;
    if (field === undefined) throw new TemplateError(`Single '${whole}' encountered in format string`);
    if (!/^\w*$/.test(field)) throw new TemplateError(`the field {${field}} is not supported`);
    const value =
      field === '' ? positional[next++] : /^\d+$/.test(field) ? positional[Number(field)] : named.get(field);
    if (value === undefined) throw new TemplateError(`there is nothing for the field {${field}}`);
    budget.text(weight(value));
    return str(value);
  });
  return budget.made(text);
}

// --- internal ---

const KINDS = 'sridufFeEgxXoc';

function one(kind: string, value: Value, flags: string, precision: string | undefined): string {
  if (kind === 's' || kind === 'r') {
    const text = kind === 's' ? str(value) : repr(value);
    return precision === undefined ? text : [...text].slice(0, Number(precision)).join('');
  }
  if (kind === 'c' || kind === 'g' || kind === 'e' || kind === 'E')
    throw new TemplateError(`the format %${kind} is not supported`);
  if (!isNumber(value)) throw new TemplateError(`%${kind} format: a real number is required, not ${typeName(value)}`);
  const number = numeric(value);
  const sign = (text: string): string =>
    text.startsWith('-') || !/[+ ]/.test(flags) ? text : (flags.includes('+') ? '+' : ' ') + text;
  if (kind === 'f' || kind === 'F') {
    const digits = Number(precision ?? 6);
    if (digits > 100 || Math.abs(Number(number)) >= 1e21) throw new TemplateError('a number of very many digits');
    return sign(fixed(Number(number), digits));
  }
  if (kind === 'x' || kind === 'X' || kind === 'o') {
    if (typeof number !== 'bigint') throw new TemplateError(`%${kind} format: an integer is required, not float`);
    const text = number.toString(kind === 'o' ? 8 : 16);
    return sign(kind === 'X' ? text.toUpperCase() : text);
  }
  if (typeof number === 'number' && !Number.isFinite(number))
    throw new TemplateError('cannot convert float to integer');
  return sign(String(typeof number === 'bigint' ? number : BigInt(Math.trunc(number))));
}

/** A finite number with `digits` digits after the point; halves go to the even neighbour, as in Python. */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const text = value.toFixed(digits);
  // toFixed takes exact halves away from zero; all digits of a double that ends in one are within these
  const exact = value.toFixed(Math.min(100, digits + 30));
  const rest = exact.slice(exact.indexOf('.') + 1 + digits);
  if (!/^50*$/.test(rest)) return text;
  const down = exact.slice(0, exact.length - rest.length).replace(/\.$/, '');
  return /[02468]$/.test(down.replace('.', '')) ? down : text;
}

function padded(text: string, flags: string, width: number, kind: string): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0') || kind === 's' || kind === 'r') return ' '.repeat(missing) + text;
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}
