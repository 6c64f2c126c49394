/** The flags `eval` and `generate` have in common, and how they become a `LocalModelRequest`. */

import type { FlagDefs } from '../../cli/command';
import type { Flags } from '../../cli/flags';
import { usageError } from '../../errors';
import { PRECISIONS } from '../../paper/lists';
import { DEVICE_FLAGS, readDevice } from '../flags';
import type { LocalModelRequest } from './request';

export const MODEL_FLAGS = {
  model: { type: 'string', valueHint: 'dir', description: 'a folder with config.json and *.safetensors' },
  adapter: { type: 'string', valueHint: 'dir', description: "a PEFT adapter's folder" },
  precision: {
    type: 'enum',
    options: [...PRECISIONS],
    default: 'fp32',
    description: 'of activations and matrix products',
  },
  quantise: {
    type: 'enum',
    options: ['none', 'nf4', 'fp4', 'int8'],
    default: 'none',
    description: "quantise the blocks' linear layers on loading, as bitsandbytes does (blocks of 64; threshold 6)",
  },
  ...DEVICE_FLAGS,
} satisfies FlagDefs;

/** Settings of a continuation. @param maxNewTokens the default */
export const continuationFlags = (maxNewTokens: number) =>
  ({
    'max-new-tokens': {
      type: 'string',
      valueHint: 'n',
      default: String(maxNewTokens),
      description: 'tokens of a continuation at most',
    },
    'repetition-penalty': {
      type: 'string',
      valueHint: 'x',
      description: 'as in transformers; 1 for none (generation_config.json)',
    },
    'no-repeat-ngram-size': {
      type: 'string',
      valueHint: 'n',
      description: 'as in transformers; 0 for none (generation_config.json)',
    },
    eos: {
      type: 'string',
      valueHint: 'ids',
      description: 'token ids that end a continuation: 1,2 or none (generation_config.json, else config.json)',
    },
  }) satisfies FlagDefs;

const LARGEST = 2 ** 20;

/** @throws MedreproError `usage` */
export function readLocalModel(flags: Flags): LocalModelRequest {
  const model = flags.text('model');
  if (model === null) throw usageError('--model is needed', 'name a folder with config.json and *.safetensors');
  const quantise = flags.choice('quantise', ['none', 'nf4', 'fp4', 'int8']);
  return {
    model,
    adapter: flags.text('adapter'),
    precision: flags.choice('precision', PRECISIONS) ?? 'fp32',
    quantise: quantise === 'none' ? null : quantise,
    ...readDevice(flags),
    maxNewTokens: flags.integer('max-new-tokens', { min: 0, max: LARGEST }) ?? 0,
    repetitionPenalty: flags.number('repetition-penalty', { above: 0 }),
    noRepeatNgramSize: flags.integer('no-repeat-ngram-size', { min: 0, max: LARGEST }),
    eos: parseEos(flags.text('eos')),
  };
}

// --- internal ---

function parseEos(text: string | null): number[] | null {
  if (text === null) return null;
  if (text === 'none') return [];
  if (!/^\d+(,\d+)*$/.test(text))
    throw usageError(`--eos takes token ids, not '${text}'`, 'write --eos 1,2 or --eos none');
  return text.split(',').map(Number);
}
