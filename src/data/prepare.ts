/**
 * The data stage: files -> labelled examples -> splits -> prompts -> token ids, with a hash at every rung and a summary of
 * what the model will really see.
 */

import { inputError, specError } from '../errors';
import type { DataSpec } from '../spec/types';
import { combinedHash, type RungHashes, rungHashes } from './hashes';
import { classNames, lookAlikes } from './labels';
import { type DataFiles, readSources, type SourceFile, type SourceRow } from './sources';
import { stratifiedSplit } from './splits';
import { type DataSummary, overlap, type SplitSummary, summariseSplit } from './summary';
import type { Tokenizer } from './tokenizer';

export const SPLITS = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof SPLITS)[number];

/** A tokenised example. */
export interface PreparedRow {
  readonly text: string;
  /** The text after the template was applied. */
  readonly prompt: string;
  /** (n,) token ids, special tokens included, at most `maxLength`. */
  readonly ids: Uint32Array;
  /** Tokens before truncation. */
  readonly fullLength: number;
  /** Class id. */
  readonly label: number;
  /** A classifier has no label per token. */
  readonly labels: null;
  /** Index into `PreparedData.files`, and the line there. */
  readonly file: number;
  readonly line: number | null;
}

/** A file that was read, for the manifest. */
export interface PreparedFile {
  readonly role: SourceFile['role'];
  readonly name: string;
  readonly sha256: string;
  readonly rows: number;
}

export interface PreparedData {
  /** Class names by class id. */
  readonly classes: readonly string[];
  /** Every row of every file, in the order they were read. */
  readonly rows: readonly PreparedRow[];
  /** Indices into `rows`, in the order in which the split is used. */
  readonly splits: Readonly<Record<SplitName, Uint32Array>>;
  readonly files: readonly PreparedFile[];
  readonly hashes: Readonly<Record<SplitName, RungHashes>>;
  /** One hash (hex) over all of `hashes`: two runs with the same one saw the same rows, tokens and classes in order. */
  readonly sha256: string;
  readonly summary: DataSummary;
}

