/**
 * What the rest of the program sees of a spec: one experiment of one paper at one scale, every field present and typed.
 * `load.ts` makes these from YAML; nothing after `paper/` reads YAML, and nothing here has a default left to fill.
 *
 * The fields and what they mean stand in the schema (`schema.ts`, `schema/`); here is what no file holds.
 */

import type { Reading, Scale } from './lists';
import type { PaperFile, Settings } from './schema';
import type { Choices, Generation } from './schema/answers';
import type { DataPart, DataSpec, Folds, LabelMask, RowStep, TestData } from './schema/data';
import type { AdaLoraSettings, Head, LoraSettings, Loss, Quantisation, StepCount } from './schema/model';
import type {
  AdafactorSettings,
  AdamWSettings,
  LossNormalisation,
  LossScaling,
  Optimiser,
  Schedule,
  Training,
} from './schema/training';
import type { ModuleSelection } from './targets';

export type {
  AdafactorSettings,
  AdamWSettings,
  Choices,
  DataPart,
  DataSpec,
  Folds,
  Generation,
  Head,
  LabelMask,
  Loss,
  LossNormalisation,
  LossScaling,
  Optimiser,
  Quantisation,
  Reading,
  RowStep,
  Scale,
  Schedule,
  StepCount,
  TestData,
  Training,
};

/** Where a value comes from: the paper's text, its released code, or our own choice with a reason. */
export type Mark = 'as-written' | 'as-released' | 'assumed';

/** Weights and tokeniser: an embedded miniature, a folder, or (full scale) a hub repository. */
export interface ModelSource {
  /** `mini/base-large` (embedded), `hub:Qwen/Qwen3-8B`, or a folder. */
  readonly id: string;
  /** Pinned revision for hub models, null otherwise. */
  readonly revision: string | null;
}

/** Adapters of a spec, and loaded ones, which know the model they were made on. */
export type LoraAdapter = LoraSettings & Pick<ModuleSelection, 'source'>;
export type AdaLoraAdapter = AdaLoraSettings & Pick<ModuleSelection, 'source'>;
export type Adapter = LoraAdapter | AdaLoraAdapter;

/** One experiment, ready to run or to be reported as unmeasured. */
export interface Experiment extends Omit<Settings, 'model' | 'adapter'> {
  readonly paper: string;
  readonly id: string;
  readonly scale: Scale;
  readonly title: string;
  readonly task: PaperFile['task'];
  readonly model: ModelSource;
  readonly adapter: Adapter | null;
  /** Where values come from, by dotted path, with the reason. */
  readonly marks: Readonly<Record<string, { readonly mark: Mark; readonly reason: string }>>;
}
