/** Golden files: each is rejected in one line, or every printed value in it can be judged. */

import { stringify } from 'yaml';
import { readAssetText } from '../../src/assets';
import { decodeUtf8 } from '../../src/files';
import type { Paper } from '../../src/paper/load';
import { embeddedPapers, loadEmbedded } from '../../src/paper/target';
import { experimentsOf, loadGolden } from '../../src/verify/golden';
import { judgeScored } from '../../src/verify/printed';
import { damageYaml } from './damage';
import type { FuzzTarget } from './harness';

const papers = embeddedPapers().map((id) => loadEmbedded(id));

/** Measured values in one seed. */
const METRICS = 2;

/**
 * A golden file in pieces of one claim, the printed values it needs and an entry of every other list: most damage is in one place,
 * and parsing a whole file takes long.
 */
function pieces(paper: Paper): Uint8Array[] {
  const name = `golden/${paper.id}.yaml`;
  const golden = loadGolden(readAssetText(name), name, paper);
  const { file: _file, tampered: _tampered, published, context = [], claims, audit = {}, mini, log, ...rest } = golden;
  return Object.entries(claims).map(([id, claim], i) => {
    const used = experimentsOf(claim);
    const text = stringify({
      ...rest,
      published: Object.fromEntries(Object.entries(published).filter(([experiment]) => used.includes(experiment))),
      context: cycled(context, i),
      claims: { [id]: claim },
      audit: Object.fromEntries(cycled(Object.entries(audit), i)),
      mini: cycled(mini, i).map(({ metrics, ...run }) => ({
        ...run,
        metrics: Object.fromEntries(Object.entries(metrics).slice(0, METRICS)),
      })),
      log: log.slice(-1),
    });
    loadGolden(text, name, paper);
    return new TextEncoder().encode(text);
  });
}

/** The entry at `index` of a list that is repeated without end. */
function cycled<T>(list: readonly T[], index: number): T[] {
  return list.length === 0 ? [] : [list[index % list.length]!];
}

export const target: FuzzTarget = {
  name: 'golden',
  seeds: () => papers.flatMap(pieces),
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
