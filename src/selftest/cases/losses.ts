/** Cross-entropy, focal, Dice, argmax. */
import { MR_DICE_CLASS, MR_DICE_EXAMPLE } from '../../native/bindings';
import { DTYPE_CODE } from '../../native/tensor';
import { type Case, type Expected, exactly, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import { gradient } from '../gradients';
import type { FloatDtype, Numbers } from '../reference/formats';
import * as reference from '../reference/losses';
import { sample } from './sample';

/** Where dlogits go: a buffer of their own, the logits' buffer, on top of what is there, or nowhere. */
type Target = 'own' | 'in place' | 'accumulate' | 'none';

interface LossShape {
  readonly rows: number;
  readonly classes: number;
  /** Elements between two rows. */
  readonly gap?: number;
  readonly target?: Target;
  /** Standard deviation of the logits. */
  readonly size?: number;
  /** What dlogits are stored in. */
  readonly stored?: FloatDtype;
}

interface LossCase {
  readonly op: string;
  readonly shape: LossShape;
  /** Added to the shape's name. */
  readonly detail: string;
  readonly labels: Numbers;
  readonly lossCount: number;
  /** Losses of dense logits. */
  readonly loss: (logits: Numbers) => Float64Array;
  readonly lossUnits: number;
  readonly gradientUnits: number;
  readonly reason: string;
  readonly call: Parameters<typeof kernelCase<'logits' | 'labels' | 'loss' | 'dlogits'>>[0]['call'];
}

const GRAD_SCALE = Math.fround(0.37);

function nameOf(
  { rows, classes, gap = 0, target = 'own', size = 2, stored = 'f32' }: LossShape,
  detail: string,
): string {
  const what = `${rows}x${classes}${gap ? ' strided' : ''}${size === 2 ? '' : ` of size ${size}`}${detail}`;
  return `${what}${target === 'own' ? '' : `, ${target}`}${stored === 'f32' ? '' : `, into ${stored}`}`;
}

/** Every loss has the same frame: strided logits, labels, losses, and the gradient of GRAD_SCALE * sum of the losses. */
function lossCase({
  op,
  shape,
  detail,
  labels,
  lossCount,
  loss,
  lossUnits,
  gradientUnits,
  reason,
  call,
}: LossCase): Case {
  const { rows, classes, gap = 0, target = 'own', size = 2, stored = 'f32' } = shape;
  const ld = classes + gap;
  const n = (rows - 1) * ld + classes;
  const name = nameOf(shape, detail);
  const draws = new Draws(`${op} ${name}`);
  const logits = draws.values('f32', n, size);
  const before = draws.values(stored, n);
  const inGap = (i: number): boolean => i % ld >= classes;
  const untouched = Array.from({ length: n }, (_, i) => i).filter(inGap);
  const dense = (x: Numbers): Float64Array => Float64Array.from(x as Float64Array).filter((_, i) => !inGap(i));

  const expectedGradient = (): Expected => {
    const total = (at: Numbers): number => GRAD_SCALE * loss(at).reduce((sum, value) => sum + value, 0);
    const only = sample(draws, rows * classes, 4 * rows * classes * (classes > 100 ? 1 : classes));
    const d = gradient(total, dense(logits), only);
    const values = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      if (inGap(i)) continue;
      const place = Math.floor(i / ld) * classes + (i % ld);
      values[i] = d[place]! + (target === 'accumulate' ? before[i]! : 0);
    }
    const compared = only.map((place) => Math.floor(place / classes) * ld + (place % classes));
    return within(gradientUnits + 1, stored, values, `${reason}; finite differences`, { only: compared, untouched });
  };
  const losses = (): Expected => within(lossUnits, 'f32', loss(dense(logits)), reason);
  const head = { op, shape: name, dtype: 'f32' };
  const common = { labels: input('i32', labels), loss: output('f32', lossCount) };
  if (target === 'in place') {
    return kernelCase({
      ...head,
      buffers: { ...common, logits: update('f32', logits) },
      call: (ops, at) => call(ops, { ...at, dlogits: at.logits }),
      expected: () => ({ loss: losses(), logits: expectedGradient() }),
    });
  }
  if (target === 'none') {
    return kernelCase({
      ...head,
      buffers: { ...common, logits: input('f32', logits) },
      call: (ops, at) => call(ops, { ...at, dlogits: 0 }),
      expected: () => ({ loss: losses() }),
    });
  }
  return kernelCase({
    ...head,
    buffers: {
      ...common,
      logits: input('f32', logits),
      dlogits: target === 'accumulate' ? update(stored, before) : output(stored, n),
    },
    call,
    expected: () => ({ loss: losses(), dlogits: expectedGradient() }),
  });
}

