/** An error in a template or while it is rendered; the caller adds whose template it is. */
export class TemplateError extends Error {
  /** @param line of the template, from 1, where it is known */
  constructor(
    message: string,
    readonly line?: number,
  ) {
    super(message);
  }
}
