/** Paper files: whatever is read from them is refused in one line or can be audited and planned. */

import { readAssetText } from '../../src/assets';
import { audit } from '../../src/audit/audit';
import { decodeUtf8 } from '../../src/files';
import { planExperiment } from '../../src/plan/plan';
import { loadPaper } from '../../src/spec/load';
import { embeddedPapers } from '../../src/spec/target';
import { damageYaml } from './damage';
import type { FuzzTarget } from './harness';

export const target: FuzzTarget = {
  name: 'spec',
  seeds: () => embeddedPapers().map((id) => new TextEncoder().encode(readAssetText(`papers/${id}.yaml`))),
  parse: (input) => {
    const written = loadPaper(decodeUtf8(input, 'fuzz.yaml'), { kind: 'file', path: 'fuzz.yaml' }, 'as-written');
    audit({ written, released: null, file: 'fuzz.yaml' });
    for (const { scales } of written.experiments) {
      for (const experiment of Object.values(scales)) planExperiment(written, experiment);
    }
  },
  mutate: damageYaml,
};
