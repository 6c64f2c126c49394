import { exp, printedInterval, printedNumber, show } from '../interval';
import { compare, rule } from '../rule';

/** Perplexity is exp of the mean loss per token. */
export const perplexityOfLoss = rule({
  id: 'perplexity-of-loss',
  title: 'a perplexity is the exponential of its loss',
  kind: 'perplexity',
  check: ({ loss, perplexity }) => {
    const allowed = exp(printedInterval(loss));
    const raw = Math.exp(printedNumber(loss));
    return [
      compare(`exp(${loss}) =`, allowed, raw, perplexity, [`exp(${show(printedInterval(loss))}) = ${show(allowed)}`]),
    ];
  },
});
