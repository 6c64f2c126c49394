/** `medrepro merge`: an adapter folded into its base, and how far the merged model's logits are from base + adapter. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tape } from '../autograd/tape';
import { EXIT, inputError } from '../errors';
import { readIds } from '../generate/inputs';
import type { JobContext, JobResult } from '../job';
import type { Device } from '../native/device';
import type { DecoderConfig } from '../nn/config';
import { mergeAdapter, mergedConfig } from '../nn/merge';
import type { Model } from '../nn/model';
import { writeSafetensors } from '../nn/safetensors';
import type { LocalModelRequest, MergeRequest } from '../run/request';
import { table } from '../table';
import { causalLogits, classifierLogits } from '../train/pass';
import { count } from '../units';
import { type LocalModel, withLocalModel } from './local-model';
import { checkDevice } from './scale';

/** How far the merged model is from the unmerged one, over all logits of all rows. */
export interface MergeDifference {
  readonly rows: number;
  readonly tokens: number;
  /** Largest |merged - unmerged|, and the largest |unmerged| beside it. */
  readonly maxAbs: number;
  readonly largestLogit: number;
  /** ||merged - unmerged|| / ||unmerged||. */
  readonly relative: number;
  /** Share of positions whose largest logit is of the same token or class. */
  readonly sameArgmax: number;
}

export async function mergeJob(request: unknown, context: JobContext): Promise<JobResult> {
  const asked = request as MergeRequest;
  const unusable = checkDevice(asked);
  if (unusable !== null) return unusable;
  const { out } = asked;
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw inputError(`${out} exists and is not empty`, { remedy: 'choose another folder with --out' });
  }
  let rows: number[][] = [];
  const adapted: LocalModelRequest = { ...asked, ...NO_TEXT };
  context.emit({ kind: 'stage', name: 'merge', detail: `${asked.adapter} into ${asked.model}` });
  const { unmerged, linears, adapter } = withLocalModel(
    adapted,
    context,
    ({ config }) => {
      rows = asked.ids === null ? fixedIds(config) : readIds(asked.ids, config);
    },
    (local) => {
      const logits = logitsOf(local, rows);
      return { unmerged: logits, linears: writeMerged(local, asked), adapter: local.files.sha256 };
    },
  );
  const again: LocalModelRequest = { ...adapted, model: out, adapter: null, quantise: null };
  const { merged, sha256 } = withLocalModel(
    again,
    context,
    () => {},
    (local) => ({ merged: logitsOf(local, rows), sha256: local.files.sha256 }),
  );
  const difference = compareLogits(rows, unmerged, merged);
  return {
    exitCode: EXIT.ok,
    text: render(asked, linears, difference),
    document: {
      out,
      sha256,
      base: { model: asked.model, sha256: adapter },
      adapter: asked.adapter,
      linears,
      difference,
    },
  };
}

// --- internal ---

/** A merge makes no text. */
const NO_TEXT = { maxNewTokens: 0, repetitionPenalty: 1, noRepeatNgramSize: 0, eos: null } as const;

/** What of a checkpoint's folder describes the text, not the weights. */
const TEXT_FILES = [
  'added_tokens.json',
  'chat_template.jinja',
  'generation_config.json',
  'merges.txt',
  'special_tokens_map.json',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'vocab.json',
] as const;

/** Four rows of 32 tokens all over the vocabulary: the same for every adapter of a model. */
function fixedIds({ vocabSize, maxPositions }: DecoderConfig): number[][] {
  const length = Math.min(32, maxPositions);
  return Array.from({ length: 4 }, (_, row) =>
    Array.from({ length }, (__, t) => (7919 * row + 104_729 * t + 12_345) % vocabSize),
  );
}

/** Logits of every row: at every token of a causal model, at the last of a classifier. */
function logitsOf({ device, model, task }: LocalModel, rows: readonly number[][]): Logits[] {
  model.decoder.prepare(rows.reduce((longest, row) => Math.max(longest, row.length), 1));
  return rows.map((ids) => rowLogits(device, model, task, ids));
}

interface Logits {
  readonly values: Float32Array;
  readonly cols: number;
}

function rowLogits(device: Device, model: Model, task: LocalModel['task'], ids: readonly number[]): Logits {
  return device.scope(() => {
    const forward = task === 'causal-lm' ? causalLogits : classifierLogits;
    const options = { compute: 'fp32', checkpoint: false, dropoutSeed: null } as const;
    const logits = forward(new Tape(device, false), model, [{ ids, label: 0, labels: null }], options);
    return { values: device.readF32(logits), cols: logits.cols };
  });
}

/** Writes the merged checkpoint; returns how many linears the adapter changed. */
function writeMerged({ device, model, files, task }: LocalModel, { model: base, out }: MergeRequest): number {
  const merged = mergeAdapter(device, files, model, task);
  const config = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')) as Record<string, unknown>;
  const classes = task === 'causal-lm' ? null : model.head.outFeatures;
  try {
    mkdirSync(out, { recursive: true });
    for (const name of TEXT_FILES) if (existsSync(join(base, name))) cpSync(join(base, name), join(out, name));
    writeFileSync(join(out, 'config.json'), `${JSON.stringify(mergedConfig(config, merged, classes), null, 2)}\n`);
  } catch (cause) {
    throw inputError(`cannot write ${out}: ${(cause as Error).message}`, {
      remedy: 'choose a writable folder with --out',
      cause,
    });
  }
  writeSafetensors(join(out, 'model.safetensors'), merged.tensors);
  return merged.linears;
}

function compareLogits(
  rows: readonly number[][],
  unmerged: readonly Logits[],
  merged: readonly Logits[],
): MergeDifference {
  let [maxAbs, largestLogit, squares, norm, same, positions] = [0, 0, 0, 0, 0, 0];
  unmerged.forEach(({ values, cols }, row) => {
    const other = merged[row]!.values;
    for (let begin = 0; begin < values.length; begin += cols) {
      let [best, otherBest] = [begin, begin];
      for (let i = begin; i < begin + cols; i++) {
        const [a, b] = [values[i]!, other[i]!];
        maxAbs = Math.max(maxAbs, Math.abs(a - b));
        largestLogit = Math.max(largestLogit, Math.abs(a));
        squares += (a - b) ** 2;
        norm += a ** 2;
        if (a > values[best]!) best = i;
        if (b > other[otherBest]!) otherBest = i;
      }
      positions++;
      if (best === otherBest) same++;
    }
  });
  const tokens = rows.reduce((sum, { length }) => sum + length, 0);
  const relative = norm === 0 ? 0 : Math.sqrt(squares / norm);
  return { rows: rows.length, tokens, maxAbs, largestLogit, relative, sameArgmax: same / positions };
}

function render({ out, quantise }: MergeRequest, linears: number, difference: MergeDifference): string {
  const { rows, tokens, maxAbs, largestLogit, relative, sameArgmax } = difference;
  const what = quantise === null ? 'base + adapter' : `${quantise} base + adapter`;
  return table(
    ['merged', out],
    [
      ['linears changed', count(linears)],
      [`against ${what}`, `${count(rows)} rows, ${count(tokens)} tokens, fp32`],
      ['largest difference', `${maxAbs.toExponential(2)} (largest logit ${largestLogit.toPrecision(4)})`],
      ['relative difference', relative.toExponential(2)],
      ['same first choice', `${(100 * sameArgmax).toFixed(1)} %`],
    ],
  );
}
