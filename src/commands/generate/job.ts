/** `medrepro generate`: text from a model on disk. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ChatTemplate, readChatTemplate } from '../../data/chat-template';
import { Tokenizer } from '../../data/tokenizer';
import { readTokenizerFolder } from '../../data/tokenizer-files';
import { EXIT, inputError, usageError } from '../../errors';
import { describeGeneration } from '../../generate/checkpoint';
import { type Generated, generate } from '../../generate/generate';
import { readIds, readPrompts } from '../../generate/inputs';
import { TextStream } from '../../generate/text-stream';
import type { JobContext, JobResult } from '../../job';
import type { DecoderConfig } from '../../nn/config';
import { count } from '../../units';
import { describeModel, generationOptions, warnBeyond, withLocalModel } from '../local-model/load';
import type { GenerateDocument, GenerateRequest } from './request';

export async function generateJob(asked: GenerateRequest, context: JobContext): Promise<JobResult<GenerateDocument>> {
  const tokenizer = openTokenizer(asked);
  let prompts: readonly Prompt[] = [];
  return withLocalModel(
    asked,
    context,
    ({ config }, task) => {
      if (task !== 'causal-lm') {
        throw inputError(`${asked.model} is a classifier, and writes no text`, { remedy: 'see medrepro eval --help' });
      }
      prompts = readAllPrompts(asked, tokenizer, config, context);
    },
    (local) => {
      const { device, model, files } = local;
      const options = generationOptions(asked, asked.sampling, files, context);
      const longest = prompts.reduce((most, { ids }) => Math.max(most, ids.length), 0);
      warnBeyond(longest + asked.maxNewTokens, files, context);
      const output = new Output(prompts, tokenizer, asked.stream ? context : null);
      const begin = performance.now();
      const clock = { first: 0, tokens: 0 };
      const results = generate(
        device,
        model,
        prompts.map(({ ids }) => ids),
        options,
        {
          onToken: (row, id) => {
            if (clock.tokens++ === 0) clock.first = performance.now();
            output.token(row, id);
          },
          onRow: (row, generated) => output.row(row, generated),
        },
      );
      const end = performance.now();
      const promptTokens = prompts.reduce((sum, { ids }) => sum + ids.length, 0);
      const rate = clock.tokens / ((end - begin) / 1e3);
      const message =
        `${count(promptTokens)} tokens of prompts, ${count(clock.tokens)} new ones: ` +
        `first after ${((clock.first - begin) / 1e3).toFixed(2)} s, ${rate.toFixed(1)} tokens/s over all`;
      context.emit({ kind: 'info', message });
      const rows = results.map(({ ids, finish }, row) => ({
        row,
        prompt: prompts[row]!.text,
        promptIds: [...prompts[row]!.ids],
        ids,
        text: textOf(tokenizer, ids),
        finish,
      }));
      return {
        exitCode: EXIT.ok,
        text: '',
        document: {
          ...describeModel(asked, local),
          eos: options.eosTokenIds,
          ...describeGeneration(options),
          rows,
        },
      };
    },
  );
}

// --- internal ---

interface Prompt {
  readonly text: string | null;
  readonly ids: ArrayLike<number> & Iterable<number>;
}

/** null where prompts are ids and the model's folder has no tokeniser. */
function openTokenizer({ tokenizer, model, prompts }: GenerateRequest): Tokenizer | null {
  const folder = tokenizer ?? model;
  if (prompts.kind === 'ids' && tokenizer === null && !existsSync(join(folder, 'tokenizer.json'))) return null;
  // no spec names a release here: the current one
  return new Tokenizer(readTokenizerFolder(folder), { release: 5 });
}

const textOf = (tokenizer: Tokenizer | null, ids: readonly number[]): string | null =>
  tokenizer === null ? null : tokenizer.decode(ids, true);

function readAllPrompts(
  asked: GenerateRequest,
  tokenizer: Tokenizer | null,
  config: DecoderConfig,
  context: JobContext,
): Prompt[] {
  const { prompts } = asked;
  if (prompts.kind === 'ids') return readIds(prompts.path, config).map((ids) => ({ text: null, ids }));
  if (tokenizer === null) throw new Error('texts without a tokeniser');
  const template = asked.chat ? openTemplate(asked) : null;
  const texts = prompts.kind === 'text' ? [prompts.text] : readPrompts(prompts.path);
  const encoded = texts.map((text): Prompt => {
    const ids = template === null ? tokenizer.encode(text) : tokenizer.encode(chatText(template, text, asked), false);
    return { text, ids };
  });
  for (const [i, { ids }] of encoded.entries()) {
    const name = prompts.kind === 'text' ? 'the prompt' : `prompt ${i + 1}`;
    if (ids.length === 0) throw inputError(`${name} is empty`, { remedy: 'write something for the model to continue' });
    const largest = Math.max(...ids);
    if (largest >= config.vocabSize) {
      throw inputError(`${name} has token ${largest}, and the model's tokens are 0 to ${config.vocabSize - 1}`, {
        remedy: "name the model's own tokeniser with --tokenizer",
      });
    }
  }
  const doubled = encoded.findIndex(
    ({ ids }) => tokenizer.bosId !== null && ids[0] === tokenizer.bosId && ids[1] === ids[0],
  );
  if (doubled >= 0) {
    const message = `prompt ${doubled + 1} begins with two begin-of-text tokens: the tokeniser adds one to the one in the text`;
    context.emit({ kind: 'warning', message, remedy: 'leave it out of the text' });
  }
  return encoded;
}

function openTemplate({ tokenizer, model }: GenerateRequest): ChatTemplate {
  const folder = tokenizer ?? model;
  const template = readChatTemplate(folder);
  if (template !== null) return template;
  throw usageError(
    `--chat: ${folder} has no chat template`,
    'drop --chat, or name a folder that has one with --tokenizer',
  );
}

function chatText(template: ChatTemplate, text: string, { system, date }: GenerateRequest): string {
  const before = system === null ? [] : [{ role: 'system', content: system }];
  return template.render([...before, { role: 'user', content: text }], { addGenerationPrompt: true, date });
}

/** Text for people: that of a single prompt is streamed; those of several prompts follow in order, each once it is complete. */
class Output {
  private readonly streams: readonly TextStream[];
  private readonly whole = new Map<number, string>();
  private next = 0;
  private shown = false;

  constructor(
    private readonly prompts: readonly Prompt[],
    private readonly tokenizer: Tokenizer | null,
    /** null = nothing is shown before the end. */
    private readonly context: JobContext | null,
  ) {
    const decode = (ids: readonly number[]): string => tokenizer?.decode(ids, true) ?? '';
    this.streams = prompts.map(() => new TextStream(decode));
  }

  token(row: number, id: number): void {
    if (this.context === null || this.prompts.length > 1) return;
    // without a tokeniser the ids are the text
    const text = this.tokenizer === null ? `${this.shown ? ' ' : ''}${id}` : this.streams[row]!.push(id);
    this.shown = true;
    if (text !== '') this.show(text);
  }

  row(row: number, { ids }: Generated): void {
    if (this.context === null) return;
    if (this.prompts.length === 1) {
      this.show(`${this.streams[row]!.end()}\n`);
      return;
    }
    this.whole.set(row, textOf(this.tokenizer, ids) ?? ids.join(' '));
    for (let text = this.whole.get(this.next); text !== undefined; text = this.whole.get(this.next)) {
      this.show(`=== ${this.next + 1}\n${text}\n`);
      this.whole.delete(this.next++);
    }
  }

  private show(text: string): void {
    this.context?.emit({ kind: 'text', text });
  }
}
