/**
 * Events as text on stderr: one line that updates itself on a terminal, plain lines every few seconds otherwise.
 */

import { createConsola, LogLevels } from 'consola';
import type {
  DataSummaryEvent,
  JobEvent,
  OnEvent,
  PlanEvent,
  ProgressEvent,
  StepEvent,
  TextEvent,
  WarningEvent,
} from '../events';
import { bytes, count, duration } from '../units';
import { printError, printPiece, wantsColour } from './output';

export interface ProgressOptions {
  /** Warnings only. */
  quiet: boolean;
  /** Whether stderr is a terminal, and its width in characters. */
  terminal: boolean;
  columns: number;
  colour: boolean;
  write(text: string): void;
  /** Where pieces of the result go. */
  result(text: string): void;
  /** Milliseconds. */
  now(): number;
}

export interface Progress {
  onEvent: OnEvent;
  /** Ends the updating line. */
  close(): void;
}

/** Milliseconds between updates of the line on a terminal, and between plain lines. */
const TERMINAL_INTERVAL = 100;
const PLAIN_INTERVAL = 5000;

/** Progress on stderr, with its width and colours. */
export function stderrProgress(quiet: boolean): Progress {
  return createProgress({
    quiet,
    terminal: process.stderr.isTTY === true,
    columns: process.stderr.columns || 80,
    colour: wantsColour(process.stderr),
    write: printError,
    result: printPiece,
    now: () => performance.now(),
  });
}

export function createProgress(options: ProgressOptions): Progress {
  const interval = options.terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
  let drawn = false;
  let last = Number.NEGATIVE_INFINITY;

  const clear = () => {
    if (drawn) options.write('\r\x1b[2K');
    drawn = false;
  };
  const log = createConsola({
    level: options.quiet ? LogLevels.warn : LogLevels.info,
    reporters: [
      {
        log: ({ type, args }) => {
          clear();
          options.write(`${type === 'warn' ? warningMark(options.colour) : ''}${args.join(' ')}\n`);
        },
      },
    ],
  });
  /** @param always ignore the interval: for the first and the last of a series */
  const update = (text: string, always: boolean) => {
    if (options.quiet) return;
    const now = options.now();
    if (!always && now - last < interval) return;
    last = now;
    if (options.terminal) {
      options.write(`\r\x1b[2K${text.slice(0, options.columns - 1)}`);
      drawn = true;
    } else options.write(`${text}\n`);
  };

  const onEvent = (event: JobEvent): void => {
    if (event.kind === 'step') update(stepLine(event), event.step === 1 || event.step === event.total);
    else if (event.kind === 'progress') update(countLine(event), event.done === event.total);
    else if (event.kind === 'warning') log.warn(warningText(event));
    else if (event.kind === 'text') {
      clear();
      options.result(event.text);
    } else log.info(infoText(event));
  };
  return { onEvent, close: clear };
}

// --- internal ---

function stepLine(event: StepEvent): string {
  const { step, total, loss, lr, gradNorm, tokensPerSecond, eta } = event;
  return [
    `step ${String(step).padStart(String(total).length)}/${total}`,
    `loss ${loss.toFixed(4)}`,
    `lr ${lr.toExponential(2)}`,
    `|g| ${gradNorm.toPrecision(3)}`,
    `${count(tokensPerSecond)} tokens/s`,
    `ETA ${duration(eta)}`,
  ].join('  ');
}

function countLine({ name, done, total, unit, rate, eta }: ProgressEvent): string {
  return `${name} ${done}/${total} ${unit}  ${count(rate)} ${unit}/s  ETA ${duration(eta)}`;
}

function warningText({ message, remedy }: WarningEvent): string {
  return remedy === undefined ? message : `${message} (${remedy})`;
}

function infoText(event: Exclude<JobEvent, StepEvent | ProgressEvent | TextEvent | WarningEvent>): string {
  switch (event.kind) {
    case 'plan':
      return planText(event);
    case 'stage':
      return event.detail === undefined ? event.name : `${event.name}: ${event.detail}`;
    case 'dataSummary':
      return dataLine(event);
    case 'evaluation': {
      const metrics = Object.entries(event.metrics).map(([name, value]) => `${name} ${value.toPrecision(6)}`);
      return `${event.split} after step ${event.step}: ${metrics.join('  ')}`;
    }
    case 'checkpoint':
      return `checkpoint of step ${event.step}: ${event.path}`;
    case 'info':
      return event.message;
    case 'done':
      return `done in ${duration(event.seconds)}${event.path === undefined ? '' : `: ${event.path}`}`;
  }
}

function planText(event: PlanEvent): string {
  const share = ((100 * event.trainable) / event.parameters).toFixed(2);
  return [
    `${event.target}: ${event.scale} scale on ${event.device}, ${event.steps} steps, ` +
      `${count(event.trainable)} of ${count(event.parameters)} parameters trained (${share}%), ` +
      `peak memory ${bytes(event.memory)}`,
    ...event.reasons.map((reason) => `  ${reason}`),
  ].join('\n');
}

function dataLine(event: DataSummaryEvent): string {
  const parts = [`${count(event.rows)} rows`, `${count(event.tokens)} tokens`, `${event.truncated} truncated`];
  parts.push(`${event.bos} BOS per row`);
  if (event.ignored > 0) parts.push(`${(100 * event.ignored).toFixed(1)}% of labels ignored`);
  if (event.eosLabelled !== null) parts.push(`EOS ${event.eosLabelled ? 'is' : 'is never'} a label`);
  return `${event.split}: ${parts.join(', ')}`;
}

function warningMark(colour: boolean): string {
  return colour ? '\x1b[33mwarning:\x1b[39m ' : 'warning: ';
}
