/**
 * What no single field shows: settings that contradict each other or that nothing would read. A run that does something else
 * than its spec seems to say proves nothing.
 */

import type { Path } from './source';
import type { DataPart, DataSpec, Experiment, RowStep, TestData } from './types';

/** A contradiction: where, and what would be right, after the path. */
export interface Contradiction {
  readonly path: Path;
  readonly expected: string;
  readonly actual?: string;
}

/** The part of an experiment that is checked. */
export type Checked = Pick<Experiment, 'task' | 'data' | 'training' | 'generation' | 'choices' | 'metrics'>;

/** Every contradiction of an experiment's settings. */
export function contradictions(settings: Checked): Contradiction[] {
  const { data, task } = settings;
  return [
    ...namedColumns(data, ['data'], task),
    ...splitProblems(data),
    ...foldProblems(data),
    ...partProblems(data),
    ...testProblems(data, task),
    ...choiceProblems(settings),
  ];
}

// --- internal ---

type Reader = Pick<DataSpec, 'columns' | 'optional' | 'rows' | 'parts'>;

const FOLDED: readonly string[] = ['k-fold', 'stratified-k-fold'];
/** What `--data` calls splits. */
const SPLIT_NAMES: readonly string[] = ['train', 'val', 'validation', 'test'];
/** What each kind of step has besides it. */
const STEP_FIELDS: Readonly<Record<RowStep['kind'], readonly Exclude<keyof RowStep, 'kind'>[]>> = {
  'drop-missing': ['columns'],
  'drop-blank': ['columns'],
  'drop-duplicates': ['columns', 'keep'],
  shuffle: ['by', 'seed'],
  sample: ['size', 'seed'],
  slice: ['begin', 'end'],
};
/** Slack for shares whose sum was typed in decimals. */
const SLACK = 1e-9;

const quoted = (text: string): string => `'${text}'`;

/** Columns that optional fields and row steps name. */
function namedColumns(data: Reader, path: Path, task: Experiment['task']): Contradiction[] {
  const known = Object.keys(data.columns);
  const found: Contradiction[] = [];
  const mustExist = (name: string, at: Path): void => {
    if (known.includes(name)) return;
    found.push({ path: at, expected: `must be one of data.columns (${known.join(', ')})`, actual: quoted(name) });
  };
  for (const [i, name] of data.optional.entries()) {
    mustExist(name, [...path, 'optional', i]);
    const needed = name === 'id' || (task === 'sequence-classification' && (name === 'text' || name === 'label'));
    if (needed) {
      found.push({ path: [...path, 'optional', i], expected: `must leave out ${quoted(name)}, which every row needs` });
    }
  }
  const steps = (rows: readonly RowStep[], at: Path): void => {
    for (const [i, step] of rows.entries()) {
      const here = [...at, i];
      const { kind, ...given } = step;
      const fields = STEP_FIELDS[kind];
      const missing = fields.find((field) => given[field] === undefined);
      const extra = Object.keys(given).find((field) => !fields.some((one) => one === field));
      if (missing !== undefined) found.push({ path: here, expected: `is missing ${missing}: ${kind} needs it` });
      if (extra !== undefined) found.push({ path: [...here, extra], expected: `is no field of ${kind}` });
      for (const name of step.columns ?? []) mustExist(name, [...here, 'columns']);
      if (kind === 'drop-duplicates' && step.columns?.includes('id')) {
        found.push({
          path: [...here, 'columns'],
          expected: "must not name 'id', which no two rows may share: call it otherwise",
        });
      }
      const { begin = 0, end = null } = step;
      if (end !== null && end <= begin) {
        found.push({ path: [...here, 'end'], expected: `must be above begin (${begin})`, actual: `${end}` });
      }
    }
  };
  steps(data.rows, [...path, 'rows']);
  for (const [i, part] of data.parts.entries()) steps(part.rows ?? [], [...path, 'parts', i, 'rows']);
  return found;
}

function splitProblems(data: DataSpec): Contradiction[] {
  const { splitMethod: method, train, rest, test, validation } = data;
  const found: Contradiction[] = [];
  const wrong = (field: string, expected: string): void => void found.push({ path: ['data', field], expected });
  // the split that `train` is of
  const [lastName, last] = validation !== 0 ? (['validation', validation] as const) : (['test', test] as const);
  if (method === 'pandas-sample-train' && (train === null || rest !== 'held-out')) {
    wrong('splitMethod', 'needs data.train, the rows that are sampled, and rest: held-out, what drop(index) leaves');
  }
  if (method === 'pandas-sample-held-out' && train !== null) {
    wrong('train', `must be null with splitMethod ${method}: the training rows are what drop(index) leaves`);
  }
  if (method === 'datasets-shuffle' && train !== null) {
    wrong('train', 'must be null with splitMethod datasets-shuffle: data.trainRows says how many rows are selected');
  }
  if (train === null) {
    if (rest !== 'train') wrong('rest', `must be 'train' while data.train is null`);
    return found;
  }
  if (rest === 'train') wrong('rest', "must say who has the rows that data.train leaves over: 'held-out' or 'unused'");
  if (last === 0) wrong('train', 'must be null: nothing is held out (data.test and data.validation are 0)');
  if (FOLDED.includes(method)) wrong('train', `must be null with splitMethod ${method}`);
  if (rest === 'dealt' && method !== 'torch-random-split') {
    wrong('rest', "may be 'dealt' with splitMethod torch-random-split alone");
  }
  if (rest === 'unused' && method === 'torch-random-split') {
    wrong('rest', "must not be 'unused': the lengths of random_split are all rows ('held-out' or 'dealt')");
  }
  const three = method === 'torch-random-split' && test !== 0 && validation !== 0;
  const sizes = three ? [train, validation, test] : [train, last];
  const shares = sizes.every((size) => size < 1);
  const sum = sizes.reduce((total, size) => total + size, 0);
  const what = three ? 'data.train, data.validation and data.test' : `data.train and data.${lastName}`;
  if (rest === 'dealt' && !(shares && Math.abs(sum - 1) <= SLACK && sum <= 1)) {
    wrong('rest', `may be 'dealt' when ${what} are shares whose sum is 1`);
  } else if (shares && (rest === 'held-out' ? Math.abs(sum - 1) > SLACK : sum > 1 + SLACK)) {
    wrong('train', `must go with data.${lastName}: ${what} are ${sum} of the rows`);
  }
  return found;
}

