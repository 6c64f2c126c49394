/** Adapters in a spec: LoRA's optional fields, AdaLoRA, and which modules they name. */
import { describe, expect, test } from 'bun:test';
import { readAssetText } from '../../src/assets';
import { adapterOptions } from '../../src/nn/adapter';
import { specSha256 } from '../../src/paper/canonical';
import { loadPaper, resolveExperiment } from '../../src/paper/load';
import { isSaved, isTarget, patternValue, unmatchedTargets } from '../../src/paper/targets';
import type { Experiment } from '../../src/paper/types';

const PAPER = readAssetText('papers/abjadmed.yaml');
const ADALORA = `{ kind: adalora, initialRank: 64, targetRank: 8, alpha: 16, dropout: 0.05, targets: all-linear,
        warmup: { ratio: 0.1 }, final: { ratio: 0.3 }, interval: 1, beta1: 0.85, beta2: 0.85, orthogonalWeight: 0.5,
        budget: scheduled }`;

/** The first experiment of abjadmed's miniature with another adapter block of its own. */
function withAdapter(adapter: string): Experiment {
  const text = PAPER.replace(/\n {2}all-linear:\n(?<title> {4}title:.*\n)/, (_, title: string) => {
    return `\n  mine:\n${title}    both:\n      adapter: ${adapter}\n  all-linear:\n${title}`;
  });
  expect(text).not.toBe(PAPER);
  return resolveExperiment(loadPaper(text, { kind: 'embedded', name: 'papers/abjadmed.yaml' }), 'mine', 'mini');
}

test('an AdaLoRA block replaces the LoRA below it, and its shares become steps of the run', () => {
  const { adapter } = withAdapter(ADALORA);
  expect(adapter).toMatchObject({ kind: 'adalora', initialRank: 64, budget: 'scheduled', final: { ratio: 0.3 } });
  expect(adapter).not.toHaveProperty('rank');
  const options = adapterOptions(adapter!, 326);
  expect(options).toMatchObject({ warmupSteps: 32, finalSteps: 97, totalSteps: 326 });
  expect(adapterOptions({ ...adapter!, totalSteps: 100 } as never, 326)).toMatchObject({
    finalSteps: 30,
    totalSteps: 100,
  });
});

test('optional fields change the identity only where they are named', () => {
  const plain = withAdapter('{ rank: 8, alpha: 8 }');
  const rslora = withAdapter('{ rank: 8, alpha: 8, rslora: true, layers: [0], rankPattern: { down_proj: 4 } }');
  expect(rslora.adapter).toMatchObject({ rslora: true, layers: [0], rankPattern: { down_proj: 4 } });
  expect(specSha256(rslora)).not.toBe(specSha256(plain));
  expect(plain.adapter).not.toHaveProperty('rslora');
});

test.each([
  ['{ kind: adalora, rank: 8 }', 'initialRank'],
  [ADALORA.replace('beta1: 0.85', 'beta1: 1'), 'beta1'],
  [ADALORA.replace('budget: scheduled', 'budget: sometimes'), 'budget'],
  ['{ rankPattern: { q_proj: 0 } }', 'rankPattern'],
])('%s is refused', (adapter, named) => {
  expect(() => withAdapter(adapter)).toThrow(named);
});

describe('targets, as PEFT matches them', () => {
  const name = 'model.layers.12.self_attn.q_proj';
  test.each([
    [{ targets: ['q_proj'] }, true],
    [{ targets: ['self_attn.q_proj'] }, true],
    [{ targets: [name] }, true],
    [{ targets: ['proj'] }, false],
    [{ targets: 'q_proj' }, false],
    [{ targets: '.*q_proj' }, true],
    [{ targets: 'ALL-Linear' }, true],
    [{ targets: 'all-linear', exclude: ['q_proj'] }, false],
    [{ targets: 'all-linear', exclude: '.*mlp.*' }, true],
    [{ targets: ['q_proj'], layers: [1, 12] }, true],
    [{ targets: ['q_proj'], layers: [1, 2] }, false],
    [{ targets: ['q_proj'], modulesToSave: ['q_proj'] }, false],
    [{ targets: ['q_proj'], modulesToSave: ['self_attn'] }, false],
    [{ targets: ['q_proj'], modulesToSave: ['proj'] }, true],
  ])('%j: %j', (selection, expected) => {
    expect(isTarget(selection, name)).toBe(expected);
  });
  test('saved modules by the end of their names, patterns by expressions for it', () => {
    expect(isSaved({ modulesToSave: ['head'] }, 'lm_head')).toBeTrue();
    expect(isSaved({ modulesToSave: ['embed_tokens'] }, 'model.embed_tokens')).toBeTrue();
    expect(isSaved({}, 'lm_head')).toBeFalse();
    expect(patternValue({ k_proj: 1, 'layers.1[0-9].self_attn.q_proj': 2, q_proj: 3 }, name)).toBe(2);
    expect(patternValue({ '2.self_attn.q_proj': 2 }, name)).toBeUndefined();
  });
  test('what names nothing', () => {
    expect(unmatchedTargets({ targets: ['q_proj', 'query'] }, [name])).toEqual(['query']);
    expect(unmatchedTargets({ targets: '.*key' }, [name])).toEqual(['.*key']);
    expect(unmatchedTargets({ targets: 'all-linear' }, [])).toEqual([]);
  });
});
