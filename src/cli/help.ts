/** The help texts, made from the same definitions the parser reads, so that they cannot drift. */

import { type Command, type FlagDef, type FlagDefs, GLOBAL_FLAGS } from './command';
import { valueHint } from './strict';

/** `medrepro --help` */
export function renderRootHelp(version: string, commands: readonly Command[]): string {
  return [
    `medrepro ${version}: re-runs published medical LLM fine-tuning papers and says, claim by claim, what holds up`,
    '',
    'Usage: medrepro <command> [target…] [flags]',
    '',
    'Commands',
    ...columns(commands.map((command) => [command.name, command.description])),
    '',
    'Flags',
    ...columns(flagRows(GLOBAL_FLAGS)),
    '',
    'A target is a paper, paper/experiment, or the path of a spec file.',
    'Exit codes: 0 as accepted, 1 something differs, 2 usage, spec or internal error, 3 an input has another hash,',
    '            4 something asked for could not be measured, 130 interrupted.',
    "Every command has its own help: 'medrepro run --help'.",
  ].join('\n');
}

/** `medrepro <command> --help` */
export function renderCommandHelp(command: Command): string {
  const { words } = command;
  const placeholder = words ? `${words.name}${words.max > 1 ? '…' : ''}` : '';
  const usage = words ? (words.min > 0 ? ` <${placeholder}>` : ` [${placeholder}]`) : '';
  const own = flagRows(command.flags);
  return [
    `medrepro ${command.name}: ${command.description}`,
    '',
    `Usage: medrepro ${command.name}${usage} [flags]`,
    ...(words ? ['', ...columns([[words.name, words.description]])] : []),
    ...(own.length > 0 ? ['', 'Flags', ...columns(own)] : []),
    '',
    'On every command',
    ...columns(flagRows(GLOBAL_FLAGS)),
    ...(command.examples ? ['', 'Examples', ...command.examples.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

// --- internal ---

const WIDTH = 110;

function flagRows(flags: FlagDefs): [string, string][] {
  return Object.entries(flags).map(([name, flag]) => [flagSyntax(name, flag), flagText(flag)]);
}

function flagSyntax(name: string, flag: FlagDef): string {
  const short = [flag.alias ?? []].flat().map((alias) => `-${alias}, `);
  if (flag.type === 'boolean') return `${short.join('')}--${flag.default === true ? 'no-' : ''}${name}`;
  return `${short.join('')}--${name} <${valueHint(name, flag)}>`;
}

function flagText(flag: FlagDef): string {
  if (flag.type === 'boolean') return (flag.default === true ? flag.negativeDescription : flag.description) ?? '';
  const standard = flag.default === undefined ? '' : ` (default ${flag.default})`;
  return `${flag.description ?? ''}${standard}`;
}

/** Two columns, the second one wrapped at WIDTH; a long first column has its text on the next line. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const widest = Math.min(28, Math.max(...rows.map(([left]) => left.length)));
  const indent = ' '.repeat(2 + widest + 2);
  return rows.flatMap(([left, right]) => {
    const [first = '', ...more] = wrap(right, WIDTH - indent.length);
    const rest = more.map((line) => indent + line);
    if (left.length > widest) return [`  ${left}`, indent + first, ...rest];
    return [`  ${left.padEnd(widest)}  ${first}`.trimEnd(), ...rest];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
