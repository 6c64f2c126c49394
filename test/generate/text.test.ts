/** Text as it comes, and `generate` from its request to what it prints. */
import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { generateJob } from '../../src/commands/generate/job';
import type { GenerateRequest } from '../../src/commands/generate/request';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerFolder } from '../../src/data/tokenizer-files';
import type { JobEvent } from '../../src/events';
import { readPrompts } from '../../src/generate/inputs';
import { TextStream } from '../../src/generate/text-stream';
import { box } from '../cli/box';
import { FIXTURES } from '../engine/support';

const MINI = join(import.meta.dir, '../../papers/mini');
const DATA = process.env.MEDREPRO_TEST_DATA;
const TEXTS = [
  'I have a fever and a cough.',
  'أعاني من صداع شديد، وألم في العين',
  'naïve café 👩‍⚕️🩺 日本語 — ½ ‰',
  'tabs\tand\n\nnew lines  and   spaces ',
];

describe('text comes in whole characters, and together it is the text of all tokens', () => {
  const folders = [
    join(MINI, 'tokenizer'),
    ...['qwen3', 'llama-3.2', 'tinyllama'].map((name) => join(DATA ?? '', 'tokenizers', name)),
  ];
  test.each(folders.filter((folder) => existsSync(folder)))('%s', (folder) => {
    const tokenizer = new Tokenizer(readTokenizerFolder(folder));
    const decode = (ids: readonly number[]): string => tokenizer.decode(ids, true);
    for (const text of TEXTS) {
      const ids = [...tokenizer.encode(text, false)];
      const stream = new TextStream(decode);
      const pieces = ids.map((id) => stream.push(id));
      expect(pieces.join('')).not.toContain('\ufffd');
      expect(pieces.join('') + stream.end()).toBe(decode(ids));
    }
  });

  test('what ends inside a character is shown at the end', () => {
    const tokenizer = new Tokenizer(readTokenizerFolder(join(MINI, 'tokenizer')));
    const ids = [...tokenizer.encode('👩', false)];
    expect(ids.length).toBeGreaterThan(1);
    const stream = new TextStream((some) => tokenizer.decode(some, true));
    expect(
      ids
        .slice(0, -1)
        .map((id) => stream.push(id))
        .join(''),
    ).toBe('');
    expect(stream.end()).toContain('\ufffd');
  });
});

const folder = box();
afterAll(() => folder.remove());

const REQUEST: GenerateRequest = {
  model: join(MINI, 'base-large'),
  tokenizer: join(MINI, 'tokenizer'),
  adapter: null,
  precision: 'fp32',
  quantise: null,
  device: 'cpu',
  threads: 2,
  isa: null,
  maxNewTokens: 12,
  repetitionPenalty: 1,
  noRepeatNgramSize: 0,
  eos: null,
  prompts: { kind: 'text', text: 'I have a fever' },
  chat: false,
  system: null,
  date: null,
  sampling: null,
  stream: true,
};

async function generated(more: Partial<GenerateRequest>) {
  const events: JobEvent[] = [];
  const context = { emit: (event: JobEvent) => events.push(event), cancelled: () => false };
  const { document } = await generateJob({ ...REQUEST, ...more }, context);
  const shown = events.flatMap((event) => (event.kind === 'text' ? [event.text] : [])).join('');
  return { rows: document.rows, shown, events };
}

