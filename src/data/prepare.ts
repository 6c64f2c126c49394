/**
 * The data stage: files -> examples -> splits -> prompts -> token ids, with a hash at every rung and a summary of what the
 * model will really see.
 */

import { inputError, specError } from '../errors';
import type { DataSpec, LabelMask } from '../paper/types';
import { type CausalText, causalRow, causalTexts, padTokenOf } from './causal';
import { encodeAll } from './encode';
import { combinedHash, type RungHashes, rungHashes } from './hashes';
import { type Labelling, labelling, lookAlikes, quote } from './labels';
import type { TableRow } from './row-store';
import { chooseRows } from './rows';
import { type DataFiles, readSources, type SourceFile, type SourceRow, SourceRows } from './sources';
import { checkSplitSpec, SPLITS, type SplitName, type Splitting, splitRows } from './splitting';
import { type DataSummary, overlap, type SplitSummary, summariseSplit } from './summary';
import { compileTemplate } from './template';
import { testSpec } from './test-form';
import type { Tokenizer } from './tokenizer';

export { SPLITS, type SplitName };

/** A tokenised example. */
export interface PreparedRow {
  /** The texts in the hash of the examples: the cells in the order of the spec's columns; a classifier's text and class. */
  readonly example: readonly string[];
  /** The text by which a test row is found in the training rows: a classifier's text, a causal LM's prompt. */
  readonly text: string;
  /** The text that was tokenised: after the template was applied, followed by the response. */
  readonly prompt: string;
  /** (n,) token ids, special tokens and padding included, at most `maxLength`. */
  readonly ids: Uint32Array;
  /** Tokens that are not padding: the attention mask is 1 for these, 0 after them. */
  readonly attended: number;
  /** Tokens before truncation. */
  readonly fullLength: number;
  /** Class id; 0 for a causal LM. */
  readonly label: number;
  /** (n,) labels of a causal LM, -100 where there is none; null for a classifier. */
  readonly labels: Int32Array | null;
  /** Index into `PreparedData.files`, and the line there (null in formats without lines). */
  readonly file: number;
  readonly line: number | null;
}

/** A file that was read, for the manifest. */
export interface PreparedFile {
  readonly role: SourceFile['role'];
  readonly name: string;
  readonly sha256: string;
  readonly rows: number;
  /** Its name among the spec's parts; absent where the source is one file. */
  readonly part?: string;
}

