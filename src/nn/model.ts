/** A model ready to run: the decoder, its head, and its trained tensors. */

import { activationDtype, type Compute, type Weight } from '../autograd/ops/linear';
import { inputError, specError } from '../errors';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { respell } from '../paper/module-names';
import { isSaved, type ModuleSelection } from '../paper/targets';
import type { AdaLora } from './adalora';
import { type AdapterOptions, addAdapter } from './adapter';
import { isQuantised, isStoredQuantised, storesQuantised } from './bitsandbytes';
import {
  BLOCK_LINEARS,
  type BlockLinear,
  type BlockNorm,
  blockNorms,
  type DecoderConfig,
  linearShapes,
} from './config';
import { type Block, Decoder } from './decoder';
import type { Linear } from './linear';
import type { ModelFiles } from './model-files';
import { quantiseMatrix, storedMatrix } from './quantised';
import { isFloating, type StoredTensor, storedF32 } from './safetensors';
import { DenseWeight, FourBitWeight, type QuantisationOptions } from './weights';

export { type ModelFiles, openEmbeddedModel, openModelFolder } from './model-files';

export interface ModelOptions {
  readonly task: 'sequence-classification' | 'causal-lm';
  /** Classes of the classifier's head (ignored for a causal LM). */
  readonly classes: number;
  readonly compute: Compute;
  readonly quantisation: QuantisationOptions | null;
  /** Keep dequantised copies of 4-bit weights: the same bits, more memory, no dequantisation per step. */
  readonly resident: boolean;
  readonly adapter: AdapterOptions | null;
  /** Train every parameter instead of an adapter. */
  readonly fullParameter: boolean;
  /** Seed of random initial weights: adapters, a new score head. */
  readonly seed: number;
}

export interface Model {
  readonly config: DecoderConfig;
  readonly decoder: Decoder;
  /** [vocab, hidden] or [classes, hidden]. */
  readonly head: Weight;
  /**
   * The trained tensors, fp32 with gradients, by the names that PEFT (or, for full training, transformers) gives them in
   * this model: those of a multimodal one have its prefix.
   */
  readonly trainable: ReadonlyMap<string, Tensor>;
  /** AdaLoRA's regulariser and rank allocation; null for every other adapter. */
  readonly adalora: AdaLora | null;
  /** The prefix of the decoder's modules in transformers' model, where it is not `model.`. */
  readonly prefix: string;
  /** The score head is the checkpoint's, not a new one. */
  readonly headFromCheckpoint: boolean;
  /** Parameters of the base (tied embeddings once). */
  readonly baseParameters: number;
  /** Bytes of the base's matrices as stored: packed when quantised. */
  readonly baseBytes: number;
}

const EMBEDDING = 'model.embed_tokens.weight';
/** Random stream of a new classification head. */
const HEAD_STREAM = 0x53434f52;
/** Standard deviation transformers gives new linears (initializer_range). */
const INITIALIZER_RANGE = 0.02;

/** Puts a checkpoint on a device. @throws MedreproError `input` when a tensor is missing or has another shape. */
export function loadModel(device: Device, files: ModelFiles, options: ModelOptions): Model {
  const { config } = files;
  const loader = new Loader(device, files, options);
  const embedTokens = loader.table(EMBEDDING, [config.vocabSize, config.hiddenSize]);
  const blocks = Array.from({ length: config.layers }, (_, index) => loader.block(index));
  const norm = loader.vector('model.norm.weight', config.hiddenSize);
  const preparation = options.quantisation?.kbitPreparation ?? 'none';
  const decoder = new Decoder(device, config, embedTokens, blocks, norm, preparation);
  const trainable = loader.trainable;
  let adalora: AdaLora | null = null;
  if (options.adapter !== null) {
    const adapted = addAdapter(device, decoder.linears(), options.adapter, options.seed);
    for (const [name, tensor] of adapted.trainable) trainable.set(name, makeTrainable(device, tensor));
    adalora = adapted.adalora;
  }
  const head =
    options.task === 'causal-lm' ? loader.languageHead(embedTokens) : loader.classificationHead(options.classes);
  const { baseParameters, baseBytes } = loader;
  const { prefix } = files;
  if (options.adapter !== null) refuseUnmatched(options.adapter, trainable);
  const headFromCheckpoint = files.tensors.tensors.has('score.weight');
  return { config, decoder, head, trainable, adalora, prefix, headFromCheckpoint, baseParameters, baseBytes };
}

