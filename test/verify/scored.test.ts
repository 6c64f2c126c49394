/** Published predictions in a verification: what counts, what is absent and how it is told. */

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyJob } from '../../src/commands/verify/job';
import type { VerifyRequest } from '../../src/commands/verify/request';
import type { JobContext } from '../../src/job';
import { loadEmbedded, loadTarget } from '../../src/paper/target';
import { keepScore, rescore } from '../../src/score/rescore';
import { acceptGolden } from '../../src/verify/accept';
import { type Comparison, compare } from '../../src/verify/compare';
import { findGolden } from '../../src/verify/golden';
import { renderJunit } from '../../src/verify/junit';
import { parseScore, type ScoreRecord } from '../../src/verify/scored';
import { renderComparisons } from '../../src/verify/text';
import { verifyRequest } from './support';

setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'scored-'));
/** When a JUnit file says that it began. */
const NOW = { began: new Date(0), seconds: [] };

afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const jsonl = (name: string, column: string, texts: readonly string[]): string =>
  file(name, texts.map((text) => `${JSON.stringify({ [column]: text })}\n`).join(''));

/** Twenty references; the baseline answers five as they are, the tuned model fifteen: exact match 25 and 75. */
const REFERENCES = Array.from({ length: 20 }, (_, i) => `answer number ${i}`);
const answering = (right: number): string[] => REFERENCES.map((text, i) => (i < right ? text : 'something else'));
const references = jsonl('references.jsonl', 'answer', REFERENCES);
const baseline = jsonl('baseline.jsonl', 'prediction', answering(5));
const tuned = jsonl('tuned.jsonl', 'prediction', answering(15));

/** A paper of the full scale alone, so that a verification has nothing to run. */
const SPEC = `
spec: 1
id: scored-paper
title: Published predictions
citation: Nobody, 2026
task: causal-lm
disclaimers: [Nothing here is medical advice.]
golden: golden.yaml
predictions: { tuned: { source: the repository of nobody } }
defaults:
  full:
    model: hub:nobody/model
    quantisation: null
    adapter: null
    head: { kind: causal }
    loss: { kind: cross-entropy }
    data:
      source: given/rows
      extraTrain: []
      columns: { question: question, answer: answer }
      validation: 0.1
      splitSeed: 1
      test: 0.1
      maxLength: 64
      template: '{question}'
      response: '{answer}'
    training:
      epochs: 0
      batchSize: 8
      accumulation: 1
      stepsPerEpoch: ceil
      optimiser: { kind: adamw, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }
      schedule: { kind: linear, warmup: { steps: 0 } }
      clip: null
      lossNormalisation: mean-of-means
      precision: fp32
      gradientCheckpointing: false
      selection: last
      seed: 1
    generation:
      { maxNewTokens: 8, sampling: null, repetitionPenalty: 1, noRepeatNgramSize: 0, batchSize: 1, rows: null, reference: '{answer}', echo: false }
    metrics: [exact-match, f1, perplexity]
experiments:
  base: { title: As it is }
  tuned: { title: Tuned }
`;

const claim = (id: string, experiment: string, metric: string, accepted = '{}'): string =>
  `  ${id}: { says: a value, where: table 1, kind: value, experiment: ${experiment}, metric: ${metric}, accepted: ${accepted} }\n`;

const GOLDEN = `
golden: 1
paper: scored-paper
published:
  base: { exact-match: [{ value: '25.0', where: table 1 }] }
  tuned:
    exact-match: [{ value: '75.0', where: table 1 }]
    perplexity: [{ value: '3.75', where: table 1 }]
claims:
${claim('base-match', 'base', 'exact-match', '{ score: { verdict: REPRODUCED, reason: every digit } }')}
${claim('tuned-match', 'tuned', 'exact-match')}
${claim('tuned-perplexity', 'tuned', 'perplexity', '{ score: { verdict: UNMEASURED, reason: needs losses } }')}
  tuned-beats-base:
    { says: tuned is better, where: table 1, kind: beats, metric: exact-match, winner: tuned, loser: base, by: '50', unit: points, accepted: {} }
mini: []
log: []
`;

const spec = file('paper.yaml', SPEC);
file('golden.yaml', GOLDEN);
const { paper } = loadTarget(spec);
file('golden.yaml', acceptGolden(GOLDEN, 'golden.yaml', paper, [], { reason: 'typed in', date: '2026-01-31' }).text);

let outs = 0;
async function verify(change: Partial<VerifyRequest>): Promise<Comparison & { text: string; messages: string[] }> {
  const request = verifyRequest({ targets: [spec], out: join(folder, `runs-${outs++}`), ...change });
  const messages: string[] = [];
  const emit: JobContext['emit'] = (event) => {
    if (event.kind === 'stage') messages.push(`${event.name} ${event.detail}`);
    if (event.kind === 'warning') messages.push(event.message);
  };
  const { text, document } = await verifyJob(request, { emit, cancelled: () => false });
  return { ...document.comparisons[0]!, text, messages };
}
const row = (comparison: Comparison, id: string) =>
  comparison.claims.find((one) => one.claim === id && one.level === 'score');
