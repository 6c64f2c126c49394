/**
 * A YAML file with its lines: the parsed value, and the line on which any path of it stands.
 *
 * YAML 1.2 core schema, so `2e-4` is a number, `no` is a string and a duplicate key is an error.
 */

import { type Document, isMap, isScalar, LineCounter, type Node, type Pair, parseDocument } from 'yaml';
import { isRecord } from '../json';
import { flawsOf, MAX_YAML_LENGTH } from './plain-yaml';
import { type Problem, problemError, suggest, throwProblems } from './problems';
import type { Part } from './schema-part';
import { accepts, type Fault, type Path, phrase } from './validate';

export type { Path };

export interface YamlSource {
  /** As messages name it. */
  readonly file: string;
  readonly text: string;
  /** The plain value; null for an empty file or one that does not parse. */
  readonly value: unknown;
  /** Syntax errors; nothing else is worth reporting while there are any. */
  readonly syntax: readonly Problem[];
  /** The line of the key at `path`, or of its nearest ancestor that exists. */
  lineOf(path: Path): number;
}

/**
 * Parses a file.
 *
 * Whatever it holds, it takes bounded time and memory and throws nothing: all that is wrong is in `syntax`.
 */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const size = text.length > MAX_YAML_LENGTH ? [`is above ${MAX_YAML_LENGTH / 1024} KiB`] : [];
  const parsed = size.length > 0 ? '' : text;
  // keys are compared by `flawsOf`: the parser compares each with all before it
  const options = {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
  } as const;
  const document = parseDocument(parsed, options);
  const wrong = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    offset: pos[0],
    expected: `is not YAML that can be read: ${message}`,
  }));
  const flaws = wrong.length > 0 ? wrong : flawsOf(document);
  const syntax = [...size.map((expected) => ({ offset: 0, expected })), ...flaws].map(({ offset, expected }) => ({
    file,
    line: Math.max(1, lines.linePos(offset).line),
    path: '',
    expected,
    actual: null,
    suggestion: null,
  }));
  return {
    file,
    text,
    // aliases are counted already
    value: syntax.length === 0 ? withoutPrototypes(document.toJS({ maxAliasCount: -1 })) : null,
    syntax,
    lineOf: (path) => lines.linePos(offsetOf(document, path)).line,
  };
}

/** A problem at `path` of `source`. */
export function problemAt(
  source: YamlSource,
  path: Path,
  expected: string,
  more: { actual?: string; suggestion?: string | null } = {},
): Problem {
  return {
    file: source.file,
    line: source.lineOf(path),
    path: path.join('.'),
    expected,
    actual: more.actual ?? null,
    suggestion: more.suggestion ?? null,
  };
}

/**
 * The value of a file, which is what its schema says.
 *
 * @param format the field that holds the version of the file's format, and the version that is read
 * @throws MedreproError `spec` with one line per problem.
 */
export function checked<T>(
  part: Part<T>,
  source: YamlSource,
  format: { readonly field: string; readonly version: number },
  remedy: string,
): T {
  throwProblems(source.syntax, remedy);
  checkVersion(source, format.field, format.version);
  const { value } = source;
  const faults: Fault[] = [];
  if (accepts(part, value, faults)) return value;
  throw problemError(problemsOf(faults, source), remedy);
}

/**
 * What is wrong with a value, as problems of its file.
 *
 * @param place where the checked value stands in the file, by its own path.
 */
export function problemsOf(
  faults: readonly Fault[],
  source: YamlSource,
  place: (path: Path) => Path = (path) => path,
): Problem[] {
  return faults.slice(0, MAX_PROBLEMS).map((fault) => {
    const { path, actual, known } = fault;
    const name = fault.is === 'unknown' ? String(path.at(-1)) : (actual ?? '').replaceAll('"', '');
    const more = { suggestion: suggest(name, known), ...(actual === null ? {} : { actual }) };
    return problemAt(source, place(path), phrase(fault), more);
  });
}

/** Names in a file are anybody's: `models.constructor` must be missing where the file does not have it. */
export function withoutPrototypes<T>(value: T): T;
export function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutPrototypes(item));
  if (typeof value !== 'object' || value === null) return value;
  const bare: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) bare[key] = withoutPrototypes(inner);
  return bare;
}

// --- internal ---

/** A file of another format is told so in one line, and not about every field. */
function checkVersion(source: YamlSource, field: string, version: number): void {
  const { value } = source;
  if (!isRecord(value) || value[field] === version) return;
  const found = value[field];
  const expected = `must be ${version}, the version of the format that this medrepro reads`;
  if (found === undefined) {
    const missing = problemAt(source, [field], `is missing: it ${expected}`);
    throw problemError([missing], `put '${field}: ${version}' into the first line`);
  }
  const newer = typeof found === 'number' && found > version;
  throw problemError(
    [problemAt(source, [field], expected, { actual: JSON.stringify(found) })],
    newer ? 'use a newer medrepro, or write the file in the older format' : `write '${field}: ${version}'`,
  );
}

/** Nobody reads more, and each looks for its line and for a name that was meant. */
const MAX_PROBLEMS = 1000;

function offsetOf(document: Document.Parsed, path: Path): number {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else {
      const item: unknown =
        node !== null && node !== undefined && 'items' in node ? node.items[Number(key)] : undefined;
      if (item === undefined) return offset;
      node = item as Node;
      offset = node.range?.[0] ?? offset;
    }
  }
  return offset;
}
