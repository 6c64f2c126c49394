/**
 * What an adapter changes in the part of a multimodal model that sees images. No text passes through it, so it is
 * never run, only written into a merged checkpoint.
 */
import { inputError, type MedreproError } from '../errors';
import { imageName } from '../paper/module-names';
import { loraShape } from './lora';
import type { AdapterFiles } from './peft';
import { type StoredTensor, storedF32 } from './safetensors';

/** scale * B A for one matrix: `a` is [rank, in], `b` is [out, rank], row by row. */
export interface ImageUpdate {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly scale: number;
}

export interface ImageChanges {
  /** By the {@link imageName} of the matrix. */
  readonly updates: ReadonlyMap<string, ImageUpdate>;
  /** Trained copies, by the {@link imageName} of what they replace. */
  readonly copies: ReadonlyMap<string, StoredTensor>;
}

/**
 * The changes of an adapter; AdaLoRA's A times E is taken in fp32, as PEFT merges it.
 * @throws MedreproError `input` for a part that is missing or of another shape than the other
 */
export function imageChanges({ images, options, folder }: AdapterFiles): ImageChanges {
  const updates = new Map<string, ImageUpdate>();
  const copies = new Map<string, StoredTensor>();
  const refuse = (problem: string): MedreproError =>
    inputError(`${folder}: ${problem}`, { remedy: 'save the adapter again with PEFT' });
  // rank and alpha patterns match the names of the adapter's own model
  const own = new Map((options.source?.others ?? []).map((module) => [imageName(module), module]));
  for (const [name, stored] of images) {
    const module = /^(.*)\.lora_([ABE])(?:\.weight)?$/.exec(name);
    if (module === null) {
      copies.set(name, stored);
      continue;
    }
    const [, matrix = '', part] = module;
    if (part !== 'A') {
      if (!images.has(name.replace(/lora_[BE]/, 'lora_A'))) throw refuse(`has ${name} without its lora_A`);
      continue;
    }
    const b = images.get(name.replace('lora_A', 'lora_B'));
    const e = images.get(name.replace('lora_A', 'lora_E'));
    const [rank = 0, inputs = 0] = stored.shape;
    if (b === undefined) throw refuse(`has ${name} without its lora_B`);
    if (stored.shape.length !== 2 || b.shape.length !== 2 || b.shape[1] !== rank) {
      throw refuse(`${name} is [${stored.shape.join(', ')}] and its lora_B [${b.shape.join(', ')}]`);
    }
    const a = storedF32(stored);
    if (e !== undefined) {
      const values = storedF32(e);
      if (values.length !== rank) throw refuse(`${name} has ${rank} rows and its lora_E ${values.length}`);
      for (let i = 0; i < a.length; i++) a[i]! *= values[Math.floor(i / inputs)]!;
    }
    const { scale, rank: said } =
      options.kind === 'adalora'
        ? { scale: options.alpha / Math.fround(options.initialRank + Math.fround(1e-5)), rank }
        : loraShape(options, own.get(matrix) ?? matrix);
    if (said !== rank) throw refuse(`${name} has ${rank} rows, and adapter_config.json makes it ${said}`);
    updates.set(`${matrix}.weight`, { a, b: storedF32(b), rank, inputs, outputs: b.shape[0]!, scale });
  }
  return { updates, copies };
}
