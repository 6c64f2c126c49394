/**
 * Text from a causal language model, as transformers' `generate`: prompts are run once, then every step runs the newest token
 * of every unfinished row against the cache.
 *
 * Rows are independent: in fp32 and bf16 alike a row's tokens do not depend, to the bit, on which rows run with it. So a row
 * that ends is replaced by the next prompt at once.
 */
import type { Compute } from '../autograd/ops/linear';
import { inputError, type MedreproError } from '../errors';
import { type Device, hostLibrary } from '../native/device';
import type { Tensor } from '../native/tensor';
import { isFiniteTensor, notFinite } from '../nn/finite';
import type { Model } from '../nn/model';
import { KvCache, type NewTokens } from './cache';
import { Passes } from './passes';
import { type Penalties, ScoreProcessor } from './processors';
import { argmax, type Sampling, sample } from './sampling';

export interface GenerationOptions extends Penalties {
  readonly compute: Compute;
  /** Most new tokens of a row, including the one that ends it. */
  readonly maxNewTokens: number;
  /** Tokens that end a row; empty for none. */
  readonly eosTokenIds: readonly number[];
  /** null for greedy decoding. */
  readonly sampling: Sampling | null;
  /**
   * The penalties of transformers also see the padding it puts before the shorter prompts of a batch, so that there a row's
   * text depends on its batch. To repeat that: the padding token, and how many consecutive prompts make a batch.
   */
  readonly padding?: { readonly tokenId: number; readonly batchSize: number };
  /** Tokens the cache may hold, over all rows that run together; one row always fits. */
  readonly cacheTokens?: number;
}

/** The continuation of a row. */
export interface Generated {
  /** The new tokens, with the one that ended the row. */
  readonly ids: readonly number[];
  /** `eos`: a token of `eosTokenIds`; `length`: it has `maxNewTokens`. */
  readonly finish: 'eos' | 'length';
}

export interface GenerationHooks {
  /** A token was chosen for prompt `row`. */
  readonly onToken?: (row: number, id: number) => void;
  /** A row is complete. */
  readonly onRow?: (row: number, generated: Generated) => void;
}

/** Default capacity of the cache, which limits the rows that run together: enough for efficient matrix products. */
export const CACHE_TOKENS = 32_768;
/** Scores of one step, over all rows: 256 MB. */
const LOGITS = 2 ** 26;
/** Prompt tokens of one forward pass. */
const PREFILL_TOKENS = 4096;

/**
 * Continues every prompt.
 *
 * @param prompts token ids; none may be empty or hold ids outside of the vocabulary
 * @returns in the order of the prompts
 * @throws MedreproError `interrupted` between steps when the device's user asked to stop; `input` when a score is not
 *   finite, naming where the first such value appears
 */
export function generate(
  device: Device,
  model: Model,
  prompts: readonly ArrayLike<number>[],
  options: GenerationOptions,
  hooks: GenerationHooks = {},
): Generated[] {
  if (prompts.length === 0) return [];
  if (prompts.some((ids) => ids.length === 0)) throw new RangeError('generate: an empty prompt');
  const { compute } = options;
  const lengths = prompts.map((ids) => ids.length);
  const { slots, slotSize } = layoutOf(model, lengths, options);
  model.decoder.prepare(slotSize);
  return device.scope(() => {
    const cache = new KvCache(device, model.config, compute, slots, slotSize);
    const passes = new Passes(device, model, cache, compute);
    const rows = prompts.map((_, index) => new Row(index, options, prompts));
    const free = Array.from({ length: slots }, (_, i) => slots - 1 - i);
    let waiting = 0;
    let running: Row[] = [];

    /** Runs some tokens and gives every row its next one. */
    const advance = (sequences: readonly (NewTokens & { readonly row: Row })[]): void => {
      device.scope(() => {
        const logits = passes.logits(sequences);
        const chosen = choose(device, model, logits, sequences, options);
        for (const [i, { row, slot }] of sequences.entries()) {
          row.slot = slot;
          row.take(chosen[i]!);
          hooks.onToken?.(row.index, chosen[i]!);
        }
      });
      for (const { row, slot } of sequences) {
        if (row.finish === null) continue;
        cache.clear(slot);
        free.push(slot);
        hooks.onRow?.(row.index, row.result());
      }
    };

    try {
      while (waiting < rows.length || running.length > 0) {
        device.checkCancelled();
        // prompts first, as many as have a slot and fit one pass
        const started: (NewTokens & { row: Row })[] = [];
        for (let tokens = 0; waiting < rows.length && free.length > 0; waiting++) {
          const ids = prompts[waiting]!;
          tokens += ids.length;
          if (started.length > 0 && tokens > PREFILL_TOKENS) break;
          started.push({ slot: free.pop()!, ids, row: rows[waiting]! });
        }
        if (started.length > 0) {
          advance(started);
          running.push(...started.map(({ row }) => row));
        } else {
          advance(running.map((row) => ({ slot: row.slot, ids: [row.ids.at(-1)!], row })));
        }
        running = running.filter((row) => row.finish === null);
      }
    } finally {
      passes.forget();
    }
    return rows.map((row) => row.result());
  });
}

/**
 * The memory that `generate` takes for prompts of these lengths, on a device that only counts: the cache, the largest pass
 * over prompts, and a step of all rows that run together.
 */
