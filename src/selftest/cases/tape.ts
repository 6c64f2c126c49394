/** The ops of src/autograd with their backward: linear, LoRA on dense and 4-bit weights, a whole block, embedding, losses. */
import { attention } from '../../autograd/ops/attention';
import { add, embedding, gatherRows } from '../../autograd/ops/elementwise';
import { gatedUnit } from '../../autograd/ops/gated';
import { activationDtype, type Compute, type LowRank, linear, type Weight } from '../../autograd/ops/linear';
import { classifierLoss, nextTokenLoss } from '../../autograd/ops/losses';
import { rmsNorm } from '../../autograd/ops/norm';
import { type Rotation, rope } from '../../autograd/ops/rope';
import { scaleRows } from '../../autograd/ops/scale-rows';
import { Tape } from '../../autograd/tape';
import type { Device } from '../../native/device';
import type { Tensor } from '../../native/tensor';
import { makeTrainable } from '../../nn/model';
import { DenseWeight, FourBitWeight, quantise4bit } from '../../nn/weights';
import type { Loss } from '../../paper/types';
import type { Case, Expected } from '../case';
import { Draws } from '../draws';
import { gradient, project } from '../gradients';
import { scaleRows as scaleRowsReference } from '../reference/adalora';
import { prefixSums } from '../reference/attention';
import { embedding as embeddingReference, gatherRows as gatherReference } from '../reference/blocks';
import { BLOCK_PARAMETERS, type BlockParameters, type BlockShape, decoderBlock } from '../reference/decoder';
import { type DropoutMask, dropout } from '../reference/elementwise';
import { type Numbers, rounded, unitRoundoff } from '../reference/formats';
import { linear as linearReference } from '../reference/gemm';
import * as losses from '../reference/losses';
import { dequantize4bit, quantize4bit } from '../reference/quantisation';
import { backward, tapeCase, tensor, variable } from '../tape-case';

/** `roundings` of the activations' type along the longest way from input to gradient. */
function bound(values: Numbers, roundings: number, compute: Compute, norm?: number): Expected {
  const unit = unitRoundoff(activationDtype(compute));
  const scale = norm === undefined ? {} : { norm };
  return {
    ...scale,
    values,
    tolerance: roundings * unit,
    reason: `${roundings} roundings to ${activationDtype(compute)}`,
  };
}

const parameter = (device: Device, values: Numbers, shape: readonly number[]): Tensor =>
  makeTrainable(device, tensor(device, values, shape, 'f32'));
const indices = (device: Device, values: Numbers): Tensor =>
  device.fromArray(Int32Array.from(values), [values.length], 'i32');

// ---- linear and LoRA ----------------------------------------------------------------------------------------------

interface LinearShape {
  readonly rows: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly compute: Compute;
}

const linearName = ({ rows, inFeatures, outFeatures }: LinearShape): string =>
  `${rows}x${inFeatures} to ${outFeatures}`;

/** x is used twice, so its gradient accumulates; the weight's starts at zero and accumulates too. */
function linearCase(shape: LinearShape): Case {
  const { rows, inFeatures, outFeatures, compute } = shape;
  const dtype = activationDtype(compute);
  const draws = new Draws(`tape linear ${linearName(shape)} ${compute}`);
  const x = draws.values(dtype, rows * inFeatures);
  const [w1, w2] = [draws.values('bf16', outFeatures * inFeatures), draws.values('bf16', outFeatures * inFeatures)];
  const dy = draws.values(dtype, rows * outFeatures);
  return tapeCase({
    op: 'linear',
    shape: linearName(shape),
    dtype: compute,
    samePaths: compute !== 'bf16',
    run: (device) => {
      const tape = new Tape(device, true);
      const xt = variable(device, x, [rows, inFeatures], dtype);
      const weights = [w1, w2].map((w) => parameter(device, w, [outFeatures, inFeatures]));
      const [first, second] = weights.map((w) => linear(tape, compute, xt, new DenseWeight(w)));
      const y = add(tape, first!, second!);
      backward(device, tape, y, dy);
      return { y, dx: xt.grad!, dw1: weights[0]!.grad!, dw2: weights[1]!.grad! };
    },
    expected: () => {
      const forward = (at: Numbers, a: Numbers, b: Numbers): Float64Array => {
        const second = linearReference(at, b, inFeatures);
        return linearReference(at, a, inFeatures).map((value, i) => value + second[i]!);
      };
      const roundings = compute === 'fp32' ? 4 + Math.sqrt(Math.max(rows, inFeatures, outFeatures)) : 3;
      const loss = (...[at, a, b]: [Numbers, Numbers, Numbers]): number => project(forward(at, a, b), dy);
      return {
        y: bound(forward(x, w1, w2), roundings, compute),
        dx: bound(
          gradient((at) => loss(at, w1, w2), x),
          roundings,
          compute,
        ),
        dw1: bound(
          gradient((at) => loss(x, at, w2), w1),
          roundings,
          compute,
        ),
        dw2: bound(
          gradient((at) => loss(x, w1, at), w2),
          roundings,
          compute,
        ),
      };
    },
  });
}