export interface PrepareOptions {
  /** What `--data` named; null or absent without it. */
  readonly files?: DataFiles | null;
  /** The spec's own source, where `data.source` was replaced because `--data` was given. */
  readonly source?: string;
  /** Class names in a fixed order (those of an adapter); absent = the labels of the data, sorted by code point. */
  readonly classes?: readonly string[];
  /** Called now and then while rows are tokenised. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Everything a classification experiment trains and evaluates on.
 *
 * Splits, in this order: rows of the role `all` are split into training and test rows by the spec's test share; extra rows
 * join the training rows; the validation share is held out of those. Both splits are stratified, seeded by `splitSeed`,
 * and equal to scikit-learn's (see splits.ts). Splits that files give keep the file's order; a split that is made has the
 * order scikit-learn returns.
 *
 * @throws MedreproError `input`: unreadable files, fewer than two classes, labels that do not fit; `spec`: a template
 *   without `{text}`.
 */
export async function prepareClassification(
  experiment: { readonly data: DataSpec },
  options: PrepareOptions,
  tokenizer: Tokenizer,
): Promise<PreparedData> {
  const spec = experiment.data;
  checkSpec(spec);
  const files = await readSources(spec, options.files ?? null, options.source);
  const notes = files.flatMap((file) => file.notes.map((note) => `${file.name}: ${note}`));
  const extraLeftOut = files.some((file) => file.role === 'extra') ? [] : [...spec.extraTrain];
  if (extraLeftOut.length > 0) {
    notes.push(`the spec adds training rows (${extraLeftOut.join(', ')}) that --data does not name: they are left out`);
  }
  const classes = options.classes ?? classesOf(files, notes);
  const labels = labelIds(files, classes);
  const { splits, notSplit } = splitRows(files, labels, spec, classes, notes);
  if (splits.train.length > 0) checkTrainable(files, labels, splits.train);
  const rows = tokenise(files, labels, spec, tokenizer, options.onProgress);
  const perSplit = <T>(of: (rows: PreparedRow[]) => T): Record<SplitName, T> => {
    const part = (split: SplitName): T => of(Array.from(splits[split], (index) => rows[index]!));
    return { train: part('train'), validation: part('validation'), test: part('test') };
  };
  const summaries: Record<SplitName, SplitSummary> = perSplit((part) => summariseSplit(part, classes, tokenizer.bosId));
  const testTextsInTrain = overlap(rows, splits.train, splits.test);
  if (testTextsInTrain > 0) notes.push(`${testTextsInTrain} test rows have a text that is also a training row's`);
  const doubleBos = SPLITS.reduce((sum, split) => sum + summaries[split].doubleBos, 0);
  if (doubleBos > 0)
    notes.push(`${doubleBos} rows begin with the begin-of-text token twice: the template holds one too`);
  const hashes = perSplit((part) => rungHashes(part, classes));
  return {
    classes,
    rows,
    splits,
    files: files.map(({ role, name, sha256, rows: own }) => ({ role, name, sha256, rows: own.length })),
    hashes,
    sha256: combinedHash(SPLITS.map((split) => hashes[split])),
    summary: { splits: summaries, notSplit, testTextsInTrain, extraLeftOut, notes },
  };
}

/** The rows of a split, in its order. */
export function rowsOf(data: PreparedData, split: SplitName): PreparedRow[] {
  return Array.from(data.splits[split], (index) => data.rows[index]!);
}

/** One line of `medrepro data --json`, with the names the peers' tools use. */
export interface DataRow {
  /** Position in the split, from 0. */
  readonly index: number;
  readonly input_ids: number[];
  /** Class id. */
  readonly labels: number;
  readonly attention_mask: number[];
}

/** The rows of a split as the `data` command shows them; `limit` null = all. */
export function* dataRows(data: PreparedData, split: SplitName, limit: number | null = null): Generator<DataRow> {
  const order = data.splits[split];
  const count = limit === null ? order.length : Math.min(limit, order.length);
  for (let index = 0; index < count; index++) {
    const { ids, label } = data.rows[order[index]!]!;
    yield { index, input_ids: [...ids], labels: label, attention_mask: new Array<number>(ids.length).fill(1) };
  }
}

// --- internal ---

const PLACE = '{text}';

function checkSpec(spec: DataSpec): void {
  if (!spec.template.includes(PLACE)) throw specError(`data.template does not contain ${PLACE}`);
  if (!Number.isSafeInteger(spec.maxLength) || spec.maxLength < 1) {
    throw specError(`data.maxLength is ${spec.maxLength}, not a number of tokens from 1`);
  }
  for (const share of ['test', 'validation'] as const) {
    if (!(spec[share] >= 0 && spec[share] < 1)) throw specError(`data.${share} is ${spec[share]}, not a share below 1`);
  }
}

const isTrain = (role: SourceFile['role']) => role === 'train' || role === 'extra' || role === 'all';

/** All labels, sorted; labels of the test rows that no training row has are noted, or refused when none has one. */
function classesOf(files: readonly SourceFile[], notes: string[]): string[] {
  const labelsOf = (wanted: (role: SourceFile['role']) => boolean): string[] =>
    files.filter((file) => wanted(file.role)).flatMap((file) => file.rows.map((row) => row.cells.label!));
  const trained = new Set(labelsOf(isTrain));
  const held = classNames(labelsOf((role) => !isTrain(role)));
  const unseen = held.filter((label) => !trained.has(label));
  if (trained.size > 0 && held.length > 0 && unseen.length === held.length) {
    const [train, test] = [files.find((f) => isTrain(f.role))!, files.find((f) => !isTrain(f.role))!];
    throw inputError(
      `no label of ${test.name} occurs in ${train.name} (${quote(held[0]!)} there, ${quote(classNames(trained)[0]!)} here)`,
      { remedy: 'check that the label columns match; --map text=COLUMN,label=COLUMN names them' },
    );
  }
  if (trained.size > 0 && unseen.length > 0) {
    notes.push(`no training row has the label ${unseen.map(quote).join(', ')}, which other rows have`);
  }
  const classes = classNames([...trained, ...held]);
  for (const [a, b] of lookAlikes(classes))
    notes.push(`labels ${quote(a)} and ${quote(b)} look alike but are two classes`);
  return classes;
}

/** Class ids of all rows, in the order of the files. */
function labelIds(files: readonly SourceFile[], classes: readonly string[]): Int32Array {
  const ids = new Map(classes.map((name, id) => [name, id]));
  const labels = files.flatMap((file) =>
    file.rows.map((row) => {
      const label = row.cells.label!;
      const id = ids.get(label);
      if (id === undefined) {
        throw inputError(`label ${quote(label)} is none of the ${classes.length} classes`, {
          where: placeOf(file, row),
          remedy: 'check the label column; --map text=COLUMN,label=COLUMN names it',
        });
      }
      return id;
    }),
  );
  return Int32Array.from(labels);
}

function splitRows(
  files: readonly SourceFile[],
  labels: Int32Array,
  spec: DataSpec,
  classes: readonly string[],
  notes: string[],
): { splits: Record<SplitName, Uint32Array>; notSplit: string[] } {
  const notSplit = new Set<number>();
  /** Holds `share` of `rows` out; the classes that could not be split are collected. */
  const holdOut = (rows: Uint32Array, share: number, what: string): [Uint32Array, Uint32Array] => {
    if (share === 0 || rows.length === 0) return [rows, new Uint32Array(0)];
    const own = Array.from(rows, (row) => labels[row]!);
    const { train, test, kept, sparse } = stratifiedSplit(own, share, spec.splitSeed);
    for (const label of kept) notSplit.add(label);
    if (sparse) notes.push(`the ${what} split has fewer rows than classes on one side: not every class is on both`);
    const pick = (positions: Uint32Array): Uint32Array => positions.map((position) => rows[position]!);
    return [pick(train), pick(test)];
  };
  const byRole = rowsByRole(files);
  const [kept, heldOut] = holdOut(byRole.all, spec.test, 'test');
  const trainable = concat(kept, byRole.train, byRole.extra);
  const given = byRole.validation.length > 0;
  const [train, validation] = given
    ? [trainable, byRole.validation]
    : holdOut(trainable, spec.validation, 'validation');
  const splits = { train, validation, test: concat(heldOut, byRole.test) };
  const names = [...notSplit].sort((a, b) => a - b).map((label) => classes[label]!);
  if (names.length > 0) notes.push(`too small to split, kept in training: ${names.map(quote).join(', ')}`);
  if (splits.test.length === 0) notes.push('there are no test rows: --data names none and the spec holds none out');
  return { splits, notSplit: names };
}

/** Global row indices by role, in file order. */
function rowsByRole(files: readonly SourceFile[]): Record<SourceFile['role'], Uint32Array> {
  const rows: Record<SourceFile['role'], number[]> = { all: [], train: [], extra: [], validation: [], test: [] };
  let index = 0;
  for (const file of files) for (const _ of file.rows) rows[file.role].push(index++);
  const typed = (role: SourceFile['role']) => Uint32Array.from(rows[role]);
  return {
    all: typed('all'),
    train: typed('train'),
    extra: typed('extra'),
    validation: typed('validation'),
    test: typed('test'),
  };
}

function concat(...parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function checkTrainable(files: readonly SourceFile[], labels: Int32Array, train: Uint32Array): void {
  if (train.some((row) => labels[row] !== labels[train[0]!])) return;
  const file = files.find((candidate) => isTrain(candidate.role))!;
  throw inputError(
    `every training row has the label ${quote(file.rows[0]!.cells.label!)}: there is nothing to classify`,
    {
      where: { file: file.name },
      remedy: 'check the label column; --map text=COLUMN,label=COLUMN names it',
    },
  );
}

function tokenise(
  files: readonly SourceFile[],
  labels: Int32Array,
  spec: DataSpec,
  tokenizer: Tokenizer,
  onProgress: PrepareOptions['onProgress'],
): PreparedRow[] {
  const pieces = spec.template.split(PLACE);
  const rows: PreparedRow[] = [];
  const prepare = (row: SourceRow): PreparedRow => {
    const text = row.cells.text!;
    const prompt = pieces.join(text);
    const { ids, fullLength } = tokenizer.encodeTruncated(prompt, spec.maxLength);
    if (ids.length === 0) {
      throw inputError('the row becomes no token at all', {
        where: placeOf(files[row.file]!, row),
        remedy: 'drop it, or keep more of it in data.template',
      });
    }
    return {
      text,
      prompt,
      ids,
      fullLength,
      label: labels[rows.length]!,
      labels: null,
      file: row.file,
      line: row.line,
    };
  };
  for (const file of files) {
    for (const row of file.rows) {
      rows.push(prepare(row));
      if (rows.length % 512 === 0) onProgress?.(rows.length, labels.length);
    }
  }
  onProgress?.(rows.length, labels.length);
  return rows;
}

/** Where a row stands, for messages. */
function placeOf({ name }: SourceFile, { line }: SourceRow): { file: string; line?: number } {
  return line === null ? { file: name } : { file: name, line };
}

function quote(label: string): string {
  return JSON.stringify(label.length > 60 ? `${label.slice(0, 60)}…` : label);
}
