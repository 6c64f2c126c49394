/** Two readings of one paper, and experiments that change one factor at a time. */
import { describe, expect, test } from 'bun:test';
import { readAssetText } from '../../src/assets';
import { specSha256 } from '../../src/paper/canonical';
import { loadPaper, resolveExperiment } from '../../src/paper/load';

const PLAIN = readAssetText('papers/abjadmed.yaml');
const ORIGIN = { kind: 'file', path: 'paper.yaml' } as const;

/** The embedded paper with blocks put in at the top of `defaults` and before `models`. */
const changed = (defaults: string, after: string): string =>
  PLAIN.replace(/^defaults:\n/m, `defaults:\n${defaults}`).replace(/^models:/m, `${after}models:`);

describe('as-released', () => {
  const text = changed(
    '  as-released:\n    training: { seed: 7, clip: 2 }\n    released: { training.seed: "train.py, line 3" }\n',
    '',
  );

  test('is the default where the spec has it, over both and under the scale', () => {
    const paper = loadPaper(text.replace('precision: fp32', 'precision: fp32\n      clip: 3'), ORIGIN);
    expect([paper.reading, paper.readings]).toEqual(['as-released', ['as-written', 'as-released']]);
    expect(resolveExperiment(paper, 'all-linear', 'full').training).toMatchObject({ seed: 7, clip: 2 });
    expect(resolveExperiment(paper, 'all-linear', 'mini').training).toMatchObject({ seed: 7, clip: 3 });
    expect(resolveExperiment(paper, 'all-linear', 'full').marks['training.seed']).toEqual({
      mark: 'as-released',
      reason: 'train.py, line 3',
    });
  });

  test('as-written is then what it was without the block, to the hash', () => {
    const written = resolveExperiment(loadPaper(text, ORIGIN, 'as-written'), 'all-linear', 'full');
    const before = resolveExperiment(loadPaper(PLAIN, ORIGIN), 'all-linear', 'full');
    expect(specSha256(written)).toBe(specSha256(before));
  });

  test('a paper without one cannot be read so', () => {
    expect(loadPaper(PLAIN, ORIGIN)).toMatchObject({ reading: 'as-written', readings: ['as-written'] });
    expect(() => loadPaper(PLAIN, ORIGIN, 'as-released')).toThrow(/abjadmed has no as-released reading/);
  });

  test('a reading that is not asked for is checked all the same', () => {
    const bad = text.replace('clip: 2', 'clip: wide');
    expect(() => loadPaper(bad, ORIGIN, 'as-written')).toThrow(/clip/);
  });
});

describe('the matrix', () => {
  const matrix = `matrix:
  warmup:
    title: Warm-up steps
    levels:
      '0': { both: { training: { schedule: { warmup: { steps: 0 } } } } }
      '200':
        title: A long warm-up
        both: { training: { schedule: { warmup: { steps: 200 } } } }

`;
  const paper = loadPaper(changed('', matrix), ORIGIN);

  test('is one experiment per level, after the listed ones', () => {
    expect(paper.experiments.slice(-2).map(({ id, title }) => [id, title])).toEqual([
      ['warmup-0', 'Warm-up steps: 0'],
      ['warmup-200', 'A long warm-up'],
    ]);
    for (const steps of [0, 200]) {
      const { training } = resolveExperiment(paper, `warmup-${steps}`, 'full');
      expect(training.schedule.warmup).toEqual({ steps });
      expect(training.optimiser).toEqual(resolveExperiment(paper, 'all-linear', 'full').training.optimiser);
    }
  });

  test('problems in it have their path', () => {
    const bad = changed('', matrix.replace('steps: 200', 'steps: many'));
    expect(() => loadPaper(bad, ORIGIN)).toThrow(/matrix\.warmup\.levels\.200/);
  });

  test('an id that an experiment has already is refused', () => {
    const taken = matrix.replace('warmup:\n', 'focal:\n').replace("'200':", '4b:');
    expect(() => loadPaper(changed('', taken), ORIGIN)).toThrow(/id of its own/);
  });
});
