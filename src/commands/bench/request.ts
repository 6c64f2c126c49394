/** What `bench` is asked and answers. */
import type { GemmResult } from '../../bench/gemm';
import type { GenerateResult } from '../../bench/generate';
import type { PaperRunResult } from '../../bench/paper-run';
import type { TrainStepResult } from '../../bench/train-step';
import type { DeviceRequest } from '../../native/choose';

export interface BenchRequest extends DeviceRequest {
  /** Only measurements whose name contains this. */
  readonly only: string | null;
}

export interface BenchDocument {
  /** The kernel path. */
  readonly isa: string;
  readonly hardware: string;
  readonly threads: number;
  /** Peak of multiply-add, FLOP/s, by what is computed in. */
  readonly peakFlops: Readonly<Record<string, number>>;
  readonly gemm: readonly GemmResult[];
  readonly train: readonly TrainStepResult[];
  readonly papers: readonly PaperRunResult[];
  readonly generate: readonly GenerateResult[];
}
