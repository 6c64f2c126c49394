/** What a finished run must be to stand for one that would be made now. */
import { backendOf } from '../native/choose';
import { hostLibrary } from '../native/device';
import { ISAS } from '../native/isa';
import { specSha256 } from '../paper/canonical';
import type { WantedResult } from '../verify/find';
import { buildId } from './execute';
import { type Requested, readData } from './inputs';
import type { TargetRequest } from './request';
import { numericPath } from './result';

/** Same paper, settings, seed, rows, build and numeric path. Reads the rows, to hash them. */
export async function wantedResult(requested: Requested, request: TargetRequest): Promise<WantedResult> {
  const { experiment } = requested;
  const { seed, precision } = experiment.training;
  const { data } = await readData(requested, request);
  const backend = backendOf(request, experiment.scale);
  const kernelPath = backend === 'cuda' ? 'cuda' : (request.isa ?? ISAS[hostLibrary().cpuBestIsa()]!);
  return {
    paper: experiment.paper,
    experiment: experiment.id,
    specSha256: specSha256(experiment),
    seed,
    dataSha256: data.sha256,
    build: buildId(backend),
    path: numericPath({ precision, kernelPath }),
  };
}
