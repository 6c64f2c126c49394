/** Matrix products: every transpose and dtype, tails of every block, several K blocks, skinny shapes of rank r. */
import { MR_GATE_GELU, MR_GATE_SILU } from '../../native/bindings';
import { DTYPE_CODE } from '../../native/tensor';
import { type Case, input, kernelCase, matrix, output, update, within } from '../case';
import { Draws } from '../draws';
import { geglu, swiglu } from '../reference/elementwise';
import { type FloatDtype, type Numbers, unitRoundoff } from '../reference/formats';
import { dense, gemm } from '../reference/gemm';

interface GemmShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Which operands are stored transposed: NN, NT, TN or TT. */
  readonly layout: 'NN' | 'NT' | 'TN' | 'TT';
  readonly compute: FloatDtype;
  readonly a: FloatDtype;
  readonly b: FloatDtype;
  readonly c: FloatDtype;
  readonly alpha: number;
  readonly accumulate: 0 | 1;
  /** Elements between the end of a row and the next one, in all three matrices. */
  readonly gap: number;
}

const PLAIN = { layout: 'NT', compute: 'f32', a: 'f32', b: 'f32', c: 'f32', alpha: 1, accumulate: 0, gap: 0 } as const;

/** rows x cols elements with row stride `ld`; the last row ends without a gap. */
const strided = (rows: number, cols: number, ld: number): number => (rows === 0 ? 0 : (rows - 1) * ld + cols);

function gemmCase(shape: GemmShape): Case {
  const { m, n, k, layout, compute, a, b, c, alpha, accumulate, gap } = shape;
  const [transA, transB] = [layout[0] === 'T', layout[1] === 'T'];
  const [aRows, aCols] = transA ? [k, m] : [m, k];
  const [bRows, bCols] = transB ? [n, k] : [k, n];
  const [lda, ldb, ldc] = [aCols + gap, bCols + gap, n + gap];
  const name = `${m}x${n}x${k} ${layout}${alpha === 1 ? '' : ` alpha ${alpha}`}${accumulate ? ' +=' : ''}${gap ? ' strided' : ''}`;
  const dtype = `${a}*${b} to ${c}${compute === 'f32' ? '' : ` in ${compute}`}`;
  const draws = new Draws(`gemm ${name} ${dtype}`);
  const aValues = draws.values(a, strided(aRows, aCols, lda));
  const bValues = draws.values(b, strided(bRows, bCols, ldb));
  const before = draws.values(c, strided(m, n, ldc));
  return kernelCase({
    op: 'gemm',
    shape: name,
    dtype,
    samePaths: compute !== 'bf16',
    buffers: {
      a: input(a, aValues),
      b: input(b, bValues),
      c: accumulate ? update(c, before) : output(c, before.length),
    },
    call: (ops, at) =>
      ops.gemm(
        DTYPE_CODE[compute],
        transA ? 1 : 0,
        transB ? 1 : 0,
        m,
        n,
        k,
        alpha,
        matrix(a, at.a, lda),
        matrix(b, at.b, ldb),
        matrix(c, at.c, ldc),
        accumulate,
      ),
    expected: () => {
      const stored = { values: aValues, ld: lda, transposed: transA };
      const product = gemm(m, n, k, alpha, stored, { values: bValues, ld: ldb, transposed: transB }, compute);
      const values = new Float64Array(before.length);
      const untouched: number[] = [];
      for (let i = 0; i < before.length; i++) {
        const [row, col] = [Math.floor(i / ldc), i % ldc];
        if (col >= n) untouched.push(i);
        else values[i] = product[row * n + col]! + (accumulate ? before[i]! : 0);
      }
      // partial sums grow like sqrt(k), so k roundings of them are sqrt(k/6) of the result's own
      return { c: within(2 + Math.sqrt(k), c, values, `2 + sqrt(${k}) roundings`, { untouched }) };
    },
  });
}

interface LowRankShape {
  /** 0.75 where it does not matter. */
  readonly alpha?: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly rank: number;
  readonly transB: 0 | 1;
  readonly compute: FloatDtype;
  readonly accumulate: 0 | 1;
}

