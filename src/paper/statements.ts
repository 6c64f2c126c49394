/**
 * What a paper states that arithmetic can check: `statements` of a paper file. A kind says which arithmetic; numbers are
 * kept as the printed strings, because the number of digits is part of the statement.
 */

import { part } from './type';

const printed = 'string >= 1';
const unit = { 'unit?': "'million' | 'billion'" } as const;
/** Whether whole numbers are counts, which stand for themselves; absent = measured values, which were rounded. */
const counts = { 'counts?': 'boolean' } as const;
const rows = 'number.integer >= 1';
/** From and to, ends included. */
const range = part([printed, printed]);

/** Every kind with its fields. */
const KINDS = {
  /** exp(loss) is the perplexity. */
  perplexity: { loss: printed, perplexity: printed },
  /** The most that a perplexity over tokens of which some are padding can be on the others, as if padding cost nothing. */
  'text-perplexity': {
    experiment: printed,
    perplexity: printed,
    tokens: rows,
    padding: 'number.integer >= 0',
    atMost: printed,
  },
  /** (to - from) / from in percent; `released`: the same numbers with more digits, from logs. */
  'relative-change': {
    from: printed,
    to: printed,
    percent: printed,
    /** "more than": the change goes further than the percentage, in its direction. */
    'beyond?': 'boolean',
    ...counts,
    'released?': { from: printed, to: printed },
  },
  /** to - from, in points where the values are shares. */
  difference: { from: printed, to: printed, by: printed, 'points?': 'boolean', ...counts },
  /** of / to. */
  ratio: { of: printed, to: printed, times: printed, ...counts },
  /** part / whole in percent; two whole numbers are counts, and `~3` is one that was rounded. */
  share: { part: printed, whole: printed, percent: printed },
  /** "over", "under": the value lies beyond the limit; a pair is the range that is known of the value. */
  bound: { what: printed, value: part(printed).or([printed, printed]), beyond: "'over' | 'under'", limit: printed },
  sum: { parts: 'string[] >= 2', total: printed },
  /** Effective batch sizes, counts of groups. */
  product: { factors: 'string[] >= 2', product: printed },
  /** Adapter and head weights of an experiment, from its model's architecture. */
  'trainable-parameters': { experiment: printed, value: printed, ...unit },
  /** Trainable weights in percent of base and adapter weights. */
  'trainable-share': { experiment: printed, percent: printed },
  /** Elements of the tensors a 4-bit model keeps: two quantised weights in one, the rest and the adapter in full. */
  'packed-parameters': { experiment: printed, value: printed, ...unit },
  'model-parameters': { model: printed, value: printed, ...unit },
  /** How many times the parameters of `to` the model `of` has. */
  'model-ratio': { of: printed, to: printed, times: printed },
  /** LoRA's weights on a model, for a rank and targets that no experiment of the spec has. */
  'adapter-parameters': {
    model: printed,
    rank: 'number.integer >= 1',
    targets: part('string[] >= 1').or(printed),
    value: printed,
    ...unit,
  },
  /** Experiments that are said to end with the same capacity: the mean rank of their adapters after the last step. */
  'final-rank': { experiments: 'string[] >= 2' },
  /** Optimiser steps from the training rows, of all epochs or of one. */
  steps: { experiment: printed, trainRows: rows, 'perEpoch?': 'boolean', value: printed },
  'warm-up-steps': { experiment: printed, trainRows: rows, value: printed },
  /** Hours of an experiment from its steps, at the pace of another run on the same machine. */
  duration: { experiment: printed, trainRows: rows, hours: range, pace: { steps: printed, hours: range } },
  /** Sizes of the training, validation and test rows from the spec's shares. */
  split: { experiment: printed, rows, train: printed, validation: printed, test: printed },
  /** What removing duplicates from `rows`, of which `distinct` differ, may leave. */
  deduplicated: { rows, distinct: rows, value: printed },
  /** A claim about a setting that was or was not tried; `>8` and `<1` are settings beyond. */
  grid: { factor: printed, value: printed, tried: 'string[] >= 1' },
  /** Values that are equal by construction. */
  equal: { values: part({ what: printed, value: printed }).array().atLeastLength(2), because: printed },
  /** The same thing stated in several places. */
  restated: { what: printed, places: part({ value: printed, where: printed }).array().atLeastLength(2) },
  /** A number that should be there, and one only. */
  number: { what: printed, value: printed },
  /** Identifiers that should differ, exist where a list of those that do is given, and be as many as is stated. */
  ids: { what: printed, ids: 'string[] >= 1', 'existing?': 'string[]', 'count?': printed },
  /** What only a source can tell: what the paper says, and what is so. */
  sourced: { says: printed, but: printed, source: printed },
} as const;

const common = {
  /** Section or table. */
  where: printed,
  /** The claim that changes when this is inconsistent; absent = none. */
  'claim?': printed,
  /** What a reader should know about it. */
  'note?': printed,
  /** Only in one reading of the spec; absent = checked with the text's. */
  'reading?': "'as-written' | 'as-released'",
} as const;

// one union of all, not a chain of unions: each `or` of a chain would tell all the kinds before it apart again
export const Statement = part.or(
  { kind: "'perplexity'", ...common, ...KINDS.perplexity },
  { kind: "'text-perplexity'", ...common, ...KINDS['text-perplexity'] },
  { kind: "'relative-change'", ...common, ...KINDS['relative-change'] },
  { kind: "'difference'", ...common, ...KINDS.difference },
  { kind: "'ratio'", ...common, ...KINDS.ratio },
  { kind: "'share'", ...common, ...KINDS.share },
  { kind: "'bound'", ...common, ...KINDS.bound },
  { kind: "'sum'", ...common, ...KINDS.sum },
  { kind: "'product'", ...common, ...KINDS.product },
  { kind: "'trainable-parameters'", ...common, ...KINDS['trainable-parameters'] },
  { kind: "'trainable-share'", ...common, ...KINDS['trainable-share'] },
  { kind: "'packed-parameters'", ...common, ...KINDS['packed-parameters'] },
  { kind: "'model-parameters'", ...common, ...KINDS['model-parameters'] },
  { kind: "'model-ratio'", ...common, ...KINDS['model-ratio'] },
  { kind: "'adapter-parameters'", ...common, ...KINDS['adapter-parameters'] },
  { kind: "'final-rank'", ...common, ...KINDS['final-rank'] },
  { kind: "'steps'", ...common, ...KINDS.steps },
  { kind: "'warm-up-steps'", ...common, ...KINDS['warm-up-steps'] },
  { kind: "'duration'", ...common, ...KINDS.duration },
  { kind: "'split'", ...common, ...KINDS.split },
  { kind: "'deduplicated'", ...common, ...KINDS.deduplicated },
  { kind: "'grid'", ...common, ...KINDS.grid },
  { kind: "'equal'", ...common, ...KINDS.equal },
  { kind: "'restated'", ...common, ...KINDS.restated },
  { kind: "'number'", ...common, ...KINDS.number },
  { kind: "'ids'", ...common, ...KINDS.ids },
  { kind: "'sourced'", ...common, ...KINDS.sourced },
);
export type Statement = typeof Statement.infer;

/** A statement with its name and place in the file. */
export interface StatedItem {
  readonly id: string;
  readonly line: number;
  readonly statement: Statement;
}
