/**
 * A schema as JSON Schema (draft 2020-12), for editors. Named parts stand once, under `$defs`.
 *
 * One mistake gives one error: which kind of an object is meant is told by `if` and `then` on its `kind` alone, never by trying all
 * of them, and a field is said to be missing only where none has a name that is not known.
 */

import { type Fields, membersOf, type Node, type Part, plainName, wordsOf } from './schema-part';
import { leafJsonSchema } from './validate';

export interface JsonSchemaOptions {
  readonly title: string;
  /** Values that editors offer for named parts: ids that other folders know. */
  readonly offers?: Readonly<Record<string, readonly string[]>>;
}

export type Json = Readonly<Record<string, unknown>>;

/** The JSON Schema of the values of a part. */
export function jsonSchemaOf(part: Part, { title, offers = {} }: JsonSchemaOptions): Json {
  const writer = new Writer(offers);
  const root = writer.body(part);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title,
    ...(part.about.summary === undefined ? {} : { description: part.about.summary }),
    ...root,
    $defs: Object.fromEntries([...writer.definitions].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** JSON with what fits into a line on one line. */
export function jsonLines(value: unknown, indent = ''): string {
  const short = oneLine(value);
  if (typeof value !== 'object' || value === null || indent.length + short.length <= LINE) return short;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const lines = Array.isArray(value)
    ? value.map((item) => jsonLines(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${jsonLines(item, inner)}`);
  return `${open}\n${lines.map((line) => inner + line).join(',\n')}\n${indent}${close}`;
}

// --- internal ---

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${oneLine(item)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}

const LINE = 116;

class Writer {
  readonly definitions = new Map<string, Json>();

  constructor(private readonly offers: Readonly<Record<string, readonly string[]>>) {}

  /** A part where it stands: a reference to what has a name. */
  at(part: Part): Json {
    const { name, description } = part.about;
    const said = description === undefined ? {} : { description };
    if (name === undefined) return { ...said, ...this.body(part) };
    if (!this.definitions.has(name)) {
      this.definitions.set(name, {});
      const { summary } = part.about;
      this.definitions.set(name, { ...(summary === undefined ? {} : { description: summary }), ...this.body(part) });
    }
    return { ...said, $ref: `#/$defs/${name}` };
  }

  /** What a part is, without its name and description. */
  body(part: Part): Json {
    const examples = this.offers[part.about.name ?? ''] ?? part.about.examples;
    return { ...this.ofNode(part.node), ...(examples === undefined ? {} : { examples }) };
  }

  private ofNode(node: Node): Json {
    switch (node.is) {
      case 'value':
        return node.words === undefined ? merged(branchesOf(leafJsonSchema(node.notation))) : { enum: node.words };
      case 'object':
        return this.ofObject(node.fields);
      case 'map':
        return { type: 'object', additionalProperties: this.at(node.values) };
      case 'list':
        return {
          type: 'array',
          ...(node.atLeast === 0 ? {} : { minItems: node.atLeast }),
          items: this.at(node.items),
        };
      case 'union':
        return this.ofUnion(membersOf(node.members));
    }
  }

  private ofObject(fields: Fields): Json {
    const names = Object.keys(fields).map(plainName);
    const required = Object.keys(fields).filter((name) => plainName(name) === name);
    return {
      type: 'object',
      properties: Object.fromEntries(Object.entries(fields).map(([name, part]) => [plainName(name), this.at(part)])),
      additionalProperties: false,
      ...(required.length === 0 ? {} : ifThen({ propertyNames: { enum: names } }, { required })),
    };
  }

  private ofUnion(members: readonly Part[]): Json {
    const objects = members.filter(({ node }) => node.is === 'object');
    if (objects.length < 2) return merged(members.flatMap((part) => branchesOf(this.body(part))));
    const others = members.filter(({ node }) => node.is !== 'object');
    return merged([this.ofKinds(objects), ...others.flatMap((part) => branchesOf(this.body(part)))]);
  }

  private ofKinds(objects: readonly Part[]): Json {
    const all = objects.map((part) => ({ part, fields: part.node.is === 'object' ? part.node.fields : {} }));
    const kinds = all.map(({ fields }) => wordsOf(fields.kind));
    if (kinds.some((words) => words.length === 0)) {
      const properties = Object.fromEntries(
        all.flatMap(({ fields }) => Object.entries(fields).map(([name, field]) => [name, this.at(field)])),
      );
      return { type: 'object', properties, additionalProperties: false, minProperties: 1, maxProperties: 1 };
    }
    const meaning = all.map(({ part, fields }, i) => {
      const text = part.about.summary ?? fields.kind?.about.description ?? '';
      return `- ${kinds[i]!.map((word) => `\`${word}\``).join(', ')}: ${text}`;
    });
    return {
      type: 'object',
      properties: { kind: { description: meaning.join('\n'), enum: kinds.flat() } },
      required: ['kind'],
      allOf: all.map(({ part }, i) =>
        ifThen({ type: 'object', properties: { kind: { enum: kinds[i] } }, required: ['kind'] }, this.at(part)),
      ),
    };
  }
}

/** A condition and what then holds; an object literal with `then` would pass for a promise. */
const ifThen = (condition: Json, consequence: Json): Json =>
  Object.fromEntries([
    ['if', condition],
    ['then', consequence],
  ]);

function branchesOf(schema: Json): Json[] {
  const { anyOf, ...rest } = schema;
  return Array.isArray(anyOf) && Object.keys(rest).length === 0 ? anyOf.map(asRecord) : [schema];
}

/** One schema for values of several types: keywords of one type say nothing of another. */
function merged(branches: readonly Json[]): Json {
  const [only] = branches;
  if (branches.length === 1 && only !== undefined) return only;
  const words = branches.filter(isWords);
  if (words.length === branches.length) return { enum: words.flatMap(valuesOf) };
  const types = [...new Set(branches.flatMap(typesOf))];
  const type = types.length === 1 ? types[0] : types;
  const examples = branches.flatMap((one) =>
    Array.isArray(one.examples) ? one.examples : words.includes(one) ? valuesOf(one) : [],
  );
  const offered = examples.length === 0 ? {} : { examples };
  const numbers = branches.filter((one) => one.type === 'number' || one.type === 'integer');
  const texts = branches.filter((one) => typesOf(one).includes('string'));
  const rest = branches.filter((one) => !numbers.includes(one) && !texts.includes(one) && one.type !== 'null');
  return {
    type,
    ...(numbers.length > 1 ? { anyOf: numbers.map(bareNumber) } : bareNumber(numbers[0] ?? {})),
    ...(texts.length > 1 ? { pattern: texts.map(patternOf).join('|') } : bareText(texts[0] ?? {})),
    ...Object.assign({}, ...rest.map(({ type: _type, examples: _examples, ...others }) => others)),
    ...offered,
  };
}

/** A number without the word for it. */
function bareNumber({ type, ...rest }: Json): Json {
  return type === 'integer' ? { multipleOf: 1, ...rest } : rest;
}

function bareText(schema: Json): Json {
  if (isWords(schema)) return { pattern: patternOf(schema) };
  const { type: _type, examples: _examples, ...rest } = schema;
  return rest;
}

/** An expression for the texts of a schema. */
function patternOf(schema: Json): string {
  if (isWords(schema)) return `^(?:${valuesOf(schema).map(String).join('|')})$`;
  return typeof schema.pattern === 'string' ? schema.pattern : '';
}

const isWords = (schema: Json): boolean => 'const' in schema || 'enum' in schema || schema.type === 'null';

function valuesOf(schema: Json): unknown[] {
  if (Array.isArray(schema.enum)) return schema.enum;
  return [schema.type === 'null' ? null : schema.const];
}

function typesOf(schema: Json): unknown[] {
  if (Array.isArray(schema.type)) return schema.type;
  if (schema.type === 'integer') return ['number'];
  if (schema.type !== undefined) return [schema.type];
  return [...new Set(valuesOf(schema).map((one) => (one === null ? 'null' : typeof one)))];
}

const asRecord = (value: unknown): Json => (typeof value === 'object' && value !== null ? { ...value } : {});
