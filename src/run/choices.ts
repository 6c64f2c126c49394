/**
 * Test rows with given choices: what each row asks, and how a model answers.
 *
 * Tokens are those of lm-evaluation-harness 0.4: white space at the end of a prompt goes to the continuation, both are encoded as
 * one text, and what follows as many tokens as the prompt alone has is the continuation; rows that are too long are cut on the left.
 */

import type { PreparedData, PreparedRow } from '../data/prepare';
import { rowsOf } from '../data/prepare';
import { compileTemplate, type FillTemplate } from '../data/template';
import { testSpec } from '../data/test-form';
import type { Tokenizer } from '../data/tokenizer';
import { inputError, specError } from '../errors';
import {
  type ChoiceScoreId,
  choiceScore,
  type Find,
  likeliestChoice,
  namedChoice,
  type ScoredChoice,
} from '../metrics/choices';
import type { Score } from '../metrics/metric';
import { trimEnd } from '../metrics/python-text';
import type { Choices, DataSpec } from '../paper/types';
import { compileRegex } from '../regex/compile';
import type { Row } from '../train/pass';

/** One choice of a test row. */
export interface ChoiceOfRow {
  /** Index into the spec's names. */
  readonly index: number;
  /** Without the delimiter. */
  readonly text: string;
  /** The prompt, unlabelled, and the continuation, labelled. */
  readonly row: Row;
}

/** The choices of one test row, in the order of the spec's names. */
export interface ChoiceRow {
  /** Index of the right one in the spec's names. */
  readonly gold: number;
  /** Of `log-likelihood`; empty otherwise. */
  readonly choices: readonly ChoiceOfRow[];
}

/**
 * What the test rows ask, in their order.
 *
 * @param positions most tokens that the model takes, where the spec sets no limit
 * @throws MedreproError `input`: a right answer that is none of the choices, a prompt or a choice that encodes to no token; `spec`:
 *   templates that name no column.
 */
