/** Paper files: whatever is read from them is refused in one line or can be audited and planned. */

import { parse, stringify } from 'yaml';
import { readAssetText } from '../../src/assets';
import { audit } from '../../src/audit/audit';
import { decodeUtf8 } from '../../src/files';
import { loadPaper } from '../../src/paper/load';
import { embeddedPapers } from '../../src/paper/target';
import { planExperiment } from '../../src/plan/plan';
import { damageYaml } from './damage';
import type { FuzzTarget } from './harness';

/** Statements in one seed: a whole paper takes twenty milliseconds to read, and most damage is in one place. */
const STATEMENTS = 2;

function read(text: string): void {
  const written = loadPaper(text, { kind: 'file', path: 'fuzz.yaml' }, 'as-written');
  audit({ written, released: null, file: 'fuzz.yaml' });
  for (const { scales } of written.experiments) {
    for (const experiment of Object.values(scales)) planExperiment(written, experiment);
  }
}

/** The embedded papers with one experiment and a few statements each, as far as these stand without the rest. */
function seeds(): Uint8Array[] {
  const texts = embeddedPapers().flatMap((id) => {
    const paper = parse(readAssetText(`papers/${id}.yaml`)) as Record<string, Record<string, unknown>>;
    const { experiments = {}, statements = {} } = paper;
    const [first] = Object.entries(experiments);
    const all = Object.entries(statements);
    return Array.from({ length: Math.ceil(all.length / STATEMENTS) }, (_, i) => {
      const some = all.slice(i * STATEMENTS, (i + 1) * STATEMENTS);
      const { predictions: _predictions, matrix, ...others } = paper;
      // a matrix makes dozens of experiments: one seed has it
      const rest = i === 0 && matrix !== undefined ? { ...others, matrix } : others;
      return stringify({ ...rest, experiments: Object.fromEntries([first!]), statements: Object.fromEntries(some) });
    });
  });
  const whole = texts.filter((text) => {
    try {
      read(text);
      return true;
    } catch {
      return false; // a statement of another experiment
    }
  });
  if (whole.length < embeddedPapers().length) throw new Error(`only ${whole.length} pieces of the papers can be read`);
  return whole.map((text) => new TextEncoder().encode(text));
}

export const target: FuzzTarget = {
  name: 'spec',
  seeds,
  parse: (input) => read(decodeUtf8(input, 'fuzz.yaml')),
  mutate: damageYaml,
};
