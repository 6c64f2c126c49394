/**
 * The self-test: every op of the back end on this machine.
 *
 * Self-consistency comes first, because it needs no tolerance: a case must give the same bits twice, at another alignment,
 * with another number of threads and, in fp32, on every CPU path. Then it must agree with the float64 reference.
 */
import { interruptedError, MedreproError, usageError } from '../errors';
import type { OnEvent } from '../events';
import { type CpuOptions, type Device, hostLibrary } from '../native/device';
import { ISAS, type Isa } from '../native/isa';
import type { Case } from './case';
import { allCases, OPS } from './cases';
import { type CaseResult, runCase, type Streams } from './compare';

export interface SelftestOptions {
  /** Opens a stream; `isa` and `threads` as for `Device.cpu`, and of no meaning to a GPU. */
  readonly open: (options: CpuOptions) => Device;
  /** The path under test; the best one this machine has by default. */
  readonly isa?: Isa;
  /** All cores by default. */
  readonly threads?: number;
  /** Only ops whose name contains this. */
  readonly only?: string;
  /** What is run, by default everything. */
  readonly cases?: readonly Case[];
  readonly cancelled?: () => boolean;
}

export interface OpReport {
  readonly op: string;
  readonly cases: number;
  readonly failed: number;
  /** Largest share of a tolerance that was used; NaN when an output held NaN. */
  readonly worstShare: number;
  readonly results: readonly CaseResult[];
}

export interface SelftestReport {
  /** `cpu:avx512` */
  readonly device: string;
  /** What the GPU calls itself; null on the CPU. */
  readonly hardware: string | null;
  readonly isa: Isa;
  readonly threads: number;
  /** The other paths each case was repeated on. */
  readonly otherPaths: readonly Isa[];
  /** The other number of threads; null on a GPU. */
  readonly otherThreads: number | null;
  readonly ops: readonly OpReport[];
  /** Cases. */
  readonly passed: number;
  readonly failed: number;
}

/** The CPU paths that run on this machine, slowest first. */
export function availablePaths(): Isa[] {
  return ISAS.slice(0, hostLibrary().cpuBestIsa() + 1);
}

/**
 * Runs every case and says how it went; a case that throws has failed.
 * @throws MedreproError `interrupted` between two cases, `usage` when `only` matches nothing.
 */
export function runSelftest(options: SelftestOptions, onEvent: OnEvent): SelftestReport {
  const { only = '', cancelled = () => false } = options;
  const cases = (options.cases ?? allCases()).filter(({ op }) => op.includes(only.replace(/^mr_/, '')));
  if (cases.length === 0)
    throw usageError(`no op of the self-test has '${only}' in its name`, `ops: ${OPS.join(', ')}`);
  const streams = openStreams(options);
  const { main, threads, paths } = streams;
  try {
    const began = performance.now();
    const results: CaseResult[] = [];
    for (const test of cases) {
      if (cancelled()) throw interruptedError();
      const result = attempt(test, streams);
      results.push(result);
      // at once: what follows may end the process
      if (!result.passed) {
        const message = `${result.op} ${result.shape} ${result.dtype} failed${result.problems[0] === undefined ? '' : `: ${result.problems[0]}`}`;
        onEvent({ kind: 'warning', message });
      }
      const rate = (1000 * results.length) / (performance.now() - began);
      const left = cases.length - results.length;
      const count = { done: results.length, total: cases.length, unit: 'cases', rate, eta: left / rate };
      onEvent({ kind: 'progress', name: 'selftest', ...count });
    }
    const failed = results.filter(({ passed }) => !passed).length;
    return {
      device: main.name,
      hardware: main.backend === 'cuda' ? main.hardware : null,
      isa: main.isa,
      threads: main.threads,
      otherPaths: [...paths.keys()],
      otherThreads: threads?.threads ?? null,
      ops: byOp(results),
      passed: results.length - failed,
      failed,
    };
  } finally {
    for (const device of [main, threads, ...paths.values()]) device?.destroy();
  }
}

// --- internal ---

/** Address space of one stream: far more than the largest case needs. */
const CAPACITY = 2 ** 30;

function openStreams({ open, isa, threads }: SelftestOptions): Streams {
  const common = { capacity: CAPACITY, ...(threads === undefined ? {} : { threads }) };
  const main = open(isa === undefined ? common : { ...common, isa });
  const others = main.backend === 'cpu' ? availablePaths().filter((path) => path !== main.isa) : [];
  return {
    main,
    // three where the machine has one core: more threads than cores must not change a bit either
    threads: main.backend === 'cpu' ? open({ ...common, isa: main.isa, threads: main.threads === 1 ? 3 : 1 }) : null,
    paths: new Map(others.map((path) => [path, open({ ...common, isa: path })])),
  };
}

function attempt(test: Case, streams: Streams): CaseResult {
  try {
    return runCase(test, streams);
  } catch (error) {
    if (error instanceof MedreproError && error.code === 'interrupted') throw error;
    const { op, shape, dtype } = test;
    const problems = [error instanceof Error ? error.message : String(error)];
    return { op, shape, dtype, outputs: [], problems, share: Number.NaN, passed: false };
  }
}

function byOp(results: readonly CaseResult[]): OpReport[] {
  const groups = Map.groupBy(results, ({ op }) => op);
  return [...groups].map(([op, list]) => ({
    op,
    cases: list.length,
    failed: list.filter(({ passed }) => !passed).length,
    worstShare: list.reduce((worst, { share }) => (share > worst || Number.isNaN(share) ? share : worst), 0),
    results: list,
  }));
}
