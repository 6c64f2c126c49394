/** Golden files: what is read from them is refused in one line, or every printed value can be judged. */

import { parse, stringify } from 'yaml';
import { readAssetText } from '../../src/assets';
import { decodeUtf8 } from '../../src/files';
import { embeddedPapers, loadEmbedded } from '../../src/paper/target';
import { loadGolden } from '../../src/verify/golden';
import { judgeScored } from '../../src/verify/printed';
import { damageYaml } from './damage';
import type { FuzzTarget } from './harness';

const papers = embeddedPapers().map((id) => loadEmbedded(id));

/** Claims, experiments and exact values in one seed: most damage is in one place, and a whole file takes long to read. */
const ENTRIES = 1;

/** A golden file with a few entries of each list. */
function pieces(id: string): Uint8Array[] {
  const golden = parse(readAssetText(`golden/${id}.yaml`)) as Record<string, unknown>;
  const claims = Object.entries(golden.claims as object);
  return Array.from({ length: Math.ceil(claims.length / ENTRIES) }, (_, i) => {
    const some = <T>(list: readonly T[]): T[] => list.slice(i * ENTRIES, (i + 1) * ENTRIES);
    const part = {
      ...golden,
      published: Object.fromEntries(some(Object.entries(golden.published as object))),
      claims: Object.fromEntries(some(claims)),
      mini: some(golden.mini as unknown[]),
      log: (golden.log as unknown[]).slice(-1),
    };
    return new TextEncoder().encode(stringify(part));
  });
}

export const target: FuzzTarget = {
  name: 'golden',
  seeds: () => papers.flatMap(({ id }) => pieces(id)),
  parse: (input) => {
    const text = decodeUtf8(input, 'fuzz.yaml');
    const paper = papers.find(({ id }) => text.includes(`paper: ${id}`)) ?? papers[0]!;
    const golden = loadGolden(text, 'fuzz.yaml', paper);
    for (const [experiment, metrics] of Object.entries(golden.published)) {
      for (const metric of Object.keys(metrics)) {
        judgeScored({ value: 0.5, toolNoise: 0.001, reason: null }, golden, experiment, metric);
      }
    }
  },
  mutate: damageYaml,
};
