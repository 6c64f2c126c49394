/** Re-scoring: verdicts on printed values, and what predictions show by themselves. */

import { describe, expect, it, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findCutOff, findEcho, findOverlap, findThinking } from '../../src/score/findings';
import { type Pairs, readPairs, readTraining } from '../../src/score/pairs';
import { scorePairs } from '../../src/score/score';
import type { Golden } from '../../src/verify/golden';
import type { Verdict } from '../../src/verify/verdict';

const QUESTIONS = ['What is flu ?', 'What is gout ?', 'Is it a\nrash ?', 'Why ?'];
const REFERENCES = ['Flu is an infection.', 'Gout is arthritis.', 'It may be a rash.', 'Because it is so.'];
const pairsOf = (predictions: readonly string[]): Pairs => ({
  predictions,
  references: REFERENCES,
  questions: QUESTIONS,
  files: [],
});

/** A golden file with printed values of one experiment. */
function goldenOf(published: Record<string, string>, acceptedDeviation: string | null = null): Golden {
  const claim = (metric: string) => ({
    kind: 'value' as const,
    says: 'a value',
    where: 'table 1',
    experiment: 'baseline',
    metric,
    accepted: { score: { verdict: 'DEVIATES' as const, reason: 'known' } },
  });
  return {
    paper: 'p',
    published: {
      baseline: Object.fromEntries(
        Object.entries(published).map(([metric, value]) => [metric, [{ value, where: 'table 1' }]]),
      ),
    },
    claims: acceptedDeviation === null ? {} : { known: claim(acceptedDeviation) },
    mini: [],
    log: [],
    file: 'golden.yaml',
    tampered: null,
  };
}

function verdicts(published: Record<string, string>, predictions: readonly string[], accepted: string | null = null) {
  const options = { metrics: Object.keys(published), experiment: 'baseline', training: null };
  const { metrics } = scorePairs(pairsOf(predictions), { ...options, golden: goldenOf(published, accepted) });
  return metrics.map((metric) => ({ verdict: metric.published[0]!.verdict, differs: metric.outcome === 'differs' }));
}

