/**
 * Templates of prompts and responses, filled with the columns of a row.
 *
 * Two forms. A template with `{{`, `{%` or `{#` is Jinja, rendered as transformers renders templates (`trim_blocks`,
 * `lstrip_blocks`), except that a line end that ends it stays where it follows text or a variable: in a prompt it is text.
 * Any other template is plain text in which `{name}` is a column; all other braces are text. One with both is
 * rejected: in Jinja `{name}` would stay as it is.
 */

import { specError } from '../errors';
import { TemplateError } from './jinja/errors';
import { JinjaTemplate } from './jinja/template';

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
  let template: JinjaTemplate;
  try {
    template = new JinjaTemplate(source, { keepTrailingNewline: true });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const line = error.line === undefined ? '' : ` (line ${error.line} of it)`;
    throw wrong(`is not Jinja: ${error.message}${line}`, error);
  }
  const names = template.freeNames();
  if (![...names].some((name) => columns.includes(name))) throw wrong('names no column');
  const missing = [...names].find((name) => !columns.includes(name));
  if (missing !== undefined) throw wrong(`names ${missing}, which is no column`);
  const plain = template.texts().flatMap((text) => [...text.matchAll(PLACE)].map(([, name]) => name!));
  const mixed = plain.find((name) => columns.includes(name));
  if (mixed !== undefined) {
    throw specError(`${field} has {${mixed}} beside Jinja, in which it is text`, {
      remedy: `write {{ ${mixed} }}, or {{ '{${mixed}}' }} for the braces themselves`,
    });
  }
  return (cells) => {
    try {
      return template.render(cells);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw wrong(`cannot be rendered: ${error.message}`, error);
    }
  };
}
