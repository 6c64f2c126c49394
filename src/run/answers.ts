/** What people need to judge generated answers: a sheet to fill in, and how long the answers are. */

/** What was generated for the test rows, in their order. */
export interface Answers {
  readonly prompts: readonly string[];
  readonly references: readonly string[];
  readonly predictions: readonly string[];
  /** Generated tokens of each. */
  readonly tokens: readonly number[];
  readonly finish: readonly ('eos' | 'length')[];
}

/** Tokens a bar of the histogram covers. */
const BIN = 10;

/**
 * A CSV (RFC 4180) with one row per answer and an empty column `judgement`, for `correct`, `underspecified` or `incorrect`.
 * A cell that a spreadsheet would take for a formula is preceded by an apostrophe.
 */
export function annotationSheet({ prompts, references, predictions, tokens }: Answers): string {
  const rows = prompts.map((prompt, i) => [String(i), prompt, references[i]!, predictions[i]!, String(tokens[i]), '']);
  const lines = [['index', 'prompt', 'reference', 'prediction', 'tokens', 'judgement'], ...rows];
  return `${lines.map((cells) => cells.map(quoted).join(',')).join('\n')}\n`;
}

export interface LengthHistogram {
  /** Tokens of a bar: bar i counts answers of [i * width, (i + 1) * width) tokens. */
  readonly width: number;
  readonly answers: readonly number[];
  /** Of the answers that are not, word for word, the reference: the most that can be incorrect. */
  readonly notExact: readonly number[];
}

/** Lengths of the answers in tokens; which of them are incorrect is a person's judgement. */
export function lengthHistogram({ predictions, references, tokens }: Answers): LengthHistogram {
  const bars = Math.floor(Math.max(0, ...tokens) / BIN) + 1;
  const count = (wanted: (index: number) => boolean): number[] => {
    const counts = new Array<number>(bars).fill(0);
    tokens.forEach((length, index) => {
      if (wanted(index)) counts[Math.floor(length / BIN)]!++;
    });
    return counts;
  };
  const exact = (index: number): boolean => predictions[index]!.trim() === references[index]!.trim();
  return { width: BIN, answers: count(() => true), notExact: count((index) => !exact(index)) };
}

// --- internal ---

function quoted(cell: string): string {
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return `"${safe.replaceAll('"', '""')}"`;
}
