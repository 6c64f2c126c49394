/** `medrepro generate` */

import type { FlagDefs } from '../../cli/command';
import type { Flags } from '../../cli/flags';
import { isDate } from '../../data/jinja/strftime';
import { usageError } from '../../errors';
import { JSON_FLAG } from '../flags';
import { jobCommand } from '../job-command';
import { continuationFlags, MODEL_FLAGS, readLocalModel } from '../local-model/flags';
import type { GenerateRequest } from './request';

const NEW_TOKENS = 256;

const SAMPLING_FLAGS = {
  temperature: {
    type: 'string',
    valueHint: 'x',
    description:
      'draw tokens from softmax(logits / x); 0, or no sampling flag at all, is greedy. What the other flags leave open is as ' +
      'in generation_config.json',
  },
  'top-k': { type: 'string', valueHint: 'n', description: 'draw among the n most probable tokens; 0 for all' },
  'top-p': { type: 'string', valueHint: 'x', description: 'draw among the fewest tokens that reach this probability' },
  seed: { type: 'string', valueHint: 'n', default: '0', description: 'of the draws: the same seed, the same text' },
} satisfies FlagDefs;

export const generate = jobCommand({
  name: 'generate',
  description: 'text from a local model, shown as it comes',
  flags: {
    ...MODEL_FLAGS,
    tokenizer: { type: 'string', valueHint: 'dir', description: "a tokeniser's folder (the model's)" },
    prompt: { type: 'string', valueHint: 'text', description: 'the text to continue' },
    prompts: {
      type: 'string',
      valueHint: 'file',
      description: 'one prompt a line, a .json list, or .jsonl with "prompt"',
    },
    ids: { type: 'string', valueHint: 'file', description: 'token ids instead: {"ids": [[1, 2, 3], [4, 5]]}' },
    chat: { type: 'boolean', description: "prompts are a user's messages in the tokeniser's chat template" },
    system: { type: 'string', valueHint: 'text', description: 'a system message before them' },
    date: {
      type: 'string',
      valueHint: 'yyyy-mm-dd',
      description: "the date that some chat templates write; never today's",
    },
    ...continuationFlags(NEW_TOKENS),
    ...SAMPLING_FLAGS,
    ...JSON_FLAG,
  },
  words: null,
  examples: [
    'medrepro generate --model ./Qwen3-0.6B --chat --prompt "What is anaemia?"',
    'medrepro generate --model ./Llama-3.2-1B --prompts questions.txt --max-new-tokens 64 --json',
  ],
  request: (flags) => {
    const json = flags.is('json');
    const request: GenerateRequest = {
      ...readLocalModel(flags),
      prompts: readPrompts(flags),
      tokenizer: flags.text('tokenizer'),
      chat: flags.is('chat'),
      system: flags.text('system'),
      date: readDate(flags),
      sampling: readSampling(flags),
      stream: !json,
      record: json,
    };
    if (request.maxNewTokens === 0) throw usageError('--max-new-tokens 0 asks for no text', 'say 1 or more');
    if (request.system !== null && !request.chat) throw usageError('--system is a part of a chat', 'say --chat too');
    if (request.date !== null && !request.chat) throw usageError('--date is a part of a chat', 'say --chat too');
    if (request.chat && request.prompts.kind === 'ids') {
      throw usageError('--chat makes texts into prompts, and --ids are tokens', 'drop one of them');
    }
    return request;
  },
  job: async () => (await import('./job')).generateJob,
  device: ({ device }) => device,
});

// --- internal ---

function readDate(flags: Flags): string | null {
  const date = flags.text('date');
  if (date !== null && !isDate(date)) throw usageError(`--date ${date} is no date`, 'write it as 2024-07-26');
  return date;
}

function readPrompts(flags: Flags): GenerateRequest['prompts'] {
  const [text, file, ids] = [flags.text('prompt'), flags.text('prompts'), flags.text('ids')];
  if ([text, file, ids].filter((value) => value !== null).length !== 1) {
    throw usageError('one of --prompt, --prompts and --ids is needed', 'say --prompt "some text"');
  }
  if (text !== null) return { kind: 'text', text };
  return file !== null ? { kind: 'file', path: file } : { kind: 'ids', path: ids ?? '' };
}

function readSampling(flags: Flags): GenerateRequest['sampling'] {
  const temperature = flags.number('temperature', { min: 0 });
  const topK = flags.integer('top-k', { min: 0 });
  const topP = flags.number('top-p', { above: 0, max: 1 });
  const seed = flags.integer('seed', { min: 0, max: 2 ** 32 - 1 }) ?? 0;
  if (temperature === 0 || (temperature === null && topK === null && topP === null)) return null;
  return { temperature, topK, topP, seed };
}