const labelsOf = (name: string, { rows, classes }: LossShape): Float64Array =>
  new Draws(`labels ${name} ${rows} ${classes}`).integers(rows, classes);
const ldOf = ({ classes, gap = 0 }: LossShape): number => classes + gap;
const accumulates = ({ target }: LossShape): 0 | 1 => (target === 'accumulate' ? 1 : 0);

const IGNORE = -100;

function crossEntropyCase(shape: LossShape, ignored: readonly number[] = []): Case {
  const { rows, classes } = shape;
  const labels = labelsOf('cross entropy', shape);
  for (const row of ignored) labels[row] = IGNORE;
  return lossCase({
    op: 'cross_entropy',
    shape,
    detail: ignored.length > 0 ? `, ${ignored.length} ignored` : '',
    labels,
    lossCount: rows,
    loss: (logits) => reference.crossEntropy(logits, labels, classes, IGNORE),
    lossUnits: 4,
    gradientUnits: 5,
    reason: 'exp within 1 ulp, sums in blocks of 1024, the rest in double',
    call: (ops, at) =>
      ops.crossEntropy(
        rows,
        classes,
        at.logits,
        ldOf(shape),
        at.labels,
        IGNORE,
        GRAD_SCALE,
        at.loss,
        DTYPE_CODE[shape.stored ?? 'f32'],
        at.dlogits,
        accumulates(shape),
      ),
  });
}

function focalCase(shape: LossShape, gamma: number, alpha: number): Case {
  const { rows, classes } = shape;
  const labels = labelsOf('focal', shape);
  return lossCase({
    op: 'focal_loss',
    shape,
    detail: `, gamma ${gamma}, alpha ${alpha}`,
    labels,
    lossCount: rows,
    loss: (logits) => reference.focal(logits, labels, classes, gamma, alpha),
    lossUnits: 1,
    gradientUnits: 1,
    reason: 'computed in double',
    call: (ops, at) =>
      ops.focalLoss(
        rows,
        classes,
        at.logits,
        ldOf(shape),
        at.labels,
        gamma,
        alpha,
        GRAD_SCALE,
        at.loss,
        at.dlogits,
        accumulates(shape),
      ),
  });
}

function diceCase(shape: LossShape, exponent: number, smooth: number, reduction: 'example' | 'class'): Case {
  const { rows, classes } = shape;
  const labels = labelsOf('dice', shape);
  return lossCase({
    op: 'dice_loss',
    shape,
    detail: `, by ${reduction}, exponent ${exponent}, smooth ${smooth}`,
    labels,
    lossCount: 1,
    loss: (logits) => Float64Array.of(reference.dice(logits, labels, classes, { exponent, smooth, reduction })),
    lossUnits: 1,
    gradientUnits: 1,
    reason: 'computed in double',
    call: (ops, at) =>
      ops.diceLoss(
        rows,
        classes,
        at.logits,
        ldOf(shape),
        at.labels,
        exponent,
        smooth,
        reduction === 'example' ? MR_DICE_EXAMPLE : MR_DICE_CLASS,
        GRAD_SCALE,
        at.loss,
        at.dlogits,
        accumulates(shape),
      ),
  });
}