export function planGeneration(
  device: Device,
  model: Model,
  lengths: readonly number[],
  options: Pick<GenerationOptions, 'compute' | 'maxNewTokens' | 'cacheTokens'>,
): void {
  const { slots, slotSize } = layoutOf(model, lengths, options);
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  model.decoder.prepare(slotSize);
  device.scope(() => {
    const cache = new KvCache(device, model.config, options.compute, slots, slotSize);
    const passes = new Passes(device, model, cache, options.compute);
    const all = Array.from({ length: slots }, (_, slot) => slot);
    const together = Math.max(1, Math.floor(PREFILL_TOKENS / longest));
    const prompt = new Int32Array(longest);
    const pass = (chosen: readonly number[], ids: ArrayLike<number>): void => {
      device.scope(() => {
        passes.logits(chosen.map((slot) => ({ slot, ids })));
      });
    };
    for (let begin = 0; begin < slots; begin += together) pass(all.slice(begin, begin + together), prompt);
    // the second and third time it is recorded and replayed
    for (let time = 0; time < 3; time++) {
      for (const slot of all) cache.clear(slot);
      pass(all, Int32Array.of(0));
    }
    passes.forget();
  });
}

// --- internal ---

/** Places in the cache, and the tokens of each. */
function layoutOf(
  model: Model,
  lengths: readonly number[],
  { maxNewTokens, cacheTokens = CACHE_TOKENS }: Pick<GenerationOptions, 'maxNewTokens' | 'cacheTokens'>,
): { slots: number; slotSize: number } {
  const slotSize = lengths.reduce((most, length) => Math.max(most, length), 0) + maxNewTokens;
  const most = Math.min(
    lengths.length,
    Math.floor(cacheTokens / slotSize),
    Math.floor(LOGITS / model.head.outFeatures),
  );
  return { slots: Math.max(1, most), slotSize };
}

/** One prompt in progress. */
class Row {
  readonly ids: number[] = [];
  finish: Generated['finish'] | null = null;
  slot = -1;
  /** Null when scores are used as they are. */
  readonly processor: ScoreProcessor | null;
  private readonly prompt: ArrayLike<number>;

  constructor(
    readonly index: number,
    private readonly options: GenerationOptions,
    prompts: readonly ArrayLike<number>[],
  ) {
    this.processor = ScoreProcessor.idle(options) ? null : new ScoreProcessor(options);
    const prompt = prompts[index]!;
    this.prompt = prompt;
    if (this.processor === null) return;
    if (options.padding !== undefined) {
      const { tokenId, batchSize } = options.padding;
      const first = Math.floor(index / batchSize) * batchSize;
      const batch = prompts.slice(first, first + batchSize);
      const width = batch.reduce((most, ids) => Math.max(most, ids.length), 0);
      for (let i = prompt.length; i < width; i++) this.processor.push(tokenId);
    }
    for (let t = 0; t < prompt.length; t++) this.processor.push(prompt[t]!);
    this.processor.begin();
  }

  take(id: number): void {
    this.ids.push(id);
    this.processor?.push(id);
    if (this.options.eosTokenIds.includes(id)) this.finish = 'eos';
    else if (this.ids.length >= this.options.maxNewTokens) this.finish = 'length';
  }

  /** Prompt and new tokens. */
  whole(): number[] {
    return [...Array.from(this.prompt), ...this.ids];
  }

  result(): Generated {
    return { ids: this.ids, finish: this.finish ?? 'length' };
  }
}

/** Bytes of a sum. */
const SUM = 8;

/** The next token of every sequence. */
function choose(
  device: Device,
  model: Model,
  logits: Tensor,
  sequences: readonly { readonly row: Row }[],
  options: GenerationOptions,
): ArrayLike<number> {
  const { sampling } = options;
  const odd = (scores: Float32Array): MedreproError => {
    const at = scores.findIndex((value) => !Number.isFinite(value));
    const { row } = sequences[Math.floor(at / logits.cols)]!;
    const what = `a score of the next token of prompt ${row.index + 1}`;
    return notFinite(device, model, row.whole(), options.compute, what, scores[at]!);
  };
  if (sampling === null && ScoreProcessor.idle(options)) {
    // the sum is not finite when any score is not, which the largest score would not show. Both results are read in one copy, so
    // a GPU is synchronised once
    const answers = device.empty([SUM + 4 * logits.rows], 'u8');
    device.ops.sum(logits.size, logits.address, answers.address);
    device.ops.argmaxRows(logits.rows, logits.cols, logits.address, logits.cols, answers.address + SUM);
    const { buffer } = device.readBytes(answers);
    if (!Number.isFinite(new Float64Array(buffer, 0, 1)[0])) throw odd(device.readF32(logits));
    return new Int32Array(buffer, SUM);
  }
  const all = device.readF32(logits);
  if (options.rules?.removeInvalidValues !== true && !isFiniteTensor(device, logits)) throw odd(all);
  const host = hostLibrary();
  return sequences.map(({ row }, i) => {
    const scores = all.subarray(i * logits.cols, (i + 1) * logits.cols);
    row.processor?.apply(scores);
    const chosen =
      sampling === null ? argmax(scores) : sample(scores, sampling, row.index, row.ids.length, (x) => host.exp(x));
    if (chosen >= 0) return chosen;
    throw inputError(`prompt ${row.index + 1} has no next token: the rules of generation forbid every one`, {
      remedy: 'check the generation settings of the checkpoint',
    });
  });
}
