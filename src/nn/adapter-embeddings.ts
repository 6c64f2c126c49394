/**
 * Rows of the embedding and of the output head that an adapter contains, as PEFT 0.21 loads them:
 *
 * - whole tables (`save_embedding_layers`), which replace the base's; where the base ties the two, they are one parameter;
 * - tables with another number of rows than the base's: those of a base whose vocabulary was resized before;
 * - single rows (`trainable_token_indices`), which replace the base's.
 *
 * Tables that `modules_to_save` trains are the model's own ({@link loadAdapter}); here they only give the vocabulary its size.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inputError, type MedreproError } from '../errors';
import { isSaved } from '../paper/targets';
import type { ModelFiles } from './model';
import type { AdapterFiles } from './peft';
import {
  areFinite,
  encodeSafetensors,
  isFloating,
  parseSafetensors,
  type Safetensors,
  type StoredTensor,
  sameValues,
  storedF32,
} from './safetensors';

export interface Embedded {
  /** The base with the adapter's rows; its `close` closes the base. */
  readonly files: ModelFiles;
  /** The rest of the adapter. */
  readonly adapter: AdapterFiles;
}

/**
 * Puts an adapter's embedding rows into its base.
 * @throws MedreproError `input` for tables that do not fit the base or each other, rows beyond the vocabulary, or values that
 *   are not finite
 */
export function withEmbeddings(files: ModelFiles, adapter: AdapterFiles): Embedded {
  const { folder, options, tokenRows } = adapter;
  const refuse = (problem: string, remedy = 'name the base the adapter was trained on'): MedreproError =>
    inputError(`${folder}: ${problem}`, { remedy });
  const found = {
    [EMBEDDING]: adapter.stored.get(`${WRAPPER}${EMBEDDING}`),
    [HEAD]: adapter.stored.get(`${WRAPPER}${HEAD}`),
  };
  const [embedding, head] = [found[EMBEDDING], found[HEAD]];
  if (embedding === undefined && head === undefined && tokenRows === null) return { files, adapter };
  const { vocabSize, hiddenSize, tieWordEmbeddings } = files.config;
  const tables = Object.entries(found).flatMap(([name, table]) => (table === undefined ? [] : [{ name, table }]));
  for (const { name, table } of tables) {
    if (!isFloating(table)) throw refuse(`${name} is ${table.dtype}`, 'save the adapter again with PEFT');
    if (table.shape.length !== 2 || table.shape[1] !== hiddenSize || table.shape[0] === 0) {
      throw refuse(`${name} is [${table.shape.join(', ')}], the base has rows of ${hiddenSize}`);
    }
    const values = storedF32(table);
    if (!areFinite(new Uint8Array(values.buffer), 'f32')) {
      throw refuse(
        `${name} holds a value that is not a finite number`,
        'its training diverged, or the file is damaged',
      );
    }
  }
  const rows = tables[0]?.table.shape[0] ?? vocabSize;
  const resized = rows !== vocabSize;
  if (embedding !== undefined && head !== undefined && head.shape[0] !== rows) {
    throw refuse(`the embedding has ${rows} rows and lm_head ${head.shape[0]}`, 'save the adapter again with PEFT');
  }
  const task = adapter.task === 'SEQ_CLS' ? 'sequence-classification' : 'causal-lm';
  const needsHead = task === 'causal-lm' && !tieWordEmbeddings;
  if (resized && (embedding === undefined || (needsHead && head === undefined))) {
    const lacking = embedding === undefined ? 'the embedding' : 'lm_head';
    throw refuse(
      `its vocabulary has ${rows} rows and the base's ${vocabSize}, and it does not hold ${lacking}`,
      'save the adapter again with PEFT (save_embedding_layers=True), or name the base that was resized',
    );
  }
  const saved = (name: string): boolean => isSaved(options, name.replace(/\.weight$/, ''));
  const base = files.tensors.tensors;
  const tensors = new Map(base);
  const stored = new Map(adapter.stored);
  const replace = (name: string, table: StoredTensor): void => {
    // parts of a quantised matrix
    for (const part of base.keys()) if (part.startsWith(`${name}.`) || part === SCALES[name]) tensors.delete(part);
    tensors.set(name, table);
  };
  let tied = tieWordEmbeddings;
  for (const { name, table } of tables) {
    if (saved(name) && !resized) continue;
    if (!saved(name)) stored.delete(`${WRAPPER}${name}`);
    replace(name, table);
  }
  if (tied && head !== undefined && !saved(HEAD)) {
    // one parameter, unless the adapter trains a copy of the embedding
    if (saved(EMBEDDING)) tied = false;
    else if (embedding === undefined) replace(EMBEDDING, head);
    else if (!sameValues(embedding, head)) {
      throw refuse(
        'the embedding and lm_head differ, and the base ties them',
        'name the base that the adapter was trained on',
      );
    }
    if (tied) tensors.delete(HEAD);
  }
  const extra = tokenRows === null ? null : tokenTables(adapter, tensors, stored, tied, rows, refuse);
  for (const [name, table] of extra?.tensors ?? []) replace(name, table);
  const close = (): void => {
    extra?.close();
    files.tensors.close();
  };
  const config = { ...files.config, vocabSize: rows, tieWordEmbeddings: tied };
  const { name, storedNames, prefix, quantisation, warnings } = files;
  return {
    files: {
      name,
      storedNames,
      prefix,
      quantisation,
      warnings,
      config,
      tensors: { ...files.tensors, tensors, close },
      get sha256() {
        return files.sha256;
      },
    },
    adapter: {
      ...adapter,
      stored,
      warnings: [...adapter.warnings, ...tokenizerNotes(folder, resized, rows, vocabSize)],
    },
  };
}

