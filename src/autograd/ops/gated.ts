/** Gated units (Shazeer 2020): act(gate) * up, [T, intermediate], and together with the two linears that make gate and up. */
import { MR_GATE_GELU, MR_GATE_SILU } from '../../native/bindings';
import type { Device } from '../../native/device';
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';
import { type Compute, computeCode, denseTogether, linears, type Projection, recordLinear } from './linear';

/** silu, or gelu by the tanh formula (transformers' gelu_pytorch_tanh). */
export type Activation = 'silu' | 'gelu-tanh';

type Ops = Device['ops'];
interface Gate {
  readonly kind: number;
  readonly forward: (ops: Ops) => Ops['swigluForward'];
  readonly backward: (ops: Ops) => Ops['swigluBackward'];
}
const GATES: Readonly<Record<Activation, Gate>> = {
  silu: { kind: MR_GATE_SILU, forward: (ops) => ops.swigluForward, backward: (ops) => ops.swigluBackward },
  'gelu-tanh': { kind: MR_GATE_GELU, forward: (ops) => ops.gegluForward, backward: (ops) => ops.gegluBackward },
};

/** act(gate) * up; each of the two must have this as its only use. */
export function gatedUnit(tape: Tape, gate: Tensor, up: Tensor, activation: Activation): Tensor {
  const y = tape.device.empty(gate.shape, gate.dtype);
  const forward = GATES[activation].forward(tape.ops);
  forward.call(tape.ops, gate.code, gate.size, gate.address, up.address, y.address);
  return recordGated(tape, gate, up, y, activation);
}

/** {@link gatedUnit} of the two linears of x. */
export function gatedLinears(
  tape: Tape,
  compute: Compute,
  x: Tensor,
  projections: readonly [Projection, Projection],
  activation: Activation,
): Tensor {
  const dense = projections.every(({ bias }) => bias === null) ? denseTogether(tape, x, projections) : null;
  if (dense === null) {
    const [gate, up] = linears(tape, compute, x, projections) as [Tensor, Tensor];
    return gatedUnit(tape, gate, up, activation);
  }
  const [wg, wu] = dense as [Tensor, Tensor];
  const make = (): Tensor => tape.device.empty([x.rows, wg.rows], x.dtype);
  const [gate, up, y] = [make(), make(), make()];
  tape.ops.gemmGated(
    computeCode(compute),
    GATES[activation].kind,
    x.rows,
    wg.rows,
    x.cols,
    x.code,
    x.address,
    wg.code,
    wg.address,
    wu.address,
    y.code,
    gate.address,
    up.address,
    y.address,
  );
  for (const [i, made] of [gate, up].entries()) recordLinear(tape, compute, x, projections[i]!, null, made, null);
  return recordGated(tape, gate, up, y, activation);
}

// --- internal ---

function recordGated(tape: Tape, gate: Tensor, up: Tensor, y: Tensor, activation: Activation): Tensor {
  return tape.record({
    output: y,
    inputs: [gate, up],
    saved: [gate, up],
    backward: (dy) => {
      const [dGate, dUp] = [tape.claimOrScratch(gate), tape.claimOrScratch(up)];
      if (dGate.accumulate || dUp.accumulate) throw new Error('gated unit: gate or up is used twice');
      const addresses = [dy.address, gate.address, up.address, dGate.into.address, dUp.into.address] as const;
      GATES[activation].backward(tape.ops).call(tape.ops, gate.code, gate.size, ...addresses);
    },
  });
}
