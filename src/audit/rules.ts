/** The rules of the audit, in the order in which reports list them. */

import type { Rule } from './rule';
import { difference } from './rules/difference';
import { outsideGrid } from './rules/grid';
import { modelParameters, packedParameters, trainableParameters, trainableShare } from './rules/parameters';
import { perplexityOfLoss } from './rules/perplexity';
import { identifiers, missingNumber } from './rules/presence';
import { ratio, share } from './rules/ratio';
import { sourced } from './rules/readings';
import { relativeChange } from './rules/relative-change';
import { equalByConstruction, textAgainstTable } from './rules/same';
import { split } from './rules/split';
import { steps, warmUpSteps } from './rules/steps';
import { product, sum } from './rules/total';

export const RULES: readonly Rule[] = [
  perplexityOfLoss,
  relativeChange,
  difference,
  ratio,
  share,
  sum,
  product,
  trainableParameters,
  trainableShare,
  packedParameters,
  modelParameters,
  steps,
  warmUpSteps,
  split,
  outsideGrid,
  equalByConstruction,
  textAgainstTable,
  missingNumber,
  identifiers,
  sourced,
];
