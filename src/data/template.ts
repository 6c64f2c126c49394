/**
 * Templates of prompts and responses, filled with the columns of a row.
 *
 * Two forms. A template with `{{`, `{%` or `{#` is Jinja, rendered as transformers renders templates (`trim_blocks`,
 * `lstrip_blocks`), except that a last line end stays: in a prompt it is text. Any other template is plain text in which
 * `{name}` stands for a column; all other braces are text.
 */

import { parse, Template, tokenize } from '@huggingface/jinja';
import { specError } from '../errors';

/** Fills a template with the cells of a row, by the spec's names of the columns. */
export type FillTemplate = (cells: Readonly<Record<string, string>>) => string;

/**
 * @param source the template
 * @param columns the names a row has
 * @param field the spec's field, for messages
 * @throws MedreproError `spec`: not Jinja, a name that is no column (it would silently render as nothing), or no name at all
 */
export function compileTemplate(source: string, columns: readonly string[], field: string): FillTemplate {
  const known = `the columns are ${columns.join(', ')}`;
  if (/\{[{%#]/.test(source)) return jinja(source, columns, field, known);
  const places = [...source.matchAll(PLACE)].map(([, name]) => name!);
  const unknown = places.find((name) => !columns.includes(name));
  if (unknown !== undefined) {
    throw specError(`${field} names {${unknown}}, which is no column`, { remedy: known });
  }
  if (places.length === 0) {
    const wanted = columns.map((name) => `{${name}}`).join(' or ');
    throw specError(`${field} does not contain ${wanted}`, {
      remedy: 'a template without a column is the same for every row',
    });
  }
  const pieces = source.split(PLACE);
  // pieces alternate between text and column names
  return (cells) => pieces.map((piece, i) => (i % 2 === 0 ? piece : cells[piece]!)).join('');
}

// --- internal ---

const PLACE = /\{([A-Za-z_]\w*)\}/g;

function jinja(source: string, columns: readonly string[], field: string, known: string): FillTemplate {
  const wrong = (what: string, cause?: unknown) => specError(`${field} ${what}`, { remedy: known, cause });
  let template: Template;
  let names: Set<string>;
  try {
    template = new Template(source);
    names = freeNames(parse(tokenize(source)));
  } catch (error) {
    throw wrong(`is not Jinja: ${reason(error)}`, error);
  }
  if (![...names].some((name) => columns.includes(name))) throw wrong('names no column');
  const ending = /\n$/.test(source) ? '\n' : '';
  const missing = [...names].find((name) => !columns.includes(name));
  if (missing !== undefined) throw wrong(`names ${missing}, which is no column`);
  return (cells) => {
    try {
      return template.render({ ...cells }) + ending;
    } catch (error) {
      throw wrong(`cannot be rendered: ${reason(error)}`, error);
    }
  };
}

/** The variables a template reads and does not set itself. */
function freeNames(root: unknown): Set<string> {
  const used = new Set<string>();
  const set = new Set<string>(['loop', 'true', 'false', 'none', 'True', 'False', 'None', 'range', 'namespace']);
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) for (const inner of node) walk(inner);
    else if (isNode(node)) {
      switch (node.type) {
        case 'Identifier':
          used.add(String(node.value));
          return;
        case 'Set':
        case 'For':
        case 'Macro':
          collect(
            node.type === 'For' ? node.loopvar : node.type === 'Set' ? node.assignee : [node.name, node.args],
            set,
          );
          walk([node.value, node.iterable, node.test, node.body, node.defaultBlock]);
          return;
        case 'MemberExpression':
          // x.name reads x; x[name] reads both
          walk(node.object);
          if (node.computed === true) walk(node.property);
          return;
        case 'FilterExpression':
        case 'TestExpression':
          walk(node.operand);
          if (isNode(node.filter) && node.filter.type === 'CallExpression') walk(node.filter.args);
          return;
        case 'FilterStatement':
          walk(node.body);
          return;
        case 'KeywordArgumentExpression':
          walk(node.value);
          return;
        default:
          for (const inner of Object.values(node)) walk(inner);
      }
    } else if (node instanceof Map) for (const [key, value] of node) walk([key, value]);
  };
  walk(root);
  return new Set([...used].filter((name) => !set.has(name)));
}

/** The identifiers a binding introduces. */
function collect(node: unknown, names: Set<string>): void {
  if (Array.isArray(node)) for (const inner of node) collect(inner, names);
  else if (isNode(node)) {
    if (node.type === 'Identifier') names.add(String(node.value));
    else for (const inner of Object.values(node)) collect(inner, names);
  }
}

function isNode(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(value instanceof Map);
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
