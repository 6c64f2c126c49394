/** What decides the numbers of a run: the key by which a finished run is reused and an unfinished one is resumed. */
import { version } from '../../package.json';
import { hostLibrary } from '../native/device';
import { ISAS } from '../native/isa';
import { type Backend, libraryOf } from '../native/library';
import { specSha256 } from '../paper/canonical';
import type { Experiment } from '../paper/types';
import type { TargetRequest } from './request';
import { type ExperimentResult, numericPath } from './result';

/** Two runs with equal identities, on the same weights, give the same numbers. */
export interface Identity {
  readonly paper: string;
  readonly experiment: string;
  /** Of the settings, overrides included. */
  readonly specSha256: string;
  readonly seed: number;
  /** Of the rows, tokens and labels of all splits, in order. */
  readonly dataSha256: string;
  /** Version and kernels: results of another build are not reused. */
  readonly build: string;
  readonly kernelSha256: string;
  /** {@link numericPath}: any fp32 CPU path is equal to any other. */
  readonly path: string;
}

/** The identity of an experiment's run on this machine, before any device is opened. */
export function identityOf(
  experiment: Experiment,
  dataSha256: string,
  backend: Backend,
  { isa }: Pick<TargetRequest, 'isa'>,
): Identity {
  const { seed, precision } = experiment.training;
  const kernelPath = backend === 'cuda' ? 'cuda' : (isa ?? ISAS[hostLibrary().cpuBestIsa()]!);
  const kernelSha256 = libraryOf(backend).sha256;
  return {
    paper: experiment.paper,
    experiment: experiment.id,
    specSha256: specSha256(experiment),
    seed,
    dataSha256,
    build: `medrepro ${version}, kernels ${kernelSha256}`,
    kernelSha256,
    path: numericPath({ precision, kernelPath }),
  };
}

/** Whether a finished run has this identity. A run with other inputs than the spec's (`overrides`) never has. */
export function isResultOf(result: ExperimentResult, identity: Omit<Identity, 'kernelSha256'>): boolean {
  return (
    result.paper === identity.paper &&
    result.experiment === identity.experiment &&
    result.overrides.length === 0 &&
    result.specSha256 === identity.specSha256 &&
    result.seed === identity.seed &&
    result.dataSha256 === identity.dataSha256 &&
    numericPath(result) === identity.path &&
    result.build === identity.build
  );
}

/**
 * The identity of an unfinished run, as its manifest and checkpoint hold it.
 * @param weights sha256 of the base model
 * @param rest what else decides the order of sums or the answers; in words that stay the same
 */
export const resumeKey = (identity: Identity, weights: string, rest: readonly string[]): string =>
  [identity.specSha256, identity.dataSha256, weights, identity.path, identity.kernelSha256, ...rest].join(' ');
