import { describe, expect, it } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { audit, type Finding } from '../../src/audit/audit';
import { RULES } from '../../src/audit/rules';
import { renderAnnotations, renderSarif } from '../../src/audit/sarif';
import { auditJob } from '../../src/commands/audit/job';
import { loadPaper } from '../../src/paper/load';
import { loadEmbedded } from '../../src/paper/target';

/** The embedded paper's file with other statements: every statement of the tests is about its experiments and models. */
const SPEC = readFileSync(join(import.meta.dir, '../../papers/qwen3-medquad.yaml'), 'utf8');
const MODELS = `
  hub:Llama-3-8B:
    revision: null
    licence: x
    gated: null
    architecture: { family: llama, hiddenSize: 4096, layers: 32, heads: 32, kvHeads: 8, headDim: 128, intermediateSize: 14336, vocabulary: 128256, tiedEmbeddings: false }
`;

function findings(statements: string, more = ''): Finding[] {
  const [head, rest] = SPEC.split(/^statements:\n[\s\S]*?(?=^models:)/m) as [string, string];
  const text = `${head}statements:\n${statements}\n${rest.replace(/^models:\n/m, `models:${MODELS}`)}${more}`
    .replace(/^ {2}as-released:\n[\s\S]*?(?=^ {2}full:)/m, '')
    .replace(/^experiments:\n/m, EIGHT_B);
  const paper = loadPaper(text, { kind: 'file', path: 'a.yaml' });
  return audit({ written: paper, released: null, file: 'a.yaml' });
}

const EIGHT_B = `experiments:
  eight-b:
    title: Llama-3-8B, all linear layers
    full:
      model: hub:Llama-3-8B
      adapter: { rank: 64, targets: all-linear }
  pruned:
    title: ranks end at 8
    full:
      model: hub:Llama-3-8B
      adapter: { kind: adalora, initialRank: 64, targetRank: 8, alpha: 16, dropout: 0, targets: all-linear, warmup: { ratio: 0.1 }, final: { ratio: 0.3 }, interval: 1, beta1: 0.85, beta2: 0.85, orthogonalWeight: 0.5, budget: scheduled }
  never-pruned:
    title: ranks stay at 64
    full:
      model: hub:Llama-3-8B
      adapter: { kind: adalora, initialRank: 64, targetRank: 8, alpha: 16, dropout: 0, targets: all-linear, warmup: { ratio: 0.1 }, final: { ratio: 0.3 }, interval: 1, beta1: 0.85, beta2: 0.85, orthogonalWeight: 0.5, budget: never-updated }
`;

const one = (statement: string): Finding => findings(`  s: { where: x, ${statement} }`)[0]!;

