/**
 * What one rendering may take: steps, and characters made. A template cannot be told from one that never ends, so each
 * evaluation, each item and each text made counts; the largest real ones stay far below.
 */
import { TemplateError } from './errors';

/** Well below a second; beside 5 for each character that goes in, since a template may go through them one by one. */
const MOST_STEPS = 1_000_000;
/** Characters of all texts that are made, the output's included, beside 50 for each character that goes in. */
const MOST_CHARACTERS = 20_000_000;
/** Levels of calls: macros, recursive loops, brackets. */
const DEEPEST = 400;

export class Budget {
  private steps = 0;
  private characters = 0;
  private depth = 0;
  private readonly mostSteps: number;
  private readonly mostCharacters: number;

  /** @param input characters of the variables */
  constructor(input: number) {
    this.mostSteps = MOST_STEPS + 5 * input;
    this.mostCharacters = MOST_CHARACTERS + 50 * input;
  }

  /** Counts `steps` evaluations or items. @throws TemplateError past the limit */
  step(steps = 1): void {
    this.steps += steps;
    if (!(this.steps <= this.mostSteps))
      throw new TemplateError(`the template takes more than ${this.mostSteps} steps`);
  }

  /** Counts a text of `length` characters before it is allocated. @throws TemplateError past the limit */
  text(length: number): void {
    this.characters += length;
    if (!(this.characters <= this.mostCharacters)) {
      throw new TemplateError(`the template makes more than ${this.mostCharacters} characters`);
    }
  }

  made(text: string): string {
    this.text(text.length);
    return text;
  }

  /** @throws TemplateError below the deepest level */
  deeper<T>(work: () => T): T {
    if (++this.depth > DEEPEST) throw new TemplateError(`the template calls itself more than ${DEEPEST} deep`);
    const result = work();
    this.depth--;
    return result;
  }
}
