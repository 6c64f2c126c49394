/**
 * What schemas of our own files are made of. A part is data: what a value is, in arktype's notation where it has no fields of its
 * own, and what a reader should know of it. From the same parts come the TypeScript types (`typeof part.infer`), the check of a
 * value (`validate.ts`), the JSON Schema for editors (`json-schema.ts`) and docs/spec.md. Making a part costs nothing: arktype
 * reads a notation when the first value is checked against it.
 */

import type { type } from 'arktype';

/** What a part is. */
export type Node =
  | { readonly is: 'value'; readonly notation: Notation; readonly words?: readonly string[] }
  | { readonly is: 'object'; readonly fields: Fields }
  | { readonly is: 'map'; readonly values: Part }
  | { readonly is: 'list'; readonly items: Part; readonly atLeast: number }
  | { readonly is: 'union'; readonly members: readonly Part[] };

/** arktype's notation of a value without fields: an expression, a regular expression, or a list of fixed length. */
export type Notation = string | RegExp | readonly string[];

/** The fields of an object by name; one whose name ends in `?` may be missing. */
export type Fields = Readonly<Record<string, Part>>;

/** What a reader should know of a part. */
export interface About {
  /** What it means where it stands. */
  readonly description?: string;
  /** The name under which a JSON Schema defines it once. */
  readonly name?: string;
  /** What it means wherever it stands. */
  readonly summary?: string;
  /** Values that an editor offers; others are as good. */
  readonly examples?: readonly unknown[];
}

/** A part of a schema; `T` is the type of its values. */
export class Part<out T = unknown> {
  /** For types only: `typeof part.infer`. */
  declare readonly infer: T;

  constructor(
    readonly node: Node,
    readonly about: About = {},
  ) {}

  /** The same part with what it means where it stands. */
  describe(description: string): Part<T> {
    return new Part<T>(this.node, { ...this.about, description });
  }

  /** The same part, which a JSON Schema defines once. */
  named(name: string, summary?: string): Part<T> {
    return new Part<T>(this.node, { ...this.about, name, ...(summary === undefined ? {} : { summary }) });
  }

  /** The same part with values that an editor offers. */
  examples(...examples: readonly unknown[]): Part<T> {
    return new Part<T>(this.node, { ...this.about, examples });
  }
}

/** A value without fields, in arktype's notation: `'number > 0 | null'`. */
export const value = <const D>(notation: type.validate<D> & Notation): Part<Deep<type.infer<D>>> =>
  new Part({ is: 'value', notation });

/** Text that matches an expression. */
export const pattern = <T extends string = string>(expression: RegExp): Part<T> =>
  new Part({ is: 'value', notation: expression });

/** One of a few words. */
export const words = <const W extends string>(...all: readonly W[]): Part<W> =>
  new Part({ is: 'value', notation: all.map((word) => `'${word}'`).join(' | '), words: all });

/** An object with these fields and no others. */
export const object = <const F extends Fields>(fields: F): Part<FieldTypes<F>> => new Part({ is: 'object', fields });

/** The same, each of whose fields may be missing. */
export function partial<const F extends Fields>(fields: F): Part<Partial<FieldTypes<F>>> {
  const entries = Object.entries(fields).map(([name, part]) => [name.endsWith('?') ? name : `${name}?`, part]);
  return new Part({ is: 'object', fields: Object.fromEntries(entries) });
}

/** An object with any names, whose values are alike. */
export const map = <T>(values: Part<T>): Part<Readonly<Record<string, T>>> => new Part({ is: 'map', values });

/** A list of at least so many items. */
export const list = <T>(items: Part<T>, atLeast = 0): Part<readonly T[]> => new Part({ is: 'list', items, atLeast });

/** One of several parts. Objects among them differ in the words of their field `kind`, or in the name of a field. */
export const union = <const P extends readonly Part[]>(...members: P): Part<P[number]['infer']> =>
  new Part({ is: 'union', members });

/** The part, or null. */
export const nullable = <T>(part: Part<T>): Part<T | null> => union(part, value('null'));

/** The members of a union, those of unions among them included. */
export const membersOf = (members: readonly Part[]): readonly Part[] =>
  members.flatMap((part) => (part.node.is === 'union' ? membersOf(part.node.members) : [part]));

/** The words that a part is one of; empty for any other part. */
export const wordsOf = (part: Part | undefined): readonly string[] =>
  part?.node.is === 'value' ? (part.node.words ?? []) : [];

/** The name of a field without the `?` that says it may be missing. */
export const plainName = (name: string): string => (name.endsWith('?') ? name.slice(0, -1) : name);

// --- internal ---

type FieldTypes<F extends Fields> = Show<
  { readonly [K in keyof F as K extends `${string}?` ? never : K]: F[K]['infer'] } & {
    readonly [K in keyof F as K extends `${infer N}?` ? N : never]?: F[K]['infer'];
  }
>;

type Show<T> = { [K in keyof T]: T[K] };

/** Lists that nobody changes. */
type Deep<T> = T extends readonly unknown[] ? Readonly<T> : T;