interface LoraShape extends LinearShape {
  readonly rank: number;
  readonly p: number;
  readonly base: 'dense' | 'nf4';
  /** AdaLoRA's form: the rows of A are multiplied by singular values. */
  readonly singular?: boolean;
}

function loraCase(shape: LoraShape): Case {
  const { rows, inFeatures, outFeatures, compute, rank, p, base, singular = false } = shape;
  const dtype = activationDtype(compute);
  const name = `${linearName(shape)}, rank ${rank}, dropout ${p}, ${base}${singular ? ', singular values' : ''}`;
  const draws = new Draws(`tape lora ${name} ${compute}`);
  const x = draws.values(dtype, rows * inFeatures);
  const w = draws.values('bf16', outFeatures * inFeatures);
  const [a, b] = [draws.values('bf16', rank * inFeatures), draws.values('bf16', outFeatures * rank)];
  const dy = draws.values(dtype, rows * outFeatures);
  const e = singular ? draws.values('bf16', rank) : new Float64Array(rank).fill(1);
  const scale = 2;
  const mask: DropoutMask = { p: Math.fround(p), seedLow: 11, seedHigh: 5, offset: 0 };
  const baseWeight = (device: Device): Weight => {
    const dense = tensor(device, w, [outFeatures, inFeatures], 'f32');
    if (base === 'dense') return new DenseWeight(dense);
    const options = { kind: 'nf4', doubleQuant: false, blockSize: 64 } as const;
    return new FourBitWeight(outFeatures, inFeatures, quantise4bit(device, dense, options), options, dtype, null);
  };
  return tapeCase({
    op: 'lora',
    shape: name,
    dtype: compute,
    samePaths: compute !== 'bf16',
    run: (device) => {
      const tape = new Tape(device, true);
      const xt = variable(device, x, [rows, inFeatures], dtype);
      const [at, et] = [parameter(device, a, [rank, inFeatures]), parameter(device, e, [rank, 1])];
      const update: LowRank = {
        a: singular ? scaleRows(tape, at, et) : at,
        b: parameter(device, b, [outFeatures, rank]),
        scale,
        dropout: p > 0 ? { p: mask.p, seed: { low: mask.seedLow, high: mask.seedHigh } } : null,
      };
      const y = linear(tape, compute, xt, baseWeight(device), update);
      backward(device, tape, y, dy);
      return { y, dx: xt.grad!, da: at.grad!, db: update.b.grad!, ...(singular ? { de: et.grad! } : {}) };
    },
    expected: () => {
      const { codes, absmax } = quantize4bit('nf4', w, 64);
      const weight = base === 'dense' ? w : dequantize4bit('nf4', w.length, codes, absmax, 64, dtype);
      const forward = (at: Numbers, aAt: Numbers, bAt: Numbers, eAt: Numbers = e): Float64Array => {
        const vectors = singular ? scaleRowsReference(aAt, eAt, inFeatures) : aAt;
        const low = linearReference(linearReference(dropout(at, mask), vectors, inFeatures), bAt, rank);
        return linearReference(at, weight, inFeatures).map((value, i) => value + scale * low[i]!);
      };
      const roundings = compute === 'fp32' ? 8 + 2 * Math.sqrt(Math.max(rows, inFeatures, outFeatures)) : 4;
      const loss = (...at: Parameters<typeof forward>): number => project(forward(...at), dy);
      return {
        y: bound(forward(x, a, b), roundings, compute),
        dx: bound(
          gradient((at) => loss(at, a, b), x),
          roundings,
          compute,
        ),
        da: bound(
          gradient((at) => loss(x, at, b), a),
          roundings,
          compute,
        ),
        db: bound(
          gradient((at) => loss(x, a, at), b),
          roundings,
          compute,
        ),
        ...(singular
          ? {
              de: bound(
                gradient((at) => loss(x, a, b, at), e),
                roundings,
                compute,
              ),
            }
          : {}),
      };
    },
  });
}

// ---- a decoder block ----------------------------------------------------------------------------------------------

