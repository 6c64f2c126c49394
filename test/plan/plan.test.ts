/** Sizes that can be checked by hand, or against the published models. */

import { describe, expect, test } from 'bun:test';
import { linearShapes } from '../../src/nn/config';
import { resolveExperiment } from '../../src/paper/load';
import { loadEmbedded } from '../../src/paper/target';
import type { Adapter, Scale } from '../../src/paper/types';
import { architectureOf, embeddedFacts } from '../../src/plan/embedded';
import { listPapers } from '../../src/plan/list';
import { fullScaleNeeds, type PlanFacts, planCard, planExperiment } from '../../src/plan/plan';
import { countParameters, stepsAfterSplit } from '../../src/plan/size';
import { renderList, renderPlans } from '../../src/plan/text';
import { bytes, count } from '../../src/units';

const paper = loadEmbedded('abjadmed');
const ids = paper.experiments.map(({ id }) => id);
const plansAt = (scale: Scale, facts?: PlanFacts) =>
  ids.map((id) => planExperiment(paper, resolveExperiment(paper, id, scale), facts));
const plans = plansAt('full');
const planOf = (id: string) => plans.find(({ target }) => target === `abjadmed/${id}`)!;

describe('parameters', () => {
  test.each([
    // adapter, head, published model
    ['all-linear', 698_351_616, 82 * 4096, 8_190_735_360],
    ['attention-only', 245_366_784, 82 * 4096, 8_190_735_360],
    ['dice-ce-4b', 528_482_304, 82 * 2560, 4_022_468_096],
    ['medgemma-27b', 1_816_264_704, 82 * 5376, 27_009_002_240],
  ])('%s', (id, adapter, head, total) => {
    expect(planOf(id).parameters).toMatchObject({ adapter, head, total });
    expect(planOf(id).trainable).toBe(adapter + head);
  });

  test('without an adapter every weight is trained, and takes memory and disk; an untied classifier has no output embedding', () => {
    const tuned = resolveExperiment(paper, 'all-linear', 'full');
    const full = planExperiment(paper, { ...tuned, adapter: null, quantisation: null });
    const { total, head, embedding } = full.parameters!;
    expect(full.trainable).toBe(total + head - embedding);
    expect(full.memory!.trainable).toBe(full.trainable! * 16);
    expect(full.memory!.base).toBe(0);
    expect(full.disk!).toBeGreaterThan(28 * full.trainable!);
    const evaluated = { ...tuned, adapter: null, quantisation: null, training: { ...tuned.training, epochs: 0 } };
    expect(planExperiment(paper, evaluated).trainable).toBe(head);
  });

  test('an expression for the names of the multimodal model counts the same matrices as their last parts', () => {
    const experiment = resolveExperiment(paper, 'medgemma-27b', 'full');
    const { architecture } = paper.models[experiment.model.id]!;
    const adapted = (targets: string | string[]): number => {
      const adapter = { kind: 'lora', rank: 8, alpha: 16, dropout: 0, targets } as const;
      return countParameters(architecture, { ...experiment, adapter }, 82).adapter;
    };
    expect(adapted(String.raw`model\.language_model\.layers\.\d+\.self_attn\.[qv]_proj`)).toBe(
      adapted(['q_proj', 'v_proj']),
    );
  });

  test('MLP-only at rank 128 is near attention-only at rank 256', () => {
    const experiment = resolveExperiment(paper, 'all-linear', 'full');
    const adapter = {
      kind: 'lora',
      rank: 128,
      alpha: 16,
      dropout: 0,
      targets: ['gate_proj', 'up_proj', 'down_proj'],
    } as const;
    const { architecture } = paper.models['hub:Qwen/Qwen3-8B']!;
    expect(countParameters(architecture, { ...experiment, adapter }, 82).adapter).toBe(226_492_416);
  });

  describe('AdaLoRA and the optional fields of LoRA', () => {
    const experiment = resolveExperiment(paper, 'all-linear', 'full');
    const llama = {
      family: 'llama',
      hiddenSize: 4096,
      layers: 32,
      heads: 32,
      kvHeads: 8,
      headDim: 128,
      intermediateSize: 14336,
      vocabulary: 128_256,
      tiedEmbeddings: false,
    } as const;
    const adapterOf = (adapter: Adapter): number => countParameters(llama, { ...experiment, adapter }, 82).adapter;
    const lora = { kind: 'lora', rank: 64, alpha: 16, dropout: 0, targets: 'all-linear' } as const;

    test('Llama-3-8B at rank 64: 167.77 M with LoRA, 167.79 M with AdaLoRA, as published', () => {
      expect(adapterOf(lora)).toBe(167_772_160);
      const adalora = {
        kind: 'adalora',
        initialRank: 64,
        targetRank: 8,
        alpha: 16,
        dropout: 0,
        targets: 'all-linear',
        warmup: { ratio: 0.1 },
        final: { ratio: 0.3 },
        interval: 1,
        beta1: 0.85,
        beta2: 0.85,
        orthogonalWeight: 0.5,
        budget: 'scheduled',
      } as const;
      expect(adapterOf(adalora)).toBe(167_772_160 + 64 * 7 * 32);
    });
    test('targets by expression, layers, exclusion, patterns, saved modules', () => {
      const q = 2 * 64 * 4096;
      expect(adapterOf({ ...lora, targets: String.raw`.*\.[0-3]\.self_attn\.q_proj` })).toBe(4 * q);
      expect(adapterOf({ ...lora, targets: ['q_proj', 'o_proj'], exclude: ['o_proj'], layers: [0, 31] })).toBe(2 * q);
      expect(adapterOf({ ...lora, targets: ['q_proj'], rankPattern: { 'layers.5.self_attn.q_proj': 32 } })).toBe(
        31.5 * q,
      );
      const saved = adapterOf({
        ...lora,
        targets: ['q_proj'],
        modulesToSave: ['lm_head', 'layers.0.self_attn.q_proj'],
      });
      expect(saved).toBe(31 * q + 128_256 * 4096 + 4096 ** 2);
    });
  });

  test('the quantised weights of Qwen3-8B are its 252 linear layers', () => {
    const { architecture } = paper.models['hub:Qwen/Qwen3-8B']!;
    expect(Object.keys(linearShapes(architecture)).length * architecture.layers).toBe(252);
    expect(planOf('all-linear').parameters?.linear).toBe(6_945_767_424);
  });
});

