/** Text metrics against their own tools: test/fixtures/make_text_metrics.py. */

import { describe, expect, it, test } from 'bun:test';
import { hfBootstrap, medianSpread } from '../../src/metrics/bootstrap';
import { meteor, meteorNltk310, meteorScore } from '../../src/metrics/meteor';
import { porterStem } from '../../src/metrics/porter';
import { sentences } from '../../src/metrics/punkt';
import { ROUGE_TYPES, rouge, rougeMetric } from '../../src/metrics/rouge';
import { bleuCounts, sacrebleu } from '../../src/metrics/sacrebleu';
import { normaliseAnswer, squadExactMatch, squadF1, tokenF1 } from '../../src/metrics/squad';
import { withoutReferences } from '../../src/metrics/text-metric';
import { wordTokens } from '../../src/metrics/treebank';
import { synonyms } from '../../src/metrics/wordnet';
import multiple from '../fixtures/references/bleu.json';
import bootstraps from '../fixtures/text-metrics/bootstrap.json';
import corpora from '../fixtures/text-metrics/corpora.json';
import groups from '../fixtures/text-metrics/rows.json';
import words from '../fixtures/text-metrics/words.json';

/** Counts decide these: the tolerance is for the order in which a few doubles are rounded. */
const EXACT = 1e-12;
const METEOR = 1e-9;

interface Row {
  prediction: string;
  reference: string;
  exact_match: number;
  f1: number;
  bleu: number[];
  rouge: number[][];
  rouge_stemmed: number[][];
  'meteor_3.9': number;
  'meteor_3.10': number;
  'sentences_3.9'?: string[];
  'sentences_3.10'?: string[];
  'tokens_3.9'?: string[];
  'tokens_3.10'?: string[];
}

const rowsOf = groups as Record<string, Row[]>;
const VERSIONS = ['3.9', '3.10'] as const;

function expectNear(value: number, expected: number, tolerance: number): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(tolerance);
}

describe.each(Object.entries(rowsOf))('rows: %s', (_, rows) => {
  test('SQuAD', () => {
    for (const { prediction, reference, exact_match, f1 } of rows) {
      expect(normaliseAnswer(prediction) === normaliseAnswer(reference) ? 1 : 0).toBe(exact_match);
      expect(tokenF1(prediction, reference)).toBe(f1);
    }
  });

  test('BLEU counts', () => {
    for (const { prediction, reference, bleu } of rows) {
      const { predicted, reference: gold, correct, total } = bleuCounts(prediction, reference);
      expect([predicted, gold, ...correct, ...total]).toEqual(bleu);
    }
  });

  test('ROUGE, with and without stemmer', () => {
    for (const row of rows) {
      for (const stemmer of [false, true]) {
        const expected = stemmer ? row.rouge_stemmed : row.rouge;
        for (const [k, type] of ROUGE_TYPES.entries()) {
          const { precision, recall, f } = rouge(type, row.prediction, row.reference, stemmer);
          expect([precision, recall, f]).toEqual(expected[k]!);
        }
      }
    }
  });

  test.each(VERSIONS)('sentences and words of NLTK %s', (version) => {
    for (const row of rows) {
      const [split, tokens] = [row[`sentences_${version}`], row[`tokens_${version}`]];
      if (split === undefined || tokens === undefined) continue;
      expect(sentences(row.prediction, version)).toEqual(split);
      expect(wordTokens(row.prediction, version)).toEqual(tokens);
    }
  });

  test.each(VERSIONS)('METEOR of NLTK %s', (version) => {
    for (const row of rows) {
      expectNear(meteorScore(row.prediction, row.reference, version), row[`meteor_${version}`], METEOR);
    }
  });
});