/** Gives an fp32 tensor a zero gradient of its own, which persists between steps. */
export function makeTrainable(device: Device, tensor: Tensor): Tensor {
  tensor.requiresGrad = true;
  tensor.grad = device.zeros(tensor.shape, 'f32').retain();
  return tensor;
}

// --- internal ---

/** Whether the module `name` is one whose name ends in `saved`, or is inside one. */
const isWithin = (name: string, saved: string): boolean =>
  name.split('.').some((_, index, parts) =>
    parts
      .slice(0, index + 1)
      .join('.')
      .endsWith(saved),
  );

/** PEFT always lists both names of a score head; anything else that names no module is a mistake. */
function refuseUnmatched(adapter: ModuleSelection, trainable: ReadonlyMap<string, Tensor>): void {
  const modules = [...trainable.keys()].map((name) => name.replace(/\.(weight|bias)$/, ''));
  for (const saved of adapter.modulesToSave ?? []) {
    if (
      saved === 'classifier' ||
      saved === 'score' ||
      adapter.source?.others.some((name) => isWithin(name, saved)) ||
      modules.some((name) => isSaved({ ...adapter, modulesToSave: [saved] }, name))
    )
      continue;
    throw specError(`modulesToSave ${JSON.stringify(saved)} names no module of this model`, {
      remedy: 'use embed_tokens, lm_head, or the last parts of linears or norms',
    });
  }
}

class Loader {
  readonly trainable = new Map<string, Tensor>();
  baseParameters = 0;
  baseBytes = 0;
  /** The checkpoint is quantised: its dense matrices stay dense. */
  private readonly quantisedFile: boolean;

  constructor(
    private readonly device: Device,
    private readonly files: ModelFiles,
    private readonly options: ModelOptions,
  ) {
    this.quantisedFile = storesQuantised(files.tensors.tensors);
  }

  block(index: number): Block {
    const { config } = this.files;
    const at = (name: string): string => `model.layers.${index}.${name}`;
    const shapes = linearShapes(config);
    const linears = BLOCK_LINEARS.map((name): [BlockLinear, Linear] => {
      const weight = this.matrix(`${at(name)}.weight`, shapes[name]);
      const bias = config.biases.includes(name) ? this.vector(`${at(name)}.bias`, shapes[name][0]) : null;
      return [name, { name: respell(at(name), this.files.prefix), weight, bias, lora: null }];
    });
    const norms = blockNorms(config).map(({ role, name, size }): [BlockNorm, Tensor] => {
      return [role, this.vector(at(`${name}.weight`), size)];
    });
    const absent = { qNorm: null, kNorm: null, attentionOutputNorm: null, mlpOutputNorm: null };
    const entries = { ...absent, ...Object.fromEntries(norms) } as Omit<Block, 'linears'>;
    return { ...entries, linears: Object.fromEntries(linears) as Record<BlockLinear, Linear> };
  }

