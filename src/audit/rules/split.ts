import { exact, printedNumber } from '../interval';
import { compare, experimentOf, rule } from '../rule';

/** Test rows first, then the validation share of what is left; held-out parts are rounded up. */
export const split = rule({
  id: 'split-arithmetic',
  title: 'the sizes of the splits follow from the rows and the shares, and add up',
  kind: 'split',
  check: ({ experiment, rows, train, validation, test }, context) => {
    const { data } = experimentOf(context, experiment);
    const part = (n: number, share: number): number => (share < 1 ? Math.ceil(share * n) : share);
    const testRows = part(rows, data.test);
    const rest = rows - testRows;
    const validationRows = part(rest, data.validation);
    const trainRows = rest - validationRows;
    const steps = {
      test: `ceil(${data.test} * ${rows}) = ${testRows}`,
      validation: `ceil(${data.validation} * ${rest}) = ${validationRows}`,
      train: `${rows} - ${testRows} - ${validationRows} = ${trainRows}`,
    };
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
