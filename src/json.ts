/**
 * JSON with non-finite numbers as strings. `JSON.stringify` writes NaN and the infinities as null, which reads as "not asked for":
 * here they are "NaN", "Infinity" and "-Infinity", which no reader takes for a number.
 */

/** `JSON.stringify`, with non-finite numbers as strings. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, one: unknown) => (isNoNumber(one) ? String(one) : one), indent);
}

/** The inverse of {@link jsonText}. */
export function parseJsonText(text: string): unknown {
  return JSON.parse(text, (_, one: unknown) => (typeof one === 'string' ? (NO_NUMBERS.get(one) ?? one) : one));
}

/** The path of the first NaN or infinity in a value, and which it is: `rows[3].meanNll is NaN`; null where every number is finite. */
export function firstNoNumber(value: unknown): string | null {
  const found = search(value);
  return found === null ? null : `${found.path.replace(/^\./, '')} is ${found.value}`;
}

/** An object as YAML and JSON have them: no list, no null. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// --- internal ---

const NO_NUMBERS: ReadonlyMap<string, number> = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => [String(value), value]),
);
const isNoNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isFinite(value);

function search(value: unknown): { path: string; value: number } | null {
  if (isNoNumber(value)) return { path: '', value };
  if (typeof value !== 'object' || value === null) return null;
  const list = Array.isArray(value);
  for (const key of Object.keys(value)) {
    const found = search((value as Record<string, unknown>)[key]);
    if (found !== null) return { path: `${list ? `[${key}]` : `.${key}`}${found.path}`, value: found.value };
  }
  return null;
}
