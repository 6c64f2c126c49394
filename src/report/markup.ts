/**
 * HTML by template literals in which every inserted value is escaped. Only markup made here can be inserted as markup.
 */

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

/** Text for element content and quoted attributes; characters HTML cannot hold become U+FFFD. */
export function escapeHtml(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
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

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const FORBIDDEN = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function insert(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return escapeHtml(String(value));
}
