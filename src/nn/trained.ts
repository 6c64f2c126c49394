/** The checkpoint of a model whose every parameter was trained, as transformers loads it. */
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { respell } from '../paper/module-names';
import type { Model, ModelFiles } from './model';
import { type LazyTensor, storedBytes } from './safetensors';

/**
 * Its tensors: the trained ones in fp32, in which they were trained, under the names of the base's file; the vision tower of the
 * base unchanged. A tied output head is left out, as transformers does.
 * @param model loaded from `files` to train every parameter
 */
export function trainedTensors(
  device: Device,
  files: ModelFiles,
  model: Model,
  task: 'sequence-classification' | 'causal-lm',
): LazyTensor[] {
  const tensors: LazyTensor[] = [];
  const left = new Set(model.trainable.keys());
  const put = (name: string, live: string, tensor: Tensor): void => {
    left.delete(live);
    tensors.push({ name, dtype: 'f32', shape: tensor.shape, data: () => device.readBytes(tensor) });
  };
  for (const [name, source] of files.tensors.tensors) {
    const live = respell(name, files.prefix);
    const trained = model.trainable.get(live);
    const stored = files.storedNames.get(name) ?? name;
    if (trained !== undefined) put(stored, live, trained);
    else if (name === 'score.weight') continue;
    else if (name === 'lm_head.weight' && (files.config.tieWordEmbeddings || task === 'sequence-classification'))
      continue;
    else tensors.push({ ...source, name: stored, data: () => storedBytes(source) });
  }
  for (const [name, source] of files.tensors.foreign ?? []) {
    tensors.push({ ...source, name: files.storedNames.get(name) ?? name, data: () => storedBytes(source) });
  }
  // a score head that the base lacks
  for (const live of left) put(live, live, model.trainable.get(live)!);
  return tensors;
}
