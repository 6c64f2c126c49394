/**
 * HTML by template literals that escape every inserted value. Only markup made here is inserted unescaped.
 */

import { escapeMarkup } from '../escape';

/** Markup that is safe to insert. */
export class Markup {
  constructor(readonly text: string) {}
}

type Value = string | number | Markup | readonly Markup[];

/** `html\`<p>${anything}</p>\`` */
export function html(parts: TemplateStringsArray, ...values: Value[]): Markup {
  let text = parts[0] ?? '';
  for (const [i, value] of values.entries()) text += insert(value) + (parts[i + 1] ?? '');
  return new Markup(text);
}

/** A table; the first row of cells is the head. Cells keep the direction of their own text. */
export function htmlTable(head: readonly string[], rows: readonly (readonly (string | number | Markup)[])[]): Markup {
  const cell = (value: string | number | Markup): Markup =>
    typeof value === 'number' ? html`<td class="number">${value}</td>` : html`<td dir="auto">${value}</td>`;
  const header = head.map((name) => html`<th scope="col">${name}</th>`);
  const body = rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`);
  return html`<div class="scroll"><table><thead><tr>${header}</tr></thead><tbody>\n${body}</tbody></table></div>`;
}

// --- internal ---

function insert(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return escapeMarkup(String(value));
}