describe('each rule decides by arithmetic on the printed digits', () => {
  it.each([
    ["kind: perplexity, loss: '0.0814', perplexity: '1.085'", true],
    ["kind: perplexity, loss: '1.4230', perplexity: '4.1494'", true],
    ["kind: perplexity, loss: '1.4230', perplexity: '4.1490'", false],
    [
      "kind: text-perplexity, experiment: x, perplexity: '49.479412', tokens: 176249, padding: 18249, atMost: '77.65'",
      true,
    ],
    [
      "kind: text-perplexity, experiment: x, perplexity: '49.479412', tokens: 176249, padding: 18249, atMost: '77.66'",
      false,
    ],
    ["kind: text-perplexity, experiment: x, perplexity: '3.75', tokens: 100, padding: 0, atMost: '3.75'", true],
    ["kind: relative-change, from: '0.1067', to: '0.1222', percent: '+14.5'", true],
    ["kind: relative-change, from: '0.1177', to: '0.0814', percent: '-30.8'", true],
    ["kind: relative-change, from: '0.1177', to: '0.0814', percent: '30.8'", false],
    ["kind: relative-change, from: '0', to: '5', percent: '5'", false],
    ["kind: difference, from: '0.404', to: '0.444', by: '4.0', points: true", true],
    ["kind: difference, from: '0.403', to: '0.419', by: '1.6', points: true", true],
    ["kind: difference, from: '0.403', to: '0.419', by: '1.8', points: true", false],
    ["kind: ratio, of: '600', to: '7', times: '85'", true],
    ["kind: ratio, of: '27', to: '4', times: '3'", false],
    ["kind: ratio, of: '16', to: '256', times: '0.0625'", true],
    ["kind: share, part: '56', whole: '64', percent: '87.5'", true],
    // two whole numbers are counts and stand for themselves
    ["kind: share, part: '3', whole: '7', percent: '42.9'", true],
    ["kind: share, part: '3', whole: '7', percent: '45.0'", false],
    ["kind: share, part: '~3', whole: '~7', percent: '45.0'", true],
    ["kind: share, part: '167.77', whole: '4,710', percent: '3.56'", true],
    ["kind: ratio, of: '16', to: '64', times: '0.26'", true],
    ["kind: ratio, of: '16', to: '64', times: '0.26', counts: true", false],
    ["kind: ratio, of: '16', to: '64', times: '0.25', counts: true", true],
    ["kind: difference, from: '10,000', to: '9,500', by: '-501', counts: true", false],
    ["kind: difference, from: '10,000', to: '9,500', by: '-500', counts: true", true],
    ["kind: relative-change, from: '64', to: '8', percent: '-88', counts: true", true],
    ["kind: relative-change, from: '64', to: '8', percent: '-86', counts: true", false],
    ["kind: relative-change, from: '64', to: '8', percent: '-87.6', beyond: true, counts: true", false],
    ["kind: bound, what: rows, value: '16,000', beyond: over, limit: '16,000'", false],
    ["kind: bound, what: F1, value: '16.0', beyond: over, limit: '16'", true],
    ["kind: restated, what: rows, places: [{ value: '16,404', where: a }, { value: '16,405', where: b }]", false],
    ["kind: restated, what: F1, places: [{ value: '1.1', where: a }, { value: '1.2', where: b }]", false],
    ["kind: restated, what: F1, places: [{ value: '44.4%', where: a }, { value: '0.444', where: b }]", true],
    ['kind: restated, what: batch, places: [{ value: 2-8, where: a }, { value: 2-8, where: b }]', true],
    ["kind: equal, because: x, values: [{ what: a, value: '161' }, { what: b, value: '161.48' }]", true],
    ["kind: sum, parts: ['72', '15', '13'], total: '100'", true],
    ["kind: sum, parts: ['5,000', '500'], total: '6,500'", false],
    ["kind: product, factors: ['4', '8'], product: '32'", true],
    ["kind: product, factors: ['13', '500'], product: '6,500'", true],
    ["kind: product, factors: ['4', '4'], product: '32'", false],
    ["kind: trainable-parameters, experiment: eight-b, value: '167.77', unit: million", true],
    ["kind: trainable-parameters, experiment: eight-b, value: '167', unit: million", false],
    ["kind: trainable-parameters, experiment: fine-tuned, value: '1,146,880'", true],
    ["kind: trainable-share, experiment: eight-b, percent: '2.05'", true],
    ["kind: trainable-share, experiment: eight-b, percent: '3.5'", false],
    ["kind: packed-parameters, experiment: eight-b, value: '4.71', unit: billion", true],
    ["kind: packed-parameters, experiment: eight-b, value: '4,708,372,480'", true],
    ["kind: packed-parameters, experiment: eight-b, value: '8.03', unit: billion", false],
    ["kind: model-parameters, model: 'hub:Llama-3-8B', value: '8.03', unit: billion", true],
    ["kind: model-parameters, model: 'hub:Llama-3-8B', value: '8,030,261,248'", true],
    ["kind: model-parameters, model: 'hub:Qwen/Qwen3-0.6B', value: '0.6', unit: billion", true],
    ["kind: steps, experiment: fine-tuned, trainRows: 13125, value: '2,463'", true],
    ["kind: steps, experiment: fine-tuned, trainRows: 13125, value: '2,460'", false],
    ["kind: warm-up-steps, experiment: fine-tuned, trainRows: 13125, value: '124'", true],
    ["kind: grid, factor: learning rate, value: '5e-3', tried: ['5e-5', '1e-3']", false],
    ["kind: grid, factor: accumulation, value: '>8', tried: ['2', '4', '8']", false],
    ["kind: grid, factor: accumulation, value: '>8', tried: ['2', '4', '16']", true],
    ["kind: grid, factor: accumulation, value: '< 2', tried: ['2', '4', '16']", false],
    ["kind: steps, experiment: fine-tuned, trainRows: 13125, perEpoch: true, value: '821'", true],
    ["kind: steps, experiment: fine-tuned, trainRows: 13125, perEpoch: true, value: '820'", false],
    ["kind: grid, factor: learning rate, value: '0.001', tried: ['5e-5', '1e-3']", true],
    [
      "kind: equal, because: no text has a line end, values: [{ what: a, value: '0.0827' }, { what: b, value: '0.0829' }]",
      false,
    ],
    [
      "kind: equal, because: no text has a line end, values: [{ what: a, value: '0.08' }, { what: b, value: '0.0829' }]",
      true,
    ],
    ["kind: restated, what: F1, places: [{ value: '0.444', where: table }, { value: '0.4441', where: text }]", true],
    ["kind: restated, what: F1, places: [{ value: '0.444', where: table }, { value: '0.4451', where: text }]", false],
    ['kind: restated, what: padding, places: [{ value: fixed, where: a }, { value: dynamic, where: b }]', false],
    ['kind: number, what: batch, value: X', false],
    ["kind: number, what: batch, value: '2'", true],
    ["kind: number, what: accumulation, value: '2-8'", false],
    ["kind: number, what: learning rate, value: '5e-3'", true],
    ["kind: relative-change, from: '8.7624', to: '4.1494', percent: '-50', beyond: true", true],
    ["kind: relative-change, from: '8.7624', to: '4.1494', percent: '-53', beyond: true", false],
    ["kind: relative-change, from: '8.7624', to: '4.1494', percent: '50', beyond: true", false],
    ["kind: bound, what: rows, value: '16,404', beyond: over, limit: '16,000'", true],
    ["kind: bound, what: rows, value: '16,404', beyond: under, limit: '16,000'", false],
    ["kind: bound, what: rows, value: ['600', '601'], beyond: over, limit: '600'", true],
    ["kind: bound, what: rows, value: ['599', '600'], beyond: over, limit: '600'", false],
    ["kind: model-ratio, of: 'hub:Llama-3-8B', to: 'hub:Qwen/Qwen3-0.6B', times: '13'", true],
    ["kind: model-ratio, of: 'hub:Llama-3-8B', to: 'hub:Qwen/Qwen3-0.6B', times: '3'", false],
    ["kind: adapter-parameters, model: 'hub:Llama-3-8B', rank: 64, targets: all-linear, value: '167,772,160'", true],
    [
      "kind: adapter-parameters, model: 'hub:Llama-3-8B', rank: 8, targets: [q_proj, v_proj], value: '3.41', unit: million",
      true,
    ],
    ["kind: adapter-parameters, model: 'hub:Llama-3-8B', rank: 8, targets: [q_proj], value: '3,407,872'", false],
    ['kind: final-rank, experiments: [eight-b, fine-tuned]', false],
    ['kind: final-rank, experiments: [eight-b, pruned]', false],
    ['kind: final-rank, experiments: [eight-b, never-pruned]', true],
    [
      "kind: duration, experiment: fine-tuned, trainRows: 13125, hours: ['4', '5'], pace: { steps: '4,926', hours: ['8', '9'] }",
      true,
    ],
    [
      "kind: duration, experiment: fine-tuned, trainRows: 13125, hours: ['5', '6'], pace: { steps: '4,926', hours: ['8', '9'] }",
      false,
    ],
    ["kind: deduplicated, rows: 16407, distinct: 16359, value: '16,404'", false],
    ["kind: deduplicated, rows: 16407, distinct: 16359, value: '16,300'", true],
    ["kind: ids, what: rows, ids: [a, b], count: '2'", true],
    ["kind: ids, what: rows, ids: [a, b], count: '3'", false],
    ['kind: ids, what: rows, ids: [a, b, a]', false],
    ['kind: ids, what: configs, ids: [a, b], existing: [a, c]', false],
    ['kind: ids, what: configs, ids: [a, b], existing: [a, b, c]', true],
    ['kind: sourced, says: a, but: b, source: c', false],
  ])('%s: %p', (statement, consistent) => {
    const finding = one(statement);
    expect(finding.consistent).toBe(consistent);
    expect(finding.message).not.toContain('\n');
    expect(finding.arithmetic.length).toBeGreaterThan(0);
  });

  it('shows its arithmetic, the raw and the rounded value', () => {
    expect(one("kind: perplexity, loss: '1.2812', perplexity: '~3.75', claim: c")).toMatchObject({
      rule: 'perplexity-of-loss',
      item: 's',
      where: 'x',
      claim: 'c',
      raw: Math.exp(1.2812),
      rounded: '3.60',
      printed: '~3.75',
      arithmetic: [
        'exp([1.28115, 1.28125]) = [3.600778, 3.601138]',
        'printed ~3.75 stands for [3.745, 3.755]; the arithmetic gives [3.600778, 3.601138]',
      ],
    });
  });

  it('a split is checked part by part', () => {
    const parts = findings(
      "  s: { where: x, kind: split, experiment: fine-tuned, rows: 16407, train: '13,289', validation: '1,477', test: '1,640' }",
    );
    expect(parts.map(({ item, consistent }) => [item, consistent])).toEqual([
      ['s/train', true],
      ['s/validation', true],
      ['s/test', false],
      ['s/sum', false],
    ]);
  });

  it('what a statement needs and the spec lacks is one line', () => {
    expect(() => one("kind: steps, experiment: nobody, trainRows: 1, value: '1'")).toThrow("the experiment 'nobody'");
    expect(() => one("kind: model-parameters, model: nothing, value: '1'")).toThrow('the architecture of nothing');
    // names that every object has
    for (const name of ['constructor', 'toString']) {
      expect(() => one(`kind: model-parameters, model: ${name}, value: '1'`)).toThrow(`the architecture of ${name}`);
      expect(() => one(`kind: steps, experiment: ${name}, trainRows: 1, value: '1'`)).toThrow(`'${name}'`);
    }
    expect(() => one("kind: perplexity, loss: 'much', perplexity: '1'")).toThrow("'much' is not a printed number");
    // an exponent that no double has would be a string of so many digits
    expect(() => one("kind: sum, parts: ['1e999999999', '1'], total: '2'")).toThrow('is not a printed number');
    expect(() => one("kind: perplexity, loss: 'much', perplexity: '1'")).toThrow(
      expect.objectContaining({ where: { file: 'a.yaml', line: expect.any(Number) } }),
    );
    expect(() => one("kind: perplexity, loss: '1'")).toThrow();
  });

  it('every rule has an id, a title and a kind of its own', () => {
    expect(new Set(RULES.map(({ id }) => id)).size).toBe(RULES.length);
    expect(new Set(RULES.map(({ kind }) => kind)).size).toBe(RULES.length);
  });
});