/** A product with an update of low rank: A, B, U and the result stored as computed in, V (a parameter) in fp32. */
function lowRankCase({ m, n, k, rank, transB, compute, accumulate, alpha = 0.75 }: LowRankShape): Case {
  const name = `${m}x${n}x${k} rank ${rank} ${transB ? 'NT' : 'NN'}${alpha === 0.75 ? '' : ` alpha ${alpha}`}${accumulate ? ' +=' : ''}`;
  const draws = new Draws(`gemm_low_rank ${name} ${compute}`);
  const [a, b] = [draws.values(compute, m * k), draws.values(compute, n * k)];
  const [u, v] = [draws.values(compute, m * rank), draws.values('f32', n * rank)];
  const before = draws.values(compute, m * n);
  const [ldb, ldv] = transB ? [k, rank] : [n, n];
  return kernelCase({
    op: 'gemm_low_rank',
    shape: name,
    dtype: compute,
    samePaths: compute !== 'bf16',
    buffers: {
      a: input(compute, a),
      b: input(compute, b),
      u: input(compute, u),
      v: input('f32', v),
      c: accumulate ? update(compute, before) : output(compute, before.length),
    },
    call: (ops, at) => {
      const factors = [matrix(compute, at.a, k), matrix(compute, at.b, ldb)] as const;
      const lowRank = [matrix(compute, at.u, rank), matrix('f32', at.v, ldv)] as const;
      const c = matrix(compute, at.c, n);
      ops.gemmLowRank(DTYPE_CODE[compute], transB, m, n, k, ...factors, rank, alpha, ...lowRank, c, accumulate);
    },
    expected: () => {
      const stored = (values: Numbers, ld: number, transposed = false) => ({ values, ld, transposed });
      const base = gemm(m, n, k, 1, stored(a, k), stored(b, ldb, transB === 1), compute);
      const low = gemm(m, n, rank, alpha, stored(u, rank), stored(v, ldv, transB === 1), compute);
      const values = base.map((x, i) => x + low[i]! + (accumulate ? before[i]! : 0));
      const units = 3 + Math.sqrt(k) + Math.sqrt(rank);
      // two products round the result twice
      const rounding = compute === 'f32' ? 0 : unitRoundoff(compute) / unitRoundoff('f32');
      return { c: within(units + rounding, compute, values, `3 + sqrt(${k}) + sqrt(${rank}) roundings, 1 of storage`) };
    },
  });
}

function lowRankCases(): Case[] {
  const shapes: LowRankShape[] = [];
  for (const transB of [0, 1] as const) {
    for (const compute of ['f32', 'bf16', 'f16'] as const) {
      shapes.push({ m: 5, n: 7, k: 9, rank: 3, transB, compute, accumulate: 0 });
      shapes.push({ m: 40, n: 130, k: 33, rank: 8, transB, compute, accumulate: 1 });
    }
    // tiles that one pass takes, with some left over; an update deeper than one step, and one of half a step
    shapes.push({ m: 300, n: 272, k: 136, rank: 72, transB, compute: 'bf16', accumulate: 1 });
    shapes.push({ m: 260, n: 264, k: 72, rank: 8, transB, compute: 'f16', accumulate: 0 });
    // a factor that parameters can take up without rounding
    shapes.push({ m: 300, n: 272, k: 136, rank: 16, transB, compute: 'bf16', accumulate: 0, alpha: 2 });
  }
  return shapes.map(lowRankCase);
}

interface TogetherShape {
  readonly m: number;
  readonly k: number;
  /** Columns of each product. */
  readonly n: readonly [number, number, number];
  readonly compute: FloatDtype;
  readonly b: FloatDtype;
}

