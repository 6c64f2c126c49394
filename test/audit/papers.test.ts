import { describe, expect, it } from 'bun:test';
import type { Finding } from '../../src/audit/audit';
import { auditPaper } from '../../src/audit/both-readings';
import { loadEmbedded } from '../../src/paper/target';
import { findGolden } from '../../src/verify/golden';

const findings = (paper: string): Finding[] => auditPaper(loadEmbedded(paper, 'as-written'));
const items = (all: readonly Finding[], consistent: boolean): string[] =>
  all.filter((one) => one.consistent === consistent).map(({ item }) => item);

/** Every item that is checked: what the paper's numbers bear out, and what they contradict. */
const PAPERS: Readonly<Record<string, { inconsistent: readonly string[]; consistent: readonly string[] }>> = {
  abjadmed: {
    inconsistent: ['medgemma-to-4b'],
    consistent: [
      'modules-gain',
      'loss-gain',
      'best-in-text',
      'selected-in-text',
      'medgemma-in-text',
      'dice-ce-4b-in-text',
      'gain-in-text',
      'imbalance',
      'largest-class',
      'dental-classes',
      'mental-classes',
      'effective-batch',
      'lora-scaling',
      'lora-operations',
      'qwen3-8b-size',
      'qwen3-4b-size',
      'medgemma-size',
      'attention-rank-256',
      'mlp-rank-128',
      'similar-counts',
      'adapter-8b',
      'adapter-4b',
      'head',
      'trainable-8b',
      'steps-of-epochs',
      'hours',
    ],
  },
  'tinyllama-ablations': {
    inconsistent: [
      'rougel-is-rougelsum',
      'rows-without-duplicates',
      'best-accumulation',
      'high-rate',
      'more-epochs',
      'more-accumulation',
    ],
    consistent: [
      'rouge1-gain',
      'rouge2-gain',
      'rougel-gain',
      'rougelsum-gain',
      'rouge1-base-in-text',
      'rouge1-best-in-text',
      'rouge2-base-in-text',
      'rouge2-best-in-text',
      'rougel-base-in-text',
      'rougel-best-in-text',
      'rougelsum-base-in-text',
      'rougelsum-best-in-text',
      'rows-over-16-thousand',
      'split-shares',
      'train-share',
      'model-size',
      'model-size-exact',
      'trainable',
      'lora-scaling',
      'steps-ga-2',
      'steps-ga-4',
      'steps-ga-8',
      'best-warm-up',
      'longer-warm-up',
      'adafactor',
      'best-rate',
      'low-rate',
      'best-epochs',
      'one-epoch',
    ],
  },
  'qlora-vs-adalora': {
    inconsistent: [
      'same-capacity-llama',
      'same-capacity-qwen',
      'trainable-llama-in-text',
      'share-of-all-llama',
      'share-of-all-qwen',
      'rows-of-split',
      'question-answer-pairs',
    ],
    consistent: [
      'perplexity-llama-qlora',
      'perplexity-llama-adalora',
      'perplexity-qwen-qlora',
      'perplexity-qwen-adalora',
      'loss-reduction-llama',
      'loss-reduction-qwen',
      'loss-reduction-llama-in-text',
      'loss-reduction-qwen-in-text',
      'loss-llama-qlora-in-text',
      'loss-llama-adalora-in-text',
      'loss-qwen-qlora-in-text',
      'loss-qwen-adalora-in-text',
      'perplexity-llama-qlora-in-text',
      'perplexity-llama-adalora-in-text',
      'perplexity-qwen-qlora-in-text',
      'perplexity-qwen-adalora-in-text',
      'trainable-llama-qlora',
      'trainable-llama-adalora',
      'trainable-qwen-qlora',
      'trainable-qwen-adalora',
      'comparable-counts-llama',
      'comparable-counts-qwen',
      'trainable-qwen-in-text',
      'llama-size',
      'qwen-size',
      'packed-llama',
      'packed-qwen',
      'share-of-packed-llama',
      'share-of-packed-qwen',
      'rank-reduction',
      'lora-scaling',
      'effective-batch',
      'textbooks',
      'rows-of-textbooks',
      'rows-of-table',
      'steps',
      'warm-up',
      'pruning-starts',
      'pruning-ends',
    ],
  },
  'llama-symptoms': {
    inconsistent: [
      'base-model',
      'quantisation-of-qlora',
      'test-set',
      'final-loss-of-what',
      'final-loss-of-batch-4',
      'high-rate',
      'figure-1',
      'figure-2',
      'figure-3',
      'data.splitMethod',
      'data.testRows',
      'data.labels.padding',
    ],
    consistent: [
      'perplexity-fine-tuned',
      'perplexity-pretrained',
      'perplexity-more-than-halved',
      'loss-in-text',
      'error-shares',
      'split-shares',
      'base-size',
      'trainable',
      'split-released/train',
      'split-released/validation',
      'split-released/test',
      'split-released/sum',
      'steps-released-bs-2',
      'steps-released-bs-4',
      'training.stepsPerEpoch',
      'data.labels.paddingAttention',
      'data.labels.padToken',
      'data.testLabels.prompt',
      'data.testLabels.padding',
      'data.testLabels.eos',
      'training.lastAccumulation',
      'quantisation.tested',
    ],
  },
};

