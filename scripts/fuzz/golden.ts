/** Golden files: what is read from them is refused in one line, or every printed value can be judged. */

import { readAssetText } from '../../src/assets';
import { decodeUtf8 } from '../../src/files';
import { embeddedPapers, loadEmbedded } from '../../src/spec/target';
import { loadGolden } from '../../src/verify/golden';
import { judgeScored } from '../../src/verify/printed';
import { damageYaml } from './damage';
import type { FuzzTarget } from './harness';

const papers = embeddedPapers().map((id) => loadEmbedded(id));

export const target: FuzzTarget = {
  name: 'golden',
  seeds: () => papers.map(({ id }) => new TextEncoder().encode(readAssetText(`golden/${id}.yaml`))),
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