/** Products of one A with several matrices: A and the results stored as computed in. */
function severalCase({ m, k, n, compute, b }: TogetherShape): Case {
  const name = `${m}x[${n.join(' ')}]x${k}`;
  const draws = new Draws(`gemm_several ${name} ${compute} ${b}`);
  const a = draws.values(compute, m * k);
  const matrices = n.map((rows) => draws.values(b, rows * k));
  return kernelCase({
    op: 'gemm_several',
    shape: name,
    dtype: `${compute}*${b} in ${compute}`,
    samePaths: compute !== 'bf16',
    buffers: {
      a: input(compute, a),
      b0: input(b, matrices[0]!),
      b1: input(b, matrices[1]!),
      b2: input(b, matrices[2]!),
      c0: output(compute, m * n[0]),
      c1: output(compute, m * n[1]),
      c2: output(compute, m * n[2]),
    },
    call: (ops, at) => {
      const from = [DTYPE_CODE[compute], m, k, DTYPE_CODE[compute], at.a, DTYPE_CODE[b]] as const;
      ops.gemmSeveral(...from, n[0], at.b0, n[1], at.b1, n[2], at.b2, DTYPE_CODE[compute], at.c0, at.c1, at.c2);
    },
    expected: () => {
      const [c0, c1, c2] = matrices.map((values, i) => {
        const product = gemm(m, n[i]!, k, 1, { values: a, ld: k, transposed: false }, dense(values, k, true), compute);
        return within(2 + Math.sqrt(k), compute, product, `2 + sqrt(${k}) roundings`);
      });
      return { c0: c0!, c1: c1!, c2: c2! };
    },
  });
}

/** A product that joins what R holds; all of one dtype. */
function residualCase(m: number, n: number, k: number, dtype: FloatDtype): Case {
  const name = `${m}x${n}x${k}`;
  const draws = new Draws(`gemm_residual ${name} ${dtype}`);
  const [a, b, r] = [draws.values(dtype, m * k), draws.values(dtype, n * k), draws.values(dtype, m * n)];
  const code = DTYPE_CODE[dtype];
  return kernelCase({
    op: 'gemm_residual',
    shape: name,
    dtype,
    samePaths: dtype !== 'bf16',
    buffers: { a: input(dtype, a), b: input(dtype, b), r: input(dtype, r), c: output(dtype, m * n) },
    call: (ops, at) => ops.gemmResidual(code, m, n, k, code, at.a, code, at.b, code, at.r, at.c),
    expected: () => {
      const values = gemm(m, n, k, 1, dense(a, k), dense(b, k, true), dtype).map((x, i) => x + r[i]!);
      const rounding = dtype === 'f32' ? 0 : unitRoundoff(dtype) / unitRoundoff('f32');
      return { c: within(3 + Math.sqrt(k) + rounding, dtype, values, `3 + sqrt(${k}) roundings, 1 of storage`) };
    },
  });
}

/** The gated unit of one A, all of one dtype. */
function gatedCase(m: number, n: number, k: number, dtype: FloatDtype, act: 'swiglu' | 'geglu'): Case {
  const name = `${m}x${n}x${k} ${act}`;
  const draws = new Draws(`gemm_gated ${name} ${dtype}`);
  const [a, bg, bu] = [draws.values(dtype, m * k), draws.values(dtype, n * k), draws.values(dtype, n * k)];
  const code = DTYPE_CODE[dtype];
  const kind = act === 'swiglu' ? MR_GATE_SILU : MR_GATE_GELU;
  return kernelCase({
    op: 'gemm_gated',
    shape: name,
    dtype,
    samePaths: dtype !== 'bf16',
    buffers: {
      a: input(dtype, a),
      bg: input(dtype, bg),
      bu: input(dtype, bu),
      gate: output(dtype, m * n),
      up: output(dtype, m * n),
      y: output(dtype, m * n),
    },
    call: (ops, at) => ops.gemmGated(code, kind, m, n, k, code, at.a, code, at.bg, at.bu, code, at.gate, at.up, at.y),
    expected: () => {
      const [gate, up] = [bg, bu].map((b) => gemm(m, n, k, 1, dense(a, k), dense(b, k, true), dtype)) as [
        Float64Array,
        Float64Array,
      ];
      const units = 2 + Math.sqrt(k);
      const rounding = dtype === 'f32' ? 0 : unitRoundoff(dtype) / unitRoundoff('f32');
      const reason = `2 + sqrt(${k}) roundings`;
      return {
        gate: within(units, dtype, gate, reason),
        up: within(units, dtype, up, reason),
        y: within(
          3 * units + 3 * rounding,
          dtype,
          (act === 'swiglu' ? swiglu : geglu)(gate, up),
          `${reason} of both, and their storage`,
        ),
      };
    },
  });
}

