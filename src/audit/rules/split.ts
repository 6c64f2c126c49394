import { splitCounts } from '../../paper/sizes';
import type { DataSpec } from '../../paper/types';
import { exact, printedNumber } from '../interval';
import { compare, experimentOf, rule } from '../rule';

/** Test rows first, then the validation share of what is left, each rounded as the spec's split method rounds. */
export const split = rule({
  id: 'split-arithmetic',
  title: 'the sizes of the splits follow from the rows and the shares, and add up',
  kind: 'split',
  check: ({ experiment, rows, train, validation, test }, context) => {
    const { data } = experimentOf(context, experiment);
    const { train: trainRows, validation: validationRows, test: testRows } = splitCounts(rows, data);
    const steps = arithmetic(rows, data, { trainRows, validationRows, testRows });
    const sum = printedNumber(train) + printedNumber(validation) + printedNumber(test);
    return [
      { ...compare('training rows:', exact(trainRows), trainRows, train, [steps.train]), part: 'train' },
      {
        ...compare('validation rows:', exact(validationRows), validationRows, validation, [steps.validation]),
        part: 'validation',
      },
      { ...compare('test rows:', exact(testRows), testRows, test, [steps.test]), part: 'test' },
      {
        ...compare('all splits together:', exact(sum), sum, String(rows), [
          `${train} + ${validation} + ${test} = ${sum}`,
        ]),
        part: 'sum',
      },
    ];
  },
});

// --- internal ---

/** How the sizes come about: the two steps of scikit-learn's way are written out, any other way is named. */
function arithmetic(
  rows: number,
  data: DataSpec,
  { trainRows, validationRows, testRows }: Readonly<Record<'trainRows' | 'validationRows' | 'testRows', number>>,
): Readonly<Record<'train' | 'validation' | 'test', string>> {
  const { splitMethod, train, folds } = data;
  if (CEILED.includes(splitMethod) && train === null && folds === null) {
    return {
      test: `ceil(${data.test} * ${rows}) = ${testRows}`,
      validation: `ceil(${data.validation} * ${rows - testRows}) = ${validationRows}`,
      train: `${rows} - ${testRows} - ${validationRows} = ${trainRows}`,
    };
  }
  const how = (size: number): string => `${splitMethod} of ${rows} rows: ${size}`;
  return { test: how(testRows), validation: how(validationRows), train: how(trainRows) };
}

const CEILED: readonly string[] = [
  'stratified',
  'sklearn',
  'datasets',
  'datasets-stratified',
  'datasets-shuffle',
  'unshuffled',
];
