/** Processes of a paired benchmark, and the commit that it measures. */

const { BUN_BE_BUN: _, ...environment } = process.env;

/** Of what a script starts: the binary may run the script in bun's place, and what the script starts is the binary itself. */
export { environment };

/**
 * What a command prints, once it ended well.
 *
 * @throws Error with the end of what it said otherwise
 */
export function run(command: readonly string[]): string {
  const result = Bun.spawnSync([...command], { stderr: 'pipe', env: environment });
  if (result.exitCode !== 0) throw new Error(`${command.join(' ')}: ${result.stderr.toString().slice(-400)}`);
  return result.stdout.toString().trim();
}

/** Of the checkout this script lies in; null where it is a copy without history. */
export function commitHere(): string | null {
  try {
    return run(['git', '-C', import.meta.dir, 'rev-parse', '--short', 'HEAD']);
  } catch {
    return null;
  }
}
