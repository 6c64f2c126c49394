/** Paper files: what is accepted, and what each mistake says. Run with `bun test test/paper`. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readAssetText } from '../../src/assets';
import { editDistance } from '../../src/edit-distance';
import { MedreproError } from '../../src/errors';
import { withoutDefaults } from '../../src/paper/defaults';
import { loadPaper, type Paper, resolveExperiment } from '../../src/paper/load';
import { leafPaths } from '../../src/paper/paths';
import { suggest } from '../../src/paper/problems';
import { embeddedPapers, loadEmbedded, loadTarget, loadTargets } from '../../src/paper/target';
import { listPaper } from '../../src/plan/list';

const TEXT = readAssetText('papers/abjadmed.yaml');

function load(text: string): Paper {
  return loadPaper(text, { kind: 'file', path: 'x.yaml' });
}

/** The error of a spec in which `from` was replaced by `to`. */
function errorOf(from: string, to: string): MedreproError {
  expect(TEXT).toContain(from);
  return thrown(() => load(TEXT.replace(from, to)));
}

function thrown(run: () => unknown): MedreproError {
  try {
    run();
  } catch (error) {
    if (error instanceof MedreproError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function lineOf(text: string, part: string): number {
  return text.slice(0, text.indexOf(part)).split('\n').length;
}

describe('abjadmed', () => {
  const paper = loadEmbedded('abjadmed');

  test('has the six experiments, and its file is named after it', () => {
    expect(embeddedPapers()).toContain('abjadmed');
    expect(paper.id).toBe('abjadmed');
    expect(paper.experiments.map(({ id }) => id)).toEqual([
      'attention-only',
      'all-linear',
      'focal-4b',
      'dice-ce-4b',
      'medgemma-27b',
      'icliniq-augmented',
    ]);
  });

  test('full scale is as the paper writes it', () => {
    const { adapter, training, loss, data, model } = resolveExperiment(paper, 'all-linear', 'full');
    expect(adapter).toEqual({ kind: 'lora', rank: 256, alpha: 16, dropout: 0, targets: 'all-linear' });
    expect(training.optimiser).toMatchObject({ kind: 'adamw', learningRate: 2e-4, weightDecay: 0.01 });
    expect(training.schedule.warmup).toEqual({ steps: 100 });
    expect([training.epochs, training.batchSize, training.accumulation, training.precision]).toEqual([3, 4, 8, 'bf16']);
    expect(loss).toMatchObject({ kind: 'dice-ce', diceWeight: 0.5, ceWeight: 0.5 });
    expect([data.maxLength, data.validation]).toEqual([1024, 0.1]);
    expect(model).toEqual({ id: 'hub:Qwen/Qwen3-8B', revision: 'b968826d9c46dd6066d109eabc6255188de91218' });
  });

  test('quantisation: what is not named is as in bitsandbytes, and other kinds', () => {
    const written = 'quantisation: { kind: nf4, doubleQuant: true, blockSize: 64 }';
    const of = (text: string) => {
      const changed = load(TEXT.replace(written, `quantisation: ${text}`));
      return resolveExperiment(changed, 'all-linear', 'full').quantisation;
    };
    const rest = { kbitPreparation: 'none', skipModules: null, tested: 'quantised' } as const;
    const plain = resolveExperiment(paper, 'all-linear', 'full').quantisation;
    expect(plain).toEqual({ kind: 'nf4', doubleQuant: true, blockSize: 64, ...rest });
    expect(of('{ kind: int8 }')).toEqual({ kind: 'int8', threshold: 6, ...rest });
    expect(of('{ kind: int8, threshold: 6 }')).toEqual({ kind: 'int8', threshold: 6, ...rest });
    expect(of('{ kind: fp4, doubleQuant: false, blockSize: 32, kbitPreparation: peft, skipModules: [score] }')).toEqual(
      {
        kind: 'fp4',
        doubleQuant: false,
        blockSize: 32,
        kbitPreparation: 'peft',
        skipModules: ['score'],
        tested: 'quantised',
      },
    );
    for (const wrong of [
      '{ kind: int8, threshold: 6, blockSize: 64 }',
      '{ kind: nf4, doubleQuant: true, blockSize: 48 }',
      '{ kind: nf4, doubleQuant: true, blockSize: 64, kbitPreparation: trl }',
      '{ kind: int8, threshold: -1 }',
    ]) {
      expect(() => of(wrong), wrong).toThrow('quantisation');
    }
  });

  test('a changed kind keeps nothing of what was below it', () => {
    expect(resolveExperiment(paper, 'focal-4b', 'full').loss).toEqual({ kind: 'focal', gamma: 2, alpha: 0.25 });
  });

  test('mini keeps alpha / rank = 1/16, and MedGemma has a miniature of its family', () => {
    const mini = resolveExperiment(paper, 'all-linear', 'mini');
    const { adapter } = mini;
    expect(adapter?.kind === 'lora' && adapter.alpha / adapter.rank).toBe(1 / 16);
    expect(mini.training.precision).toBe('fp32');
    expect(resolveExperiment(paper, 'medgemma-27b', 'mini')).toMatchObject({
      unmeasured: null,
      model: { id: 'mini/base-gemma3' },
    });
  });

  test('a scale that a spec cannot run says why', () => {
    const written = / {6}model: mini\/base-gemma3\n {6}assumed: .*\n/;
    expect(TEXT).toMatch(written);
    const left = load(
      TEXT.replace(written, '      unmeasured: no miniature\n      assumed: { unmeasured: none was made }\n'),
    );
    expect(resolveExperiment(left, 'medgemma-27b', 'mini').unmeasured).toBe('no miniature');
    const { experiments } = listPaper(left, { noCuda: 'no driver' }, () => []);
    const scales = experiments.find(({ target }) => target === 'abjadmed/medgemma-27b')!.scales;
    expect(scales.find(({ scale }) => scale === 'mini')).toMatchObject({ runnable: false });
  });

  test('every value says where it comes from, and the choices that are ours are marked', () => {
    for (const { id } of paper.experiments) {
      for (const scale of ['full', 'mini'] as const) {
        const experiment = resolveExperiment(paper, id, scale);
        // what came after this paper's spec has a default, which needs no reason
        const settings = { ...withoutDefaults({ ...experiment }), model: experiment.model.id } as Record<
          string,
          unknown
        >;
        const leaves = ['quantisation', 'adapter', 'head', 'loss', 'data', 'training', 'metrics', 'model'] as const;
        const unexplained = leaves
          .flatMap((field) => leafPaths(settings[field], field))
          .filter((path) => experiment.marks[path] === undefined);
        expect({ id, scale, unexplained }).toEqual({ id, scale, unexplained: [] });
      }
    }
    const { marks } = resolveExperiment(paper, 'all-linear', 'full');
    expect(marks['training.optimiser.learningRate']).toEqual({ mark: 'as-written', reason: 'section 3.2 and 4.1' });
    expect(marks['training.seed']?.mark).toBe('assumed');
    expect(marks['loss.smoothing']?.mark).toBe('assumed');
  });
});

describe('mistakes', () => {
  test('an unknown field: its line and the field that was meant', () => {
    const error = errorOf('rank: 256', 'rnk: 256');
    expect(error.code).toBe('spec');
    expect(error.exitCode).toBe(2);
    expect(error.where).toEqual({ file: 'x.yaml', line: lineOf(TEXT, 'rank: 256') });
    expect(error.message).toContain("defaults.both.adapter.rnk is not a known field; did you mean 'rank'?");
  });

  test('a wrong type: expected and actual', () => {
    const error = errorOf('epochs: 3', 'epochs: three');
    expect(error.message).toContain('defaults.both.training.epochs must be a number (was a string)');
    expect(error.where?.line).toBe(lineOf(TEXT, 'epochs: 3'));
  });

  test('a missing field is reported once, however many experiments lack it', () => {
    const error = errorOf('      epochs: 3\n', '');
    expect(error.message.match(/epochs/g)?.length).toBe(1);
    expect(error.message).toContain('is missing');
  });

  test('a field of another kind', () => {
    const error = errorOf('gamma: 2, alpha: 0.25', 'gamma: 2, alpha: 0.25, smoothing: 1');
    expect(error.message).toContain('experiments.focal-4b.both.loss.smoothing is not a known field');
  });

  test('all at once, in the order of the file', () => {
    const broken = TEXT.replace('epochs: 3', 'epochs: three')
      .replace('accumulation: 8', 'accumulation: -1')
      .replace('task: sequence-classification', 'task: poetry');
    const error = thrown(() => load(broken));
    const lines = error.message.split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('task must be');
    expect(lines[1]).toMatch(/^x\.yaml:\d+: defaults\.both\.training\.epochs/);
    expect(lines[2]).toMatch(/^x\.yaml:\d+: defaults\.both\.training\.accumulation must be .*1 \(was -1\)/);
  });

  test('a note on a path that does not exist', () => {
    const error = errorOf('training.gradientCheckpointing: not given', 'training.gradientCheckpoint: not given');
    expect(error.message).toContain('training.gradientCheckpoint must be the dotted path of a value in the same block');
    expect(error.message).toContain("did you mean 'training.gradientCheckpointing'?");
  });

  test('a note in the block of another value', () => {
    const error = errorOf('section: { adapter.targets:', 'section: { adapter.rank:');
    expect(error.message).toContain('experiments.attention-only.both.section.adapter.rank');
  });

  test('a value explained twice', () => {
    const error = errorOf("adapter: '3.2'", "adapter: '3.2'\n      training.gradientCheckpointing: '4.1'");
    expect(error.message).toContain(
      "defaults.both.assumed.training.gradientCheckpointing must stand in one place only: 'section' has it",
    );
  });

  test.each([
    ['id: [', 'is not YAML that can be read'],
    ['id: a\nid: b', 'unique'],
    ['', 'must be an object'],
    ['- 1', 'must be an object'],
  ])('%j', (text, message) => {
    expect(thrown(() => load(text)).message).toContain(message);
  });

  test('a file with many aliases does not grow without bound', () => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 9; i++) text += `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]\n`;
    expect(() => load(text)).toThrow();
  });
});

describe('numbers', () => {
  test.each(['2e-4', '2E-4', '0.0002', '2.0e-4', '.2e-3', '+2e-4'])('%s is the learning rate', (written) => {
    const paper = load(TEXT.replace('learningRate: 2e-4', `learningRate: ${written}`));
    expect(resolveExperiment(paper, 'all-linear', 'full').training.optimiser.learningRate).toBe(2e-4);
  });

  test('a quoted number is a string, and said to be one', () => {
    expect(errorOf('learningRate: 2e-4', "learningRate: '2e-4'").message).toContain(
      'must be a number or null (was a string)',
    );
  });
});

describe('targets', () => {
  test('a paper, an experiment, a path, a path with an experiment', () => {
    const path = new URL('../../papers/abjadmed.yaml', import.meta.url).pathname;
    expect(loadTarget('abjadmed')).toMatchObject({ whole: true, paper: { id: 'abjadmed' } });
    expect(loadTarget('abjadmed/all-linear')).toMatchObject({ whole: false, experiments: ['all-linear'] });
    expect(loadTarget(path).experiments).toHaveLength(6);
    expect(loadTarget(`${path}/focal-4b`)).toMatchObject({ experiments: ['focal-4b'], paper: { origin: { path } } });
  });

  test('experiments of one paper are joined in the order of the paper', () => {
    const [target, ...rest] = loadTargets(['abjadmed/focal-4b', 'abjadmed/all-linear', 'abjadmed/focal-4b'], false);
    expect(target?.experiments).toEqual(['all-linear', 'focal-4b']);
    expect(rest).toEqual([]);
    expect(loadTargets([], true).map(({ paper }) => paper.id)).toEqual(embeddedPapers());
  });

  test.each([
    ['abjadmd', 'usage', "did you mean 'abjadmed'?"],
    ['abjadmed/all-liner', 'usage', "did you mean 'abjadmed/all-linear'?"],
    ['abjadmed/', 'usage', 'its experiments:'],
    ['zzz', 'usage', 'papers: abjadmed'],
    ['no/such.yaml', 'input', 'check the path'],
    ['constructor', 'usage', 'papers: '],
  ])('%s', (target, code, remedy) => {
    const error = thrown(() => loadTarget(target));
    expect(error).toMatchObject({ code });
    expect(error.remedy).toContain(remedy);
  });
});

test('an edit distance is 0 only for equal strings, symmetric, and at most the longer length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      const distance = editDistance(a, b);
      expect(distance).toBe(editDistance(b, a));
      expect(distance === 0).toBe(a === b);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
  expect(suggest('learnignRate', ['learningRate', 'seed'])).toBe('learningRate');
  expect(suggest('colour', ['learningRate', 'seed'])).toBeNull();
});
