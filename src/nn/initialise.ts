/** A new model: transformers' initialisation (normal matrices, norms of one), from Philox streams. */
import type { Device } from '../native/device';
import { DTYPE_BYTES, elements, type Tensor } from '../native/tensor';
import { TEXT_PREFIX } from '../paper/module-names';
import { BLOCK_LINEARS, blockNorms, type DecoderConfig, linearShapes } from './config';
import type { ModelFiles } from './model';
import type { StoredTensor, TensorToWrite } from './safetensors';

/** Name and shape of every tensor of a checkpoint, in transformers' order. */
export function tensorShapes(config: DecoderConfig): [string, number[]][] {
  const { hiddenSize, vocabSize } = config;
  const linear = linearShapes(config);
  const shapes: [string, number[]][] = [['model.embed_tokens.weight', [vocabSize, hiddenSize]]];
  for (let index = 0; index < config.layers; index++) {
    const at = (name: string): string => `model.layers.${index}.${name}`;
    for (const { name, size } of blockNorms(config)) shapes.push([at(`${name}.weight`), [size]]);
    for (const name of BLOCK_LINEARS) {
      shapes.push([at(`${name}.weight`), [...linear[name]]]);
      if (config.biases.includes(name)) shapes.push([at(`${name}.bias`), [linear[name][0]]]);
    }
  }
  shapes.push(['model.norm.weight', [hiddenSize]]);
  if (!config.tieWordEmbeddings) shapes.push(['lm_head.weight', [vocabSize, hiddenSize]]);
  return shapes;
}

/**
 * Fresh weights on a device: matrices ~ N(0, std); o_proj and down_proj ~ N(0, std / sqrt(2 layers)), as GPT-2 does
 * for the linears that add to the residual stream; norms multiply by 1, biases are 0. They stay allocated as long as the device,
 * stored in `dtype`: bf16 is how checkpoints are published, and rounds the matrices. With `transient`, the matrices of the
 * blocks are not kept: each is computed when its address is asked for and released by its `release`, which is enough to quantise
 * a model that would not fit into memory.
 */
export function initialise(
  device: Device,
  config: DecoderConfig,
  std: number,
  seed: number,
  dtype: 'f32' | 'bf16' = 'f32',
  { transient = false } = {},
): ModelFiles {
  const residual = std / Math.sqrt(2 * config.layers);
  const tensors = new Map<string, StoredTensor>();
  const fill = (stored: Tensor, name: string, stream: number): void =>
    device.scope(() => {
      const { shape } = stored;
      const tensor = dtype === 'f32' ? stored : device.empty(shape, 'f32');
      if (shape.length === 1) {
        const value = name.endsWith('.bias') || config.normOffset ? 0 : 1;
        device.ops.fill(tensor.code, tensor.size, value, tensor.address);
      } else {
        const spread = /o_proj|down_proj/.test(name) ? residual : std;
        device.ops.normal(tensor.size, 0, spread, seed >>> 0, stream, tensor.address);
      }
      if (tensor !== stored) device.ops.cast(tensor.code, stored.code, tensor.size, tensor.address, stored.address);
    });
  tensorShapes(config).forEach(([name, shape], stream) => {
    const bytes = elements(shape) * DTYPE_BYTES[dtype];
    if (transient && name.startsWith('model.layers.') && shape.length === 2) {
      let made: Tensor | null = null;
      const make = (): Tensor => {
        const tensor = device.empty(shape, dtype).retain();
        fill(tensor, name, stream);
        return tensor;
      };
      tensors.set(name, {
        dtype,
        shape,
        bytes,
        get address() {
          made ??= make();
          return made.address;
        },
        onDevice: true,
        release: () => {
          made?.release();
          made = null;
        },
      });
      return;
    }
    const stored = device.empty(shape, dtype).retain();
    fill(stored, name, stream);
    tensors.set(name, { dtype, shape, bytes, address: stored.address, onDevice: true, release: () => {} });
  });
  const held = { tensors, metadata: {}, close: () => {} };
  return {
    name: 'random weights',
    config,
    quantisation: null,
    tensors: held,
    storedNames: new Map(),
    prefix: TEXT_PREFIX,
    sha256: '',
    warnings: [],
  };
}

/** Trained tensors rounded to bf16, ready to be written. */
export function asBf16(device: Device, tensors: ReadonlyMap<string, Tensor>): TensorToWrite[] {
  return [...tensors].map(([name, tensor]) => {
    const data = device.scope(() => {
      const half = device.empty(tensor.shape, 'bf16');
      device.ops.cast(tensor.code, half.code, tensor.size, tensor.address, half.address);
      return device.readBytes(half);
    });
    return { name, dtype: 'bf16', shape: tensor.shape, data };
  });
}
