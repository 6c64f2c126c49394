/** `medrepro eval` */

import type { FlagDefs } from '../../cli/command';
import type { Flags } from '../../cli/flags';
import { usageError } from '../../errors';
import { JSON_FLAG } from '../flags';
import { jobCommand } from '../job-command';
import { continuationFlags, MODEL_FLAGS, readLocalModel } from '../local-model/flags';
import type { EvalRequest, EvalTraining } from './request';

/** The default of transformers' `generate`. */
const NEW_TOKENS = 20;

const TRAIN_FLAGS = {
  'train-steps': {
    type: 'string',
    valueHint: 'n',
    description:
      'then train: AdamW (betas 0.9 0.999, epsilon 1e-8), constant learning rate, all rows one batch, every token a ' +
      'label, loss = mean over labels. Every parameter is trained, unless --lora-rank or --adapter is given',
  },
  lr: { type: 'string', valueHint: 'x', default: '1e-3', description: 'learning rate' },
  'weight-decay': { type: 'string', valueHint: 'x', default: '0', description: 'decoupled weight decay' },
  decay: {
    type: 'enum',
    options: ['all', 'matrices'],
    default: 'all',
    description: 'what decays: all parameters (torch.optim.AdamW), or no biases and norms (HF Trainer)',
  },
  clip: { type: 'string', valueHint: 'x', description: 'largest norm of the gradients (no clipping)' },
  'lora-rank': { type: 'string', valueHint: 'r', description: 'train a fresh LoRA adapter of this rank instead' },
  'lora-alpha': { type: 'string', valueHint: 'x', description: 'its alpha (2 r)' },
  'lora-targets': {
    type: 'string',
    valueHint: 'names',
    default: 'all-linear',
    description: 'its linears: q_proj,v_proj or all-linear',
  },
  seed: { type: 'string', valueHint: 'n', default: '0', description: 'of the fresh adapter' },
} satisfies FlagDefs;

export const evaluate = jobCommand({
  name: 'eval',
  description: 'a local model on token ids: NLL, logits, greedy continuation, train steps; no tokeniser needed',
  flags: {
    ...MODEL_FLAGS,
    ids: { type: 'string', valueHint: 'file', description: 'JSON: {"ids": [[1, 2, 3], [4, 5]]}' },
    'prompt-tokens': {
      type: 'string',
      valueHint: 'n',
      description: 'continue the first n tokens of each row (the whole row)',
    },
    logits: {
      type: 'string',
      valueHint: 'file',
      description:
        "write the logits after each row's last token as a NumPy file, [rows, vocabulary] float32. Without it --json has " +
        'them (lastLogits) where they are a million numbers at most',
    },
    ...continuationFlags(NEW_TOKENS),
    ...TRAIN_FLAGS,
    ...JSON_FLAG,
  },
  words: null,
  examples: [
    'medrepro eval --model ./Qwen3-0.6B --ids ids.json --json',
    'medrepro eval --model ./tiny --ids ids.json --train-steps 10 --lr 1e-3 --weight-decay 0.01 --clip 1 --json',
  ],
  request: (flags) => {
    const ids = flags.text('ids');
    if (ids === null) throw usageError('--ids is needed', 'name a JSON file such as {"ids": [[1, 2, 3], [4, 5]]}');
    const request: EvalRequest = {
      ...readLocalModel(flags),
      ids,
      promptTokens: flags.integer('prompt-tokens', { min: 1 }),
      logits: flags.text('logits'),
      record: flags.is('json'),
      train: readTraining(flags),
    };
    if (request.adapter !== null && request.train?.lora) {
      throw usageError('--adapter and --lora-rank are two adapters', 'drop one of them');
    }
    return request;
  },
  job: async () => (await import('./job')).evalJob,
  device: ({ device }) => device,
});

// --- internal ---

function readTraining(flags: Flags): EvalTraining | null {
  const steps = flags.integer('train-steps', { min: 1 });
  const rank = flags.integer('lora-rank', { min: 1 });
  if (steps === null) {
    if (rank !== null) throw usageError('--lora-rank trains an adapter', 'say --train-steps too');
    return null;
  }
  const targets = flags.text('lora-targets') ?? 'all-linear';
  return {
    steps,
    learningRate: flags.number('lr', { min: 0 }) ?? 1e-3,
    weightDecay: flags.number('weight-decay', { min: 0 }) ?? 0,
    decay: flags.choice('decay', ['all', 'matrices']) ?? 'all',
    clip: flags.number('clip', { above: 0 }),
    lora:
      rank === null
        ? null
        : {
            rank,
            alpha: flags.number('lora-alpha', { above: 0 }) ?? 2 * rank,
            targets: targets === 'all-linear' ? targets : targets.split(','),
          },
    seed: flags.integer('seed', { min: 0, max: 2 ** 32 - 1 }) ?? 0,
  };
}
