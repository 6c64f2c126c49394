/**
 * A row of a causal LM: prompt and response as one text, its token ids, and which of them are labels.
 *
 * Labels are aligned with the ids (the loss shifts them); -100 means none, as everywhere in the peers.
 */

import { specError } from '../errors';
import type { DataSpec, LabelMask } from '../paper/types';
import { compileTemplate } from './template';
import type { Tokenizer } from './tokenizer';

const IGNORE = -100;

/** The texts of a row that are tokenised. */
export interface CausalText {
  readonly prompt: string;
  /** The prompt, the response after it, and the end-of-text token where the spec appends one. */
  readonly whole: string;
}

/**
 * Fills both templates with a row's cells.
 *
 * @throws MedreproError `spec`: no response template, a template that names no column, an end of text the tokeniser lacks.
 */
export function causalTexts(
  spec: DataSpec,
  tokenizer: Tokenizer,
): (cells: Readonly<Record<string, string>>) => CausalText {
  const columns = Object.keys(spec.columns);
  if (spec.response === null) throw specError('data.response is missing: a causal LM needs what follows the prompt');
  const prompt = compileTemplate(spec.template, columns, 'data.template');
  const response = compileTemplate(spec.response, columns, 'data.response');
  if (spec.appendEos && tokenizer.eosId === null) {
    throw specError('data.appendEos: this tokeniser names no end-of-text token');
  }
  const ending = spec.appendEos ? tokenizer.decode([tokenizer.eosId!]) : '';
  return (cells) => {
    const text = prompt(cells);
    return { prompt: text, whole: text + response(cells) + ending };
  };
}

/**
 * The id of the padding token, where the spec's rows are padded or its eos rule depends on it; -1 where none is needed.
 *
 * @throws MedreproError `spec` when the tokeniser has no such token.
 */
export function padTokenOf(labels: LabelMask, tokenizer: Tokenizer): number {
  const needed = labels.padding === 'labelled' || labels.eos === 'as-pad';
  const id = labels.padToken === null ? tokenizer.padId : tokenizer.idOf(labels.padToken);
  if (id !== null) return id;
  if (!needed) return -1;
  throw specError(
    labels.padToken === null
      ? 'data.labels.padToken: this tokeniser names no padding token'
      : `data.labels.padToken: this tokeniser has no token ${JSON.stringify(labels.padToken)}`,
    { remedy: 'name one of its tokens' },
  );
}

/** What of a spec decides about a row's tokens. */
export type RowForm = Pick<DataSpec, 'maxLength' | 'truncationSide' | 'addSpecialTokens'>;

export interface CausalTokens {
  /** (n,) ids, padding included. */
  readonly ids: Uint32Array;
  /** (n,) labels. */
  readonly labels: Int32Array;
  readonly attended: number;
  readonly fullLength: number;
  /** False when `labels.prompt` is `response-template` and the template does not occur: the row has no label then. */
  readonly found: boolean;
}

/**
 * Ids and labels of a row.
 *
 * @param prompt ids of the prompt alone, with the special tokens the tokeniser puts around a text.
 * @param whole ids of prompt and response.
 * @param spec `maxLength`: tokens a row may have; with `padding: labelled`, that it has.
 * @param pad id of the padding.
 */
export function causalRow(
  prompt: Uint32Array,
  whole: Uint32Array,
  { maxLength, truncationSide, addSpecialTokens: special }: RowForm,
  mask: LabelMask,
  tokenizer: Tokenizer,
  pad: number,
): CausalTokens {
  const { ids: real, fullLength } = tokenizer.truncate(whole, maxLength, truncationSide, special);
  const length = mask.padding === 'labelled' ? maxLength : real.length;
  const ids = new Uint32Array(length).fill(Math.max(pad, 0));
  ids.set(real);
  const labels = Int32Array.from(ids);
  let found = true;
  if (mask.prompt === 'masked') {
    // the prompt's own suffix does not precede the response
    const own = prompt.length - (special ? tokenizer.suffix.length : 0);
    // labels are cut with their tokens: of a prompt that was cut on the left, only the rest and the prefix are masked
    const gone = truncationSide === 'left' ? fullLength - real.length : 0;
    const kept = gone === 0 ? own : Math.max(special ? tokenizer.prefix.length : 0, own - gone);
    labels.fill(IGNORE, 0, Math.min(length, kept));
  } else if (mask.prompt === 'response-template') {
    const end = endOfLast(real, responseTemplateIds(mask.responseTemplate, tokenizer));
    found = end !== null;
    labels.fill(IGNORE, 0, end ?? length);
  }
  if (mask.eos === 'masked') mask_(labels, ids, tokenizer.eosId, real.length);
  if (mask.eos === 'as-pad') mask_(labels, ids, pad, length);
  return { ids, labels, attended: real.length, fullLength, found };
}

/**
 * The texts that answers to rows are compared with: a template over the spec's columns, such as `{answer}`.
 *
 * @param rows cells of each row, in the order of the spec's columns
 * @throws MedreproError `spec` when the template names no column.
 */
export function referenceTexts(
  { columns }: DataSpec,
  template: string,
  rows: readonly { readonly example: readonly string[] }[],
): string[] {
  const names = Object.keys(columns);
  const fill = compileTemplate(template, names, 'generation.reference');
  return rows.map(({ example }) => fill(Object.fromEntries(names.map((name, i) => [name, example[i]!]))));
}

// --- internal ---

/** Takes the label of every token `id` among the first `length`. */
function mask_(labels: Int32Array, ids: Uint32Array, id: number | null, length: number): void {
  for (let t = 0; t < length; t++) if (ids[t] === id) labels[t] = IGNORE;
}

function responseTemplateIds(template: string | null, tokenizer: Tokenizer): Uint32Array {
  if (template === null) throw specError('data.labels.responseTemplate is missing');
  return tokenizer.encode(template, false);
}

/** Position after the last occurrence of `part`, or null. */
function endOfLast(ids: Uint32Array, part: Uint32Array): number | null {
  for (let start = ids.length - part.length; start >= 0; start--) {
    if (part.every((id, i) => ids[start + i] === id)) return start + part.length;
  }
  return null;
}
