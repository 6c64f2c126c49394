/** AdaLoRA: singular values on rows, G - I, importance, scores. */
import { type Case, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import { gradient, project } from '../gradients';
import * as reference from '../reference/adalora';

const SHAPES = [
  { rows: 1, cols: 1 },
  { rows: 5, cols: 37 },
  { rows: 3, cols: 20_001 },
] as const;

interface Shape {
  readonly rows: number;
  readonly cols: number;
}

function scaleRowsCase({ rows, cols }: Shape): Case {
  const draws = new Draws(`scale_rows ${rows} ${cols}`);
  const x = draws.values('f32', rows * cols);
  const factors = draws.values('f32', rows);
  return kernelCase({
    op: 'scale_rows',
    shape: `[${rows}, ${cols}]`,
    dtype: 'f32',
    buffers: { x: input('f32', x), factors: input('f32', factors), y: output('f32', rows * cols) },
    call: (ops, at) => ops.scaleRows(rows, cols, at.x, at.factors, at.y),
    expected: () => ({ y: within(1, 'f32', reference.scaleRows(x, factors, cols), 'one product') }),
  });
}

function scaleRowsBackwardCase({ rows, cols }: Shape, accumulate: 0 | 1): Case {
  const draws = new Draws(`scale_rows_backward ${rows} ${cols} ${accumulate}`);
  const [dy, x] = [draws.values('f32', rows * cols), draws.values('f32', rows * cols)];
  const [factors, dx, dFactors] = [
    draws.values('f32', rows),
    draws.values('f32', rows * cols),
    draws.values('f32', rows),
  ];
  const into = (values: Float64Array) => (accumulate === 1 ? update('f32', values) : output('f32', values.length));
  return kernelCase({
    op: 'scale_rows_backward',
    shape: `[${rows}, ${cols}]${accumulate === 1 ? ', added' : ''}`,
    dtype: 'f32',
    buffers: {
      dy: input('f32', dy),
      x: input('f32', x),
      factors: input('f32', factors),
      dx: into(dx),
      dFactors: into(dFactors),
    },
    call: (ops, at) =>
      ops.scaleRowsBackward(rows, cols, at.dy, at.x, at.factors, at.dx, accumulate, at.dFactors, accumulate),
    expected: () => {
      const loss = (at: Float64Array, scale: Float64Array) => project(reference.scaleRows(at, scale, cols), dy);
      // linear in each: the product rule needs no step for x, and one difference per row for the factors
      const byX = reference.scaleRows(dy, factors, cols).map((value, i) => value + accumulate * dx[i]!);
      const byFactors = gradient((at) => loss(x, at), factors).map((value, i) => value + accumulate * dFactors[i]!);
      // the terms of a row's sum may cancel: the bound is a share of their magnitudes
      const magnitudes = Math.hypot(
        ...factors.map((_, r) => {
          let sum = Math.abs(accumulate * dFactors[r]!);
          for (let c = 0; c < cols; c++) sum += Math.abs(dy[r * cols + c]! * x[r * cols + c]!);
          return sum;
        }),
      );
      const chain = Math.ceil(cols / 16) + 6;
      return {
        dx: within(2, 'f32', byX, 'a product and a sum'),
        dFactors: within(chain, 'f32', byFactors, `${chain} roundings in a row`, { norm: magnitudes }),
      };
    },
  });
}

function subtractIdentityCase(n: number): Case {
  const x = new Draws(`subtract_identity ${n}`).values('f32', n * n);
  return kernelCase({
    op: 'subtract_identity',
    shape: `[${n}, ${n}]`,
    dtype: 'f32',
    buffers: { x: update('f32', x) },
    call: (ops, at) => ops.subtractIdentity(n, at.x),
    expected: () => ({ x: within(1, 'f32', reference.subtractIdentity(x, n), 'one difference') }),
  });
}

function importanceCase(n: number): Case {
  const draws = new Draws(`adalora_importance ${n}`);
  const [param, grad] = [draws.values('f32', n), draws.values('f32', n, 1e-2)];
  const positive = (scale: number): Float64Array => draws.values('f32', n, scale).map(Math.abs);
  const [sensitivity, uncertainty] = [positive(1e-2), positive(1e-3)];
  const options = { gradScale: 0.7, beta1: 0.85, beta2: 0.9 };
  return kernelCase({
    op: 'adalora_importance',
    shape: `${n}`,
    dtype: 'f32',
    buffers: {
      param: input('f32', param),
      grad: input('f32', grad),
      sensitivity: update('f32', sensitivity),
      uncertainty: update('f32', uncertainty),
    },
    call: (ops, at) => {
      const { gradScale, beta1, beta2 } = options;
      ops.adaloraImportance(n, at.param, at.grad, gradScale, beta1, beta2, at.sensitivity, at.uncertainty);
    },
    expected: () => {
      const after = reference.importance(param, grad, { sensitivity, uncertainty }, options);
      return {
        sensitivity: within(6, 'f32', after.sensitivity, 'factors, three products and a sum'),
        uncertainty: within(16, 'f32', after.uncertainty, 'the roundings of both, and a difference'),
      };
    },
  });
}

function scoreCase(rank: number, inFeatures: number, outFeatures: number): Case {
  const draws = new Draws(`adalora_score ${rank} ${inFeatures} ${outFeatures}`);
  const pair = (n: number) => [draws.values('f32', n).map(Math.abs), draws.values('f32', n).map(Math.abs)] as const;
  const [[as, au], [es, eu], [bs, bu]] = [pair(rank * inFeatures), pair(rank), pair(outFeatures * rank)];
  const product = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value * b[i]!);
  return kernelCase({
    op: 'adalora_score',
    shape: `rank ${rank}, ${inFeatures} in, ${outFeatures} out`,
    dtype: 'f32',
    buffers: {
      as: input('f32', as),
      au: input('f32', au),
      es: input('f32', es),
      eu: input('f32', eu),
      bs: input('f32', bs),
      bu: input('f32', bu),
      scores: output('f32', rank),
    },
    call: (ops, at) =>
      ops.adaloraScore(rank, inFeatures, outFeatures, at.as, at.au, at.es, at.eu, at.bs, at.bu, at.scores),
    expected: () => {
      const values = reference.score(product(as, au), product(es, eu), product(bs, bu));
      return { scores: within(4, 'f32', values, 'products, means rounded once, two sums of positive terms') };
    },
  });
}

/** The cases of this file. */
export function adaloraCases(): Case[] {
  return [
    ...SHAPES.map(scaleRowsCase),
    ...SHAPES.flatMap((shape) => ([0, 1] as const).map((accumulate) => scaleRowsBackwardCase(shape, accumulate))),
    ...[1, 2, 33].map(subtractIdentityCase),
    ...[1, 15, 33, 16_401].map(importanceCase),
    scoreCase(1, 1, 1),
    scoreCase(6, 48, 80),
    scoreCase(17, 33, 5),
  ];
}
