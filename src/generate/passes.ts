/**
 * Passes through a model over the next tokens of some sequences.
 *
 * A GPU runs one token of a small model faster than its ops can be started one by one, so there a pass of one token a
 * sequence is recorded the second time it occurs, and then replayed with new indices.
 */
import { type Compute, linear } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import type { Device, Recording } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { Model } from '../nn/model';
import type { KvCache, NewTokens, PassInputs, PassTensors } from './cache';

/** Parameters above which a pass of one token takes longer than starting its ops. */
const RECORDED_PARAMETERS = 2e9;

interface Recorded {
  readonly sequences: number;
  /** All indices, one array after the other: one copy to the device for each pass. */
  readonly indices: Tensor;
  readonly logits: Tensor;
  readonly recording: Recording;
  readonly release: () => void;
}

export class Passes {
  private recorded: Recorded | null = null;
  /** Sequences of the last pass of one token each. */
  private before = 0;

  constructor(
    private readonly device: Device,
    private readonly model: Model,
    private readonly cache: KvCache,
    private readonly compute: Compute,
  ) {}

  /** fp32 logits [sequences, vocab] after the last new token of each; to be read before the next pass and in this scope. */
  logits(sequences: readonly NewTokens[]): Tensor {
    const inputs = this.cache.extend(sequences);
    const { length } = sequences;
    const repeats = this.device.records && inputs.ids.length === length && this.isSmall;
    const again = repeats && this.before === length;
    this.before = repeats ? length : 0;
    if (!again) return this.forward(this.upload(inputs));
    if (this.recorded?.sequences !== length) {
      this.forget();
      this.recorded = this.record(inputs);
    } else this.device.write(this.recorded.indices, together(inputs));
    this.recorded.recording.replay();
    return this.recorded.logits;
  }

  /** Releases the memory of a recorded pass. */
  forget(): void {
    this.recorded?.recording.destroy();
    this.recorded?.release();
    this.recorded = null;
  }

  private get isSmall(): boolean {
    return this.model.baseParameters < RECORDED_PARAMETERS;
  }

  private upload(inputs: PassInputs): PassTensors {
    const entries = names(inputs).map((name) => {
      const values = inputs[name];
      return [name, this.device.fromArray(values, [values.length], 'i32')];
    });
    return Object.fromEntries(entries) as PassTensors;
  }

  private forward(tensors: PassTensors): Tensor {
    const { device, model, cache, compute } = this;
    const tape = new Tape(device, false);
    const hidden = model.decoder.forward(tape, tensors, tensors.last, {
      compute,
      checkpoint: false,
      dropoutSeed: null,
      cache: cache.attention(tensors),
    });
    return linear(tape, compute, hidden, model.head, null, 'f32');
  }

  /**
   * Its inputs and outputs keep their addresses. Its intermediate buffers may be reused by whatever runs between two replays, and
   * are valid within one replay only.
   */
  private record(inputs: PassInputs): Recorded {
    const { device } = this;
    const { result, release } = device.hold(() => {
      const all = together(inputs);
      const indices = device.fromArray(all, [all.length], 'i32');
      let begin = 0;
      const entries = names(inputs).map((name) => {
        const { length } = inputs[name];
        begin += length;
        return [name, device.view(indices.address + 4 * (begin - length), [length], 'i32')];
      });
      const tensors = Object.fromEntries(entries) as PassTensors;
      let logits: Tensor | null = null;
      const recording = device.record(() => {
        logits = this.forward(tensors);
      });
      return { indices, recording, logits: logits! };
    });
    return { sequences: inputs.past.length, ...result, release };
  }
}

/** The arrays of a pass in their order, as one. */
function together(inputs: PassInputs): Int32Array {
  const arrays = names(inputs).map((name) => inputs[name]);
  const all = new Int32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let begin = 0;
  for (const array of arrays) {
    all.set(array, begin);
    begin += array.length;
  }
  return all;
}

const names = (inputs: PassInputs): (keyof PassInputs)[] => Object.keys(inputs) as (keyof PassInputs)[];
