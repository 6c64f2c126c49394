/** One part of tokenizer.json (a normaliser, a step, a decoder) as untyped JSON, read field by field. */

import { inputError, type MedreproError } from '../../errors';

export class Part {
  private readonly json: Readonly<Record<string, unknown>>;

  /**
   * @param kind what it is, for messages: `normalizer`, `pre_tokenizer`, …
   * @throws MedreproError `input` when `value` is not an object with a type
   */
  constructor(
    value: unknown,
    readonly kind: string,
  ) {
    if (!isObject(value) || typeof value.type !== 'string') throw refused(`"${kind}" has a part that has no type`);
    this.json = value;
  }

  get type(): string {
    return this.json.type as string;
  }

  /** The part's name in messages: `normalizer Replace`. */
  get name(): string {
    return `${this.kind} ${this.type}`;
  }

  get(field: string): unknown {
    return this.json[field] ?? null;
  }

  /** A boolean; `otherwise` where the field is missing, which without it is an error. */
  boolean(field: string, otherwise?: boolean): boolean {
    const value = this.get(field) ?? otherwise;
    if (typeof value !== 'boolean') throw this.wrong(field);
    return value;
  }

  string(field: string, otherwise?: string): string {
    const value = this.get(field) ?? otherwise;
    if (typeof value !== 'string') throw this.wrong(field);
    return value;
  }

  /** A text of exactly one character. */
  character(field: string, otherwise?: string): string {
    const value = this.string(field, otherwise);
    if ([...value].length !== 1) throw this.wrong(field);
    return value;
  }

  /** A whole number from 0 on. */
  count(field: string, otherwise?: number): number {
    const value = this.get(field) ?? otherwise;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw this.wrong(field);
    return value as number;
  }

  list(field: string): readonly unknown[] {
    const value = this.get(field);
    if (!Array.isArray(value)) throw this.wrong(field);
    return value;
  }

  /** The parts of a `Sequence`. */
  parts(field: string): Part[] {
    return this.list(field).map((part) => new Part(part, this.kind));
  }

  wrong(field: string): MedreproError {
    return refused(`${this.name} has no usable "${field}"`);
  }

  /** The error for an unknown type. */
  unknown(): MedreproError {
    return refused(`${this.name} is not known`);
  }
}

/** A tokenizer that cannot be used, with the one reason. */
export function refused(what: string): MedreproError {
  return inputError(what, { remedy: 'give the folder of another revision of the model with --tokenizer' });
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