describe('verdict on a printed value', () => {
  // two of four right
  const HALF = [REFERENCES[0]!, REFERENCES[1]!, 'no', 'no'];
  it.each<[string, Verdict]>([
    ['50.0', 'REPRODUCED'],
    ['~50', 'REPRODUCED'],
    ['50.1', 'DEVIATES'],
    ['49', 'DEVIATES'],
  ])('exact match 50 printed as %s: %s', (printed, verdict) => {
    expect(verdicts({ 'exact-match': printed }, HALF)).toEqual([{ verdict, differs: verdict === 'DEVIATES' }]);
  });

  it('a value that is cut off instead of rounded is within, and says so', () => {
    const { metrics } = scorePairs(
      { predictions: ['b c', 'x', 'y'], references: ['b c', 'x', 'z'], questions: null, files: [] },
      { metrics: ['f1'], golden: goldenOf({ f1: '66.6' }), experiment: 'baseline', training: null },
    );
    expect(metrics[0]!.value).toBeCloseTo(200 / 3, 10);
    expect(metrics[0]!.published[0]).toMatchObject({ verdict: 'WITHIN' });
    expect(metrics[0]!.published[0]!.arithmetic).toContain('when cut off');
  });

  it("the noise of evaluate's unseeded bootstrap is allowed for ROUGE, and no more", () => {
    const { metrics } = scorePairs(pairsOf(HALF), {
      metrics: ['rougeL'],
      golden: null,
      experiment: null,
      training: null,
    });
    const { value, toolNoise } = metrics[0]!;
    expect(value).toBe(0.5);
    expect(toolNoise).toBeGreaterThan(0);
    const near = (value! + toolNoise!).toFixed(6);
    const far = (value! + 4 * toolNoise!).toFixed(6);
    expect(verdicts({ rougeL: near }, HALF)).toEqual([{ verdict: 'WITHIN', differs: false }]);
    expect(verdicts({ rougeL: far }, HALF)).toEqual([{ verdict: 'DEVIATES', differs: true }]);
    expect(verdicts({ 'exact-match': '50.02' }, HALF)).toEqual([{ verdict: 'DEVIATES', differs: true }]);
  });

  it('a bootstrapped ROUGE is judged by the mean its tool scatters around', () => {
    const options = { metrics: ['rougeL+bootstrap'], golden: null, experiment: null, training: null };
    const { metrics } = scorePairs(pairsOf(HALF), options);
    expect(metrics[0]).toMatchObject({ value: 0.5, toolValue: 0.5 });
    expect(metrics[0]!.toolNoise).toBeGreaterThan(0);
    expect(verdicts({ 'rougeL+bootstrap': '0.50' }, HALF)).toEqual([{ verdict: 'REPRODUCED', differs: false }]);
  });

  it('an accepted deviation is none, and a better verdict than the accepted one neither', () => {
    expect(verdicts({ f1: '12.3' }, HALF, 'f1')).toEqual([{ verdict: 'DEVIATES', differs: false }]);
    expect(verdicts({ 'exact-match': '50' }, HALF, 'exact-match')).toEqual([{ verdict: 'REPRODUCED', differs: false }]);
  });

  it('the worst of several printed values counts', () => {
    const twice = [
      { value: '~50', where: 'table 1' },
      { value: '50.3', where: 'log' },
    ];
    const golden = { ...goldenOf({}), published: { baseline: { 'exact-match': twice } } };
    const options = { metrics: ['exact-match'], golden, experiment: 'baseline', training: null };
    const [metric] = scorePairs(pairsOf(HALF), options).metrics;
    expect(metric!.published.map(({ verdict }) => verdict)).toEqual(['REPRODUCED', 'DEVIATES']);
    expect([metric!.verdict, metric!.outcome]).toEqual(['DEVIATES', 'differs']);
  });

  it('what needs the model is unmeasured', () => {
    expect(verdicts({ perplexity: '49.48' }, HALF)).toEqual([{ verdict: 'UNMEASURED', differs: false }]);
  });

  it('an unknown metric is an error', () => {
    expect(() => verdicts({ 'rouge-9': '1' }, HALF)).toThrow('there is no metric "rouge-9"');
  });

  it('classes are scored too', () => {
    const options = { metrics: ['accuracy', 'macro-f1'], golden: null, experiment: null, training: null };
    const { metrics } = scorePairs({ ...pairsOf(HALF), references: [...HALF.slice(0, 3), 'yes'] }, options);
    expect(metrics.map(({ value }) => value)).toEqual([0.75, (1 + 1 + 2 / 3 + 0) / 4]);
  });
});

