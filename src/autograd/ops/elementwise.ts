/** Sums, biases, rows: the small ops between the matrix products. */
import type { FloatDtype, Tensor } from '../../native/tensor';
import type { Tape } from '../tape';

/** y = a + b, same shapes. */
export function add(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const y = tape.device.empty(a.shape, a.dtype);
  tape.ops.add(a.code, a.size, a.address, b.address, y.address);
  return tape.record({
    output: y,
    inputs: [a, b],
    saved: [],
    backward: (dy) => {
      tape.share(dy, b);
      tape.share(dy, a);
    },
  });
}

/** y = factor * x. */
export function scale(tape: Tape, x: Tensor, factor: number): Tensor {
  const y = tape.device.empty(x.shape, x.dtype);
  tape.ops.scale(x.code, x.size, factor, x.address, y.address, 0);
  return tape.record({
    output: y,
    inputs: [x],
    saved: [],
    backward: (dy) => {
      const { into, accumulate } = tape.claim(x);
      tape.ops.scale(x.code, x.size, factor, dy.address, into.address, accumulate);
    },
  });
}

/** x in another dtype, and the gradient back in that of x; x itself when it has the dtype already. */
export function cast(tape: Tape, x: Tensor, dtype: FloatDtype): Tensor {
  if (x.dtype === dtype) return x;
  const y = tape.device.empty(x.shape, dtype);
  tape.ops.cast(x.code, y.code, x.size, x.address, y.address);
  return tape.record({
    output: y,
    inputs: [x],
    saved: [],
    backward: (dy) => {
      const { into, accumulate } = tape.claim(x);
      const dx = accumulate === 0 ? into : tape.device.empty(x.shape, x.dtype);
      tape.ops.cast(dy.code, dx.code, dx.size, dy.address, dx.address);
      if (accumulate !== 0) tape.ops.add(into.code, into.size, into.address, dx.address, into.address);
    },
  });
}

/** x + bias in every row: x [T, out], bias [out] fp32. */
export function addBias(tape: Tape, x: Tensor, bias: Tensor): Tensor {
  const y = tape.device.empty(x.shape, x.dtype);
  tape.ops.addBiasForward(x.code, x.rows, x.cols, x.address, bias.address, y.address);
  return tape.record({
    output: y,
    inputs: [x, bias],
    saved: [],
    backward: (dy) => {
      if (bias.requiresGrad) {
        tape.ops.addBiasBackward(dy.code, dy.rows, dy.cols, dy.address, tape.claim(bias).into.address);
      }
      tape.share(dy, x);
    },
  });
}

/**
 * table[ids] -> [T, hidden] in `dtype`. A trained table is fp32 with a gradient, but for row `padding` (-1: no row): torch's
 * nn.Embedding has none for its padding_idx.
 */
export function embedding(tape: Tape, table: Tensor, ids: Tensor, dtype: FloatDtype, padding = -1): Tensor {
  const [vocab, hidden] = [table.rows, table.cols];
  const y = tape.device.empty([ids.size, hidden], dtype);
  tape.ops.embeddingForward(ids.size, vocab, hidden, table.code, table.address, ids.address, y.code, y.address);
  return tape.record({
    output: y,
    inputs: [table],
    saved: [ids],
    backward: (dy) => {
      const { into } = tape.claim(table);
      tape.ops.embeddingBackward(ids.size, vocab, hidden, padding, ids.address, dy.code, dy.address, into.address);
    },
  });
}

/** x[rows] for distinct rows: [n, cols]. */
export function gatherRows(tape: Tape, x: Tensor, rows: Tensor): Tensor {
  const y = tape.device.empty([rows.size, x.cols], x.dtype);
  tape.ops.gatherRows(x.code, rows.size, x.cols, x.address, rows.address, y.address);
  return tape.record({
    output: y,
    inputs: [x],
    saved: [rows],
    backward: (dy) => {
      const { into, accumulate } = tape.claim(x);
      if (accumulate === 0) tape.ops.fill(into.code, into.size, 0, into.address);
      tape.ops.scatterAddRows(x.code, rows.size, x.cols, dy.address, rows.address, into.address);
    },
  });
}
