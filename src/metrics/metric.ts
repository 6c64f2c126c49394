/**
 * A metric, its score and its signature, in the manner of sacreBLEU: a number always comes with the arguments that
 * produced it.
 */

/** A number with everything that can change it. */
export interface Score {
  /** Metric id: `macro-f1`. */
  readonly metric: string;
  /** Unrounded. */
  readonly value: number;
  /** Four decimals, for people. */
  readonly printed: string;
  readonly signature: string;
}

/** Options of the classification metrics. */
export interface ClassOptions {
  /**
   * The classes to average over, in order. Absent = every class that occurs among gold or predicted labels, ascending, as
   * scikit-learn takes them by default.
   */
  readonly labels?: readonly number[];
}

/** A metric over class ids: `gold[i]` is the class of row i, `predicted[i]` what the model said. */
export interface ClassMetric {
  readonly id: string;
  /** What it is, in one line: docs/spec.md. */
  readonly description: string;
  /** What the number equals elsewhere. */
  readonly equals: string;
  /** Every argument that can change the number, e.g. `macro-f1|labels:union|zero_division:0|equals:sklearn-1.x|v:1`. */
  signature(options?: ClassOptions): string;
  /** @throws MedreproError `input`: no rows, or lists of different length. */
  score(gold: ArrayLike<number>, predicted: ArrayLike<number>, options?: ClassOptions): Score;
}

/** A signature from its parts; `v` counts our own changes that change a number. */
export function signatureOf(id: string, parts: Readonly<Record<string, string | number>>): string {
  return [id, ...Object.entries(parts).map(([name, value]) => `${name}:${value}`)].join('|');
}

/** How a signature names the classes that were averaged over. */
export function labelsPart(options: ClassOptions = {}): string {
  const { labels } = options;
  if (labels === undefined) return 'union';
  const dense = labels.every((label, i) => label === i);
  return dense ? `0..${labels.length - 1}` : labels.join(',');
}

/** A class metric from its value. */
export function classMetric(
  id: string,
  description: string,
  parts: Readonly<Record<string, string | number>>,
  usesLabels: boolean,
  value: (gold: ArrayLike<number>, predicted: ArrayLike<number>, options: ClassOptions) => number,
): ClassMetric {
  const equals = 'sklearn-1.x';
  const signature = (options: ClassOptions = {}): string =>
    signatureOf(id, { ...(usesLabels ? { labels: labelsPart(options) } : {}), ...parts, equals, v: 1 });
  return {
    id,
    description,
    equals,
    signature,
    score: (gold, predicted, options = {}) => {
      const number = value(gold, predicted, options);
      return { metric: id, value: number, printed: number.toFixed(4), signature: signature(options) };
    },
  };
}