const scored = (experiment: 'base' | 'tuned', predictions: string) => ({
  target: `${spec}/${experiment}`,
  predictions,
  references,
});
const both = [scored('base', baseline), scored('tuned', tuned)];

describe('verify with published predictions', () => {
  test('that nobody gave: unmeasured with the reason, and nothing differs', async () => {
    const comparison = await verify({});
    expect(comparison.exitCode).toBe(0);
    expect(row(comparison, 'tuned-match')).toMatchObject({
      verdict: 'UNMEASURED',
      outcome: 'not-run',
      reason: 'the published predictions of tuned were not given (the repository of nobody)',
    });
    expect(row(comparison, 'base-match')).toMatchObject({
      verdict: 'UNMEASURED',
      outcome: 'not-run',
      reason: 'no published predictions of base are known',
    });
    expect(row(comparison, 'tuned-perplexity')).toMatchObject({ verdict: 'UNMEASURED', outcome: 'equal' });
    expect(comparison.text).toContain('L2 score: UNMEASURED (no published predictions of base are known), not run');
    expect(renderJunit([comparison], NOW)).toMatch(
      /name="base-match" time="0">\n {6}<skipped>UNMEASURED \(no published/,
    );
    const required = await verify({ require: 'L2' });
    expect(required.exitCode).toBe(4);
    expect(required.notes.join('\n')).toContain('tuned-match: L2 is required; the published predictions of tuned');
  });

  test('of both experiments: values, the comparison over rows, and the second time nothing is scored', async () => {
    const out = join(folder, 'kept');
    const first = await verify({ scored: both, out });
    expect(first.messages).toEqual(['score scored-paper/base', 'score scored-paper/tuned']);
    expect(first.exitCode).toBe(0);
    expect(row(first, 'base-match')).toMatchObject({ verdict: 'REPRODUCED', outcome: 'equal', measured: '25' });
    expect(row(first, 'tuned-match')).toMatchObject({ verdict: 'REPRODUCED', outcome: 'no-golden', lowPower: false });
    const beats = row(first, 'tuned-beats-base')!;
    expect(beats).toMatchObject({ verdict: 'REPRODUCED', measured: '+50', outcome: 'no-golden' });
    expect(beats.arithmetic[0]).toBe('exact-match tuned - base = +50 on 20 test rows, published predictions');
    expect(beats.provenance[0]).toContain('tuned.jsonl, sha256 ');
    expect(first.scores.map(({ metric, verdict, outcome }) => [metric, verdict, outcome])).toEqual([
      ['exact-match', 'REPRODUCED', 'equal'],
      ['f1', null, 'no-golden'],
      ['perplexity', null, 'no-golden'],
      ['exact-match', 'REPRODUCED', 'no-golden'],
      ['f1', null, 'no-golden'],
      ['perplexity', 'UNMEASURED', 'equal'],
    ]);
    expect((await verify({ scored: both, out, require: 'L2' })).exitCode).toBe(0);
    // neither with the files nor without them, nor when only comparing
    for (const change of [{ scored: both }, {}, { run: false }]) {
      const again = await verify({ ...change, out });
      expect(again.messages).toEqual([]);
      expect(again.claims).toEqual(first.claims);
    }
  });

  test('another file is scored anew; another value differs from what is accepted: exit 1', async () => {
    const out = join(folder, 'other');
    await verify({ scored: [scored('base', baseline)], out });
    const worse = await verify({ scored: [scored('base', jsonl('worse.jsonl', 'prediction', answering(4)))], out });
    expect(worse.messages).toEqual(['score scored-paper/base']);
    expect(worse.exitCode).toBe(1);
    expect(row(worse, 'base-match')).toMatchObject({ verdict: 'DEVIATES', outcome: 'differs' });
    expect(worse.text).toContain('DIFFERS: REPRODUCED is accepted');
    expect(renderJunit([worse], NOW)).toContain('<failure type="differs" message="DEVIATES, accepted: REPRODUCED">');
  });

  test('a value that deviates without an accepted verdict differs, as with score', async () => {
    const wrong = await verify({ scored: [scored('tuned', baseline)] });
    expect(row(wrong, 'tuned-match')).toMatchObject({ verdict: 'DEVIATES', outcome: 'no-golden' });
    expect(wrong.exitCode).toBe(1);
    expect(wrong.text).toContain('DIFFERS: nothing is accepted');
  });

  test('other references cannot be paired', async () => {
    const others = jsonl('others.jsonl', 'answer', [...REFERENCES].reverse());
    const comparison = await verify({ scored: [both[0]!, { ...both[1]!, references: others }] });
    expect(row(comparison, 'tuned-beats-base')).toMatchObject({
      verdict: 'NEEDS-HUMAN',
      reason: 'the runs were evaluated on different test rows, so their items cannot be paired',
    });
  });

  test('of something that is not verified: usage', () => {
    const foreign = { ...both[0]!, target: 'qwen3-medquad/baseline' };
    expect(verify({ scored: [foreign] })).rejects.toThrow('which is not verified here');
    const one = verify({ targets: [`${spec}/base`], scored: [both[1]!] });
    expect(one).rejects.toThrow('which is not verified here');
  });
});

describe('a kept score', () => {
  const keep = async (metrics: readonly string[]): Promise<ScoreRecord> => {
    const of = { paper, experiment: 'base', golden: null };
    const files = { predictions: baseline, references, train: null, map: {} };
    return keepScore(join(folder, 'score'), await rescore(files, metrics, of), of);
  };

  test('is what verify reads, bit for bit, with what claims need of each row', async () => {
    const record = await keep(['exact-match', 'accuracy', 'perplexity']);
    const { file: path, ...data } = record;
    expect(parseScore(await Bun.file(path).text(), path)).toEqual(record);
    expect(data.test?.predicted.filter((label, i) => label === data.test?.gold[i])).toHaveLength(5);
    expect(data.test?.labels.at(-1)).toBe('something else');
    expect(data.items['exact-match']?.numerators.reduce((sum, value) => sum + value, 0)).toBe(500);
    expect(data.metrics.perplexity).toMatchObject({ value: null, signature: null });
  });

  test('of fewer metrics than the experiment has does not count', async () => {
    await keep(['exact-match']);
    const comparison = await verify({ out: join(folder, 'score'), run: false });
    expect(comparison.scores.map(({ metric }) => metric)).toEqual([]);
  });

  test.each([
    ['{', 'is not JSON'],
    ['{}', 'is not a re-scoring'],
  ])('%j', (broken, message) => expect(() => parseScore(broken, 'x')).toThrow(message));
});

test('one table holds the claims of several papers', () => {
  const comparisons = ['qwen3-medquad', 'abjadmed'].map((id) => {
    const embedded = loadEmbedded(id);
    return compare(embedded, findGolden(embedded), [], { scores: [] });
  });
  const text = renderComparisons(comparisons);
  expect(text.match(/^claims\n {2}paper +claim +level/gm)).toHaveLength(1);
  expect(text).toContain('abjadmed: L2 score: UNMEASURED (no published predictions of all-linear');
  // every experiment with published predictions is named where they were not given
  expect(text).toContain('qwen3-medquad: L2 score: UNMEASURED (the published predictions of baseline were not given');
});

const data = join(process.env.MEDREPRO_TEST_DATA ?? '', 'data/qwen3-medquad');
const released = join(data, 'base_predictions.jsonl.gz');

test.skipIf(process.env.MEDREPRO_TEST_DATA === undefined || !existsSync(released))(
  'the released predictions of Qwen3 on MedQuAD: every accepted verdict (MEDREPRO_TEST_DATA)',
  async () => {
    const embedded = loadEmbedded('qwen3-medquad');
    const golden = findGolden(embedded);
    const of = { paper: embedded, experiment: 'baseline', golden };
    const files = { predictions: released, references: join(data, 'test.jsonl.gz'), train: null, map: {} };
    const metrics = ['exact-match', 'f1', 'bleu', 'rougeL+bootstrap', 'meteor', 'perplexity'];
    const out = join(folder, 'released');
    const record = keepScore(out, await rescore(files, metrics, of), of);
    const comparison = compare(embedded, golden, [], { scores: [record] });
    expect(comparison.exitCode).toBe(0);
    const rows = comparison.claims.filter(({ level, outcome }) => level === 'score' && outcome === 'equal');
    expect(rows.map(({ claim: id, verdict, measured }) => [id, verdict, measured])).toEqual([
      ['baseline-exact-match-value', 'REPRODUCED', '0'],
      ['baseline-f1-value', 'REPRODUCED', '19.6066'],
      ['baseline-bleu-value', 'REPRODUCED', '1.6505'],
      ['baseline-rouge-l-value', 'WITHIN', '0.123378'],
      ['baseline-meteor-value', 'REPRODUCED', '0.16147'],
      ['baseline-perplexity-value', 'UNMEASURED', null],
      ['fine-tuned-perplexity-value', 'UNMEASURED', null],
    ]);
    expect(readdirSync(join(out, 'qwen3-medquad/baseline'))).toHaveLength(1);
  },
);
