/** `medrepro merge`: an adapter folded into its base, and how far the merged model's logits are from base + adapter. */
import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Tape } from '../../autograd/tape';
import { EXIT, inputError } from '../../errors';
import { notWritable, readFolder, readText, writeWhole } from '../../files';
import { readIds } from '../../generate/inputs';
import type { JobContext, JobResult } from '../../job';
import type { Device } from '../../native/device';
import { copyDescription, writeWeights } from '../../nn/checkpoint';
import type { DecoderConfig } from '../../nn/config';
import { checkpointConfig, mergeAdapter } from '../../nn/merge';
import type { Model } from '../../nn/model';
import { table } from '../../text-table';
import { causalLogits, classifierLogits } from '../../train/pass';
import { count } from '../../units';
import { type LocalModel, warnBeyond, withLocalModel } from '../local-model/load';
import type { LocalModelRequest } from '../local-model/request';
import type { MergeDifference, MergeDocument, MergeRequest } from './request';

export async function mergeJob(asked: MergeRequest, context: JobContext): Promise<JobResult<MergeDocument>> {
  const { out } = asked;
  if (readFolder(out).length > 0) {
    throw inputError(`${out} exists and is not empty`, { remedy: 'choose another folder with --out' });
  }
  context.emit({ kind: 'stage', name: 'merge', detail: `${asked.adapter} into ${asked.model}` });
  let made: string | undefined;
  const staging = join(out, '.partial');
  try {
    made = mkdirSync(out, { recursive: true });
    mkdirSync(staging);
    const written = mergeInto(asked, staging, context);
    // a folder without a configuration is no checkpoint: it is renamed last
    const names = [...readFolder(staging)].sort((one, other) => Number(one === CONFIG) - Number(other === CONFIG));
    for (const name of names) renameSync(join(staging, name), join(out, name));
    rmdirSync(staging);
    return report(asked, written);
  } catch (error) {
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
    else if (existsSync(staging)) rmSync(staging, { recursive: true, force: true });
    throw notWritable(out, error, { elsewhere: 'choose a writable folder with --out' });
  }
}

// --- internal ---

const CONFIG = 'config.json';

interface Written {
  readonly linears: number;
  /** sha256 of the base's weights and of the merged ones. */
  readonly base: string;
  readonly sha256: string;
  readonly difference: MergeDifference;
}

/** Writes the merged checkpoint into `folder`, and loads it again to compare. */
function mergeInto(asked: MergeRequest, folder: string, context: JobContext): Written {
  let rows: number[][] = [];
  const adapted: LocalModelRequest = { ...asked, ...NO_TEXT };
  const { unmerged, linears, base } = withLocalModel(
    adapted,
    context,
    (files) => {
      rows = asked.ids === null ? fixedIds(files.config) : readIds(asked.ids, files.config);
      warnBeyond(
        rows.reduce((longest, { length }) => Math.max(longest, length), 0),
        files,
        context,
      );
    },
    (local) => {
      // written first: a non-finite weight can be named, non-finite logits cannot
      const linears = writeMerged(local, asked.model, folder);
      return { unmerged: logitsOf(local, rows), linears, base: local.files.sha256 };
    },
  );
  // its warnings are the base's, already shown
  const quiet: JobContext = { ...context, emit: (event) => event.kind !== 'warning' && context.emit(event) };
  const again: LocalModelRequest = { ...adapted, model: folder, adapter: null, quantise: null };
  const { merged, sha256 } = withLocalModel(
    again,
    quiet,
    () => {},
    (local) => ({ merged: logitsOf(local, rows), sha256: local.files.sha256 }),
  );
  checkFinite(`${asked.model} with ${asked.adapter}`, unmerged);
  checkFinite('the merged model', merged);
  return { linears, base, sha256, difference: compareLogits(rows, unmerged, merged) };
}

/** @throws MedreproError `input`: a comparison with NaN says nothing. */
function checkFinite(what: string, logits: readonly Logits[]): void {
  const row = logits.findIndex(({ values }) => !values.every(Number.isFinite));
  if (row === -1) return;
  throw inputError(`${what} gives logits that are not finite numbers, in row ${row + 1} of ${logits.length}`, {
    remedy: 'its weights are finite and too large to compute with: train the adapter again, or use another base',
  });
}

function report(asked: MergeRequest, { linears, base, sha256, difference }: Written): JobResult<MergeDocument> {
  return {
    exitCode: EXIT.ok,
    text: render(asked, linears, difference),
    document: {
      out: asked.out,
      sha256,
      base: { model: asked.model, sha256: base },
      adapter: asked.adapter,
      linears,
      difference,
    },
  };
}

/** A merge generates nothing. */
const NO_TEXT = { maxNewTokens: 0, repetitionPenalty: 1, noRepeatNgramSize: 0, eos: null } as const;

/** Four rows of 32 tokens spread over the vocabulary: the same for every adapter of a model. */
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
function writeMerged(local: LocalModel, base: string, out: string): number {
  const { device, model, files, published, adapter, task } = local;
  const merged = mergeAdapter(device, { files, published }, model, adapter!, task);
  const config = JSON.parse(readText(join(base, 'config.json'))) as Record<string, unknown>;
  const { vocabSize } = files.config;
  const shape = { tied: !merged.untied, labels: task === 'causal-lm' ? null : model.head.outFeatures, vocabSize };
  copyDescription(base, out);
  // the tokeniser of the added rows
  if (vocabSize !== published.config.vocabSize) copyDescription(adapter!.folder, out);
  writeWhole(join(out, CONFIG), `${JSON.stringify(checkpointConfig(config, shape), null, 2)}\n`);
  writeWeights(out, merged.tensors);
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
