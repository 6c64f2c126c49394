/**
 * A conversation as the text a model was trained on: the Jinja template that comes with a tokeniser, rendered as
 * transformers' `apply_chat_template` does (utils/chat_template_utils.py).
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inputError, type MedreproError } from '../errors';
import { readText } from '../files';
import { TemplateError } from './jinja/errors';
import { JinjaTemplate } from './jinja/template';

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
}

export interface ChatOptions {
  /** End with what begins the model's answer. */
  readonly addGenerationPrompt: boolean;
  /** Further variables of the template, such as `enable_thinking` or `date_string`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The date that `strftime_now` writes, as `2024-07-26`; a template that asks for one is rejected without it. */
  readonly date?: string | null;
}

export class ChatTemplate {
  private readonly template: JinjaTemplate;

  /**
   * @param source Jinja
   * @param tokens `bos_token`, `eos_token`, ... as the template may name them
   * @param file where the source comes from, for messages
   * @throws MedreproError `input` when it is not Jinja
   */
  constructor(
    source: string,
    private readonly tokens: Readonly<Record<string, string>>,
    private readonly file: string,
  ) {
    try {
      this.template = new JinjaTemplate(source, { keepTrailingNewline: false });
    } catch (error) {
      throw this.refused('is not a template that can be read', error);
    }
  }

  /** @throws MedreproError `input` when the template rejects the conversation, with the template's message. */
  render(messages: readonly ChatMessage[], { addGenerationPrompt, variables = {}, date }: ChatOptions): string {
    try {
      const values = {
        ...this.tokens,
        tools: null,
        documents: null,
        ...variables,
        messages,
        add_generation_prompt: addGenerationPrompt,
      };
      return this.template.render(values, date == null ? {} : { now: date });
    } catch (error) {
      throw this.refused('cannot render this conversation', error);
    }
  }

  private refused(what: string, error: unknown): MedreproError {
    if (!(error instanceof TemplateError)) throw error;
    return inputError(`the chat template ${what}: ${error.message}`, {
      where: { file: this.file, ...(error.line === undefined ? {} : { line: error.line }) },
      remedy: /strftime_now\) and none/.test(error.message)
        ? 'say which one with --date, such as --date 2024-07-26'
        : 'use another conversation, another --tokenizer folder, or no chat template',
      cause: error,
    });
  }
}

/**
 * The template of a tokeniser's folder: `chat_template.jinja`, else `chat_template` of tokenizer_config.json (the one named
 * `default` where there are several).
 *
 * @returns null when the folder has none
 * @throws MedreproError `input` when a file is not what it should be
 */
export function readChatTemplate(folder: string): ChatTemplate | null {
  const file = join(folder, 'chat_template.jinja');
  const configFile = join(folder, 'tokenizer_config.json');
  const config = existsSync(configFile) ? parseConfig(configFile) : {};
  const tokens: Record<string, string> = {};
  for (const [name, value] of Object.entries(config)) {
    const content = name.endsWith('_token') ? tokenContent(value) : null;
    if (content !== null) tokens[name] = content;
  }
  if (existsSync(file)) return new ChatTemplate(readText(file), tokens, file);
  const source = templateOf(config.chat_template);
  if (source !== null) return new ChatTemplate(source, tokens, configFile);
  if (config.chat_template === undefined || config.chat_template === null) return null;
  throw inputError('"chat_template" is neither a text nor a list with one named default', {
    where: { file: configFile },
    remedy: 'download the tokenizer files again',
  });
}

// --- internal ---

function parseConfig(file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readText(file));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw inputError('not a JSON object', { where: { file }, remedy: 'download the tokenizer files again' });
}

/** A token given as a string or as `{ content }`. */
function tokenContent(value: unknown): string | null {
  const content = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
  return typeof content === 'string' ? content : null;
}

function templateOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = value as readonly { name?: unknown; template?: unknown }[];
  const found = named.find((entry) => entry?.name === 'default')?.template;
  return typeof found === 'string' ? found : null;
}
