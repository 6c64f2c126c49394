/**
 * Reverse-mode differentiation in four ideas.
 *
 * 1. An op computes its output at once, and if any input needs a gradient it *records* a closure that turns the
 *    output's gradient into its inputs' gradients. Forward and backward of an op are next to each other in `ops/`.
 * 2. `backward` runs the closures in reverse. A gradient is *claimed* by each op that contributes to it: the first claim
 *    writes, later ones accumulate, so that no gradient is ever cleared and added to for nothing.
 * 3. Lifetimes: a tensor's values live until the scope that made it ends, unless an op saved them for its backward; what was
 *    saved is released the moment that backward has run. A gradient lives until the op that made its tensor has used it.
 * 4. A checkpointed block keeps only its input and is run again, recording, when backward reaches it; so is a stretch of
 *    ops that keep much and cost little.
 */
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';

/** What `record` needs to know of an op. */
export interface Recorded {
  /** The op's result. */
  readonly output: Tensor;
  /** Everything the result depends on; the op is recorded only when one of these needs a gradient. */
  readonly inputs: readonly Tensor[];
  /** Tensors `backward` reads, besides the output's gradient. */
  readonly saved: readonly Tensor[];
  /** Adds to the gradients of the inputs. `gradient` is that of the output. */
  readonly backward: (gradient: Tensor) => void;
}

/** Where an op writes a gradient: into `into`, adding when `accumulate` is 1 (the ABI's flag). */
export interface Claim {
  readonly into: Tensor;
  readonly accumulate: 0 | 1;
}

export class Tape {
  private nodes: Recorded[] = [];

  /** `recording: false` is inference: nothing is kept beyond the scope that made it. */
  constructor(
    readonly device: Device,
    readonly recording: boolean,
  ) {}

  get ops(): Device['ops'] {
    return this.device.ops;
  }

  /** Keeps the op for backward if it matters to any gradient, and marks its output as needing one. */
  record(op: Recorded): Tensor {
    if (this.recording && op.inputs.some((input) => input.requiresGrad)) {
      op.output.requiresGrad = true;
      for (const tensor of op.saved) tensor.retain();
      this.nodes.push(op);
    }
    return op.output;
  }

  /**
   * The gradient of `tensor`, made on the first claim. Only to be called for a tensor that `requiresGrad`. What came from
   * {@link share} and others still read is copied first.
   */
  claim(tensor: Tensor): Claim {
    if (tensor.grad !== null && tensor.grad.lent > 0) {
      const own = this.device.empty(tensor.shape, tensor.dtype).retain();
      this.ops.copy(own.bytes, tensor.grad.address, own.address);
      letGo(tensor.grad);
      tensor.grad = own;
    }
    if (tensor.grad !== null) return { into: tensor.grad, accumulate: 1 };
    tensor.grad = this.device.empty(tensor.shape, tensor.dtype).retain();
    return { into: tensor.grad, accumulate: 0 };
  }

  /**
   * Adds `gradient`, that of an op's result, to the gradient of an input that enters it by addition: the first time it is that
   * gradient itself, which is not copied unless something is added to it while it is still read elsewhere.
   */
  share(gradient: Tensor, input: Tensor): void {
    if (!input.requiresGrad) return;
    if (input.grad === null) {
      input.grad = lend(gradient);
      return;
    }
    const { into } = this.claim(input);
    this.ops.add(gradient.code, gradient.size, gradient.address, into.address, into.address);
  }

  /**
   * Like {@link claim}, for a kernel that writes the gradients of all its inputs: one that is not needed goes to a tensor that
   * is released with the scope. Claimed, it would never be released.
   */
  claimOrScratch(tensor: Tensor): Claim {
    if (tensor.requiresGrad) return this.claim(tensor);
    return { into: this.device.empty(tensor.shape, tensor.dtype), accumulate: 0 };
  }

  /**
   * Runs a block of ops in a scope of its own; only its result outlives it. With `checkpoint`, nothing else is kept and
   * the block is run again in backward, so it must be a function of `input` and of parameters alone.
   */
  block(input: Tensor, checkpoint: boolean, body: (tape: Tape, input: Tensor) => Tensor): Tensor {
    this.device.checkCancelled();
    if (!checkpoint || !this.recording) {
      return this.device.scope(() => body(this, input));
    }
    // the block's parameters may need gradients even when its input does not
    const marker = { requiresGrad: true } as Tensor;
    return this.recompute([input], [marker], (tape) => body(tape, input));
  }

  /**
   * The result of `body`, of which nothing else is kept: its ops are run again, recording, when backward reaches it, with the
   * same bits.
   * @param inputs what `body` reads that could end before
   * @param parameters what else it reads that may need a gradient
   */
  recompute(inputs: readonly Tensor[], parameters: readonly Tensor[], body: (tape: Tape) => Tensor): Tensor {
    if (!this.recording) return this.device.scope(() => body(this));
    return this.record({
      output: this.device.scope(() => body(new Tape(this.device, false))),
      inputs: [...inputs, ...parameters],
      saved: inputs,
      backward: (gradient) => {
        const again = new Tape(this.device, true);
        const result = this.device.scope(() => body(again));
        result.grad = lend(gradient);
        again.backward();
      },
    });
  }

  /** Runs every recorded backward, last first, and clears the tape. The last output's gradient must be set or implied. */
  backward(): void {
    for (let node = this.nodes.pop(); node !== undefined; node = this.nodes.pop()) {
      this.device.checkCancelled();
      const { output, saved, backward } = node;
      // an unused output has no gradient and contributes nothing
      if (output.grad !== null) {
        const gradient = output.grad;
        this.device.scope(() => backward(gradient));
        letGo(gradient);
        output.grad = null;
      }
      for (const tensor of saved) tensor.release();
    }
  }
}

// --- internal ---

/** A gradient for one more tensor. */
function lend(gradient: Tensor): Tensor {
  gradient.lent++;
  return gradient.retain();
}

/** A tensor has this gradient no longer. */
function letGo(gradient: Tensor): void {
  if (gradient.lent > 0) gradient.lent--;
  gradient.release();
}