const LENGTHS = [4, 1, 3];
const TOKENS = 8;
const HIDDEN = 12;
const SHAPE = { heads: 2, kvHeads: 1, headDim: 6, scale: Math.fround(1 / Math.sqrt(6)), window: 0 } as const;
const INTERMEDIATE = 10;
const EPSILON = 1e-6;
const POSITIONS = LENGTHS.flatMap((length) => Array.from({ length }, (_, i) => i));
const CU_SEQLENS = prefixSums(LENGTHS);

/** Rows and columns of each parameter; one number for a norm. */
const PARAMETER_SHAPES: Readonly<Record<(typeof BLOCK_PARAMETERS)[number], readonly number[]>> = {
  inputNorm: [HIDDEN],
  q: [SHAPE.heads * SHAPE.headDim, HIDDEN],
  k: [SHAPE.kvHeads * SHAPE.headDim, HIDDEN],
  v: [SHAPE.kvHeads * SHAPE.headDim, HIDDEN],
  qNorm: [SHAPE.headDim],
  kNorm: [SHAPE.headDim],
  o: [HIDDEN, SHAPE.heads * SHAPE.headDim],
  outputNorm: [HIDDEN],
  gate: [INTERMEDIATE, HIDDEN],
  up: [INTERMEDIATE, HIDDEN],
  down: [HIDDEN, INTERMEDIATE],
};

/** The block from the tape's ops, as src/nn/decoder.ts puts them together. */
function blockOnTape(
  tape: Tape,
  compute: Compute,
  x: Tensor,
  p: Readonly<Record<(typeof BLOCK_PARAMETERS)[number], Tensor>>,
  rotation: Rotation,
  cuSeqlens: Tensor,
): Tensor {
  const multiply = (from: Tensor, w: Tensor): Tensor => linear(tape, compute, from, new DenseWeight(w));
  const normed = rmsNorm(tape, x, p.inputNorm, EPSILON);
  const q = rope(tape, rmsNorm(tape, multiply(normed, p.q), p.qNorm, EPSILON), SHAPE.heads, rotation);
  const k = rope(tape, rmsNorm(tape, multiply(normed, p.k), p.kNorm, EPSILON), SHAPE.kvHeads, rotation);
  const v = multiply(normed, p.v);
  const middle = add(tape, x, multiply(attention(tape, compute, q, k, v, cuSeqlens, SHAPE), p.o));
  const again = rmsNorm(tape, middle, p.outputNorm, EPSILON);
  return add(tape, middle, multiply(gatedUnit(tape, multiply(again, p.gate), multiply(again, p.up), 'silu'), p.down));
}

function blockCase(compute: Compute, checkpoint: boolean): Case {
  const dtype = activationDtype(compute);
  // the same inputs with and without checkpoint: a test demands the same bits
  const draws = new Draws(`tape block ${compute}`);
  const x = draws.values(dtype, TOKENS * HIDDEN);
  const values = Object.fromEntries(
    BLOCK_PARAMETERS.map((name) => {
      const shape = PARAMETER_SHAPES[name];
      return [
        name,
        draws.values(
          'bf16',
          shape.reduce((a, b) => a * b),
          shape.length === 1 ? 1 : 0.4,
        ),
      ];
    }),
  ) as unknown as BlockParameters;
  const angles = draws.values('f32', (4 * SHAPE.headDim) / 2, 2);
  const [cos, sin] = [rounded('f32', angles.map(Math.cos)), rounded('f32', angles.map(Math.sin))];
  const dy = draws.values(dtype, TOKENS * HIDDEN);
  return tapeCase({
    op: 'block',
    shape: `[${LENGTHS.join(' ')}]${checkpoint ? ' checkpointed' : ''}`,
    dtype: compute,
    samePaths: compute !== 'bf16',
    run: (device) => {
      const tape = new Tape(device, true);
      const xt = variable(device, x, [TOKENS, HIDDEN], dtype);
      const made = BLOCK_PARAMETERS.map((name) => [name, parameter(device, values[name], PARAMETER_SHAPES[name])]);
      const p = Object.fromEntries(made) as Record<(typeof BLOCK_PARAMETERS)[number], Tensor>;
      const tables = [4, SHAPE.headDim / 2];
      const rotation = {
        cos: tensor(device, cos, tables, 'f32'),
        sin: tensor(device, sin, tables, 'f32'),
        positions: indices(device, POSITIONS),
      };
      const cuSeqlens = indices(device, CU_SEQLENS);
      const y = tape.block(xt, checkpoint, (inner, from) => blockOnTape(inner, compute, from, p, rotation, cuSeqlens));
      backward(device, tape, y, dy);
      const gradients = BLOCK_PARAMETERS.map((name) => [`d${name}`, p[name].grad!] as const);
      return { y, dx: xt.grad!, ...Object.fromEntries(gradients) };
    },
    expected: () => {
      const shape: BlockShape = {
        ...SHAPE,
        cuSeqlens: CU_SEQLENS,
        window: 0,
        hidden: HIDDEN,
        intermediate: INTERMEDIATE,
        eps: EPSILON,
        rotation: { cos, sin, positions: POSITIONS },
      };
      // most are within 5; k's gradient is the worst, as the gradients of a query's scores sum to 0 and cancel
      const roundings = compute === 'fp32' ? 40 : 16;
      const perParameter = BLOCK_PARAMETERS.map((name) => {
        const loss = (at: Numbers): number => project(decoderBlock(x, { ...values, [name]: at }, shape), dy);
        return [`d${name}`, bound(gradient(loss, values[name]), roundings, compute)] as const;
      });
      return {
        y: bound(decoderBlock(x, values, shape), roundings, compute),
        dx: bound(
          gradient((at) => project(decoderBlock(at, values, shape), dy), x),
          roundings,
          compute,
        ),
        ...Object.fromEntries(perParameter),
      };
    },
  });
}