/** One row and several, whole packs of 8 and others, fewer and more columns than a warp takes, more rows than few. */
function togetherCases(): Case[] {
  const cases: Case[] = [];
  for (const compute of ['f32', 'bf16', 'f16'] as const) {
    for (const [m, k] of [
      [1, 64],
      [1, 9],
      [3, 1032],
      [8, 264],
      [20, 40],
    ] as const) {
      cases.push(severalCase({ m, k, n: [33, 7, 16], compute, b: compute }));
      cases.push(residualCase(m, 37, k, compute), gatedCase(m, 37, k, compute, m === 3 ? 'geglu' : 'swiglu'));
    }
    cases.push(severalCase({ m: 5, k: 24, n: [12, 0, 0], compute, b: 'f32' }));
    cases.push(severalCase({ m: 2, k: 16, n: [2050, 3, 0], compute, b: compute }));
  }
  return cases;
}

/** [m, n, k]: edges of the micro-kernels (14, 6, 2 rows; 16, 32 columns), of the K block (384) and of its multiples. */
const SHAPES: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 17, 5],
  [3, 2, 16],
  [15, 33, 31],
  [14, 32, 384],
  [29, 65, 385],
  [5, 48, 769],
  [97, 130, 48],
  [130, 31, 200],
];

/** Rank 4, 8 and 16 as LoRA makes them: narrow output, narrow depth, and the gradient with a long depth. */
const SKINNY: readonly (readonly [number, number, number])[] = [
  [70, 4, 400],
  [70, 8, 133],
  [45, 16, 500],
  [70, 133, 4],
  [33, 100, 8],
  [33, 100, 16],
  [4, 133, 70],
  [8, 90, 33],
  [100, 16, 129],
  [700, 8, 601],
  [601, 300, 8],
  [8, 601, 700],
];

