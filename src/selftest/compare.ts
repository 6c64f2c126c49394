/** One case on one machine: equal to itself, then equal to the reference. */
import type { Device } from '../native/device';
import type { Isa } from '../native/isa';
import { DTYPE_BYTES } from '../native/tensor';
import { type Case, decode, type Execution, type Expected, type Output, type Placement } from './case';

/** How far one output of a case is from its reference. */
export interface OutputResult {
  readonly name: string;
  /** ||out - ref|| / ||ref||; where every element must be equal, the number of those that are not. */
  readonly error: number;
  /** 0 = every element must be equal. */
  readonly tolerance: number;
  /** error / tolerance; 0 where all elements are equal as they must be. */
  readonly share: number;
  readonly reason: string;
}

export interface CaseResult {
  readonly op: string;
  readonly shape: string;
  readonly dtype: string;
  readonly outputs: readonly OutputResult[];
  /** What is wrong besides an error above its tolerance, one line each. */
  readonly problems: readonly string[];
  /** The largest of the outputs; NaN when one of them holds NaN. */
  readonly share: number;
  readonly passed: boolean;
}

/** The streams a case runs on. */
export interface Streams {
  readonly main: Device;
  /** The same path with another number of threads; null on a GPU, which has none to choose. */
  readonly threads: Device | null;
  /** The other CPU paths of this machine. */
  readonly paths: ReadonlyMap<Isa, Device>;
}

const FIRST: Placement = { poison: 0xff, shift: 0 };
/** Other poison and another alignment: neither may change a bit. */
const SECOND: Placement = { poison: 0x7f, shift: 1 };

/** Runs a case everywhere it must give the same bits, then compares with the reference. */
export function runCase(test: Case, { main, threads, paths }: Streams): CaseResult {
  const problems: string[] = [];
  const expected = test.expected();
  const first = test.execute(main, FIRST);
  const second = test.execute(main, SECOND);
  problems.push(...first.trespasses, ...second.trespasses.map((line) => `${line} (unaligned)`));
  for (const [name, output] of Object.entries(first.outputs)) {
    const unwritten = countUnwritten(output, second.outputs[name]!, expected[name]?.untouched ?? []);
    if (unwritten > 0) problems.push(`${unwritten} elements of ${name} were not written`);
  }
  const demandEqual = (other: Execution, where: string): void => {
    for (const [name, output] of Object.entries(first.outputs)) {
      const different = countDifferent(output, other.outputs[name]!, expected[name]?.untouched ?? []);
      if (different > 0) problems.push(`${different} elements of ${name} differ ${where}`);
    }
  };
  demandEqual(second, 'between two runs (at another alignment)');
  if (threads !== null) demandEqual(test.execute(threads, FIRST), `with ${threads.threads} threads`);

  const outputs = compareAll(first, expected, '', problems);
  for (const [isa, device] of paths) {
    const there = test.execute(device, FIRST);
    if (test.samePaths) demandEqual(there, `on ${isa}`);
    else outputs.push(...compareAll(there, expected, ` on ${isa}`, problems));
  }
  return {
    op: test.op,
    shape: test.shape,
    dtype: test.dtype,
    outputs,
    problems,
    share: outputs.reduce((worst, { share }) => (share > worst || Number.isNaN(share) ? share : worst), 0),
    // written so that NaN fails
    passed: problems.length === 0 && outputs.every(({ error, tolerance }) => error <= tolerance),
  };
}

/** How far `values` is from what was expected. */
export function compare(name: string, values: ArrayLike<number>, expected: Expected): OutputResult {
  const { tolerance, reason } = expected;
  const elements = expected.only ?? indicesBut(values.length, expected.untouched ?? []);
  if (expected.values.length !== values.length) throw new RangeError(`${name}: a reference of another size`);
  if (tolerance === 0) {
    const error = elements.filter((i) => !Object.is(values[i], expected.values[i])).length;
    return { name, error, tolerance, share: error, reason };
  }
  let difference = 0;
  let norm = 0;
  for (const i of elements) {
    difference += (values[i]! - expected.values[i]!) ** 2;
    norm += expected.values[i]! ** 2;
  }
  const scale = expected.norm ?? Math.sqrt(norm);
  const error = difference === 0 ? 0 : Math.sqrt(difference) / scale;
  return { name, error, tolerance, share: error / tolerance, reason };
}

// --- internal ---

function compareAll(
  { outputs }: Execution,
  expected: Readonly<Record<string, Expected>>,
  where: string,
  problems: string[],
): OutputResult[] {
  return Object.entries(outputs).map(([name, output]) => {
    const reference = expected[name];
    if (reference === undefined) throw new Error(`the case says nothing about its output ${name}`);
    const touched = (reference.untouched ?? []).filter((i) => !sameElement(output, output.after, output.before, i));
    if (touched.length > 0)
      problems.push(`${touched.length} elements of ${name} that belong to nobody were written${where}`);
    return compare(`${name}${where}`, decode(output.dtype, output.after), reference);
  });
}

function indicesBut(n: number, excluded: readonly number[]): number[] {
  const out = new Set(excluded);
  return Array.from({ length: n }, (_, i) => i).filter((i) => !out.has(i));
}

const sizeOf = ({ dtype, after }: Output): number => after.length / DTYPE_BYTES[dtype];

function sameElement({ dtype }: Output, a: Uint8Array, b: Uint8Array, i: number): boolean {
  const bytes = DTYPE_BYTES[dtype];
  for (let j = i * bytes; j < (i + 1) * bytes; j++) if (a[j] !== b[j]) return false;
  return true;
}

function countDifferent(a: Output, b: Output, untouched: readonly number[]): number {
  return indicesBut(sizeOf(a), untouched).filter((i) => !sameElement(a, a.after, b.after, i)).length;
}

/** Elements that still hold the poison in both runs, which used different ones. */
function countUnwritten(first: Output, second: Output, untouched: readonly number[]): number {
  const keeps = ({ before, after }: Output, poison: number, i: number, bytes: number): boolean => {
    for (let j = i * bytes; j < (i + 1) * bytes; j++) if (before[j] !== poison || after[j] !== poison) return false;
    return true;
  };
  const bytes = DTYPE_BYTES[first.dtype];
  return indicesBut(sizeOf(first), untouched).filter(
    (i) => keeps(first, FIRST.poison, i, bytes) && keeps(second, SECOND.poison, i, bytes),
  ).length;
}
