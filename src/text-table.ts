/** Tables as text, the same in every command. */

/** Columns padded to their widest cell; the last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map((row) => width(row[i] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((n) => '-'.repeat(n))), ...rows.map(line)]
    .map((text) => `  ${text}`)
    .join('\n');
}

// --- internal ---

/** Width of a text in columns, without colour codes. */
function width(text: string): number {
  return Bun.stringWidth(text);
}