// ---- embedding and rows ----------------------------------------------------------------------------------------------

/** Tokens that repeat, rows of which are taken twice. */
function embeddingCase(): Case {
  const [vocab, hidden] = [9, 5];
  const draws = new Draws('tape embedding');
  const table = draws.values('f32', vocab * hidden);
  const ids = [3, 3, 0, 8, 3, 1, 1];
  const rows = [
    [6, 0, 4],
    [1, 4, 2],
  ] as const;
  const dy = draws.values('f32', 3 * hidden);
  return tapeCase({
    op: 'embedding',
    shape: `${ids.length} of ${vocab}x${hidden}, rows twice`,
    dtype: 'fp32',
    run: (device) => {
      const tape = new Tape(device, true);
      const weights = parameter(device, table, [vocab, hidden]);
      const x = embedding(tape, weights, indices(device, ids), 'f32');
      const [first, second] = rows.map((list) => gatherRows(tape, x, indices(device, list)));
      const y = add(tape, first!, second!);
      backward(device, tape, y, dy);
      return { y, dtable: weights.grad! };
    },
    expected: () => {
      const forward = (at: Numbers): Float64Array => {
        const x = embeddingReference(at, ids, hidden);
        const second = gatherReference(x, rows[1], hidden);
        return gatherReference(x, rows[0], hidden).map((value, i) => value + second[i]!);
      };
      return {
        y: bound(forward(table), 1, 'fp32'),
        dtable: bound(
          gradient((at) => project(forward(at), dy), table),
          4,
          'fp32',
        ),
      };
    },
  });
}

// ---- losses ----------------------------------------------------------------------------------------------------------

/** Two segments with weights of their own, as two micro-batches in one pack. */
function classifierLossCase(loss: Loss, name: string): Case {
  const [rows, classes] = [7, 5];
  const segments = [
    { begin: 0, end: 3, weight: 0.25 },
    { begin: 3, end: 7, weight: 0.75 },
  ];
  const draws = new Draws(`tape loss ${name}`);
  const logits = draws.values('f32', rows * classes, 2);
  const labels = draws.integers(rows, classes);
  const segmentLoss = (z: Numbers, { begin, end }: { begin: number; end: number }): number => {
    const part = Float64Array.from({ length: (end - begin) * classes }, (_, i) => z[begin * classes + i]!);
    const its = labels.subarray(begin, end);
    const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
    if (loss.kind === 'cross-entropy') return mean(losses.crossEntropy(part, its, classes));
    if (loss.kind === 'focal') return mean(losses.focal(part, its, classes, loss.gamma, loss.alpha));
    const { exponent, smoothing, reduction, diceWeight, ceWeight } = loss;
    const dice = losses.dice(part, its, classes, { exponent, smooth: smoothing, reduction });
    return diceWeight * dice + ceWeight * mean(losses.crossEntropy(part, its, classes));
  };
  return tapeCase({
    op: 'classifier_loss',
    shape: name,
    dtype: 'fp32',
    run: (device) => {
      const tape = new Tape(device, true);
      const z = variable(device, logits, [rows, classes], 'f32');
      const [first, second] = classifierLoss(tape, z, indices(device, labels), loss, segments);
      return { first: first!, second: second!, dlogits: z.grad! };
    },
    expected: () => {
      const weighted = (z: Numbers): number =>
        segments.reduce((sum, segment) => sum + segment.weight * segmentLoss(z, segment), 0);
      return {
        first: bound([segmentLoss(logits, segments[0]!)], 4, 'fp32'),
        second: bound([segmentLoss(logits, segments[1]!)], 4, 'fp32'),
        dlogits: bound(gradient(weighted, logits), 8, 'fp32'),
      };
    },
  });
}

