/** Checks with their counts: what `bun run test` and the slow checks are made of. Each prints one line; one that fails also prints its output. */

import { type CommandResult, capture } from './stages';

export interface Count {
  passed: number;
  failed: number;
}

export interface Check {
  name: string;
  /** A command, or a function that returns what a command would. */
  command: string[] | (() => Promise<CommandResult>);
  /** How many passed and failed, from the output; null = not stated. */
  count?: (output: string) => Count | null;
  /** It may run beside the checks before it that may, two at a time: none of them keeps two cores busy. */
  alongside?: true;
}

/** Runs checks one after the other, but for those that run alongside others. */
export async function runChecks(list: readonly Check[]): Promise<Count> {
  const total = { passed: 0, failed: 0 };
  let next = 0;
  const lane = async (end: number): Promise<void> => {
    while (next < end) {
      const { passed, failed, lines } = await runCheck(list[next++]!);
      total.passed += passed;
      total.failed += failed;
      for (const line of lines) console.log(line);
    }
  };
  while (next < list.length) {
    let end = next + 1;
    while (list[end]?.alongside) end++;
    await Promise.all([lane(end), lane(end)]);
  }
  return total;
}

async function runCheck(check: Check): Promise<Count & { lines: string[] }> {
  const start = performance.now();
  const result = await (Array.isArray(check.command) ? capture(check.command) : check.command());
  const { passed, failed } = countOf(check, result);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const line = `${failed > 0 ? 'FAIL' : 'ok  '} ${check.name}: ${passed} passed, ${failed} failed (${seconds} s)`;
  return { passed, failed, lines: failed > 0 ? [line, withoutPasses(result.output)] : [line] };
}

/** Prints the last line, alone, and returns the exit code. */
export function finish({ passed, failed }: Count): number {
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}

/** The last `N passed, N failed` of an output: what medrepro_test and these scripts end with. */
export function countPlain(output: string): Count | null {
  const found = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return found ? { passed: Number(found[1]), failed: Number(found[2]) } : null;
}

/** The summary of ctest: `100% tests passed, 0 tests failed out of 4`. */
export function countCtest(output: string): Count | null {
  const [, failed, all] = /tests passed, (\d+) tests? failed out of (\d+)/.exec(output) ?? [];
  return all === undefined ? null : { passed: Number(all) - Number(failed), failed: Number(failed) };
}

/** The summary of `bun test`: ` 12 pass`, ` 1 fail`, and errors between tests. */
export function countBunTest(output: string): Count | null {
  const number = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}$`, 'm').exec(output)?.[1] ?? 0);
  const passed = number('pass');
  const failed = number('fail') + number('errors?');
  return passed + failed > 0 ? { passed, failed } : null;
}

// --- internal ---

function countOf(check: Check, { exitCode, output }: CommandResult): Count {
  const count = check.count?.(output) ?? (check.count ? { passed: 0, failed: 0 } : null);
  if (count === null) return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const crashed = (exitCode !== 0 && count.failed === 0) || count.passed + count.failed === 0;
  return { passed: count.passed, failed: count.failed + (crashed ? 1 : 0) };
}

/** `bun test` also lists what passed, which hides the failures. */
function withoutPasses(output: string): string {
  return output
    .split('\n')
    .filter((line) => !line.startsWith('(pass)'))
    .join('\n')
    .trimEnd();
}
