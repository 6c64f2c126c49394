/**
 * What to run, on what, with which inputs, as plain data: the command line after its flags were checked, before any spec was
 * read. Each command's own request is in its folder, `src/commands/X/request.ts`.
 *
 * A request crosses to the Worker by structured clone and is written to the run's manifest. `null` means "not given":
 * the stage that needs the value chooses it and records the reason.
 */

import type { DataFiles } from '../data/sources';
import type { DeviceRequest } from '../native/choose';
import type { Scale } from '../paper/lists';
import type { Reading } from '../paper/types';

/** Common to `data`, `plan`, `run` and `verify`. */
export interface TargetRequest extends DeviceRequest {
  /** `paper`, `paper/experiment`, or the path of a spec file; empty when `all` is set. */
  readonly targets: readonly string[];
  /** Every embedded paper. */
  readonly all: boolean;
  readonly scale: 'auto' | Scale;
  /** null = the spec's. */
  readonly seed: number | null;
  /** `--data`; null = the spec's source. */
  readonly data: DataFiles | null;
  /** Column names of `--data` files, by the spec's name for them (`text`, `label`, ...); empty = the spec's. */
  readonly map: Readonly<Record<string, string>>;
  /** A local folder for the hub's model or tokeniser; null = the spec's source. */
  readonly model: string | null;
  readonly tokenizer: string | null;
  /** null = `as-released` where a paper has one. */
  readonly reading: Reading | null;
  /** A folder of golden files that replaces the embedded ones. */
  readonly golden: string | null;
}
