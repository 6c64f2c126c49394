import { settingsOf } from '../../paper/canonical';
import type { Paper } from '../../paper/load';
import { leafPaths, valueAt } from '../../paper/paths';
import type { Experiment } from '../../paper/types';
import { countParameters } from '../../plan/size';
import { type Check, rule } from '../rule';

/** A contradiction that is only known from a source: released code, logs, a dataset. */
export const sourced = rule({
  id: 'as-written-as-released',
  title: 'the text agrees with the released code, logs and other sources',
  kind: 'sourced',
  check: ({ says, but, source }) => [
    {
      consistent: false,
      message: `the text says ${says}; ${but} (${source})`,
      arithmetic: [`source: ${source}`],
      raw: null,
      rounded: null,
      printed: says,
    },
  ],
});

/** A setting whose value differs between the readings. */
export interface SettingDifference {
  readonly path: string;
  /** Experiments that differ in this way. */
  readonly experiments: readonly string[];
  readonly check: Check;
}

/**
 * The settings that differ between the text's reading and the code's. One that the text does not give (it is assumed there)
 * is not a contradiction: the code specifies what the text leaves open.
 */
export function settingDifferences(written: Paper, released: Paper): SettingDifference[] {
  const found = new Map<string, { path: string; experiments: string[]; check: Check }>();
  for (const { id, scales } of written.experiments) {
    const [text, code] = [scales.full, released.experiments.find((one) => one.id === id)?.scales.full];
    if (text === undefined || code === undefined) continue;
    const [a, b] = [settingsOf(text), settingsOf(code)];
    const paths = new Set([...leafPaths(a), ...leafPaths(b)]);
    for (const path of paths) {
      if (JSON.stringify(valueAt(a, path)) === JSON.stringify(valueAt(b, path))) continue;
      // settings at their default are left out of `settingsOf`; the text may still state one
      const said = valueAt(a, path) ?? (text.marks[path] === undefined ? undefined : valueAt(text, path));
      const did = valueAt(b, path) ?? valueAt(code, path);
      const key = JSON.stringify([path, said, did]);
      const known = found.get(key);
      if (known !== undefined) known.experiments.push(id);
      else found.set(key, { path, experiments: [id], check: difference(path, said, did, text, code, written) });
    }
  }
  return [...found.values()];
}

// --- internal ---

function difference(
  path: string,
  said: unknown,
  did: unknown,
  text: Experiment,
  code: Experiment,
  paper: Paper,
): Check {
  const mark = markAt(text, path);
  // a setting at its default that is in no block: the text does not mention it
  const stated = said !== undefined && mark?.mark !== 'assumed';
  const released = markAt(code, path);
  const reason = released?.mark === 'as-released' ? released.reason : null;
  const effect = path.startsWith('adapter.') ? trainable(text, code, paper) : [];
  return {
    consistent: !stated,
    message: stated
      ? `${path}: the text says ${show(said)}, the code has ${show(did)}`
      : `${path}: the text does not give it, the code has ${show(did)}`,
    arithmetic: [
      `${show(said)} ${stated ? 'in the text' : 'assumed'}, ${show(did)} released`,
      ...(reason === null ? [] : [reason]),
      ...effect,
    ],
    raw: typeof did === 'number' ? did : null,
    rounded: null,
    printed: stated ? show(said) : null,
  };
}

function trainable(text: Experiment, code: Experiment, paper: Paper): string[] {
  const architecture = paper.models[text.model.id]?.architecture;
  if (architecture === undefined) return [];
  const [a, b] = [text, code].map((one) => countParameters(architecture, one, null).adapter);
  return a === b ? [`${a} adapter weights in both`] : [`${a} adapter weights as written, ${b} as released`];
}

/** The mark of a path or of the nearest path above it. */
function markAt({ marks }: Experiment, path: string): Experiment['marks'][string] | undefined {
  for (let at = path; at !== ''; at = at.includes('.') ? at.slice(0, at.lastIndexOf('.')) : '') {
    if (marks[at] !== undefined) return marks[at];
  }
  return undefined;
}

const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));