describe.each(Object.entries(corpora))('corpus: %s', (name, expected) => {
  const all =
    name === 'all' ? Object.values(rowsOf).flat() : name === 'one' ? rowsOf.english!.slice(0, 1) : rowsOf[name]!;
  const predictions = all.map((row) => row.prediction);
  const references = all.map((row) => row.reference);
  const value = (metric: typeof meteor) => metric.score(predictions, references).value;

  test('SQuAD and BLEU', () => {
    expect([value(squadExactMatch), value(squadF1)]).toEqual([expected.exact_match, expected.f1]);
    const { value: bleu, details } = sacrebleu.score(predictions, references);
    expectNear(bleu, expected.bleu.score, EXACT * Math.max(1, expected.bleu.score));
    expect(details).toMatchObject({
      precisions: expected.bleu.precisions,
      sys_len: expected.bleu.sys_len,
      ref_len: expected.bleu.ref_len,
    });
    expectNear(details!.brevity_penalty as number, expected.bleu.bp, EXACT);
  });

  test('ROUGE and METEOR', () => {
    for (const [k, type] of ROUGE_TYPES.entries()) expectNear(value(rougeMetric(type)), expected.rouge[k]!, EXACT);
    expectNear(value(meteor), expected['meteor_3.9'], METEOR);
    expectNear(value(meteorNltk310), expected['meteor_3.10'], METEOR);
  });
});

test("the bootstrap of Hugging Face evaluate's ROUGE: equal by seed, its spread as simulated", () => {
  for (const { values, by_seed, sd_of_mid } of bootstraps) {
    const rows = Float64Array.from(values);
    for (const [seed, expected] of by_seed.entries()) {
      const { low, mid, high } = hfBootstrap(rows, seed);
      expect([low, mid, high]).toEqual(expected);
    }
    // 200 seeds know their standard deviation to about 5%; seven rows are not normal
    const spread = medianSpread(rows);
    if (values.length === 1) expect([spread, sd_of_mid]).toEqual([0, 0]);
    else expect(spread / sd_of_mid).toBeWithin(0.8, 1.25);
  }
});

test('Porter stems and WordNet synonyms, word for word', () => {
  expect(words.length).toBeGreaterThan(2500);
  for (const [word, stem, answers] of words as [string, string, string][]) {
    expect(`${word} ${porterStem(word)}`).toBe(`${word} ${stem}`);
    expect(`${word}: ${[...synonyms(word)].sort().join(' ')}`).toBe(`${word}: ${answers}`);
  }
});

describe('METEOR of two texts', () => {
  it('is 0 without a match and near 1 for a text itself', () => {
    expect(meteorScore('pain', 'joyless', '3.9')).toBe(0);
    expect(meteorScore('', '', '3.9')).toBe(0);
    // one chunk of n words: 1 - 0.5 / n^3
    expect(meteorScore('a b c d', 'a b c d', '3.9')).toBeCloseTo(1 - 0.5 / 64, 12);
  });

  it('knows synonyms and inflections', () => {
    expect(meteorScore('physician', 'doctor', '3.9')).toBe(0.5);
    expect(meteorScore('running', 'runs', '3.9')).toBe(0.5);
  });
});

describe('ROUGE on Arabic', () => {
  it('is 0 and says why', () => {
    const { value, warnings } = rougeMetric('L', { stemmer: true }).score(['عندي صداع', 'pain'], ['عندي صداع', 'pain']);
    expect(value).toBe(0.5);
    expect(warnings).toEqual([expect.stringContaining('1 of 2 rows have no Latin letters or digits')]);
  });

  it('says nothing about texts with Latin letters', () => {
    expect(rougeMetric('1').score(['aspirin ٨١'], ['aspirin']).warnings).toEqual([]);
  });
});

test('long texts: a reference of 10,000 words takes seconds, not memory', () => {
  const text = (step: number) => Array.from({ length: 10_000 }, (_, i) => `w${(i * step) % 997}`).join(' ');
  const [a, b] = [text(7), text(11)];
  const { f } = rouge('Lsum', a, b);
  expect(f).toBe(rouge('L', a, b).f);
  expect(f).toBeGreaterThan(0);
});

