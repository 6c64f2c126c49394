/** The rules of the audit, in the order in which reports list them. */

import type { Rule } from './rule';
import { adapterParameters } from './rules/adapter-parameters';
import { bound } from './rules/bound';
import { deduplicated } from './rules/deduplicated';
import { difference } from './rules/difference';
import { duration } from './rules/duration';
import { finalRank } from './rules/final-rank';
import { outsideGrid } from './rules/grid';
import { modelRatio } from './rules/model-ratio';
import { modelParameters, packedParameters, trainableParameters, trainableShare } from './rules/parameters';
import { perplexityOfLoss, perplexityOfText } from './rules/perplexity';
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
  perplexityOfText,
  relativeChange,
  difference,
  ratio,
  share,
  bound,
  sum,
  product,
  trainableParameters,
  trainableShare,
  packedParameters,
  modelParameters,
  modelRatio,
  adapterParameters,
  finalRank,
  steps,
  warmUpSteps,
  duration,
  split,
  deduplicated,
  outsideGrid,
  equalByConstruction,
  textAgainstTable,
  missingNumber,
  identifiers,
  sourced,
];
