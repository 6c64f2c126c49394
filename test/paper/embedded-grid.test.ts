/** The embedded grid of tinyllama-ablations: every level changes its one factor and nothing else, at either scale. */
import { expect, test } from 'bun:test';
import { settingsOf } from '../../src/paper/canonical';
import { SCALES } from '../../src/paper/lists';
import { resolveExperiment } from '../../src/paper/load';
import { leafPaths } from '../../src/paper/paths';
import { loadEmbedded } from '../../src/paper/target';
import type { Scale } from '../../src/paper/types';

const paper = loadEmbedded('tinyllama-ablations');

/** Where a factor of the grid stands in the settings. */
const FACTORS = {
  optimiser: 'training.optimiser',
  lr: 'training.optimiser.learningRate',
  warmup: 'training.schedule.warmup.steps',
  ga: 'training.accumulation',
  epochs: 'training.epochs',
};

const leaves = (id: string, scale: Scale): Map<string, string> => {
  const { id: _id, ...settings } = settingsOf(resolveExperiment(paper, id, scale));
  const at = (path: string): unknown =>
    path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], settings);
  return new Map(leafPaths(settings).map((path) => [path, JSON.stringify(at(path))]));
};

test.each([...SCALES])('one factor at a time at the %s scale', (scale) => {
  const best = leaves('best', scale);
  const levels = paper.experiments.filter(({ id }) => id !== 'pretrained' && id !== 'best');
  expect(levels).toHaveLength(11);
  for (const { id } of levels) {
    const own = leaves(id, scale);
    const changed = [...new Set([...best.keys(), ...own.keys()])].filter((path) => best.get(path) !== own.get(path));
    const factor = FACTORS[id.slice(0, id.indexOf('-')) as keyof typeof FACTORS];
    expect({ id, changed: changed.length > 0 }).toEqual({ id, changed: true });
    for (const path of changed) expect(path).toStartWith(factor);
  }
});

test('the base is what the runs start from, untrained', () => {
  const { model, data, training, adapter, generation } = resolveExperiment(paper, 'pretrained', 'mini');
  const best = resolveExperiment(paper, 'best', 'mini');
  expect({ model, data, generation }).toEqual({ model: best.model, data: best.data, generation: best.generation });
  expect({ adapter, epochs: training.epochs }).toEqual({ adapter: null, epochs: 0 });
});
