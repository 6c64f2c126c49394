/**
 * The two streams. stdout carries results only; everything else goes to stderr. Nothing outside `cli/` and `commands/`
 * writes to either.
 */

import { writeSync } from 'node:fs';
import { inputError, type MedreproError } from '../errors';
import { jsonText } from '../json';

/** Writes a result line to stdout. A closed pipe (`| head`) is no error. */
export function print(text: string): void {
  writeTo(1, `${text}\n`);
}

/** Writes a piece of a result to stdout, as it is. */
export function printPiece(text: string): void {
  writeTo(1, text);
}

/** One JSON document on stdout: unrounded doubles, two spaces of indentation. */
export function printJson(document: unknown): void {
  print(jsonText(document, 2));
}

/** Writes to stderr as it is. */
export function printError(text: string): void {
  writeTo(2, text);
}

/** Colour on a stream: only on a terminal, and never under NO_COLOR (whatever its value) or TERM=dumb. */
export function wantsColour(
  stream: { isTTY?: boolean },
  env: Record<string, string | undefined> = process.env,
): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

/** An error as people see it: `medrepro: file:line: cause`, a line of remedy, and with `verbose` the stack. */
export function formatError(error: MedreproError, options: { verbose: boolean; colour: boolean }): string {
  const { where } = error;
  const named = where === undefined || (where.line === undefined && error.message.startsWith(where.file));
  const place = named ? '' : `${where.file}${where.line === undefined ? '' : `:${where.line}`}: `;
  const head = options.colour ? '\x1b[31mmedrepro:\x1b[39m' : 'medrepro:';
  // one line for each problem of a spec, with its own place
  const message = error.code === 'spec' ? error.message.trim() : oneLine(error.message);
  const lines = [`${head} ${place}${message}`];
  if (error.remedy !== undefined) lines.push(`  ${oneLine(error.remedy)}`);
  if (options.verbose) lines.push(error.toPlain().stack ?? '');
  return `${lines.join('\n')}\n`;
}

// --- internal ---

const closed = new Set<number>();

/** Synchronous, so that a process that exits next has lost nothing. */
function writeTo(fd: number, text: string): void {
  if (closed.has(fd)) return;
  const data = Buffer.from(text);
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(fd, data, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') {
        Bun.sleepSync(1); // a non-blocking pipe with a slow reader
      } else if (code === 'EPIPE' || code === 'EBADF') {
        closed.add(fd);
        return;
      } else {
        const stream = fd === 1 ? 'stdout' : 'stderr';
        throw inputError(`cannot write to ${stream}: ${(error as Error).message}`, { cause: error });
      }
    }
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}