describe('generate', () => {
  test('a prompt is continued as it comes', async () => {
    const { rows, shown, events } = await generated({});
    expect(rows.length).toBe(1);
    expect(rows[0]!.ids.length).toBe(12);
    expect(shown).toBe(`${rows[0]!.text}\n`);
    expect(events.filter(({ kind }) => kind === 'text').length).toBeGreaterThan(5);
    expect(events.some((event) => event.kind === 'info' && event.message.includes('tokens/s'))).toBe(true);
  });

  test('several prompts: the same texts, in order', async () => {
    const texts = ['I have a fever', 'أعاني من', 'My skin itches and'];
    const alone = await Promise.all(texts.map((text) => generated({ prompts: { kind: 'text', text } })));
    const path = folder.write('prompts.txt', `${texts.join('\n')}\n`);
    const { rows, shown } = await generated({ prompts: { kind: 'file', path } });
    expect(rows.map(({ text }) => text)).toEqual(alone.map((one) => one.rows[0]!.text));
    expect(shown).toBe(rows.map(({ text }, i) => `=== ${i + 1}\n${text}\n`).join(''));
  });

  test('a chat template wraps the prompt; its tokens are not added to', async () => {
    const tokenizer = folder.path;
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      folder.write(name, await Bun.file(join(MINI, 'tokenizer', name)).bytes());
    }
    expect(generated({ chat: true, tokenizer })).rejects.toThrow('has no chat template');
    folder.write(
      'chat_template.jinja',
      '{% for m in messages %}<|im_start|>{{ m.role }} {{ m.content }}<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}',
    );
    const { rows } = await generated({ chat: true, system: 'S', tokenizer });
    const vocabulary = new Tokenizer(readTokenizerFolder(tokenizer));
    expect(vocabulary.decode(rows[0]!.promptIds)).toBe(
      '<|im_start|>system S<|im_end|><|im_start|>user I have a fever<|im_end|><|im_start|>',
    );
  });

  test('ids need no tokeniser', async () => {
    const path = folder.write('ids.json', '{"ids": [[5, 6, 7]]}');
    const model = join(FIXTURES, 'qwen3/causal-tied');
    const { rows, shown } = await generated({
      model,
      tokenizer: null,
      prompts: { kind: 'ids', path },
      maxNewTokens: 4,
    });
    expect(rows[0]!.text).toBeNull();
    expect(shown).toBe(`${rows[0]!.ids.join(' ')}\n`);
  });

  test('sampling follows the seed', async () => {
    const sampling = { temperature: 1, topK: 50, topP: 0.9, seed: 4 };
    const [first, again, other] = await Promise.all(
      [sampling, sampling, { ...sampling, seed: 5 }].map((one) => generated({ sampling: one })),
    );
    expect(again!.shown).toBe(first!.shown);
    expect(other!.shown).not.toBe(first!.shown);
  });

  test('stops when asked to', async () => {
    let tokens = 0;
    const emit = ({ kind }: JobEvent): void => {
      if (kind === 'text') tokens++;
    };
    const request = { ...REQUEST, maxNewTokens: 500, eos: [] };
    expect(generateJob(request, { emit, cancelled: () => tokens >= 3 })).rejects.toThrow('interrupted');
    expect(tokens).toBe(3);
  });

  test('what is wrong is said in one line', async () => {
    expect(generated({ prompts: { kind: 'text', text: '' } })).rejects.toThrow('the prompt is empty');
    expect(generated({ tokenizer: '/nowhere' })).rejects.toThrow('/nowhere holds no tokenizer.json');
    expect(generated({ model: join(FIXTURES, 'qwen3/causal-tied') })).rejects.toThrow(
      "the model's tokens are 0 to 159",
    );
    expect(generated({ model: join(FIXTURES, 'qwen3/classifier-lora') })).rejects.toThrow('is a classifier');
  });
});

describe('files of prompts', () => {
  test('lines, a JSON list, JSON Lines', () => {
    expect(readPrompts(folder.write('a.txt', 'one\r\ntwo\n\nthree'))).toEqual(['one', 'two', '', 'three']);
    expect(readPrompts(folder.write('a.json', '["one", "t\\nwo"]'))).toEqual(['one', 't\nwo']);
    expect(readPrompts(folder.write('a.jsonl', '"one"\n{"prompt": "two"}\n'))).toEqual(['one', 'two']);
  });
  test('what is wrong with them', () => {
    expect(() => readPrompts(folder.write('a.txt', ''))).toThrow('there is no prompt');
    expect(() => readPrompts(folder.write('a.txt', Uint8Array.of(0xff, 0xfe)))).toThrow('not UTF-8');
    expect(() => readPrompts(folder.write('a.json', '{}'))).toThrow('not a list of texts');
    expect(() => readPrompts(folder.write('a.jsonl', '{"text": 1}'))).toThrow('neither a JSON text nor an object');
  });
});
