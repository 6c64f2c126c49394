/** Sums and AdamW. */
import { type Case, type Expected, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import * as reference from '../reference/reductions';

/** One element, a tail, one chunk of 4,096, one more, and many with a tail. */
const SIZES = [1, 15, 4096, 4097, 70_001] as const;

/** Each lane adds 256 terms, lanes and chunks a few more; the sum of magnitudes bounds every partial sum. */
function doubleSum(value: number, magnitudes: number): Expected {
  const reason = 'at most 300 roundings of a double in a row, of sums below the sum of magnitudes';
  return { values: [value], norm: magnitudes, tolerance: 300 * 2 ** -53, reason };
}

function sumCase(n: number): Case {
  const x = new Draws(`sum ${n}`).values('f32', n);
  return kernelCase({
    op: 'sum',
    shape: `${n}`,
    dtype: 'f32',
    buffers: { x: input('f32', x), out: output('f64', 1) },
    call: (ops, at) => ops.sum(n, at.x, at.out),
    expected: () => ({ out: doubleSum(reference.sum(x), reference.sum(x.map(Math.abs))) }),
  });
}

function sumSquaresCase(n: number): Case {
  const x = new Draws(`sum of squares ${n}`).values('f32', n, 1e-3);
  return kernelCase({
    op: 'sum_squares',
    shape: `${n}`,
    dtype: 'f32',
    buffers: { x: input('f32', x), out: output('f64', 1) },
    call: (ops, at) => ops.sumSquares(n, at.x, at.out),
    expected: () => ({ out: doubleSum(reference.sumSquares(x), reference.sumSquares(x)) }),
  });
}

interface AdamWCase {
  readonly n: number;
  readonly step: number;
  readonly weightDecay: number;
  readonly gradScale: number;
  readonly beta1?: number;
}

function adamwCase({ n, step, weightDecay, gradScale, beta1 = 0.9 }: AdamWCase): Case {
  const betas = beta1 === 0.9 ? '' : `, beta1 ${beta1}`;
  const name = `${n}, step ${step}, decay ${weightDecay}, scale ${gradScale}${betas}`;
  const draws = new Draws(`adamw ${name}`);
  const param = draws.values('f32', n);
  const grad = draws.values('f32', n, 1e-2);
  // a gradient of exactly 0 on a fresh state leaves 0 / (0 + eps)
  grad[0] = n > 1 ? 0 : grad[0]!;
  const m = step === 1 ? new Float64Array(n) : draws.values('f32', n, 1e-2);
  const v = step === 1 ? new Float64Array(n) : draws.values('f32', n, 1e-2).map((value) => Math.fround(value * value));
  const options = { lr: 0.01, beta1, beta2: 0.999, eps: 1e-8, weightDecay, step, gradScale };
  const { lr, beta2, eps } = options;
  return kernelCase({
    op: 'adamw',
    shape: name,
    dtype: 'f32',
    buffers: { param: update('f32', param), grad: input('f32', grad), m: update('f32', m), v: update('f32', v) },
    call: (ops, at) =>
      ops.adamw(
        n,
        at.param,
        at.grad,
        at.m,
        at.v,
        lr,
        beta1,
        beta2,
        eps,
        weightDecay,
        1 - beta1 ** step,
        1 - beta2 ** step,
        gradScale,
      ),
    expected: () => {
      const after = reference.adamw(param, grad, m, v, options);
      return {
        param: within(3, 'f32', after.param, 'decay, an update a hundredth of the parameter, a sum'),
        m: within(4, 'f32', after.m, '1 - beta1, the scaled gradient, a difference, an fma'),
        v: within(5, 'f32', after.v, 'beta2, 1 - beta2, the scaled gradient twice, a sum'),
      };
    },
  });
}

/** The cases of this file. */
export function reductionCases(): Case[] {
  return [
    ...SIZES.map(sumCase),
    ...SIZES.map(sumSquaresCase),
    adamwCase({ n: 1, step: 1, weightDecay: 0, gradScale: 1 }),
    adamwCase({ n: 33, step: 1, weightDecay: 0.01, gradScale: 1 }),
    adamwCase({ n: 33, step: 7, weightDecay: 0.01, gradScale: 0.37 }),
    adamwCase({ n: 33, step: 3, weightDecay: 0, gradScale: 1, beta1: 0.4 }),
    adamwCase({ n: 16_401, step: 1000, weightDecay: 0.1, gradScale: 1 }),
  ];
}