function argmaxCase(rows: number, cols: number, gap: number, name: string, x: Numbers): Case {
  const ld = cols + gap;
  return kernelCase({
    op: 'argmax_rows',
    shape: `${rows}x${cols}${gap ? ' strided' : ''}${name}`,
    dtype: 'f32',
    buffers: { x: input('f32', x), out: output('i32', rows) },
    call: (ops, at) => ops.argmaxRows(rows, cols, at.x, ld, at.out),
    expected: () => ({ out: exactly(reference.argmaxRows(x, rows, cols, ld), 'the lowest index on ties') }),
  });
}

function argmaxCases(): Case[] {
  const draws = new Draws('argmax');
  const shapes = [
    [1, 1, 0],
    [5, 33, 0],
    [7, 1003, 5],
    [300, 5, 2],
    [2, 9001, 3],
  ] as const;
  const few = Float64Array.from({ length: 40 * 37 }, () => draws.integer(3));
  const low = new Float64Array(3 * 20).fill(Number.NEGATIVE_INFINITY);
  low[2 * 20 - 1] = -3.4e38;
  return [
    ...shapes.map(([rows, cols, gap]) => argmaxCase(rows, cols, gap, '', draws.values('f32', rows * (cols + gap)))),
    argmaxCase(40, 37, 0, ' with ties', few),
    argmaxCase(3, 20, 0, ' of minus infinity', low.map(Math.fround)),
    argmaxCase(
      4,
      17,
      0,
      ' of zeros of both signs',
      Float64Array.from({ length: 68 }, (_, i) => (i % 3 ? 0 : -0)),
    ),
  ];
}

/** The cases of this file. */
export function lossCases(): Case[] {
  const targets = ['own', 'in place', 'accumulate', 'none'] as const;
  return [
    ...targets.map((target) => crossEntropyCase({ rows: 7, classes: 33, target }, [0, 4])),
    ...targets.map((target) => crossEntropyCase({ rows: 5, classes: 6, gap: 11, target }, [2])),
    crossEntropyCase({ rows: 1, classes: 1, target: 'none' }),
    crossEntropyCase({ rows: 1, classes: 2 }),
    crossEntropyCase({ rows: 3, classes: 1003 }),
    crossEntropyCase({ rows: 2, classes: 2049, target: 'in place' }),
    crossEntropyCase({ rows: 2, classes: 20_011, gap: 1, target: 'none' }),
    crossEntropyCase({ rows: 2, classes: 9001, target: 'accumulate', size: 30 }),
    crossEntropyCase({ rows: 6, classes: 20, size: 40 }),
    crossEntropyCase({ rows: 200, classes: 5 }),
    crossEntropyCase({ rows: 3, classes: 5 }, [0, 1, 2]),
    ...(['bf16', 'f16'] as const).flatMap((stored) => [
      ...(['own', 'accumulate', 'none'] as const).map((target) =>
        crossEntropyCase({ rows: 7, classes: 33, gap: 3, target, stored }, [0, 4]),
      ),
      crossEntropyCase({ rows: 2, classes: 1000, stored }),
      crossEntropyCase({ rows: 2, classes: 9002, gap: 2, stored, size: 4 }),
    ]),
    ...targets.map((target) => focalCase({ rows: 5, classes: 6, gap: 3, target }, 2, 0.25)),
    ...[0, 0.5, 1, 2, 3.7].flatMap((gamma) =>
      [1, 0.25].map((alpha) => focalCase({ rows: 6, classes: 5 }, gamma, alpha)),
    ),
    focalCase({ rows: 1, classes: 2 }, 2, 1),
    focalCase({ rows: 7, classes: 33, size: 6 }, 2, 1),
    ...(['example', 'class'] as const).flatMap((reduction) => [
      ...targets.map((target) => diceCase({ rows: 5, classes: 6, gap: 3, target }, 1, 1, reduction)),
      ...[0, 0.5, 1, 2.3].flatMap((exponent) =>
        [1, 1e-4].map((smooth) => diceCase({ rows: 6, classes: 5 }, exponent, smooth, reduction)),
      ),
      diceCase({ rows: 1, classes: 2 }, 1, 1, reduction),
      diceCase({ rows: 9, classes: 17, size: 4 }, 1, 1e-4, reduction),
    ]),
    ...argmaxCases(),
  ];
}