describe('steps', () => {
  const experiment = resolveExperiment(paper, 'all-linear', 'full');

  test('the paper: 2,361 rounded up, 2,358 rounded down, 6,168 with augmentation', () => {
    expect(planOf('all-linear').steps).toEqual({ trainRows: 25_155, validationRows: 2796, perEpoch: 787, total: 2361 });
    const floor = { ...experiment, training: { ...experiment.training, stepsPerEpoch: 'floor' as const } };
    expect(stepsAfterSplit(floor, 27_951).total).toBe(2358);
    expect(planOf('icliniq-augmented').steps?.total).toBe(6168);
  });

  test('fewer rows than one step still make a step', () => {
    const floor = { ...experiment, training: { ...experiment.training, stepsPerEpoch: 'floor' as const } };
    expect(stepsAfterSplit(floor, 10).perEpoch).toBe(1);
  });
});

test('memory, downloads and terms', () => {
  const plan = planOf('all-linear');
  expect(plan.memory?.total).toBeGreaterThan(15e9);
  expect(plan.memory?.total).toBeLessThan(40e9);
  expect(plan.downloads).toMatchObject([{ bytes: 16_381_470_720 + 10e6, gated: null }]);
  expect(planOf('medgemma-27b').gated).toHaveLength(2);
  expect(fullScaleNeeds(paper, resolveExperiment(paper, 'all-linear', 'full'))).toMatch(/^needs a GPU with \d+ GB, /);
  expect(plan.hours?.low).toBeLessThan(plan.hours?.high ?? 0);
});

test('the miniature: rows are counted in its files', () => {
  const experiments = ids.map((id) => resolveExperiment(paper, id, 'mini'));
  const mini = plansAt('mini', embeddedFacts(experiments));
  const augmented = mini.find(({ target }) => target.endsWith('icliniq-augmented'))!;
  const plain = mini.find(({ target }) => target.endsWith('all-linear'))!;
  expect(augmented.rows?.train).toBeGreaterThan(plain.rows?.train ?? Number.POSITIVE_INFINITY);
  expect(augmented.rows?.test).toBe(plain.rows!.test);
  expect(mini.filter(({ unmeasured }) => unmeasured !== null)).toEqual([]);
});

test('a Hugging Face config', () => {
  const config = {
    model_type: 'qwen3',
    hidden_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    intermediate_size: 96,
    vocab_size: 512,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    rope_theta: 1e6,
  };
  expect(architectureOf(JSON.stringify(config), 'config.json')).toMatchObject({
    hiddenSize: 64,
    tiedEmbeddings: false,
  });
  const { hidden_size: _, ...without } = config;
  expect(() => architectureOf(JSON.stringify(without), 'config.json')).toThrow(/hidden_size/);
});

test('list: what runs here, and why the rest does not', () => {
  const papers = listPapers({ noCuda: 'no NVIDIA driver' }, () => [{ id: 'a-beats-b', says: 'A beats B' }]);
  const text = renderList(papers);
  expect(text).toContain('runs here: mini');
  expect(text).toContain('no NVIDIA driver');
  expect(text).toContain('a-beats-b: A beats B');
  const all = papers.flatMap(({ experiments }) => experiments);
  expect(all.every(({ scales }) => scales.every(({ scale, runnable }) => scale === 'mini' || !runnable))).toBe(true);
});

test('the text of a plan', () => {
  expect(renderPlans(plans)).toContain('698,687,488 = adapter 698,351,616 + head 335,872');
  expect([count(1234567), count(12), bytes(999), bytes(16_381_470_720)]).toEqual([
    '1,234,567',
    '12',
    '999 B',
    '16.4 GB',
  ]);
});

test('MedGemma-27B in NF4 trains at 1,024 tokens on one card of 80 GB', () => {
  const experiment = resolveExperiment(paper, 'medgemma-27b', 'full');
  const long = { ...experiment, data: { ...experiment.data, maxLength: 1024 } };
  const plan = planCard(paper, long)!;
  expect(plan.card).toBeLessThanOrEqual(80e9);
  expect(plan.peakBytes).toBeGreaterThan(27e9 / 2);
  expect(plan.offloaded).toBeFalse();
});
