/** The canonical form and its hash. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { readAssetText } from '../../src/assets';
import { canonicalJson, canonicalYaml, settingsOf, specSha256 } from '../../src/paper/canonical';
import { withDefaults, withoutDefaults } from '../../src/paper/defaults';
import { loadPaper, resolveExperiment } from '../../src/paper/load';
import { withOverrides } from '../../src/paper/override';
import { loadEmbedded } from '../../src/paper/target';
import type { TargetRequest } from '../../src/run/request';
import { applyRequest } from '../../src/run/requested';
import { sha256 } from '../../src/sha256';

const experiment = resolveExperiment(loadEmbedded('abjadmed'), 'all-linear', 'full');

test('sha256 known answer', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('the order of keys does not matter', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).reverse());
      expect(canonicalJson(reversed)).toBe(canonicalJson(value));
    }),
  );
  expect(canonicalJson({ b: [2, { d: 1, c: 0.1 }], a: null })).toBe('{"a":null,"b":[2,{"c":0.1,"d":1}]}');
});

describe('the hash of an experiment', () => {
  const own = specSha256(experiment);

  test('words do not change it', () => {
    expect(specSha256({ ...experiment, title: 'other', marks: {} })).toBe(own);
    const reworded = readAssetText('papers/abjadmed.yaml').replace(
      'not given; usual for 1,024 tokens',
      'not printed; 1,024 tokens',
    );
    expect(reworded).toContain('not printed; 1,024');
    const paper = loadPaper(reworded, { kind: 'file', path: 'x.yaml' });
    expect(specSha256(resolveExperiment(paper, 'all-linear', 'full'))).toBe(own);
  });

  test('every override changes it', () => {
    const changed = [
      withOverrides(experiment, { seed: 7 }),
      withOverrides(experiment, { data: 'x.csv' }),
      withOverrides(experiment, { columns: { text: 'body' } }),
      withOverrides(experiment, { model: '/models/x' }),
      withOverrides(experiment, { precision: 'fp32' }),
    ].map(specSha256);
    expect(new Set([own, ...changed]).size).toBe(changed.length + 1);
    expect(withOverrides(experiment, { seed: null, data: null })).toBe(experiment);
  });

  test('a setting that came later is left out while it has its default', () => {
    const { training, data } = experiment;
    expect(training.lastAccumulation).toBe('step');
    const settings = settingsOf(experiment) as { training: object; data: object };
    expect(settings.training).not.toHaveProperty('lastAccumulation');
    expect(settings.data).not.toHaveProperty('labels');
    const changed = [
      { ...experiment, training: { ...training, lastAccumulation: 'carried' as const } },
      { ...experiment, training: { ...training, lossScaling: { ...training.lossScaling, initial: 2 } } },
      { ...experiment, data: { ...data, labels: { ...data.labels, eos: 'masked' as const } } },
    ].map(specSha256);
    expect(new Set([own, ...changed]).size).toBe(changed.length + 1);
    expect(withDefaults(withoutDefaults({ training, data }), 'causal-lm').settings).toMatchObject({ training, data });
    // published before any such setting was there
    expect(own).toBe('41905306f7b0efd27a5053413d41dd476bb8fb1c65dc5e4ce727024f18f5ceca');
  });

  test('seeds count up from the first', () => {
    const asked = { seed: null, data: null, map: {}, model: null, tokenizer: null } as unknown as TargetRequest;
    const seeds = [0, 1, 2].map((offset) => applyRequest(experiment, asked, offset).experiment.training.seed);
    expect(seeds).toEqual([42, 43, 44]);
  });

  test('no two experiments share one', () => {
    const paper = loadEmbedded('abjadmed');
    const all = paper.experiments.flatMap(({ id }) =>
      (['full', 'mini'] as const).map((scale) => specSha256(resolveExperiment(paper, id, scale))),
    );
    expect(new Set(all).size).toBe(all.length);
  });
});

test('the canonical YAML holds everything', () => {
  expect(parse(canonicalYaml(experiment))).toEqual(JSON.parse(JSON.stringify(experiment)));
  expect(canonicalYaml(experiment)).toContain(specSha256(experiment));
});
