/** What `eval` and `generate` read besides a model: token ids and prompts. */
import { inputError } from '../errors';
import { type ReadOptions, readText } from '../files';
import type { DecoderConfig } from '../nn/config';

/**
 * Rows of a file of token ids, `{"ids": [[1, 2, 3], ...]}`.
 *
 * @throws MedreproError `input`, one line that names the row and what is wrong with it
 */
export function readIds(file: string, { vocabSize }: DecoderConfig): number[][] {
  const wrong = (what: string, remedy: string) => inputError(what, { where: { file }, remedy });
  const expected = 'write {"ids": [[1, 2, 3], [4, 5]]}: a list of rows of token ids';
  const json = parseJson(file, expected, { pipes: true });
  const rows = typeof json === 'object' && json !== null && 'ids' in json ? json.ids : null;
  if (!Array.isArray(rows)) throw wrong('there is no list "ids"', expected);
  if (rows.length === 0) throw wrong('"ids" is empty', expected);
  for (const [i, row] of rows.entries()) {
    if (!Array.isArray(row)) throw wrong(`row ${i} is not a list of token ids`, expected);
    if (row.length === 0) throw wrong(`row ${i} is empty`, 'give every row at least one token');
    for (const [t, id] of row.entries()) {
      if (!Number.isInteger(id)) throw wrong(`row ${i}, token ${t} is ${shown(id)}, not a whole number`, expected);
      if ((id as number) < 0 || (id as number) >= vocabSize) {
        throw wrong(`row ${i}, token ${t} is ${id}, and the model's tokens are 0 to ${vocabSize - 1}`, TOKENISED);
      }
    }
  }
  return rows as number[][];
}

/**
 * Prompts of a file: a JSON list of texts (`.json`), one JSON text or object with a `prompt` a line (`.jsonl`), else one text
 * a line.
 *
 * @throws MedreproError `input`
 */
export function readPrompts(file: string): string[] {
  const empty = inputError('there is no prompt', { where: { file }, remedy: 'write one prompt a line' });
  if (file.endsWith('.json')) {
    const json = parseJson(file, 'write a JSON list of texts', { pipes: true });
    if (!Array.isArray(json) || json.some((text) => typeof text !== 'string')) {
      throw inputError('not a list of texts', { where: { file }, remedy: 'write ["one prompt", "another"]' });
    }
    if (json.length === 0) throw empty;
    return json as string[];
  }
  const lines = readText(file, { pipes: true }).split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  if (lines.length === 0) throw empty;
  if (!file.endsWith('.jsonl')) return lines;
  return lines.map((line, i) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = null;
    }
    const text = typeof value === 'object' && value !== null && 'prompt' in value ? value.prompt : value;
    if (typeof text === 'string') return text;
    throw inputError('neither a JSON text nor an object with a "prompt"', {
      where: { file, line: i + 1 },
      remedy: 'write {"prompt": "..."} on every line',
    });
  });
}

/** The JSON of a file. @throws MedreproError `input` */
export function parseJson(file: string, remedy: string, options: ReadOptions = {}): unknown {
  const text = readText(file, options);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw inputError(`not JSON: ${(error as Error).message}`, { where: { file }, remedy });
  }
}

// --- internal ---

const TOKENISED = "tokenise with the model's own tokeniser";

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 40);