/** The cases of this file. */
export function gemmCases(): Case[] {
  const cases: GemmShape[] = [];
  for (const [m, n, k] of SHAPES) {
    for (const layout of ['NN', 'NT', 'TN', 'TT'] as const) cases.push({ ...PLAIN, m, n, k, layout });
  }
  for (const [m, n, k] of SKINNY) {
    for (const layout of ['NN', 'NT', 'TN'] as const) {
      cases.push({ ...PLAIN, m, n, k, layout, alpha: 2, accumulate: layout === 'NT' ? 1 : 0 });
    }
    cases.push({ ...PLAIN, m, n, k, compute: 'bf16', a: 'bf16', c: 'bf16', accumulate: 1 });
    cases.push({ ...PLAIN, m, n, k, compute: 'f16', a: 'f16', c: 'f16', accumulate: 1 });
  }
  for (const [m, n, k] of [
    [29, 65, 385],
    [3, 40, 900],
  ] as const) {
    for (const accumulate of [0, 1] as const) {
      cases.push({ ...PLAIN, m, n, k, alpha: -0.75, accumulate });
      cases.push({ ...PLAIN, m, n, k, layout: 'NN', alpha: 0.5, accumulate, gap: 3 });
      cases.push({ ...PLAIN, m, n, k, layout: 'TN', accumulate, gap: 5 });
    }
    for (const compute of ['f32', 'bf16', 'f16'] as const) {
      cases.push({ ...PLAIN, m, n, k, compute, a: 'f16' });
      cases.push({ ...PLAIN, m, n, k, compute, layout: 'NN', a: 'f16', b: 'f16', c: 'f16', accumulate: 1, alpha: 0.5 });
      cases.push({ ...PLAIN, m, n, k, compute, a: 'bf16' });
      cases.push({ ...PLAIN, m, n, k, compute, b: 'bf16', layout: 'NN' });
      cases.push({ ...PLAIN, m, n, k, compute, a: 'bf16', b: 'bf16', c: 'bf16', accumulate: 1, alpha: 0.5 });
      cases.push({ ...PLAIN, m, n, k, compute, layout: 'TN', a: 'bf16', b: 'bf16', gap: 1 });
    }
  }
  // operands that 16-bit compute has to round itself, and an odd depth in every layout
  for (const layout of ['NN', 'NT', 'TN', 'TT'] as const) {
    cases.push({ ...PLAIN, m: 17, n: 34, k: 67, layout, compute: 'bf16' });
    cases.push({ ...PLAIN, m: 17, n: 34, k: 67, layout, compute: 'f16' });
    cases.push({ ...PLAIN, m: 30, n: 50, k: 801, layout, compute: 'bf16', a: 'bf16', b: 'bf16', accumulate: 1 });
  }
  // more than one block of rows (512), of columns (256) and of depth, and several tasks
  cases.push({ ...PLAIN, m: 150, n: 530, k: 390 });
  cases.push({ ...PLAIN, m: 530, n: 270, k: 100, layout: 'TN', accumulate: 1 });
  cases.push({ ...PLAIN, m: 40, n: 600, k: 1001, layout: 'NN', compute: 'bf16', a: 'bf16', b: 'bf16', c: 'bf16' });
  // 16-bit operands that fill tiles of 128 and leave some over: deeper than a ring of stages, more tiles than a block takes at once,
  // wide tiles; rows at odd places; operands to be rounded
  for (const layout of ['NN', 'NT', 'TN'] as const) {
    const tiles = { ...PLAIN, m: 136, n: 200, k: 136, layout, compute: 'bf16', a: 'bf16', b: 'bf16' } as const;
    cases.push({ ...tiles, n: 600, c: 'bf16', accumulate: 1, alpha: 0.5 }, { ...tiles, k: 67, a: 'f32', gap: 3 });
    if (layout === 'NT') cases.push({ ...tiles, m: 70, n: 100, k: 1030, c: 'bf16' }); // K in parts
    if (layout === 'NT') cases.push({ ...tiles, k: 520 }, { ...tiles, compute: 'f16', a: 'f16', b: 'f32', c: 'f16' });
    else if (layout === 'TN') cases.push({ ...tiles, m: 70, n: 600, k: 328, accumulate: 1, alpha: 0.5 });
    else cases.push({ ...tiles, m: 70, n: 600, k: 328, c: 'bf16', accumulate: 1 });
    // rows at multiples of 16 bytes that end within one, in all three matrices: nothing beyond them may change
    if (layout !== 'TN') cases.push({ ...tiles, m: 70, n: 595, k: 131, gap: 5, c: 'bf16', alpha: 0.5 });
  }
  // one side of up to 64 rows, as LoRA's factors make them: K in parts and whole, each width of tile, parameters in fp32, tails
  for (const [small, large, k] of [
    [16, 304, 520],
    [5, 136, 72],
    [20, 264, 136],
    [64, 136, 72],
  ] as const) {
    const thin = { ...PLAIN, k, compute: 'bf16', a: 'bf16', b: 'bf16' } as const;
    cases.push({ ...thin, m: large, n: small, b: 'f32', c: 'bf16', alpha: 2 });
    cases.push({ ...thin, m: large, n: small, layout: 'TN', accumulate: 1, alpha: 0.5 });
    cases.push({ ...thin, m: small, n: large, layout: 'TN' });
    if (small !== 16) continue;
    cases.push({ ...thin, m: large, n: small, layout: 'NN', b: 'f32', c: 'bf16' });
    cases.push({ ...thin, m: small, n: large, c: 'bf16', accumulate: 1 });
    cases.push({ ...thin, m: small, n: large, layout: 'NN', gap: 8 });
  }
  // a vocabulary's worth of columns, and no depth at all: C = 0 or C unchanged
  cases.push({ ...PLAIN, m: 9, n: 1003, k: 48 });
  cases.push({ ...PLAIN, m: 5, n: 7, k: 0 }, { ...PLAIN, m: 5, n: 7, k: 0, accumulate: 1 });
  return [...cases.map(gemmCase), ...lowRankCases(), ...togetherCases()];
}
