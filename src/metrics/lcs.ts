/** Longest common subsequences of word lists, as ROUGE-L needs them. */

/** The length of the longest common subsequence. O(a b) time, one row of memory. */
export function lcsLength(a: readonly string[], b: readonly string[]): number {
  const [rows, columns] = asNumbers(a, b);
  const table = new Uint32Array(columns.length + 1);
  for (const word of rows) {
    let diagonal = 0;
    for (let j = 0; j < columns.length; j++) {
      const above = table[j + 1]!;
      if (columns[j] === word) table[j + 1] = diagonal + 1;
      else if (table[j]! > above) table[j + 1] = table[j]!;
      diagonal = above;
    }
  }
  return table[columns.length]!;
}

/**
 * Places in `reference` that belong to the longest common subsequence with any of `candidates`, ascending.
 *
 * Of several subsequences of the same length the one that rouge_score's backtracking finds is taken.
 */
export function unionLcs(reference: readonly string[], candidates: readonly (readonly string[])[]): number[] {
  const union = new Set<number>();
  for (const candidate of candidates) for (const i of lcsPlaces(reference, candidate)) union.add(i);
  return [...union].sort((a, b) => a - b);
}

// --- internal ---

/** The backtracking direction is one bit per cell, so that two texts of 10,000 words take 12 MB. */
function lcsPlaces(reference: readonly string[], candidate: readonly string[]): number[] {
  const [rows, columns] = asNumbers(reference, candidate);
  const width = columns.length;
  const left = new Uint8Array(Math.ceil((rows.length * width) / 8));
  const table = new Uint32Array(width + 1);
  for (let i = 0; i < rows.length; i++) {
    let diagonal = 0;
    for (let j = 0; j < width; j++) {
      const above = table[j + 1]!;
      if (columns[j] === rows[i]) table[j + 1] = diagonal + 1;
      else if (table[j]! > above) {
        table[j + 1] = table[j]!;
        const cell = i * width + j;
        left[Math.floor(cell / 8)]! |= 1 << (cell & 7);
      }
      diagonal = above;
    }
  }
  const places: number[] = [];
  let [i, j] = [rows.length - 1, width - 1];
  while (i >= 0 && j >= 0) {
    const cell = i * width + j;
    if (rows[i] === columns[j]) {
      places.push(i--);
      j--;
    } else if ((left[Math.floor(cell / 8)]! >> (cell & 7)) & 1) j--;
    else i--;
  }
  return places;
}

/** Words as numbers, equal where the words are: comparing integers makes long texts affordable. */
function asNumbers(a: readonly string[], b: readonly string[]): [Uint32Array, Uint32Array] {
  const numbers = new Map<string, number>();
  const number = (word: string): number => {
    const known = numbers.get(word);
    if (known !== undefined) return known;
    numbers.set(word, numbers.size);
    return numbers.size - 1;
  };
  return [Uint32Array.from(a, number), Uint32Array.from(b, number)];
}
