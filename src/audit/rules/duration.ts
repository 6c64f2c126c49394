import { divide, exact, type Interval, meet, multiply, printedNumber, show } from '../interval';
import { experimentOf, rule } from '../rule';
import { stepsOf } from './steps';

/** Steps of one size on one machine take the same time. */
export const duration = rule({
  id: 'duration',
  title: 'the hours of two runs on one machine are as their steps',
  kind: 'duration',
  check: ({ experiment, trainRows, hours, pace }, context) => {
    const { total, arithmetic } = stepsOf(experimentOf(context, experiment).training, trainRows);
    const perStep = divide(between(pace.hours), exact(printedNumber(pace.steps)));
    const takes = perStep === null ? null : multiply(perStep, exact(total));
    const stated = between(hours);
    const consistent = takes !== null && meet(takes, stated);
    const gives = takes === null ? 'nothing' : show(takes);
    return [
      {
        consistent,
        message: `hours of ${experiment}: ${gives} at the other run's pace ${consistent ? 'meet' : 'do not meet'} the printed ${hours.join(' to ')}`,
        arithmetic: [...arithmetic, `${show(between(pace.hours))} / ${pace.steps} * ${total} = ${gives}`],
        raw: null,
        rounded: null,
        printed: hours.join(' to '),
      },
    ];
  },
});

// --- internal ---

/** The range as printed: its ends are rounded already. */
const between = ([from, to]: readonly [string, string]): Interval => ({
  low: printedNumber(from),
  high: printedNumber(to),
});