/** More rows than one chunk of the head, and a trained head. */
function nextTokenLossCase(rows: number, compute: Compute): Case {
  const [width, vocab] = [6, 11];
  const dtype = activationDtype(compute);
  const draws = new Draws(`tape next token ${rows} ${compute}`);
  const hidden = draws.values(dtype, rows * width);
  const head = draws.values('bf16', vocab * width);
  const labels = draws.integers(rows, vocab);
  const scale = Math.fround(1 / rows);
  return tapeCase({
    op: 'next_token_loss',
    shape: `${rows}x${width} to ${vocab}`,
    dtype: compute,
    samePaths: compute !== 'bf16',
    run: (device) => {
      const tape = new Tape(device, true);
      const h = variable(device, hidden, [rows, width], dtype);
      const w = parameter(device, head, [vocab, width]);
      const each = nextTokenLoss(tape, compute, h, new DenseWeight(w), indices(device, labels), scale);
      const loss = each.reduce((sum, value) => sum + value, 0);
      return { loss, dhidden: h.grad!, dhead: w.grad! };
    },
    expected: () => {
      const total = (h: Numbers, w: Numbers): number =>
        losses.crossEntropy(linearReference(h, w, width), labels, vocab).reduce((sum, value) => sum + value, 0);
      const roundings = compute === 'fp32' ? 24 : 3;
      return {
        loss: bound([total(hidden, head)], 8, 'fp32'),
        dhidden: bound(
          gradient((at) => scale * total(at, head), hidden),
          roundings,
          compute,
        ),
        dhead: bound(
          gradient((at) => scale * total(hidden, at), head),
          roundings,
          compute,
        ),
      };
    },
  });
}

/** The cases of this file. */
export function tapeCases(): Case[] {
  const dice = { kind: 'dice-ce', diceWeight: 0.6, ceWeight: 0.4, exponent: 1, smoothing: 1 } as const;
  const shape = { rows: 9, inFeatures: 20, outFeatures: 13 } as const;
  return [
    linearCase({ rows: 1, inFeatures: 1, outFeatures: 1, compute: 'fp32' }),
    linearCase({ ...shape, compute: 'fp32' }),
    linearCase({ ...shape, compute: 'bf16' }),
    linearCase({ ...shape, compute: 'fp16' }),
    loraCase({ ...shape, compute: 'fp32', rank: 4, p: 0, base: 'dense' }),
    loraCase({ ...shape, compute: 'fp32', rank: 8, p: 0.1, base: 'dense' }),
    loraCase({ ...shape, compute: 'fp32', rank: 16, p: 0.5, base: 'nf4' }),
    // rows of whole blocks: dequantised inside of the product
    loraCase({ rows: 5, inFeatures: 64, outFeatures: 64, compute: 'fp32', rank: 4, p: 0.1, base: 'nf4' }),
    loraCase({ ...shape, compute: 'bf16', rank: 8, p: 0.1, base: 'nf4' }),
    loraCase({ ...shape, compute: 'fp32', rank: 6, p: 0.1, base: 'dense', singular: true }),
    loraCase({ ...shape, compute: 'fp16', rank: 8, p: 0.1, base: 'nf4' }),
    blockCase('fp32', false),
    blockCase('fp32', true),
    blockCase('bf16', false),
    blockCase('bf16', true),
    blockCase('fp16', false),
    blockCase('fp16', true),
    embeddingCase(),
    classifierLossCase({ kind: 'cross-entropy' }, 'cross entropy'),
    classifierLossCase({ kind: 'focal', gamma: 2, alpha: 0.25 }, 'focal'),
    classifierLossCase({ ...dice, reduction: 'example' }, 'dice by example and cross entropy'),
    classifierLossCase({ ...dice, reduction: 'class' }, 'dice by class and cross entropy'),
    nextTokenLossCase(1, 'fp32'),
    nextTokenLossCase(131, 'fp32'),
    nextTokenLossCase(131, 'bf16'),
    nextTokenLossCase(131, 'fp16'),
  ];
}