describe('signatures', () => {
  it('name every argument that can change the number', () => {
    expect(squadF1.signature).toBe(
      'f1|nrefs:1|lower:yes|punctuation:no|articles:no|average:rows|unit:percent|equals:squad-v1.1|v:1',
    );
    expect(sacrebleu.signature).toBe('bleu|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|equals:sacrebleu-2.6|v:1');
    expect(rougeMetric('L', { stemmer: true, aggregate: 'bootstrap' }).signature).toBe(
      'rougeL+stemmer+bootstrap|nrefs:1|stemmer:porter-nltk|aggregate:bootstrap-median|samples:1000|seed:0|equals:rouge_score-0.1.2|v:1',
    );
    expect(meteor.signature).toBe(
      'meteor|nrefs:1|tok:punkt-treebank|stemmer:porter-nltk|wordnet:3.0|alpha:0.9|beta:3|gamma:0.5|aggregate:mean|equals:nltk-3.9|v:1',
    );
  });
});

describe('input that cannot be scored', () => {
  it.each([squadExactMatch, sacrebleu, rougeMetric('L'), meteor].map((metric) => [metric.id, metric] as const))(
    '%s',
    (_, metric) => {
      expect(() => metric.score([], [])).toThrow('there are no rows to score');
      expect(() => metric.score(['a'], ['a', 'b'])).toThrow('1 predictions and 2 references cannot be compared');
    },
  );
});

describe('several references', () => {
  test.each(multiple.map((corpus, i) => [i, corpus] as const))('BLEU of sacreBLEU, corpus %d', (_, corpus) => {
    const { predictions, references, counts, score, nrefs } = corpus;
    for (const [i, expected] of counts.entries()) {
      const { predicted, reference, correct, total } = bleuCounts(predictions[i]!, ...references[i]!);
      expect([predicted, reference, ...correct, ...total]).toEqual(expected);
    }
    const { value, signature } = sacrebleu.score(predictions, references);
    expectNear(value, score, EXACT * Math.max(1, score));
    expect(signature).toContain(`|nrefs:${nrefs}|`);
  });

  // metric_max_over_ground_truths of the SQuAD script, score_multi of rouge_score, meteor_score of NLTK: the best of the single scores
  test('the best of them, for metrics of rows', () => {
    const rows = Object.values(rowsOf).flat().slice(0, 40);
    const predictions = rows.map(({ prediction }) => prediction);
    const references = rows.map(({ reference }, i) => [reference, rows[(i * 7 + 3) % rows.length]!.reference, 'fever']);
    for (const metric of [squadExactMatch, squadF1, rougeMetric('2'), rougeMetric('Lsum', { stemmer: true }), meteor]) {
      const single = [0, 1, 2].map(
        (k) =>
          metric.score(
            predictions,
            references.map((own) => own[k]!),
          ).rows!,
      );
      const best = Float64Array.from(predictions, (_, i) => Math.max(...single.map((row) => row[i]!)));
      expect(metric.score(predictions, references).rows).toEqual(best);
    }
  });

  test('ROUGE takes precision and recall of the best reference, the first of equal ones', () => {
    const { value, details } = rougeMetric('1').score(['a b c d'], [['x', 'a b', 'a b c d e f g h']]);
    expect([value, details!.precision, details!.recall]).toEqual([2 / 3, 0.5, 1]);
  });

  test('the number of references is part of the signature, and only that', () => {
    const one = squadF1.score(['a'], [['a']]).signature;
    const two = squadF1.score(['a'], [['a', 'b']]).signature;
    const various = squadF1.score(['a', 'b'], [['a', 'b'], 'c']).signature;
    expect(one).toBe(squadF1.signature);
    expect([two, various]).toEqual([one.replace('nrefs:1', 'nrefs:2'), one.replace('nrefs:1', 'nrefs:var')]);
    expect([one, two, various].map(withoutReferences)).toEqual(Array(3).fill(withoutReferences(one)));
    expect(() => squadF1.score(['a'], [[]])).toThrow('a row has no reference');
  });
});