  /**
   * A linear's matrix: fp32 when trained; as stored in a checkpoint that is quantised; otherwise quantised when the options
   * say so.
   */
  matrix(name: string, shape: readonly [number, number]): Weight {
    const { compute, resident } = this.options;
    const { tensors } = this.files.tensors;
    const dtype = activationDtype(compute);
    const count = (weight: Weight, bytes: number): Weight => {
      this.baseBytes += bytes;
      if (resident && weight instanceof FourBitWeight) weight.makeResident(this.device);
      return weight;
    };
    if (isStoredQuantised(tensors, name)) {
      if (this.trains(name))
        throw inputError(`${this.files.name}: ${name} is quantised, and such weights are not trained`);
      // the stored matrices describe their own four bits, and config.json may be out of date
      const { quantisation: said } = this.files;
      const asked = this.options.quantisation ?? (said?.kind === 'int8' ? said : null);
      const { weight, bytes } = storedMatrix(this.device, tensors, name, shape, asked, dtype);
      this.baseParameters += shape[0] * shape[1];
      return count(weight, bytes);
    }
    const stored = this.find(name, shape);
    if (this.trains(name) || !this.quantises(name)) return new DenseWeight(this.parameterOrFrozen(name, stored));
    const { quantisation } = this.options;
    const { weight, bytes } = quantiseMatrix(this.device, () => this.upload(stored), quantisation!, dtype);
    stored.release();
    return count(weight, bytes);
  }

  /**
   * Whether a dense matrix is quantised on loading. The rule by name is only for entirely dense checkpoints: names
   * and lists of other releases and wrappers do not tell which matrices of a quantised one are quantised.
   */
  private quantises(name: string): boolean {
    const { quantisation, task } = this.options;
    if (quantisation === null || this.quantisedFile) return false;
    const { tieWordEmbeddings: tiedEmbeddings } = this.files.config;
    // lists name the modules of transformers' model
    const module = respell(name, this.files.prefix).replace(/\.weight$/, '');
    return isQuantised(module, { task, tiedEmbeddings, ...quantisation });
  }

  /** An embedding table, in its stored dtype unless trained. */
  table(name: string, shape: readonly [number, number]): Tensor {
    return this.parameterOrFrozen(name, this.find(name, shape));
  }

  /** A norm's weight or a bias, always fp32 on the device. */
  vector(name: string, size: number): Tensor {
    const stored = this.find(name, [size]);
    const tensor = this.uploadF32(stored);
    this.baseBytes += stored.dtype === 'f64' ? tensor.bytes : stored.bytes;
    return this.trains(name) ? this.train(name, tensor) : tensor;
  }

  languageHead(embedTokens: Tensor): Weight {
    const { config } = this.files;
    if (!config.tieWordEmbeddings) return this.matrix('lm_head.weight', [config.vocabSize, config.hiddenSize]);
    this.refuseQuantisedHead('lm_head');
    return this.tiedHead(embedTokens);
  }

  /** The embedding itself, unless the adapter trains a copy of one of the two: PEFT unties them then. */
  private tiedHead(embedTokens: Tensor): Weight {
    if (!this.isSaved('lm_head.weight') && !this.isSaved(EMBEDDING)) return new DenseWeight(embedTokens);
    const stored = this.files.tensors.tensors.get(EMBEDDING)!;
    return new DenseWeight(this.parameterOrFrozen('lm_head.weight', stored));
  }

  /** `score` of the checkpoint when it has one, a new one otherwise; trained either way, as PEFT does for SEQ_CLS. */
  classificationHead(classes: number): Weight {
    const { hiddenSize } = this.files.config;
    this.refuseQuantisedHead('score');
    const stored = this.files.tensors.tensors.get('score.weight');
    const tensor =
      stored === undefined
        ? this.device.empty([classes, hiddenSize], 'f32')
        : this.uploadF32(this.find('score.weight', [classes, hiddenSize]));
    if (stored === undefined) {
      const seed = this.options.seed >>> 0;
      this.device.ops.normal(tensor.size, 0, INITIALIZER_RANGE, seed, HEAD_STREAM, tensor.address);
    }
    const training = this.options.adapter !== null || this.options.fullParameter;
    if (!training) return new DenseWeight(tensor);
    return new DenseWeight(this.train('score.weight', tensor));
  }

