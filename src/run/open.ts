/**
 * An experiment of a request, opened once and passed on to what looks for its finished run or executes it: its rows, back end,
 * identity and memory budget are determined here and nowhere else.
 */
import { freemem } from 'node:os';
import { type FirstRows, type PreparedData, prepareCausal, prepareClassification } from '../data/prepare';
import { Tokenizer } from '../data/tokenizer';
import { readTokenizerAsset, readTokenizerFolder } from '../data/tokenizer-files';
import { backendOf, cudaState, usableBytes } from '../native/choose';
import type { Backend } from '../native/library';
import { once } from '../once';
import { canonicalJson } from '../paper/canonical';
import type { Experiment } from '../paper/types';
import type { Budget } from '../plan/memory';
import { type Identity, identityOf } from './identity';
import type { TargetRequest } from './request';
import { applyRequest, isEmbedded, type Requested } from './requested';

/** Each member is computed on first use and cached. */
export interface Opened extends Requested {
  readonly request: TargetRequest;
  /** @throws MedreproError `input` or `spec`: files of the rows or of the tokeniser that cannot be read, or do not fit the spec */
  readonly rows: () => Promise<Rows>;
  readonly identity: () => Promise<Identity>;
  readonly backend: () => Backend;
  /** The memory that the run may take: what it is planned for, and what an out-of-memory error names. */
  readonly budget: () => Budget;
}

/** The rows of an experiment, split and tokenised. */
export interface Rows {
  readonly tokenizer: Tokenizer;
  readonly data: PreparedData;
}

/** Opens one experiment with the changes of the request. @throws MedreproError as {@link applyRequest} */
export type Open = (experiment: Experiment, seedOffset?: number) => Opened;

/**
 * Opens the experiments of a request. Experiments with the same rows (most of a paper, all seeds of an experiment) share one
 * reading, which is cached as long as the returned function lives.
 *
 * @param read reads and tokenises rows
 */
export function opener(request: TargetRequest, read: ReadRows = readRows): Open {
  const known = new Map<string, Promise<Rows>>();
  return (resolved, seedOffset = 0) => {
    const requested = applyRequest(resolved, request, seedOffset);
    const { experiment, source } = requested;
    const rows = (): Promise<Rows> => {
      const { data, task } = experiment;
      const key = canonicalJson({ data, task, source, tokenizer: tokenizerFolder(experiment, request) });
      const reading = known.get(key) ?? read(requested, request);
      known.set(key, reading);
      return reading;
    };
    const backend = once(() => backendOf(request, experiment.scale));
    const identity = once(async () => identityOf(experiment, (await rows()).data.sha256, backend(), request));
    return { ...requested, request, rows, identity, backend, budget: once(() => memoryBudget(backend())) };
  };
}

/** Reads and tokenises the rows of an experiment. */
export type ReadRows = (requested: Requested, request: TargetRequest) => Promise<Rows>;

/** {@link opener} for a single experiment. */
export const open = (experiment: Experiment, request: TargetRequest): Opened => opener(request)(experiment);

/** Reads, splits and tokenises the rows. @param first the only ones that are tokenised; absent = all */
export async function readRows(
  { experiment, source }: Requested,
  request: TargetRequest,
  first?: FirstRows,
): Promise<Rows> {
  const folder = tokenizerFolder(experiment, request);
  const tokenizer = new Tokenizer(
    folder === null ? readTokenizerAsset('papers/mini/tokenizer') : readTokenizerFolder(folder),
    { release: experiment.data.transformers },
  );
  const prepare = experiment.task === 'causal-lm' ? prepareCausal : prepareClassification;
  const options = { files: request.data, source, threads: request.threads, first };
  return { tokenizer, data: await prepare(experiment, options, tokenizer) };
}

// --- internal ---

/** Null for the tokeniser of the miniatures. */
const tokenizerFolder = (experiment: Experiment, request: TargetRequest): string | null =>
  request.tokenizer ?? (isEmbedded(experiment) ? null : experiment.model.id);

/** Share of the machine's free memory that dense copies of quantised weights may take. */
const RESIDENT_SHARE = 0.5;

/** The memory a run may use. A back end that is not available is planned as if it had enough. */
function memoryBudget(backend: Backend): Budget {
  if (backend === 'cpu') {
    const total = freemem();
    return { resident: total * RESIDENT_SHARE, total };
  }
  const { usable, freeBytes } = cudaState();
  const total = usable ? usableBytes(freeBytes) : Number.POSITIVE_INFINITY;
  return { resident: total, total };
}