describe('classes that are written in two ways', () => {
  const score = (predictions: readonly string[], references: Pairs['references']) =>
    scorePairs(
      { predictions, references, questions: null, files: [] },
      { metrics: ['accuracy', 'macro-f1'], golden: null, experiment: null, training: null },
    );

  it('numbers are equal whatever their digits, and that is said', () => {
    const { metrics, warnings, perRow } = score(['0.0', '1.0', '1e0', '-0'], ['0', '1', '1', '0']);
    expect(metrics.map(({ value }) => value)).toEqual([1, 1]);
    expect(warnings).toEqual(['4 of 4 predictions are compared as values: "0.0" is the class "0"']);
    expect(perRow.test).toEqual({ gold: [0, 1, 1, 0], predicted: [0, 1, 1, 0], labels: ['0', '1'] });
  });

  it('so are those of the references alone, as pandas reads such a column', () => {
    const { metrics, warnings } = score(['1', '1', '2'], ['1.0', '1', '2']);
    expect(metrics.map(({ value }) => value)).toEqual([1, 1]);
    expect(warnings).toEqual([
      '1 of 3 references are compared as values: "1" is the class "1.0"',
      '2 of 3 predictions are compared as values: "1" is the class "1.0"',
    ]);
  });

  it('truth values are equal in every spelling that pandas reads, and True is 1', () => {
    expect(score(['True', 'False', 'TRUE'], ['true', 'false', 'true']).metrics[0]!.value).toBe(1);
    expect(score(['1', '0'], ['true', 'false']).metrics[0]!.value).toBe(1);
    expect(score(['tRUE', 'yes'], ['true', 'false']).metrics[0]!.value).toBe(0);
  });

  it('what a double cannot tell apart stays text', () => {
    expect(score(['9007199254740993'], ['9007199254740992']).metrics[0]!.value).toBe(0);
  });

  it('predictions of which none is a class are a warning that says so', () => {
    const { metrics, warnings } = score(['Yes', 'No'], ['yes', 'no']);
    expect(metrics[0]!.value).toBe(0);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('none of the 2 predictions is a class of the references');
    expect(warnings[0]).toContain('differs from "yes" in case, spaces or normal form alone');
    expect(score(['a', 'b'], ['yes', 'no']).warnings[0]).toContain('none of the 2 predictions');
  });

  it('numbers are ordered as numbers', () => {
    const labels = Array.from({ length: 12 }, (_, i) => String(i));
    expect(score(labels, labels).perRow.test!.labels).toEqual(labels);
  });

  it('a row with several references has no one class', () => {
    expect(() => score(['a'], [['a', 'b']])).toThrow('row 1 has 2 references, and a class is one');
    const options = { metrics: ['f1', 'bleu'], golden: null, experiment: null, training: null };
    const several = { predictions: ['b'], references: [['a', 'b']], questions: null, files: [] };
    expect(scorePairs(several, options).metrics.map(({ signature }) => signature!.includes('nrefs:2'))).toEqual([
      true,
      true,
    ]);
  });
});

describe('prompt echo', () => {
  const echo = (answer: string, i: number): string => `user\n${QUESTIONS[i]}\n\nassistant\n${answer}`;

  it('is the prompt up to the last line that all share', () => {
    const found = findEcho(
      REFERENCES.map((_, i) => echo(`So it is ${i}`, i)),
      QUESTIONS,
    )!;
    expect([found.before, found.after]).toEqual(['user\n', '\n\nassistant\n']);
    expect(found.echoed).toEqual([true, true, true, true]);
    expect(found.stripped).toEqual(['So it is 0', 'So it is 1', 'So it is 2', 'So it is 3']);
  });

  it('is taken off where it stands, and the scores without it are the true ones', () => {
    const predictions = REFERENCES.map((text, i) => (i === 3 ? text : echo(text, i)));
    const options = { metrics: ['exact-match', 'bleu'], golden: null, experiment: null, training: null };
    const { metrics, withoutEcho, findings } = scorePairs(pairsOf(predictions), options);
    expect(metrics[0]!.value).toBe(25);
    expect(withoutEcho).toEqual({ 'exact-match': 100, bleu: expect.closeTo(100, 10) });
    expect(findings[0]).toMatchObject({ id: 'prompt-echo', rows: 3, of: 4 });
    expect(findings[0]!.says).toContain('"user\\n{question}\\n\\nassistant\\n"');
  });

  it('is not found in answers, nor in questions that are empty', () => {
    expect(findEcho(REFERENCES, QUESTIONS)).toBeNull();
    expect(findEcho(REFERENCES, ['', '', '', ''])).toBeNull();
  });
});

describe('thinking and cut texts', () => {
  it('finds answers that open as reasoning does', () => {
    const answers = ['\nOkay, the user asks about flu.', '<think>\nGout', 'Okay. So', 'Flu is'];
    expect(findThinking(answers)).toMatchObject({
      rows: 3,
      of: 4,
      numbers: { commonestOpening: 2, speakOfTheUser: 1 },
    });
    expect(findThinking(REFERENCES)).toBeNull();
  });

  it('finds texts without an end, where the references have one', () => {
    expect(findCutOff(['It is', 'and then', 'Yes.', 'the'], REFERENCES)).toMatchObject({ rows: 3, of: 4 });
    expect(findCutOff(REFERENCES, REFERENCES)).toBeNull();
    expect(findCutOff(['It is', 'no'], ['end', 'less'])).toBeNull();
    expect(findCutOff(['هل تعاني من ألم؟'], ['نعم.'])).toBeNull();
  });
});

