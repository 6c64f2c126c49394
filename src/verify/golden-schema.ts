/** The schema of golden files. `papers/schema/golden.schema.json` and docs/spec.md are made from it. */

import { positive, text, whole } from '../paper/schema/numbers';
import { type Fields, list, map, object, pattern, union, value, words } from '../paper/schema-part';

const Accepted = object({
  verdict: words(
    'REPRODUCED',
    'WITHIN',
    'DIRECTION-ONLY',
    'DEVIATES',
    'INCONSISTENT',
    'NEEDS-HUMAN',
    'UNMEASURED',
  ).describe('The verdict.'),
  reason: text.describe('Why it is accepted.'),
}).named('accepted', 'An accepted verdict.');
export type Accepted = typeof Accepted.infer;

const metric = { metric: value('string').named('metric').describe('The metric, by id.') };
const experiment = value('string').describe('The experiment, by id.');
const changes = value(['string', 'string']);

/** A kind of claim with its fields; `example` is one of it, without `kind` and what all have. */
const kind = <const K extends string, const F extends Fields>(
  name: K,
  description: string,
  fields: F,
  example: Readonly<Record<string, unknown>>,
) =>
  object({
    says: text.describe("The claim in the paper's words, shortened."),
    where: text.describe('Section or table.'),
    'accepted?': object({
      'mini?': Accepted.describe('Of runs at the mini scale.'),
      'score?': Accepted.describe('Of published predictions that are scored again.'),
      'full?': Accepted.describe('Of runs at full scale.'),
    })
      .named('accepted-levels')
      .describe('Per level; of a level that is not listed nothing is accepted yet, and the full one is UNMEASURED.'),
    kind: words(name).describe(description),
    ...fields,
  })
    .named(`claim-${name}`, description)
    .examples({ says: 'a sentence of the paper', where: 'table 1', kind: name, ...example, accepted: {} });

/** A claim; its kinds are listed here and nowhere else. */
export const Claim = union(
  kind(
    'value',
    'The metric of an experiment is as printed.',
    { experiment, ...metric },
    { experiment: 'short', metric: 'macro-f1' },
  ),
  kind(
    'beats',
    'One experiment is better than another.',
    {
      ...metric,
      winner: experiment.describe(
        'The better one: the lower value of a loss or a perplexity, the higher one of everything else.',
      ),
      loser: experiment.describe('The other one.'),
      'by?': value('string').describe('The printed gain; absent where the paper prints none.'),
      'unit?': words('points', 'absolute', 'percent').describe(
        "The unit of `by`, with which it goes; `percent`: of the loser's value.",
      ),
    },
    { metric: 'macro-f1', winner: 'long', loser: 'short', by: '10', unit: 'points' },
  ),
  kind(
    'marginal',
    'One experiment is better than another, by little.',
    { ...metric, winner: experiment.describe('The better one.'), loser: experiment.describe('The other one.') },
    { metric: 'macro-f1', winner: 'long', loser: 'short' },
  ),
  kind(
    'hurts-despite-validation',
    'A change makes the test metric worse, though the validation metric does not show it.',
    {
      ...metric,
      changed: experiment.describe('The experiment with the change.'),
      reference: experiment.describe('The experiment without it.'),
    },
    { metric: 'macro-f1', changed: 'long', reference: 'short' },
  ),
  kind(
    'ratio-below',
    'The metric of `experiment` is less than `below` times that of `reference` ("more than halves": 0.5).',
    {
      ...metric,
      experiment,
      reference: experiment.describe('The experiment that it is compared with.'),
      below: positive.describe('The factor.'),
    },
    { metric: 'macro-f1', experiment: 'short', reference: 'long', below: 0.9 },
  ),
  kind(
    'changes-more',
    'The metric changes more from the first to the second of `larger` than from the first to the second of `smaller`.',
    {
      ...metric,
      larger: changes.describe('Two experiments, by id.'),
      smaller: changes.describe('Two experiments, by id.'),
      of: words('size', 'improvement').describe('`size`: in either direction. `improvement`: for the better.'),
    },
    { metric: 'macro-f1', larger: ['short', 'long'], smaller: ['long', 'long'], of: 'size' },
  ),
  kind(
    'bound',
    'A number of one run is on the right side of a bound: a detector such as `early-spike` or `diverged`.',
    {
      ...metric,
      experiment,
      relation: words('at-most', 'at-least').describe('The side of the bound.'),
      bound: value('number').describe('The bound.'),
      because: text.describe('Why this bound, when the paper gives none.'),
    },
    { metric: 'macro-f1', experiment: 'short', relation: 'at-least', bound: 0.4, because: 'chance is 0.4' },
  ),
  kind(
    'human',
    'Only a person can judge it; `medrepro run` exports what they need.',
    { experiment, reason: text.describe('Why.') },
    { experiment: 'short', reason: 'answers are rated by physicians' },
  ),
  kind(
    'fact',
    'A statement that no run can measure.',
    { unmeasured: text.describe('Why it is not measured.') },
    { unmeasured: 'the data set is private' },
  ),
).named('claim', 'A claim of the paper.');
export type Claim = typeof Claim.infer;