// --- internal ---

const WRAPPER = 'base_model.model.';
const EMBEDDING = 'model.embed_tokens.weight';
const HEAD = 'lm_head.weight';
const SCALES: Readonly<Record<string, string>> = { [HEAD]: 'lm_head.SCB' };

function tokenizerNotes(folder: string, resized: boolean, rows: number, base: number): string[] {
  if (!resized) return [];
  const own = existsSync(join(folder, 'tokenizer.json')) ? `: its tokeniser is ${folder}` : '';
  return [`${folder} was trained with ${rows} rows of the embedding, and the base has ${base}${own}`];
}

/** The tables in fp32 with the adapter's rows instead of the base's; the rows are removed from `stored`. */
function tokenTables(
  { tokenRows }: AdapterFiles,
  tensors: ReadonlyMap<string, StoredTensor>,
  stored: Map<string, StoredTensor>,
  tied: boolean,
  rows: number,
  refuse: (problem: string, remedy?: string) => MedreproError,
): Safetensors {
  const tables = [...tokenRows!].map(([module, indices]) => {
    const name = `${module}.weight`;
    const key = `${WRAPPER}${module}.token_adapter.trainable_tokens_delta`;
    const delta = stored.get(key);
    stored.delete(key);
    if (module === 'lm_head' && tied) {
      throw refuse('trainable_token_indices of lm_head on a base that ties it', 'merge the adapter with PEFT first');
    }
    const table = tensors.get(name);
    if (table === undefined || !isFloating(table)) throw refuse(`the base has no dense ${name} to put rows into`);
    const [count = 0, width = 0] = delta?.shape ?? [];
    const [, hidden = 0] = table.shape;
    if (delta === undefined || !isFloating(delta) || count !== indices.length || width !== hidden) {
      const what = delta === undefined ? 'missing' : `[${delta.shape.join(', ')}]`;
      throw refuse(`the rows of ${module} are ${what}, not [${indices.length}, ${hidden}]`);
    }
    const outside = indices.find((index) => index >= rows);
    if (outside !== undefined) throw refuse(`trainable_token_indices has ${outside}, and the base has ${rows} tokens`);
    const [values, changed] = [storedF32(table), storedF32(delta)];
    if (!changed.every(Number.isFinite)) {
      throw refuse(`the rows of ${module} hold a value that is not a finite number`, 'its training diverged');
    }
    indices.forEach((index, i) => {
      values.set(changed.subarray(i * width, (i + 1) * width), index * width);
    });
    const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    return { name, dtype: 'f32', shape: table.shape, data } as const;
  });
  return parseSafetensors(new Uint8Array(Buffer.concat(encodeSafetensors(tables))), 'embeddings');
}