export function choiceRows(
  spec: DataSpec,
  choices: Choices,
  data: PreparedData,
  tokenizer: Tokenizer,
  positions: number,
): ChoiceRow[] {
  const own = testSpec(spec);
  const names = Object.keys(own.columns);
  const gold = compileTemplate(choices.gold, names, 'choices.gold');
  const texts = (choices.texts ?? choices.names).map((text, i) =>
    choices.texts === null || !/\{/.test(text)
      ? (): string => text
      : compileTemplate(text, names, `choices.texts[${i}]`),
  );
  const encode = contextEncoder(tokenizer, own.addSpecialTokens);
  const limit = choices.maxLength ?? positions;
  return rowsOf(data, 'test').map((row): ChoiceRow => {
    const cells = Object.fromEntries(names.map((name, i) => [name, row.example[i]!]));
    const asked = texts.map((fill) => fill(cells));
    const right = goldOf(choices, gold, cells, asked, data, row);
    if (choices.by === 'generated') return { gold: right, choices: [] };
    const offered = asked.flatMap((text, index): ChoiceOfRow[] => {
      if (text === '') return [];
      const [context, continuation] = encode(row.text, choices.delimiter + text);
      if (context.length === 0) throw wrong(data, row, 'the prompt becomes no token at all');
      if (continuation.length === 0)
        throw wrong(data, row, `choice ${choices.names[index]} becomes no token of its own`);
      return [{ index, text, row: scoredRow(context, continuation, limit) }];
    });
    return { gold: right, choices: offered };
  });
}

/** Finds a choice's name in an answer; null where the spec gives no expression. @throws MedreproError `spec` */
export function answerFinder({ pattern }: Choices): Find | null {
  if (pattern === null) return null;
  const regex = compileRegex(pattern, 'python', { name: 'choices.pattern', code: 'spec' });
  return (text, from) => regex.exec(text, from);
}

/** Index of the choice that each answer names; null where it names none. */
export function namedChoices(answers: readonly string[], choices: Choices): (number | null)[] {
  const find = answerFinder(choices);
  return answers.map((answer) => namedChoice(answer, choices.names, find, choices.take));
}

/** Rows that are scored for all choices of all test rows. */
export const scoredRows = (rows: readonly ChoiceRow[]): Row[] =>
  rows.flatMap(({ choices }) => choices.map(({ row }) => row));

/** How the test rows were answered. */
export interface ChoiceOutcome {
  readonly gold: number;
  /** The test file's name among the spec's parts; null where it has none. */
  readonly part: string | null;
  /** Generated: the choice that the answer names, or null. */
  readonly named: number | null;
  /** By log-likelihood: the row's choices with their scores; empty otherwise. */
  readonly scored: readonly (ScoredChoice & { readonly index: number })[];
}

/**
 * Outcomes by log-likelihood.
 *
 * @param sums of the losses of {@link scoredRows}: minus the log-likelihoods
 */
export function likelihoodOutcomes(rows: readonly ChoiceRow[], sums: readonly number[], parts: Parts): ChoiceOutcome[] {
  let at = 0;
  return rows.map(({ gold, choices }, i) => {
    const scored = choices.map(({ index, text }) => ({ index, text, logLikelihood: -sums[at++]! }));
    return { gold, part: parts[i]!, named: null, scored };
  });
}

/** Outcomes of the rows that were answered, which are the first ones. */
export function namedOutcomes(
  rows: readonly ChoiceRow[],
  answers: readonly string[],
  choices: Choices,
  parts: Parts,
): ChoiceOutcome[] {
  return namedChoices(answers, choices).map((named, i) => ({
    gold: rows[i]!.gold,
    part: parts[i]!,
    named,
    scored: [],
  }));
}

/** The spec's part that each test row comes from; null where it has none. */
export const partsOf = (data: PreparedData): Parts =>
  rowsOf(data, 'test').map(({ file }) => data.files[file]!.part ?? null);

/** A metric over outcomes, with each row's contribution to it. */
export function scoreOutcomes(
  id: ChoiceScoreId,
  outcomes: readonly ChoiceOutcome[],
  choices: Choices,
): { readonly score: Score; readonly hits: readonly number[] } {
  const own = outcomes.filter(({ part }) => id.part === null || part === id.part);
  const hits = own.map((outcome) => {
    if (id.metric === 'choice-unparsed') return outcome.named === null ? 1 : 0;
    return chosenBy(outcome, id) === outcome.gold ? 1 : 0;
  });
  return { score: choiceScore(id, hits, choices), hits };
}

/** A row's outcome as it is recorded: names instead of indices. */
export function recordOf({ gold, named, scored }: ChoiceOutcome, { by, names }: Choices): object {
  const right = names[gold];
  if (by === 'generated') return { gold: right, chosen: named === null ? null : names[named] };
  const outcome = { gold, named, part: null, scored };
  const chosen = names[chosenBy(outcome, { metric: 'choice-accuracy', part: null })!];
  return {
    gold: right,
    chosen,
    logLikelihoods: Object.fromEntries(scored.map((one) => [names[one.index], one.logLikelihood])),
  };
}

// --- internal ---

type Parts = readonly (string | null)[];

function chosenBy({ named, scored }: ChoiceOutcome, { metric }: ChoiceScoreId): number | null {
  return scored.length === 0 ? named : scored[likeliestChoice(scored, metric)]!.index;
}

function goldOf(
  { names, goldIs }: Choices,
  fill: FillTemplate,
  cells: Readonly<Record<string, string>>,
  asked: readonly string[],
  data: PreparedData,
  row: PreparedRow,
): number {
  const told = fill(cells).trim();
  const place = goldIs === 'name' ? names.indexOf(told) : goldIs === 'text' ? textPlace(asked, told) : placeOf(told);
  if (place >= 0 && place < names.length && asked[place] !== '') return place;
  const known = goldIs === 'index' ? `0 to ${names.length - 1}` : (goldIs === 'name' ? names : asked).join(', ');
  throw wrong(data, row, `the right answer ${JSON.stringify(told.slice(0, 60))} is none of the choices (${known})`);
}

const textPlace = (asked: readonly string[], told: string): number => asked.findIndex((text) => text.trim() === told);

const placeOf = (told: string): number => (/^\d{1,6}$/.test(told) ? Number(told) : -1);

function wrong(data: PreparedData, { file, line }: PreparedRow, what: string) {
  const { name } = data.files[file]!;
  return inputError(what, {
    where: line === null ? { file: name } : { file: name, line },
    remedy: 'check choices.gold, choices.texts and the columns of the test rows',
  });
}

type ContextAndMore = readonly [context: Uint32Array, continuation: Uint32Array];

/** Encodes a prompt and its continuation, separately. */
function contextEncoder(tokenizer: Tokenizer, special: boolean): (prompt: string, more: string) => ContextAndMore {
  const prefix = tokenizer.bosId ?? tokenizer.eosId;
  const begin = prefix === null ? '' : tokenizer.decode([prefix]);
  // no special token precedes a prompt that begins with the text of one
  const encode = (text: string): Uint32Array =>
    tokenizer.encode(text, special && !(begin !== '' && text.startsWith(begin)));
  const contexts = new Map<string, Uint32Array>();
  return (prompt, more) => {
    if (prompt === '') return withoutContext(tokenizer, prefix, more);
    const context = trimEnd(prompt);
    const whole = encode(context + prompt.slice(context.length) + more);
    const known = contexts.get(context) ?? encode(context);
    contexts.set(context, known);
    return [known, whole.subarray(known.length)];
  };
}

/** In place of an empty prompt: the begin-of-text token, or the end-of-text token. */
function withoutContext(tokenizer: Tokenizer, prefix: number | null, more: string): ContextAndMore {
  if (prefix === null) throw specError('choices: an empty prompt, and this tokeniser names no token that begins texts');
  const ids = tokenizer.encode(more, false);
  return ids[0] === prefix ? [ids.subarray(0, 1), ids.subarray(1)] : [Uint32Array.of(prefix), ids];
}

/** The last `limit` input tokens, and the scored token that follows them. */
function scoredRow(context: Uint32Array, continuation: Uint32Array, limit: number): Row {
  const all = Uint32Array.from([...context, ...continuation]);
  const ids = all.slice(-(limit + 1));
  if (continuation.length > limit) {
    throw inputError(`a choice of ${continuation.length} tokens, and the model sees ${limit} (choices.maxLength)`);
  }
  const labels = Int32Array.from(ids).fill(-100, 0, ids.length - continuation.length);
  return { ids, label: 0, labels };
}
