/** What is wrong with a template or happens while it is rendered; the caller says whose template it is. */
export class TemplateError extends Error {
  /** @param line of the template, from 1, where it is known */
  constructor(
    message: string,
    readonly line?: number,
  ) {
    super(message);
  }
}
