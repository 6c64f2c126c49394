/** Cases that go through the tape: how they run, and the tensors they start from. */
import type { Tape } from '../autograd/tape';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';
import { type Case, type Expected, encode, type Output, type Placement } from './case';
import type { Numbers } from './reference/formats';

export interface TapeCase {
  readonly op: string;
  readonly shape: string;
  readonly dtype: string;
  readonly samePaths?: boolean;
  /** Runs forward and backward; the tensors it names are what is compared. */
  readonly run: (device: Device) => Readonly<Record<string, Tensor | number>>;
  readonly expected: () => Readonly<Record<string, Expected>>;
}

/** A case that goes through the tape. Memory is poisoned first, so nothing may rely on it being zero. */
export function tapeCase({ op, shape, dtype, samePaths = true, run, expected }: TapeCase): Case {
  const read = (device: Device, value: Tensor | number): Output => {
    const after = typeof value === 'number' ? encode('f64', [value]) : device.readBytes(value);
    return { dtype: typeof value === 'number' ? 'f64' : value.dtype, before: new Uint8Array(after.length), after };
  };
  const execute = (device: Device, { poison }: Placement) => {
    device.scope(() => device.write(device.empty([POISONED], 'u8'), new Uint8Array(POISONED).fill(poison)));
    return device.scope(() => {
      const outputs = Object.entries(run(device)).map(([name, value]) => [name, read(device, value)] as const);
      return { outputs: Object.fromEntries(outputs), trespasses: [] };
    });
  };
  return { op: `tape.${op}`, shape, dtype, samePaths, execute, expected };
}

/** More bytes than any case here uses. */
const POISONED = 2 ** 21;

export const tensor = (device: Device, values: Numbers, shape: readonly number[], dtype: FloatDtype): Tensor => {
  const made = device.empty(shape, dtype);
  device.write(made, encode(dtype, values));
  return made;
};

/** An input whose gradient is wanted. */
export function variable(device: Device, values: Numbers, shape: readonly number[], dtype: FloatDtype): Tensor {
  const made = tensor(device, values, shape, dtype);
  made.requiresGrad = true;
  return made;
}

/** Runs the tape back from `y` with the gradient `dy`. */
export function backward(device: Device, tape: Tape, y: Tensor, dy: Numbers): void {
  y.grad = tensor(device, dy, y.shape, y.dtype as FloatDtype).retain();
  tape.backward();
}
