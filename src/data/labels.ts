/**
 * Class names from labels.
 *
 * A class id is the place of its label among all labels sorted by code point, as scikit-learn's LabelEncoder and
 * `sorted(set(labels))` in Python order them. Labels are compared exactly as the file writes them; look-alikes are
 * reported, not merged.
 */

/** Orders strings by Unicode code point, as Python does; JavaScript's own order is by UTF-16 unit. */
export function compareCodePoints(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // surrogates stand for code points above every other unit
    const [high, low] = [(x & 0xf800) === 0xd800, (y & 0xf800) === 0xd800];
    return high === low ? x - y : high ? 1 : -1;
  }
  return a.length - b.length;
}

/** The distinct labels in code point order. */
export function classNames(labels: Iterable<string>): string[] {
  return [...new Set(labels)].sort(compareCodePoints);
}

/** Pairs of class names that differ only in case, surrounding spaces or Unicode normal form: usually one class. */
export function lookAlikes(classes: readonly string[]): [string, string][] {
  const first = new Map<string, string>();
  const pairs: [string, string][] = [];
  for (const name of classes) {
    const key = name.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase();
    const other = first.get(key);
    if (other === undefined) first.set(key, name);
    else pairs.push([other, name]);
  }
  return pairs;
}
