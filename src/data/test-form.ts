/** Test rows of another kind: what of a spec's `data` is otherwise for them. */

import type { DataSpec } from '../paper/types';

/**
 * The spec of test rows: `testData` overrides `data`. Parts and row steps are its own or none; a filter and optional columns
 * go with the columns.
 */
export function testSpec(spec: DataSpec): DataSpec {
  const { testData } = spec;
  if (testData === null) return spec;
  const ofColumns = testData.columns === undefined ? {} : { optional: [], filter: {} };
  return { ...spec, parts: [], rows: [], ...ofColumns, ...testData, testData: null };
}

/** Whether the rows that are tested are read or written otherwise than those that are trained on. */
export const hasTestForm = ({ testData }: DataSpec): boolean => testData !== null;
