/** Conversations against transformers' apply_chat_template. */
import { afterAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type ChatMessage, ChatTemplate, readChatTemplate } from '../../src/data/chat-template';
import { MedreproError } from '../../src/errors';
import { box } from '../cli/box';
import published from '../fixtures/chat/published.json';
import fixture from '../fixtures/chat/templates.json';

interface Case {
  readonly conversation: string;
  readonly addGenerationPrompt: boolean;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly text: string | null;
}
const conversations = fixture.conversations as Record<string, readonly ChatMessage[]>;

function check(template: ChatTemplate, cases: readonly Case[]): void {
  for (const { conversation, addGenerationPrompt, variables, text } of cases) {
    const render = (): string => template.render(conversations[conversation]!, { addGenerationPrompt, variables });
    if (text === null) expect(render).toThrow(MedreproError);
    else expect(render(), conversation).toBe(text);
  }
}

describe('own templates', () => {
  test.each(Object.entries(fixture.templates))('%s', (name, { source, cases }) => {
    check(new ChatTemplate(source, fixture.tokens, name), cases as readonly Case[]);
  });

  test('a template that refuses says so in its own words', () => {
    const template = new ChatTemplate(fixture.templates.gemma.source, fixture.tokens, 'F');
    const render = (): string => template.render(conversations['wrong-order']!, { addGenerationPrompt: true });
    expect(render).toThrow('the chat template cannot render this conversation: Conversation roles must alternate');
  });
});

test('a template that writes a date writes the one it is given, and is refused without', () => {
  const template = new ChatTemplate("{{ strftime_now('%d %b %Y') }}", {}, 'F');
  expect(template.render([], { addGenerationPrompt: false, date: '2024-07-26' })).toBe('26 Jul 2024');
  expect(() => template.render([], { addGenerationPrompt: false, date: null })).toThrow(
    expect.objectContaining({ code: 'input', remedy: 'say which one with --date, such as --date 2024-07-26' }),
  );
});

describe('files that are not UTF-8', () => {
  test.each(['chat_template.jinja', 'tokenizer_config.json'])('%s', (name) => {
    const folder = box();
    // "مرحبا" in Windows-1256, on the second line
    const arabic = Buffer.concat([
      Buffer.from('{\n"a": "'),
      Buffer.from([0xe3, 0xd1, 0xcd, 0xc8, 0xc7]),
      Buffer.from('"}'),
    ]);
    folder.write('tokenizer_config.json', '{}');
    folder.write(name, arabic);
    const where = { file: join(folder.path, name), line: 2 };
    expect(() => readChatTemplate(folder.path)).toThrow(expect.objectContaining({ code: 'input', where }));
    folder.remove();
  });
});

describe('files', () => {
  const folder = box();
  afterAll(() => folder.remove());
  const text = (): string | undefined =>
    readChatTemplate(folder.path)?.render([{ role: 'user', content: 'x' }], { addGenerationPrompt: false });

  test('none, tokenizer_config.json, a list of named ones, chat_template.jinja first', () => {
    expect(readChatTemplate(folder.path)).toBeNull();
    const config = (chat_template: unknown): string =>
      folder.write('tokenizer_config.json', JSON.stringify({ chat_template, eos_token: { content: '</s>' } }));
    config(undefined);
    expect(readChatTemplate(folder.path)).toBeNull();
    config('A{{ eos_token }}');
    expect(text()).toBe('A</s>');
    config([
      { name: 'tool_use', template: 'T' },
      { name: 'default', template: 'D{{ messages[0].content }}' },
    ]);
    expect(text()).toBe('Dx');
    folder.write('chat_template.jinja', 'J{{ eos_token }}');
    expect(text()).toBe('J</s>');
  });

  test('what is wrong is named', () => {
    folder.write('chat_template.jinja', '{% if %}');
    expect(text).toThrow('the chat template is not a template that can be read');
    folder.write('tokenizer_config.json', '[1]');
    expect(text).toThrow('not a JSON object');
  });
});

const data = process.env.MEDREPRO_TEST_DATA;
describe.skipIf(data === undefined)('published templates (needs MEDREPRO_TEST_DATA)', () => {
  test.each(Object.entries(published))('%s', (name, cases) => {
    check(readChatTemplate(join(data ?? '', 'tokenizers', name))!, cases as readonly Case[]);
  });
});
