/** Processes of a paired benchmark, and the commit that it measures. */

const { BUN_BE_BUN: _, ...environment } = process.env;

/** Environment of child processes: when the binary runs a script in place of bun, children must start as the binary itself. */
export { environment };

/**
 * The output of a command that succeeds.
 *
 * @throws Error with the end of its output otherwise
 */
export function run(command: readonly string[]): string {
  const result = Bun.spawnSync([...command], { stderr: 'pipe', env: environment });
  if (result.exitCode !== 0) throw new Error(`${command.join(' ')}: ${result.stderr.toString().slice(-400)}`);
  return result.stdout.toString().trim();
}

/** The commit of this checkout; null for a copy without history. */
export function commitHere(): string | null {
  try {
    return run(['git', '-C', import.meta.dir, 'rev-parse', '--short', 'HEAD']);
  } catch {
    return null;
  }
}