describe.each(Object.entries(PAPERS))('%s', (paper, expected) => {
  const all = findings(paper);

  it('finds what its text states, consistent and inconsistent, and nothing else', () => {
    expect(items(all, false)).toEqual([...expected.inconsistent]);
    expect(items(all, true)).toEqual([...expected.consistent]);
  });

  it('each finding points at its place and shows its arithmetic', () => {
    for (const { where, line, arithmetic, message } of all) {
      expect(where).not.toBe('');
      expect(line).toBeGreaterThan(0);
      expect(arithmetic.length).toBeGreaterThan(0);
      expect(message).not.toContain('\n');
    }
  });
});

describe.each([...Object.keys(PAPERS), 'qwen3-medquad'])('the golden file of %s', (paper) => {
  const golden = findGolden(loadEmbedded(paper))!;

  it('has every claim that a statement names', () => {
    const { statements } = loadEmbedded(paper);
    const named = statements.flatMap(({ statement }) => statement.claim ?? []);
    expect(named.filter((claim) => golden.claims[claim] === undefined)).toEqual([]);
  });

  it('accepts what is inconsistent, in these words', () => {
    expect(golden.tampered).toBeNull();
    const now = findings(paper).filter(({ consistent }) => !consistent);
    expect(golden.audit).toEqual(Object.fromEntries(now.map(({ item, message }) => [item, message])));
  });
});

describe('the arithmetic of single items', () => {
  const one = (paper: string, item: string): Finding => findings(paper).find((finding) => finding.item === item)!;

  it('a model said to be three times larger', () => {
    const { message, raw, claim } = one('abjadmed', 'medgemma-to-4b');
    expect(raw).toBeCloseTo(6.7145, 4);
    expect(message).toEndWith('6.714535 does not agree with the printed 3');
    expect(claim).toBe('medgemma-three-times-larger');
  });

  it('a claim beyond the grid changes that claim', () => {
    expect(one('tinyllama-ablations', 'more-accumulation')).toMatchObject({
      rule: 'outside-grid',
      claim: 'returns-of-accumulation-diminish',
      arithmetic: ['>8 not in {2, 4, 8}'],
    });
  });

  it('more rows than differ', () => {
    expect(one('tinyllama-ablations', 'rows-without-duplicates')).toMatchObject({ raw: 16359, printed: '16,404' });
  });

  it('a share of what is packed, and of all parameters', () => {
    expect(one('qlora-vs-adalora', 'packed-llama').raw).toBe(4_708_372_480);
    expect(one('qlora-vs-adalora', 'packed-qwen').raw).toBe(4_514_452_992);
    expect(one('qlora-vs-adalora', 'share-of-all-llama').arithmetic[0]).toStartWith(
      '100 * 167772160 / (8030261248 + 167772160) = 2.046',
    );
    expect(one('qlora-vs-adalora', 'share-of-all-qwen').raw).toBeCloseTo(2.0764, 4);
  });

  it('AdaLoRA has one vector of singular values for each matrix more', () => {
    const weights = ['llama-adalora', 'qwen-adalora'].map((id) => one('qlora-vs-adalora', `trainable-${id}`).raw);
    expect(weights).toEqual([167_786_496, 161_493_248]);
  });

  it('a change that goes beyond its percentage', () => {
    const { raw, message } = one('llama-symptoms', 'perplexity-more-than-halved');
    expect(raw).toBeCloseTo(-52.645, 3);
    expect(message).toEndWith('goes beyond the printed -50');
  });

  it('a default of ours that the text states is a statement', () => {
    expect(one('llama-symptoms', 'data.splitMethod')).toMatchObject({ consistent: false, printed: '"stratified"' });
    expect(one('llama-symptoms', 'data.labels.paddingAttention')).toMatchObject({ consistent: true, printed: null });
  });

  it('hours at the pace of another run', () => {
    expect(one('abjadmed', 'hours').arithmetic).toContain('[7, 8] / 6,168 * 2361 = [2.679475, 3.062257]');
  });
});
