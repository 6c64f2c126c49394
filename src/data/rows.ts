/**
 * Which rows of the files are used at all, and in which order: the spec's filter, then its row steps, those of each part before
 * those of all. Equal row for row to pandas and datasets: test/fixtures/sixth-paper.
 */

import { inputError } from '../errors';
import { roundHalfEven } from '../paper/sizes';
import type { DataSpec, RowStep } from '../paper/types';
import { quote } from './labels';
import { defaultRng } from './random/pcg64';
import { type Role, type SourceFile, SourceRows } from './sources';
import { pandasSample } from './splits';
import { testSpec } from './test-form';

/** Global row indices (into the rows of all files) by role, in the order in which they are used. */
export type RowsByRole = Readonly<Record<Role, Uint32Array>>;

/**
 * The rows that are left, by the role of their file.
 *
 * @param notes gets one line for everything that drops rows.
 * @throws MedreproError `input`: a row that is left has nothing in a column that is not optional; no row is left of a role.
 */
export function chooseRows(files: readonly SourceFile[], spec: DataSpec, notes: string[]): RowsByRole {
  const all = new SourceRows(files);
  const byRole: Record<Role, number[]> = { all: [], train: [], extra: [], validation: [], test: [] };
  const filters: Filtered = { own: { kept: 0, left: 0 }, test: { kept: 0, left: 0 } };
  let first = 0;
  for (const file of files) {
    const { filter } = file.form === 'test' ? testSpec(spec) : spec;
    const wanted = Object.entries(filter);
    const passing: number[] = [];
    for (let i = 0; i < file.rows.length; i++) {
      if (wanted.every(([column, value]) => file.rows.text(i, column) === value)) passing.push(first + i);
    }
    filters[file.form].kept += passing.length;
    filters[file.form].left += file.rows.length - passing.length;
    const what = file.part === null ? file.name : file.part;
    for (const row of applySteps(passing, file.steps, all, `${what}: `, notes)) byRole[file.role].push(row);
    first += file.rows.length;
  }
  noteFilter(filters, spec, notes);
  const chosen: Record<Role, number[]> = {
    ...byRole,
    all: applySteps(byRole.all, spec.rows, all, '', notes),
    train: applySteps(byRole.train, spec.rows, all, '', notes),
    test: applySteps(byRole.test, spec.testData?.rows ?? [], all, 'test rows: ', notes),
  };
  for (const role of ROLES) {
    if (chosen[role].length === 0 && byRole[role].length > 0) {
      throw inputError(`data.rows leave none of ${byRole[role].length} rows`, {
        remedy: 'check the steps and their columns',
      });
    }
    checkFilled(chosen[role], all, files, spec);
  }
  const typed = (role: Role): Uint32Array => Uint32Array.from(chosen[role]);
  return {
    all: typed('all'),
    train: typed('train'),
    extra: typed('extra'),
    validation: typed('validation'),
    test: typed('test'),
  };
}

// --- internal ---

const ROLES = ['all', 'train', 'extra', 'validation', 'test'] as const satisfies readonly Role[];

type Filtered = Record<SourceFile['form'], { kept: number; left: number }>;

function noteFilter(filtered: Filtered, spec: DataSpec, notes: string[]): void {
  for (const form of ['own', 'test'] as const) {
    const { kept, left } = filtered[form];
    if (left === 0) continue;
    const { filter } = form === 'test' ? testSpec(spec) : spec;
    const rule = Object.entries(filter).map(([column, value]) => `${column} ${quote(value)}`);
    notes.push(`${kept} of ${kept + left} rows have ${rule.join(' and ')}; the others are left out`);
  }
}

function applySteps(
  rows: readonly number[],
  steps: readonly RowStep[],
  all: SourceRows,
  prefix: string,
  notes: string[],
): number[] {
  let kept = [...rows];
  if (rows.length === 0) return kept;
  for (const step of steps) {
    const before = kept.length;
    kept = apply(kept, step, all);
    const left = before - kept.length;
    if (left > 0) notes.push(`${prefix}${step.kind} leaves ${kept.length} of ${before} rows`);
    if (step.kind === 'slice' && (step.end ?? 0) > before) {
      notes.push(`${prefix}slice ends at row ${step.end}, and there are ${before}`);
    }
  }
  return kept;
}

/** @param step with every field of its kind, as the spec's check leaves it */
function apply(rows: number[], step: RowStep, all: SourceRows): number[] {
  const { columns = [], keep = 'first', seed = 0, size = 0, begin = 0, end = null } = step;
  const pick = (order: Uint32Array): number[] => Array.from(order, (i) => rows[i]!);
  switch (step.kind) {
    case 'drop-missing':
      return rows.filter((row) => !columns.some((column) => all.isMissing(row, column)));
    case 'drop-blank':
      return rows.filter((row) => !columns.some((column) => isBlank(all.text(row, column))));
    case 'drop-duplicates':
      return withoutDuplicates(rows, keep, (row) => keyOf(all, row, columns));
    case 'shuffle':
      if (step.by === 'datasets') return pick(defaultRng(seed).permutation(rows.length));
      return pick(pandasSample(rows.length, rows.length, seed));
    case 'sample':
      return pick(pandasSample(rows.length, size < 1 ? roundHalfEven(size * rows.length) : size, seed));
    case 'slice':
      return rows.slice(begin, end ?? rows.length);
  }
}

const isBlank = (text: string): boolean => text.trim() === '';

/** The key by which rows are duplicates; a missing value differs from every text. */
function keyOf(all: SourceRows, row: number, columns: readonly string[]): string {
  return JSON.stringify(columns.map((column) => (all.isMissing(row, column) ? null : all.text(row, column))));
}

function withoutDuplicates(
  rows: readonly number[],
  keep: 'first' | 'last' | 'none',
  key: (row: number) => string,
): number[] {
  const keys = rows.map(key);
  const [first, last] = [new Map<string, number>(), new Map<string, number>()];
  for (const [i, own] of keys.entries()) {
    if (!first.has(own)) first.set(own, i);
    last.set(own, i);
  }
  return rows.filter((_, i) => {
    const [begin, end] = [first.get(keys[i]!), last.get(keys[i]!)];
    return keep === 'none' ? begin === end : i === (keep === 'first' ? begin : end);
  });
}

/** A step may drop rows by a column with empty cells; the remaining rows must have a value in every column. */
function checkFilled(rows: readonly number[], all: SourceRows, files: readonly SourceFile[], spec: DataSpec): void {
  for (const row of rows) {
    const { name, form, rows: own } = files[all.fileOf(row)]!;
    if (own.withBlanks.size === 0) continue;
    const { columns, optional } = form === 'test' ? testSpec(spec) : spec;
    const judged = [...own.withBlanks].filter((column) => !optional.includes(column));
    const empty = Object.keys(columns).find((column) => judged.includes(column) && isBlank(all.text(row, column)));
    if (empty === undefined) continue;
    const { line } = all.at(row);
    throw inputError(`a row that data.rows leave has nothing in column ${JSON.stringify(columns[empty])}`, {
      where: line === null ? { file: name } : { file: name, line },
      remedy: `drop it (data.rows: drop-blank), or name ${empty} in data.optional`,
    });
  }
}
