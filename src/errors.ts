/**
 * The one error class people see, and the exit codes.
 *
 * A `MedreproError` is one line of cause and, where there is one, one line of remedy. Anything else that is thrown is a
 * bug in medrepro and is reported as such with exit code 2.
 */

/** What the process exits with; the meaning of each number is part of the product's interface. */
export const EXIT = {
  /** Everything is as accepted. */
  ok: 0,
  /** Something differs from what was accepted, or `audit` found something. */
  differs: 1,
  /** Usage, spec or internal error. */
  error: 2,
  /** An input's hash does not match. */
  hash: 3,
  /** Nothing differs, but something asked for could not be measured. */
  unmeasured: 4,
  /** Interrupted, with a checkpoint saved where there was something to save. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What went wrong, in one word; stable, so that scripts may test for it. */
export type ErrorCode =
  /** The command line is wrong. */
  | 'usage'
  /** A spec or golden file is wrong; `where` names the file and line. */
  | 'spec'
  /** A file the user named (data, model, predictions) is missing, unreadable or malformed. */
  | 'input'
  /** A file is not the one that was pinned. */
  | 'hash'
  /** The machine lacks what was asked for: a device, a CPU path, memory, disk. */
  | 'unmeasured'
  /** A kernel reported an error, or the native library could not be loaded. */
  | 'native'
  /** Stopped by Ctrl-C or a signal. */
  | 'interrupted'
  /** A bug in medrepro. */
  | 'internal';

/** A place in a text file; `line` counts from 1. */
export interface Where {
  file: string;
  line?: number;
}

export interface ErrorDetails {
  /** One line: what to do about it. */
  remedy?: string | undefined;
  /** The spec's, golden file's or data file's line. */
  where?: Where | undefined;
  /** The error underneath, shown with `--verbose`. */
  cause?: unknown;
}

/** The plain form that crosses from the Worker to the main thread. */
export interface PlainError {
  code: ErrorCode;
  message: string;
  remedy?: string | undefined;
  where?: Where | undefined;
  stack?: string | undefined;
}

const EXIT_OF: Record<ErrorCode, ExitCode> = {
  usage: EXIT.error,
  spec: EXIT.error,
  input: EXIT.error,
  hash: EXIT.hash,
  unmeasured: EXIT.unmeasured,
  native: EXIT.error,
  interrupted: EXIT.interrupted,
  internal: EXIT.error,
};

export class MedreproError extends Error {
  override readonly name = 'MedreproError';
  readonly code: ErrorCode;
  readonly remedy: string | undefined;
  readonly where: Where | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.remedy = details.remedy;
    this.where = details.where;
  }

  get exitCode(): ExitCode {
    return EXIT_OF[this.code];
  }

  toPlain(): PlainError {
    const { code, message, remedy, where } = this;
    return { code, message, remedy, where, stack: stackWithCauses(this) };
  }

  static fromPlain(plain: PlainError): MedreproError {
    const error = new MedreproError(plain.code, plain.message, { remedy: plain.remedy, where: plain.where });
    if (plain.stack !== undefined) error.stack = plain.stack;
    return error;
  }
}

/** The command line is wrong (exit 2). */
export function usageError(message: string, remedy?: string): MedreproError {
  return new MedreproError('usage', message, { remedy });
}

/** A spec or golden file is wrong (exit 2). */
export function specError(message: string, details: ErrorDetails = {}): MedreproError {
  return new MedreproError('spec', message, details);
}

/** A file the user named is missing, unreadable or malformed (exit 2). */
export function inputError(message: string, details: ErrorDetails = {}): MedreproError {
  return new MedreproError('input', message, details);
}

/** `file` should have sha256 `expected` and has `actual` (exit 3). */
export function hashError(file: string, expected: string, actual: string, remedy?: string): MedreproError {
  return new MedreproError('hash', `${file}: sha256 is ${actual}, expected ${expected}`, {
    remedy: remedy ?? 'fetch the pinned file again, or name another one with --data',
  });
}

/** Something asked for cannot be measured on this machine (exit 4). */
export function unmeasuredError(message: string, remedy?: string): MedreproError {
  return new MedreproError('unmeasured', message, { remedy });
}

/** A kernel or the loading of the native library failed (exit 2). */
export function nativeError(message: string, details: ErrorDetails = {}): MedreproError {
  return new MedreproError('native', message, details);
}

/** Stopped on request (exit 130); `remedy` says how to resume. */
export function interruptedError(message = 'interrupted', remedy?: string): MedreproError {
  return new MedreproError('interrupted', message, { remedy });
}

/** Anything thrown as a MedreproError: out of memory as such, any other foreign exception as an internal error that keeps its stack. */
export function asMedreproError(thrown: unknown): MedreproError {
  if (thrown instanceof MedreproError) return thrown;
  if (isOutOfMemory(thrown)) {
    return new MedreproError('unmeasured', `out of memory: ${(thrown as Error).message}`, {
      cause: thrown,
      remedy: 'ask for less at once (fewer rows, shorter texts, a smaller batch), or use a machine with more memory',
    });
  }
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  const error = new MedreproError('internal', `internal error: ${message}`, {
    cause: thrown,
    remedy: 'this is a bug in medrepro: run again with --verbose and report what it prints',
  });
  if (thrown instanceof Error && thrown.stack !== undefined) error.stack = thrown.stack;
  return error;
}

// --- internal ---

/** What JavaScriptCore throws where an array, a buffer or a string does not fit. */
const isOutOfMemory = (thrown: unknown): boolean =>
  thrown instanceof RangeError && /^out of memory/i.test(thrown.message);

function stackWithCauses(error: Error): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${own}\ncaused by ${stackWithCauses(error.cause)}` : own;
}