test('padding among the tokens of a printed perplexity', () => {
  const padded = { perplexity: '49.479412', tokens: 176_249, padding: 18_249 };
  const options = { metrics: ['exact-match'], golden: null, experiment: null, training: null, padded };
  const { findings } = scorePairs(pairsOf(REFERENCES), options);
  expect(findings).toMatchObject([{ id: 'padded-perplexity', rows: 18_249, of: 176_249 }]);
  expect(findings[0]!.says).toEndWith('18,249 of which (10.35%) are padding; on the text alone it is at most 77.65');
});

test('overlap: test rows are taken out of the training file once each', () => {
  const training = {
    questions: ['q1', 'q1', 'q2', 'q3', 'q9', 'q4'],
    answers: ['a1', 'a1', 'a2', 'other', 'a2', 'a4'],
    file: { role: 'train', name: 't.csv', sha256: '', rows: 6 },
  } as const;
  // q1/a1 stands there twice, so one is left; q3 is there with another answer; a2 with another question; q5 not at all
  const { numbers } = findOverlap(['q1', 'q2', 'q3', 'q5'], ['a1', 'a2', 'a3', 'a5'], training);
  expect(numbers).toEqual({ questions: 2, answers: 2, pairs: 1, subtracted: 2, others: 4 });
});

const data = join(process.env.MEDREPRO_TEST_DATA ?? '', 'data');
const released = join(data, 'qwen3-medquad/base_predictions.jsonl.gz');

test.skipIf(process.env.MEDREPRO_TEST_DATA === undefined || !existsSync(released))(
  'the released predictions of Qwen3 on MedQuAD, to every digit (MEDREPRO_TEST_DATA)',
  async () => {
    const pairs = await readPairs(released, join(data, 'qwen3-medquad/test.jsonl.gz'));
    const training = await readTraining(join(data, 'medquad/medquad.csv.gz'));
    const published = {
      'exact-match': '0.0',
      f1: '19.606634',
      bleu: '1.650502',
      rougeL: '0.123362',
      meteor: '0.161470',
      perplexity: '49.479412',
    };
    const { metrics, findings, withoutEcho, echoAlone } = scorePairs(pairs, {
      metrics: Object.keys(published),
      golden: goldenOf(published),
      experiment: 'baseline',
      training,
    });
    const expected: Verdict[] = ['REPRODUCED', 'REPRODUCED', 'REPRODUCED', 'WITHIN', 'REPRODUCED', 'UNMEASURED'];
    expect(metrics.map((metric) => metric.published[0]!.verdict)).toEqual(expected);
    expect(metrics.slice(1, 5).map(({ value }) => value!.toFixed(6))).toEqual([
      '19.606634',
      '1.650502',
      '0.123378',
      '0.161470',
    ]);
    expect(metrics[3]!.toolNoise!.toExponential(0)).toBe('3e-5');
    expect(metrics[2]!.details).toMatchObject({ sys_len: 202_293, ref_len: 365_454 });
    const digits = (value: number | undefined) => value!.toFixed(6);
    expect([withoutEcho?.f1, withoutEcho?.bleu, withoutEcho?.rougeL].map(digits)).toEqual([
      '17.901250',
      '0.729212',
      '0.109372',
    ]);
    expect(echoAlone?.f1?.toFixed(2)).toBe('7.64');
    const rows = Object.fromEntries(findings.map(({ id, rows: n, numbers }) => [id, { n, ...numbers }]));
    expect(rows).toMatchObject({
      'prompt-echo': { n: 1641 },
      'thinking-text': { n: 1641, commonestOpening: 1641 },
      'train-overlap': { questions: 224, answers: 62, pairs: 11, subtracted: 1641, others: 14_766 },
    });
    expect(rows['cut-off']!.n).toBeGreaterThan(1400);
  },
  60_000,
);