export interface PreparedData {
  /** Class names by class id; none for a causal LM. */
  readonly classes: readonly string[];
  /** The rows that are used, in the order they were read; then the test rows, where they have a form or labels of their own. */
  readonly rows: readonly PreparedRow[];
  /** Indices into `rows`, in the order in which the split is used. */
  readonly splits: Readonly<Record<SplitName, Uint32Array>>;
  /** Rows of each split, tokenised or not. */
  readonly sizes: Readonly<Record<SplitName, number>>;
  readonly files: readonly PreparedFile[];
  readonly hashes: Readonly<Record<SplitName, RungHashes>>;
  /** One hash (hex) over all of `hashes`: two runs with the same one saw the same rows, tokens and labels in order. */
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
  /** Threads that may tokenise; null or absent = all cores. The ids are the same on any number. */
  readonly threads?: number | null;
  /** The only rows that are tokenised: the first of a split. The other splits are empty then. Absent = all rows. */
  readonly first?: FirstRows | undefined;
  /** Called now and then while rows are tokenised. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** The first rows of a split. */
export interface FirstRows {
  readonly split: SplitName;
  readonly rows: number;
}

/**
 * Everything a classification experiment trains and evaluates on. How rows are split: `splitting.ts`.
 *
 * @throws MedreproError `input`: unreadable files, fewer than two classes, labels that do not fit; `spec`: columns without
 *   `text` and `label`, a template that names no column.
 */
export async function prepareClassification(
  experiment: { readonly data: DataSpec },
  options: PrepareOptions,
  tokenizer: Tokenizer,
): Promise<PreparedData> {
  const spec = experiment.data;
  const test = testSpec(spec);
  checkSpec(spec);
  checkSpec(test);
  for (const role of ['text', 'label'] as const) {
    if (spec.columns[role] === undefined) throw specError(`data.columns has no ${role}, which a classifier needs`);
    if (test.columns[role] === undefined)
      throw specError(`data.testData.columns has no ${role}, which a classifier needs`);
  }
  const fills = {
    own: compileTemplate(spec.template, ['text'], 'data.template'),
    test: compileTemplate(test.template, ['text'], 'data.testData.template'),
  };
  const { files, notes, extraLeftOut } = await readFiles(spec, options);
  const chosen = chooseRows(files, spec, notes);
  const used = new Set(Object.values(chosen).flatMap((rows) => [...rows]));
  const kinds = files.map((file) => file.kinds.label!);
  const named = labelling(kinds, spec.splitMethod === 'datasets-stratified');
  const names = labelNames(files, used, named, notes);
  const classes = options.classes ?? classesOf(files, names, named, notes);
  const all = new SourceRows(files);
  const labels = labelIds(files, names, classes);
  const splitting = splitRows(files, chosen, spec, notes);
  const { train } = splitting.splits;
  if (train.length > 0) checkTrainable(files, all, labels, train);
  const { wanted, splits } = arrange(firstRows(splitting.splits, options.first), spec.testData !== null);
  const rows = await inForms(wanted, async (indices, form): Promise<PreparedRow[]> => {
    const { maxLength, truncationSide, addSpecialTokens: special } = form === 'test' ? test : spec;
    const prompts = indices.map((i) => fills[form](all.at(i).cells));
    const encoded = await encodeAll(tokenizer, prompts, special, options);
    return indices.map((i, at): PreparedRow => {
      const { file, line, cells } = all.at(i);
      const { ids, fullLength } = tokenizer.truncate(encoded[at]!, maxLength, truncationSide, special);
      if (ids.length === 0) throw noToken(files, all.at(i));
      const [text, label] = [cells.text!, labels[i]!];
      const example = [text, classes[label]!];
      const tokens = { ids, attended: ids.length, fullLength };
      return { example, text, prompt: prompts[at]!, ...tokens, label, labels: null, file, line };
    });
  });
  return assemble({ files, rows, classes, splitting, splits, notes, extraLeftOut }, tokenizer);
}

/**
 * Everything a causal-LM experiment trains and evaluates on: prompt and response from the columns, labels as the spec's
 * mask says (`causal.ts`).
 *
 * @throws MedreproError `input`: unreadable files; `spec`: no response, templates that name no column.
 */
export async function prepareCausal(
  experiment: { readonly data: DataSpec },
  options: PrepareOptions,
  tokenizer: Tokenizer,
): Promise<PreparedData> {
  const spec = experiment.data;
  const specs = { own: spec, test: testSpec(spec) };
  checkSpec(spec);
  checkSpec(specs.test);
  const masks = { own: spec.labels, test: labelsOf(spec, 'test') };
  const padTokens = { own: padTokenOf(masks.own, tokenizer), test: padTokenOf(masks.test, tokenizer) };
  const fills = { own: causalTexts(spec, tokenizer), test: causalTexts(specs.test, tokenizer) };
  const { files, notes, extraLeftOut } = await readFiles(spec, options);
  const splitting = splitRows(files, chooseRows(files, spec, notes), spec, notes);
  const all = new SourceRows(files);
  const apart = spec.testLabels !== null || spec.testData !== null;
  const { wanted, splits } = arrange(firstRows(splitting.splits, options.first), apart);
  let unfound = 0;
  const rows = await inForms(wanted, async (indices, form): Promise<PreparedRow[]> => {
    const own = specs[form];
    const texts = indices.map((i): CausalText => fills[form](all.at(i).cells));
    const both = texts.flatMap(({ prompt, whole }) => [prompt, whole]);
    const encoded = await encodeAll(tokenizer, both, own.addSpecialTokens, options);
    return indices.map((i, at): PreparedRow => {
      const row = all.at(i);
      const [prompt, whole] = [encoded[2 * at]!, encoded[2 * at + 1]!];
      const { found, ...tokens } = causalRow(prompt, whole, own, masks[form], tokenizer, padTokens[form]);
      if (tokens.attended === 0) throw noToken(files, row);
      if (!found) unfound++;
      const example = Object.keys(own.columns).map((column) => row.cells[column]!);
      const { file, line } = row;
      return { example, text: texts[at]!.prompt, prompt: texts[at]!.whole, ...tokens, label: 0, file, line };
    });
  });
  if (unfound > 0) {
    notes.push(`the response template does not occur in ${unfound} of ${rows.length} rows: they have no label`);
  }
  return assemble({ files, notes, extraLeftOut, rows, classes: [], splitting, splits }, tokenizer);
}

/** The label mask of a split's rows. */
export function labelsOf({ labels, testLabels }: DataSpec, split: SplitName): LabelMask {
  return split === 'test' && testLabels !== null ? { ...labels, ...testLabels } : labels;
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
  /** Class id, or one label a token. */
  readonly labels: number | number[];
  readonly attention_mask: number[];
}

/** The tokenised rows of a split as the `data` command shows them. */
export function* dataRows(data: PreparedData, split: SplitName): Generator<DataRow> {
  for (const [index, { ids, label, labels, attended }] of rowsOf(data, split).entries()) {
    yield {
      index,
      input_ids: [...ids],
      labels: labels === null ? label : [...labels],
      attention_mask: Array.from(ids, (_, t) => (t < attended ? 1 : 0)),
    };
  }
}

// --- internal ---

type RowFormName = SourceFile['form'];

/** The rows that are used, by their form, and the splits as indices into the concatenation of both lists. */
interface Arranged {
  readonly wanted: Readonly<Record<RowFormName, readonly number[]>>;
  readonly splits: Splitting['splits'];
}

function firstRows(splits: Splitting['splits'], first: FirstRows | undefined): Splitting['splits'] {
  if (first === undefined) return splits;
  const none = new Uint32Array(0);
  return { train: none, validation: none, test: none, [first.split]: splits[first.split].slice(0, first.rows) };
}

/** @param apart whether test rows have tokens or labels of their own, whatever else the same rows are used for */
function arrange({ train, validation, test }: Splitting['splits'], apart: boolean): Arranged {
  const used = new Set([...train, ...validation, ...(apart ? [] : test)]);
  const own = [...used].sort((a, b) => a - b);
  const place = new Map(own.map((row, at) => [row, at]));
  const placed = (rows: Uint32Array): Uint32Array => rows.map((row) => place.get(row)!);
  const tests = apart ? Uint32Array.from(test, (_, at) => own.length + at) : placed(test);
  return {
    wanted: { own, test: apart ? [...test] : [] },
    splits: { train: placed(train), validation: placed(validation), test: tests },
  };
}

async function inForms(
  wanted: Arranged['wanted'],
  prepare: (indices: readonly number[], form: RowFormName) => Promise<PreparedRow[]>,
): Promise<PreparedRow[]> {
  const own = await prepare(wanted.own, 'own');
  return wanted.test.length === 0 ? own : [...own, ...(await prepare(wanted.test, 'test'))];
}

function checkSpec(spec: DataSpec): void {
  checkSplitSpec(spec);
  const { maxLength } = spec;
  if (!Number.isSafeInteger(maxLength) || maxLength < 1) {
    throw specError(`data.maxLength is ${maxLength}, not a number of tokens from 1`);
  }
}

interface Read {
  readonly files: readonly SourceFile[];
  readonly notes: string[];
  readonly extraLeftOut: readonly string[];
}

async function readFiles(spec: DataSpec, options: PrepareOptions): Promise<Read> {
  const files = await readSources(spec, options.files ?? null, options.source);
  const notes = files.flatMap((file) => file.notes.map((note) => `${file.name}: ${note}`));
  const extraLeftOut = files.some((file) => file.role === 'extra') ? [] : [...spec.extraTrain];
  if (extraLeftOut.length > 0) {
    notes.push(`the spec adds training rows (${extraLeftOut.join(', ')}) that --data does not name: they are left out`);
  }
  return { files, notes, extraLeftOut };
}

interface Parts extends Read {
  readonly rows: readonly PreparedRow[];
  readonly classes: readonly string[];
  /** Over all rows of the files. */
  readonly splitting: Splitting;
  /** Over those that were tokenised. */
  readonly splits: Splitting['splits'];
}

/** Hashes and counts what was prepared. */
function assemble(parts: Parts, tokenizer: Tokenizer): PreparedData {
  const { files, rows, classes, splitting, splits, notes, extraLeftOut } = parts;
  const { train, validation, test } = splitting.splits;
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
  const hashes = perSplit(rungHashes);
  return {
    classes,
    rows,
    splits,
    sizes: { train: train.length, validation: validation.length, test: test.length },
    files: files.map(({ role, name, sha256, rows: own, part }) => ({
      role,
      name,
      sha256,
      rows: own.length,
      ...(part === null ? {} : { part }),
    })),
    hashes,
    sha256: combinedHash(SPLITS.map((split) => hashes[split])),
    summary: { splits: summaries, notSplit: splitting.notSplit, testTextsInTrain, extraLeftOut, notes },
  };
}

function noToken(files: readonly SourceFile[], row: SourceRow) {
  return inputError('the row becomes no token at all', {
    where: placeOf(files[row.file]!, row),
    remedy: 'drop it, or keep more of it in data.template',
  });
}

const isTrain = (role: SourceFile['role']) => role === 'train' || role === 'extra' || role === 'all';

/** Class names by file and row; null for rows that the filter and the row steps leave out. */
type LabelNames = readonly (readonly (string | null)[])[];

/**
 * The class of every row that is used, by name.
 *
 * @param used indices into the rows of all files
 *
 * @throws MedreproError `input` for an id that the file's own `ClassLabel` does not list, such as the -1 of a row without label.
 */
function labelNames(
  files: readonly SourceFile[],
  used: ReadonlySet<number>,
  { className }: Labelling,
  notes: string[],
): LabelNames {
  let index = 0;
  const written = new Map<string, Set<string>>();
  const names = files.map((file) => {
    const kind = file.kinds.label!;
    const known = new Map<string, string>();
    return Array.from({ length: file.rows.length }, (_, row) => {
      if (!used.has(index++)) return null;
      const cell = file.rows.text(row, 'label');
      const before = known.get(cell);
      if (before !== undefined) return before;
      const name = className(cell, kind);
      if (name === null) {
        throw inputError(`label ${quote(cell)} is no class: the file lists ${kind.classNames!.length}, from 0`, {
          where: placeOf(file, file.rows.at(row)),
          remedy: 'drop the row, or give it a label',
        });
      }
      known.set(cell, name);
      const texts = written.get(name);
      if (texts === undefined) written.set(name, new Set([cell]));
      else texts.add(cell);
      return name;
    });
  });
  for (const [name, texts] of written) {
    if (texts.size > 1)
      notes.push(
        `labels ${[...texts].slice(0, 3).map(quote).join(' and ')} are one class, ${name}: as numbers they are equal`,
      );
  }
  return names;
}

/** All classes in their order; labels of the test rows that no training row has are noted, or rejected when none has one. */
function classesOf(
  files: readonly SourceFile[],
  names: LabelNames,
  { sorted, listed }: Labelling,
  notes: string[],
): string[] {
  const labelsOf = (wanted: (role: SourceFile['role']) => boolean): string[] =>
    files.flatMap((file, i) => (wanted(file.role) ? names[i]!.filter((name) => name !== null) : []));
  const trained = new Set(labelsOf(isTrain));
  const held = sorted(labelsOf((role) => !isTrain(role)));
  const unseen = held.filter((label) => !trained.has(label));
  if (trained.size > 0 && held.length > 0 && unseen.length === held.length) {
    const [train, test] = [files.find((f) => isTrain(f.role))!, files.find((f) => !isTrain(f.role))!];
    throw inputError(
      `no label of ${test.name} occurs in ${train.name} (${quote(held[0]!)} there, ${quote(sorted(trained)[0]!)} here)`,
      { remedy: 'check that the label columns match; --map text=COLUMN,label=COLUMN names them' },
    );
  }
  if (trained.size > 0 && unseen.length > 0) {
    notes.push(`no training row has the label ${unseen.map(quote).join(', ')}, which other rows have`);
  }
  const classes = sorted([...(listed ?? []), ...trained, ...held]);
  for (const [a, b] of lookAlikes(classes))
    notes.push(`labels ${quote(a)} and ${quote(b)} look alike but are two classes`);
  return classes;
}

/** Class ids of all rows, in the order of the files; 0 for rows that are not used. */
function labelIds(files: readonly SourceFile[], names: LabelNames, classes: readonly string[]): Int32Array {
  const ids = new Map(classes.map((name, id) => [name, id]));
  const labels = files.flatMap((file, i) =>
    names[i]!.map((label, row) => {
      if (label === null) return 0;
      const own = file.kinds.label!.classNames === null;
      const id = ids.get(label) ?? (own ? ids.get(file.rows.text(row, 'label')) : undefined);
      if (id === undefined) {
        throw inputError(`label ${quote(label)} is none of the ${classes.length} classes`, {
          where: placeOf(file, file.rows.at(row)),
          remedy: 'check the label column; --map text=COLUMN,label=COLUMN names it',
        });
      }
      return id;
    }),
  );
  return Int32Array.from(labels);
}

function checkTrainable(files: readonly SourceFile[], rows: SourceRows, labels: Int32Array, train: Uint32Array): void {
  if (train.some((row) => labels[row] !== labels[train[0]!])) return;
  const file = files.find((candidate) => isTrain(candidate.role))!;
  throw inputError(
    `every training row has the label ${quote(rows.text(train[0]!, 'label'))}: there is nothing to classify`,
    {
      where: { file: file.name },
      remedy: 'check the label column; --map text=COLUMN,label=COLUMN names it',
    },
  );
}

/** The position of a row, for messages. */
function placeOf({ name }: SourceFile, { line }: TableRow): { file: string; line?: number } {
  return line === null ? { file: name } : { file: name, line };
}
