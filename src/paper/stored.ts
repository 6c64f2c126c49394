/**
 * Embedded papers as the loader left them. A paper in the binary cannot change after the build, so the build loads it, which
 * checks every field, and stores the result beside the YAML; a command then neither parses it nor builds a schema. A checkout has
 * no stored form: there the YAML is loaded.
 */

import { hasAsset, readAssetText } from '../assets';
import { READINGS, type Reading } from './lists';
import { type FileOrigin, loadPaper, noSuchReading, type Paper } from './load';
import { withoutPrototypes } from './source';

/** The stored forms of a paper file by asset name, one for each reading that it has. */
export function storePaper(id: string, text: string): { readonly name: string; readonly text: string }[] {
  const origin: FileOrigin = { kind: 'embedded', name: `papers/${id}.yaml` };
  return loadPaper(text, origin).readings.map((reading) => ({
    name: storedName(id, reading),
    text: JSON.stringify(loadPaper(text, origin, reading)),
  }));
}

/** A paper out of its stored form. */
export function restorePaper(text: string): Paper {
  // what `storePaper` wrote: checked when it was built
  const stored: Paper = JSON.parse(text);
  const { models, datasets, predictions, statements } = stored;
  return {
    ...stored,
    // as from YAML: what is looked up in them by a name that someone gives must be theirs
    ...withoutPrototypes({ models, datasets, predictions }),
    statements: statements.map((one) => ({ ...one, statement: withoutPrototypes(one.statement) })),
  };
}

/** A reading of an embedded paper, or null where the build stored none; a reading of null is as-released where there is one. */
export function storedPaper(id: string, wanted: Reading | null): Paper | null {
  const there = READINGS.filter((reading) => hasAsset(storedName(id, reading)));
  const reading = wanted ?? there.at(-1);
  if (reading === undefined || there.length === 0) return null;
  if (!there.includes(reading)) throw noSuchReading(id, reading);
  return restorePaper(readAssetText(storedName(id, reading)));
}

// --- internal ---

const storedName = (id: string, reading: Reading): string => `papers/${id}.${reading}.json`;