describe('qwen3-medquad', () => {
  const [written, released] = [
    loadEmbedded('qwen3-medquad', 'as-written'),
    loadEmbedded('qwen3-medquad', 'as-released'),
  ];
  const all = audit({ written, released, file: 'papers/qwen3-medquad.yaml' });
  const items = (consistent: boolean) => all.filter((one) => one.consistent === consistent).map(({ item }) => item);

  it('finds what its page lists, and nothing else', () => {
    expect(items(false)).toEqual([
      'f1-gain',
      'f1-gain/released',
      'bleu-gain/released',
      'perplexity-of-validation-loss',
      'padding-restated',
      'split-train-share',
      'split-validation-share',
      'train-batch-size',
      'evaluation-batch-size',
      'evaluation-accumulation',
      'accumulation-meaning',
      'a100-memory',
      'training-loss-of-what',
      'deepspeed-file',
      'data.validation',
      'training.earlyStopping.patience',
      'adapter.rank',
      'adapter.alpha',
    ]);
    const good = [
      'bleu-gain',
      'rouge-l-gain',
      'meteor-gain/released',
      'perplexity-gain',
      'steps-released',
      'perplexity-of-text',
    ];
    for (const item of [...good, 'warm-up-released', 'trainable-released', 'data.labels.padding']) {
      expect(items(true)).toContain(item);
    }
    const rank = all.find(({ item }) => item === 'adapter.rank')!;
    expect(rank.arithmetic).toContain('1146880 adapter weights as written, 2293760 as released');
  });

  it('each finding points at its line', () => {
    const lines = readFileSync('papers/qwen3-medquad.yaml', 'utf8').split('\n');
    for (const { item, line, rule } of all) {
      if (line > 1) expect(lines[line - 1]!.trim()).toStartWith(`${item.split('/')[0]}:`);
      else expect(rule).toBe('as-written-as-released');
    }
  });

  it('as SARIF: every result names a rule that is there, a file and a line', () => {
    const sarif = JSON.parse(renderSarif(all, '1.0.0'));
    const [{ tool, results }] = sarif.runs;
    expect(sarif.version).toBe('2.1.0');
    expect(results.length).toBe(all.length);
    for (const result of results) {
      expect(tool.driver.rules[result.ruleIndex].id).toBe(result.ruleId);
      expect([result.kind, result.level]).toEqual(result.kind === 'pass' ? ['pass', 'none'] : ['fail', 'warning']);
      const { artifactLocation, region } = result.locations[0].physicalLocation;
      expect(artifactLocation.uri).toBe('papers/qwen3-medquad.yaml');
      expect(region.startLine).toBeGreaterThan(0);
    }
  });

  it('as annotations: one line each, escaped', () => {
    const lines = renderAnnotations(all).split('\n');
    expect(lines.length).toBe(items(false).length);
    for (const line of lines) expect(line).toMatch(/^::warning file=[^,]+,line=\d+,title=[^:]+::./);
  });
});

describe('the job', () => {
  const ask = { targets: ['qwen3-medquad'], all: false, sarif: null, github: false, exitZero: false };

  it('exits with 1 when something is found, with 0 when asked to; writes SARIF', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'medrepro-audit-'));
    try {
      const sarif = join(folder, 'a.sarif');
      const found = await auditJob({ ...ask, sarif });
      expect(found.exitCode).toBe(1);
      expect(found.text).toContain('changes the claim f1-improves');
      expect(JSON.parse(readFileSync(sarif, 'utf8')).runs.length).toBe(1);
      expect((await auditJob({ ...ask, exitZero: true })).exitCode).toBe(0);
      // a spec of one's own, by its path
      const own = join(folder, 'own.yaml');
      writeFileSync(own, SPEC.replace('id: qwen3-medquad', 'id: own'));
      const mine = await auditJob({ ...ask, targets: [own] });
      expect(mine.document.findings.every(({ paper, file }) => paper === 'own' && file === own)).toBe(true);
      expect(auditJob({ ...ask, sarif: join(folder, 'no', 'where') })).rejects.toThrow('cannot write');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
