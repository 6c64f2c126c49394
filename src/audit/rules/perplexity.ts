import { perplexityBound } from '../../metrics/perplexity';
import { digits, exp, printedInterval, printedNumber, show } from '../interval';
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

/** Padding that is scored as text is easy to predict and lowers a perplexity. */
export const perplexityOfText = rule({
  id: 'perplexity-of-text',
  title: 'a perplexity that padding is part of is at most so much on the text',
  kind: 'text-perplexity',
  check: ({ perplexity, tokens, padding, atMost }) => {
    const { low, high } = printedInterval(perplexity);
    const bound = (value: number): number => perplexityBound(value, tokens, padding);
    const allowed = { low: bound(low), high: bound(high) };
    const share = digits((100 * padding) / tokens);
    return [
      compare(
        `${perplexity} over ${tokens} tokens, ${padding} of them padding: on the others at most`,
        allowed,
        bound(printedNumber(perplexity)),
        atMost,
        [
          `${padding} of ${tokens} tokens are padding, ${share}%`,
          `${perplexity}^(${tokens} / ${tokens - padding}) = ${show(allowed)} when padding costs nothing`,
        ],
      ),
    ];
  },
});
