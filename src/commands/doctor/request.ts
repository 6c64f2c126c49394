/** What `doctor` is asked and answers: every choice with its reason. */
import type { KernelFamily } from '../../native/choose';
import type { Library } from '../../native/library';

export interface DoctorRequest {
  /** The parent of the run directories. */
  readonly out: string;
}

/** One CPU path: whether it can run here and why (not), and whether it is the one that will. */
export interface PathReport {
  readonly name: string;
  readonly available: boolean;
  readonly chosen: boolean;
  readonly reason: string;
}

export interface CpuReport {
  readonly library: Library;
  /** CPU features the paths depend on, as the library's CPUID check reports them. */
  readonly features: readonly string[];
  readonly paths: readonly PathReport[];
  /** Cores this process may run on. */
  readonly threads: number;
}

export interface DoctorDocument {
  readonly version: string;
  readonly bun: string;
  /** Whether a run on the CPU would start. */
  readonly ready: boolean;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly architecture: string;
    readonly kernel: string;
    readonly glibc: string | null;
    /** Bytes. */
    readonly memory: number;
    readonly memoryAvailable: number;
  };
  readonly cpu: CpuReport | null;
  /** Why there is no CPU back end; null when there is one. */
  readonly cpuError: string | null;
  /** `families`: which kernels are on, and which of them a card has run as they are. */
  readonly cuda: { readonly available: boolean; readonly reason: string; readonly families: readonly KernelFamily[] };
  readonly cache: { readonly folder: string; readonly exists: boolean };
  readonly out: { readonly folder: string; readonly freeBytes: number | null };
  /** Where a hub token was found; its value is never read into the report. */
  readonly token: { readonly present: boolean; readonly source: string | null };
}