  /** A list of skipModules replaces the default one: without the head in it, transformers would quantise the head too. */
  private refuseQuantisedHead(module: 'lm_head' | 'score'): void {
    if (!this.quantises(`${module}.weight`)) return;
    const why = module === 'score' ? 'is trained' : 'is the embedding table';
    throw inputError(`skipModules leaves out ${module}, which ${why} and cannot be quantised`, {
      remedy: `add ${module} to skipModules`,
    });
  }

  private parameterOrFrozen(name: string, stored: StoredTensor): Tensor {
    const tensor = this.trains(name) ? this.train(name, this.uploadF32(stored)) : this.upload(stored);
    this.baseBytes += stored.dtype === 'f64' ? tensor.bytes : stored.bytes;
    return tensor;
  }

  /** Trained by its own name, or by PEFT's when the adapter trains a copy of it. */
  private train(name: string, tensor: Tensor): Tensor {
    const module = respell(name, this.files.prefix);
    this.trainable.set(
      this.options.fullParameter ? module : `base_model.model.${module}`,
      makeTrainable(this.device, tensor),
    );
    return tensor;
  }

  private trains(name: string): boolean {
    return this.options.fullParameter || this.isSaved(name);
  }

  /** Whether the adapter trains a full copy of this module (PEFT's modules_to_save). */
  private isSaved(name: string): boolean {
    const { adapter } = this.options;
    return adapter !== null && isSaved(adapter, respell(name, this.files.prefix).replace(/\.(weight|bias)$/, ''));
  }

  /** An fp32 copy on the device. */
  private uploadF32(stored: StoredTensor): Tensor {
    const tensor = this.device.empty(stored.shape, 'f32');
    this.device.scope(() => {
      const source = this.upload(stored);
      this.device.ops.cast(source.code, tensor.code, tensor.size, source.address, tensor.address);
    });
    stored.release();
    return tensor;
  }

  /** As stored: no copy where the CPU has the file mapped (and its tensors are aligned). */
  private upload(stored: StoredTensor): Tensor {
    const { address, shape, dtype } = stored;
    if (dtype === 'f64') return this.rounded(stored);
    if (stored.onDevice) return this.device.view(address, shape, dtype);
    const tensor = this.device.adopt(address, shape, dtype);
    if (tensor.address !== address) stored.release();
    return tensor;
  }

  /** float64 is rounded to fp32. */
  private rounded(stored: StoredTensor): Tensor {
    const { device } = this;
    if (device.planned) return device.empty(stored.shape, 'f32');
    const tensor = device.fromArray(storedF32(stored), stored.shape, 'f32');
    stored.release();
    return tensor;
  }

  private find(name: string, shape: readonly number[]): StoredTensor {
    const stored = this.files.tensors.tensors.get(name);
    const remedy = 'config.json and the weights must be of one checkpoint: fetch or export both again';
    const foreign = this.files.tensors.foreign?.get(name);
    if (foreign !== undefined) {
      throw inputError(`${this.files.name}: ${name} is ${foreign.dtype}, which is not computed with`, {
        remedy: 'use a checkpoint in float32, bfloat16 or float16, or one quantised by bitsandbytes',
      });
    }
    if (stored === undefined) throw inputError(`${this.files.name}: the checkpoint has no tensor ${name}`, { remedy });
    if (stored.shape.join() !== shape.join()) {
      const found = stored.shape.join(', ');
      throw inputError(`${this.files.name}: ${name} is [${found}], config.json says [${shape.join(', ')}]`, { remedy });
    }
    if (!isFloating(stored)) {
      throw inputError(`${this.files.name}: ${name} is ${stored.dtype}, not floating point`, { remedy });
    }
    this.baseParameters += stored.shape.reduce((product, side) => product * side, 1);
    return stored;
  }
}

/** Copies host values into a trainable tensor of the same size, as when resuming. */
export function restore(device: Device, tensor: Tensor, values: Uint8Array): void {
  if (values.length !== tensor.bytes) throw new RangeError(`${values.length} bytes for a tensor of ${tensor.bytes}`);
  device.write(tensor, values);
}
