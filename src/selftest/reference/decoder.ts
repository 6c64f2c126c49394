/** One decoder block as Qwen3 has it, out of the other references: the composition whose gradients the tape must find. */
import { type AttentionCase, attention } from './attention';
import { type RotationTables, rmsNorm, rope } from './blocks';
import { add, swiglu } from './elementwise';
import type { Numbers } from './formats';
import { linear } from './gemm';

export interface BlockShape extends AttentionCase {
  readonly hidden: number;
  readonly intermediate: number;
  readonly eps: number;
  readonly rotation: RotationTables;
}

export const BLOCK_PARAMETERS = [
  'inputNorm',
  'q',
  'k',
  'v',
  'qNorm',
  'kNorm',
  'o',
  'outputNorm',
  'gate',
  'up',
  'down',
] as const;
export type BlockParameters = Readonly<Record<(typeof BLOCK_PARAMETERS)[number], Numbers>>;

/** x [T, hidden] -> [T, hidden]: x + attention(norm(x)), then that + mlp(norm(that)). */
export function decoderBlock(x: Numbers, p: BlockParameters, shape: BlockShape): Float64Array {
  const { hidden, intermediate, eps, heads, kvHeads, headDim, rotation } = shape;
  const normed = rmsNorm(x, p.inputNorm, eps);
  const q = rope(rmsNorm(linear(normed, p.q, hidden), p.qNorm, eps), heads, headDim, rotation);
  const k = rope(rmsNorm(linear(normed, p.k, hidden), p.kNorm, eps), kvHeads, headDim, rotation);
  const v = linear(normed, p.v, hidden);
  const attended = attention(q, k, v, shape).o;
  const middle = add(x, linear(attended, p.o, heads * headDim));
  const again = rmsNorm(middle, p.outputNorm, eps);
  const inner = swiglu(linear(again, p.gate, hidden), linear(again, p.up, hidden));
  return add(middle, linear(inner, p.down, intermediate));
}
