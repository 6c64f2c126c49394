/**
 * What is wrong with a YAML file: a list of problems, each with its line, shown all at once.
 */

import { editDistance } from '../edit-distance';
import { MedreproError } from '../errors';

/** One thing that is wrong, as data; `render` makes the line a person reads. */
export interface Problem {
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  /** Dotted path inside the file: `defaults.both.adapter.rank`; empty for the file as a whole. */
  readonly path: string;
  /** What would have been right, after "must be". */
  readonly expected: string;
  /** What is there, or null when showing it adds nothing. */
  readonly actual: string | null;
  /** The nearest known name, for a name that is not known. */
  readonly suggestion: string | null;
}

/** More than these at once are those of a file that is no YAML at all. */
const MAX_SHOWN = 20;

/** Longer names are no typing errors of any field or experiment. */
const MAX_NAME = 200;

/** `papers/x.yaml:12: adapter.rnk is not a known field; did you mean 'rank'?` */
export function renderProblem(problem: Problem): string {
  const { file, line, path, expected, actual, suggestion } = problem;
  const subject = path === '' ? '' : `${oneLine(path)} `;
  const was = actual === null ? '' : ` (was ${oneLine(actual)})`;
  const hint = suggestion === null ? '' : `; did you mean '${suggestion}'?`;
  return `${file}:${line}: ${subject}${oneLine(expected)}${was}${hint}`;
}

/** What a file holds can be anything: at most 300 characters of it, on one line. */
function oneLine(text: string): string {
  const line = text.slice(0, 1000).replace(/\s+/g, ' ');
  return line.length > 300 || text.length > 1000 ? `${line.slice(0, 300)}…` : line;
}

/** One error for all problems of a file, placed at the first; its message has one line per problem, each after the first with its place. */
export function problemError(problems: readonly Problem[], remedy: string): MedreproError {
  const sorted = [...problems].sort((a, b) => a.line - b.line);
  const [first, ...others] = sorted;
  if (first === undefined) return new MedreproError('spec', 'it holds what it must not', { remedy });
  // `where` places the first problem, so only the others carry their own place
  const own = renderProblem(first).slice(`${first.file}:${first.line}: `.length);
  const lines = [own, ...others.slice(0, MAX_SHOWN - 1).map(renderProblem)];
  if (sorted.length > MAX_SHOWN) lines.push(`and ${sorted.length - MAX_SHOWN} more problems of ${first.file}`);
  return new MedreproError('spec', lines.join('\n'), { remedy, where: { file: first.file, line: first.line } });
}

/**
 * Nothing where there is no problem.
 *
 * @throws MedreproError `spec`: {@link problemError}.
 */
export function throwProblems(problems: readonly Problem[], remedy: string): void {
  if (problems.length > 0) throw problemError(problems, remedy);
}

/** The known name nearest to `name`, when it is near enough to be a typing error, else null. */
export function suggest(name: string, known: Iterable<string>): string | null {
  if (name.length > MAX_NAME) return null;
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