const PublishedValue = object({
  value: text.describe('The value as printed, with its digits.'),
  where: text.describe('Section or table.'),
}).named('published-value', 'A printed value.');

const hash = pattern(/^[0-9a-f]{64}$/);

const Measured = object({
  experiment,
  seed: whole.describe('The seed of the run.'),
  path: text.describe('Kernel path and precision: `cpu-fp32` (every CPU path, exact), `avx512bf16-bf16`, `cuda-fp32`.'),
  specSha256: hash.describe('SHA-256 of the settings.'),
  dataSha256: hash.describe('SHA-256 of the rows.'),
  metrics: map(
    object({
      value: value('number').describe('The exact value.'),
      bits: pattern(/^[0-9a-f]{16}$/).describe('The 64 bits of the double in hex: what "equal" means.'),
      'tolerance?': positive.describe('Absolute; absent = equal in every bit.'),
    }).named('exact-value', 'A measured value.'),
  ).describe('Metrics by id.'),
}).named('measured', 'What one run of a miniature gives.');
export type Measured = typeof Measured.infer;

/** The version of the format of golden files that this release reads. */
export const GOLDEN_VERSION = 1;

export const GoldenFile = object({
  golden: value('1').describe('The version of this format.'),
  paper: text.describe('The paper, by id.'),
  published: map(map(list(PublishedValue))).describe(
    'Experiment -> metric -> every place where the paper prints the value, the most precise one not preferred.',
  ),
  'context?': list(
    object({
      what: text.describe('What the number is.'),
      value: text.describe('The value as printed.'),
      where: text.describe('Section or table.'),
    }).named('context', 'A number that the paper prints.'),
  ).describe('Other numbers that the paper prints.'),
  claims: map(Claim).describe('The claims by name.'),
  'audit?': map(text).describe(
    "Items that the audit finds inconsistent, by name, with what it says of them: accepted as the paper's own.",
  ),
  mini: list(Measured).describe(
    "Exact values at the mini scale: evidence about the engine, never about the paper's numbers.",
  ),
  log: list(
    object({
      date: pattern(/^\d{4}-\d{2}-\d{2}$/).describe('The day.'),
      reason: text.describe('Why.'),
      sha256: hash.describe('SHA-256 of the content; of the last entry, it vouches for the file.'),
    }).named('acceptance', 'An acceptance.'),
  ).describe('Every acceptance, oldest first.'),
}).named('golden', 'What a paper prints and claims, and which verdicts are accepted.');
/** What a golden file holds, whichever version of the format it is in. */
export type GoldenData = Omit<typeof GoldenFile.infer, 'golden'>;
