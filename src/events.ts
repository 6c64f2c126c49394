/**
 * Events of a running job: stages call `onEvent`, and only `commands/` and `cli/` turn events into text.
 *
 * Events are plain data (they cross from the Worker to the main thread by structured clone).
 */

/** The plan, before any work is done. */
export interface PlanEvent {
  kind: 'plan';
  /** `paper/experiment`. */
  target: string;
  scale: 'mini' | 'full';
  device: 'cpu' | 'cuda';
  /** Optimiser steps in all. */
  steps: number;
  /** Trainable and total parameters. */
  trainable: number;
  parameters: number;
  /** Planned peak memory in bytes. */
  memory: number;
  /** Why this scale, device and CPU path were chosen: one line each. */
  reasons: string[];
}

/** A named part of the job begins: `data`, `train`, `evaluate`, ... */
export interface StageEvent {
  kind: 'stage';
  name: string;
  detail?: string;
}

/** A summary of the rows that the model is trained on; printed before step 1. */
export interface DataSummaryEvent {
  kind: 'dataSummary';
  split: 'train' | 'validation' | 'test';
  rows: number;
  tokens: number;
  /** Rows cut at the maximum length. */
  truncated: number;
  /** Share of positions whose label is -100 (causal language models; 0 for classifiers). */
  ignored: number;
  /** Mean number of beginning-of-sequence tokens per row; more than 1 is a double BOS. */
  bos: number;
  /** Whether the end-of-sequence token is ever a label; null where the task has no such label. */
  eosLabelled: boolean | null;
}

/** One optimiser step is done. */
export interface StepEvent {
  kind: 'step';
  /** Counts from 1. */
  step: number;
  total: number;
  loss: number;
  lr: number;
  gradNorm: number;
  /** Tokens trained on so far, padding not counted. */
  tokens: number;
  /** Over the last few steps. */
  tokensPerSecond: number;
  /** Seconds to the end of training. */
  eta: number;
}

/** Progress of something that is counted: evaluation rows, downloaded bytes, self-test cases. */
export interface ProgressEvent {
  kind: 'progress';
  name: string;
  done: number;
  total: number;
  unit: string;
  /** Units per second. */
  rate: number;
  /** Seconds. */
  eta: number;
}

/** Metrics of one evaluation, by metric id. */
export interface EvaluationEvent {
  kind: 'evaluation';
  split: 'validation' | 'test';
  /** Optimiser steps done when it was made. */
  step: number;
  metrics: Record<string, number>;
}

export interface CheckpointEvent {
  kind: 'checkpoint';
  step: number;
  path: string;
}

/** A warning in the run's record: nothing that can change the meaning of a result is silent. */
export interface RunWarning {
  /** Stays the same from version to version: `double-bos`, `padding-in-the-loss`, ... */
  readonly id: string;
  readonly message: string;
}

export interface WarningEvent {
  kind: 'warning';
  /** Of a warning that the run's record keeps. */
  id?: string;
  message: string;
  /** Names the flag to try next, where one helps. */
  remedy?: string;
}

/** A line for the reader that is neither progress nor a warning. */
export interface InfoEvent {
  kind: 'info';
  message: string;
}

/** A piece of the result, streamed to stdout. */
export interface TextEvent {
  kind: 'text';
  text: string;
}

/** The job ended as planned. */
export interface DoneEvent {
  kind: 'done';
  /** Wall-clock time in seconds. */
  seconds: number;
  /** The run directory, where there is one. */
  path?: string;
}

export type JobEvent =
  | PlanEvent
  | StageEvent
  | DataSummaryEvent
  | StepEvent
  | ProgressEvent
  | EvaluationEvent
  | CheckpointEvent
  | WarningEvent
  | InfoEvent
  | TextEvent
  | DoneEvent;

export type OnEvent = (event: JobEvent) => void;