function foldProblems({ splitMethod: method, folds, test, validation }: DataSpec): Contradiction[] {
  const folded = FOLDED.includes(method);
  if (!folded && folds === null) return [];
  const wrong = (field: string, expected: string): Contradiction[] => [{ path: ['data', field], expected }];
  if (!folded) return wrong('folds', `must be null with splitMethod ${method}`);
  if (folds === null) return wrong('splitMethod', 'needs data.folds: how many there are and which one is held out');
  if (folds.take > folds.of) return wrong('folds', `must take one of the ${folds.of} folds, counted from 1`);
  if ((test === 0) === (validation === 0)) {
    return wrong('folds', 'hold out either validation rows or test rows: set the other share to 0');
  }
  const share = test + validation;
  if (share >= 1 || Math.abs(share * folds.of - 1) > 0.05) {
    const name = test !== 0 ? 'test' : 'validation';
    return wrong(name, `must be ${Number((1 / folds.of).toFixed(4))}, the share of one of ${folds.of} folds`);
  }
  return [];
}

/** Names of files: what `--data NAME=FILE` would not tell apart. */
function partProblems(data: DataSpec): Contradiction[] {
  const seen = new Set<string>();
  const check = (parts: readonly DataPart[], path: Path): Contradiction[] =>
    parts.flatMap(({ name }, i) => {
      const at = [...path, i, 'name'];
      if (SPLIT_NAMES.includes(name))
        return [{ path: at, expected: `must not be the name of a split`, actual: quoted(name) }];
      if (seen.has(name)) return [{ path: at, expected: 'must differ from the other names', actual: quoted(name) }];
      seen.add(name);
      return [];
    });
  return [...check(data.parts, ['data', 'parts']), ...check(data.testData?.parts ?? [], ['data', 'testData', 'parts'])];
}

/** Fields of `testData` that only rows of their own files can have. */
const OF_OWN_FILES = [
  'source',
  'parts',
  'columns',
  'optional',
  'filter',
  'rows',
] as const satisfies readonly (keyof TestData)[];

function testProblems(data: DataSpec, task: Experiment['task']): Contradiction[] {
  const { testData } = data;
  if (testData === null) return [];
  const own = OF_OWN_FILES.filter((field) => testData[field] !== undefined);
  const path = ['data', 'testData'];
  if (own.length > 0 && data.test !== 0) {
    return [
      { path: ['data', 'test'], expected: `must be 0: test rows with ${own[0]} of their own have a file of their own` },
    ];
  }
  if (own.length > 0 && data.testRows === 'all') {
    return [
      {
        path: ['data', 'testRows'],
        expected: `must be 'held-out': test rows with ${own[0]} of their own have a file of their own`,
      },
    ];
  }
  const reader = {
    columns: testData.columns ?? data.columns,
    optional: testData.optional ?? (testData.columns === undefined ? data.optional : []),
    rows: testData.rows ?? [],
    parts: testData.parts ?? [],
  };
  return namedColumns(reader, path, task);
}

function choiceProblems({ task, choices, generation, metrics }: Checked): Contradiction[] {
  const metric = metrics.findIndex((id) => id.startsWith('choice-'));
  if (choices === null) {
    if (metric < 0) return [];
    const actual = quoted(metrics[metric]!);
    return [{ path: ['metrics', metric], expected: "must not be of choices while 'choices' is null", actual }];
  }
  const wrong = (field: string, expected: string): Contradiction => ({ path: ['choices', field], expected });
  const found: Contradiction[] = [];
  const { by, names, texts, pattern, goldIs } = choices;
  if (task !== 'causal-lm') found.push({ path: ['choices'], expected: 'must be null: a classifier has classes' });
  if (new Set(names).size < names.length) found.push(wrong('names', 'must differ from each other'));
  if (names.some((name) => name.trim() === '')) found.push(wrong('names', 'must not be blank'));
  if (by === 'generated') {
    if (generation === null)
      found.push(wrong('by', "may be 'generated' when 'generation' says how test rows are answered"));
    if (texts !== null) found.push(wrong('texts', 'must be null when choices are read from a generated answer'));
    if (goldIs === 'text')
      found.push(wrong('goldIs', "must be 'name' or 'index' when choices are read from a generated answer"));
    if (choices.maxLength !== null)
      found.push(wrong('maxLength', 'must be null when choices are read from a generated answer'));
  } else {
    if (texts !== null && texts.length !== names.length) {
      found.push(wrong('texts', `must be as many as the names (${names.length})`));
    }
    if (pattern !== null) found.push(wrong('pattern', 'must be null when choices are scored by their likelihood'));
  }
  return found;
}
