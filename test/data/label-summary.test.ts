/** What the labels of causal-LM rows teach, and what is refused or warned of before step 1. */
import { describe, expect, test } from 'bun:test';
import { judgeLabels, type LabelledRow, summariseLabels } from '../../src/data/label-summary';
import { DEFAULT_DATA } from '../../src/paper/defaults';
import type { LabelMask } from '../../src/paper/types';

const EOS = 2;
const MASK: LabelMask = DEFAULT_DATA.labels;

const row = (ids: number[], labels: number[], attended = ids.length): LabelledRow => ({ ids, labels, attended });
const judge = (rows: readonly LabelledRow[], mask: Partial<LabelMask> = {}): string[] =>
  judgeLabels(summariseLabels(rows, EOS)!, { ...MASK, ...mask }).map(({ id, message }) => `${id}: ${message}`);

test('counts', () => {
  const rows = [
    row([5, 6, 7, EOS], [-100, -100, 7, EOS]),
    // padded with eos to six: its own eos is the fourth
    row([5, 6, 7, EOS, EOS, EOS], [-100, 6, 7, EOS, EOS, EOS], 4),
    row([5, 6], [5, -100]),
  ];
  expect(summariseLabels(rows, EOS)).toEqual({
    rows: 3,
    positions: 12,
    ignored: 4 / 12,
    padding: 2 / 8,
    empty: 1,
    eos: 2,
    eosLabelled: 2,
  });
  expect(summariseLabels([{ ids: [1], labels: null }], EOS)).toBeNull();
});

test('nothing to say', () => {
  expect(judge([row([5, 6, EOS], [-100, 6, EOS])])).toEqual([]);
});

describe('refused', () => {
  const masked = [row([5, 6], [-100, -100]), row([5, 6], [5, -100])];

  test('every label is -100, or only where nothing predicts it', () => {
    expect(() => judge(masked)).toThrow('every label of the 2 training rows is -100: there is nothing to learn from');
  });

  test('a response template that occurs nowhere', () => {
    const mask = { prompt: 'response-template', responseTemplate: '### Answer:' } as const;
    expect(() => judge(masked, mask)).toThrow(
      'the response template "### Answer:" occurs in none of the 2 training rows: every label is -100',
    );
  });
});

describe('warned of', () => {
  const good = row([5, 6, EOS], [-100, 6, EOS]);

  test('rows without a label', () => {
    expect(judge([good, row([5, 6], [-100, -100])])).toEqual([
      'rows-without-labels: 1 of 2 training rows have no label: their response was cut off or masked',
    ]);
  });

  test('padding in the loss', () => {
    expect(judge([row([5, 6, EOS, 0], [5, 6, EOS, 0], 3)])).toEqual([
      'padding-in-the-loss: 25.0% of the labels are padding, so the loss says less about the text than it seems',
    ]);
  });

  test('an end of text that is masked because it is the padding', () => {
    expect(judge([row([5, 6, EOS], [5, 6, -100])], { eos: 'as-pad' })[0]).toStartWith('eos-masked-as-padding: ');
    expect(judge([row([5, 6, EOS], [5, 6, -100])])[0]).toStartWith('eos-masked: ');
  });

  test('no end of text at all', () => {
    expect(judge([row([5, 6], [5, 6])])[0]).toStartWith('eos-absent: ');
  });
});
