/** Elementwise ops and random numbers, one line of mathematics each. */
import type { Numbers } from './formats';
import { philoxWords } from './philox';

/** a + b */
export function add(a: Numbers, b: Numbers): Float64Array {
  return Float64Array.from(a, (value, i) => value + b[i]!);
}

/** alpha * x, plus `before` where the op accumulates. */
export function scale(alpha: number, x: Numbers, before: Numbers | null = null): Float64Array {
  return Float64Array.from(x, (value, i) => alpha * value + (before?.[i] ?? 0));
}

/** silu(gate) * up with silu(g) = g / (1 + e^-g) (Shazeer 2020, "GLU variants improve transformer"). */
export function swiglu(gate: Numbers, up: Numbers): Float64Array {
  return Float64Array.from(gate, (g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
}

/** gelu(gate) * up with gelu(g) = g/2 (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))) (Hendrycks and Gimpel 2016). */
export function geglu(gate: Numbers, up: Numbers): Float64Array {
  const inner = (g: number): number => Math.sqrt(2 / Math.PI) * (g + 0.044715 * g ** 3);
  return Float64Array.from(gate, (g, i) => 0.5 * g * (1 + Math.tanh(inner(g))) * up[i]!);
}

export interface DropoutMask {
  /** The probability of dropping, as the ABI passes it: rounded to fp32. */
  readonly p: number;
  readonly seedLow: number;
  readonly seedHigh: number;
  /** Index of the first element in its random stream. */
  readonly offset: number;
}

/** Factor on each element: 0 where it is dropped, 1 / (1 - p) where it is kept (word >= p * 2^32). */
export function dropoutFactors(n: number, mask: DropoutMask): Float64Array {
  const p = Math.fround(mask.p);
  const words = philoxWords(n, mask.seedLow, mask.seedHigh, mask.offset);
  return Float64Array.from(words, (word) => (word >= p * 2 ** 32 ? 1 / (1 - p) : 0));
}

/** Inverted dropout (Srivastava et al. 2014). */
export function dropout(x: Numbers, mask: DropoutMask): Float64Array {
  const factors = dropoutFactors(x.length, mask);
  return Float64Array.from(x, (value, i) => value * factors[i]!);
}

/** The upper 24 bits of each word as a number in [0, 1). */
export function unitNumbers(n: number, seedLow: number, seedHigh: number): Float64Array {
  return Float64Array.from(philoxWords(n, seedLow, seedHigh), (word) => (word >>> 8) / 2 ** 24);
}

export function uniform(n: number, low: number, high: number, seedLow: number, seedHigh: number): Float64Array {
  const width = Math.fround(Math.fround(high) - Math.fround(low));
  return unitNumbers(n, seedLow, seedHigh).map((u) => Math.fround(low) + width * u);
}

/**
 * Box and Muller (1958). The words of a block make two pairs (u, v); a pair gives r cos(2 pi v) and r sin(2 pi v) with
 * r = sqrt(-2 ln(u + 2^-24)): the smallest step keeps u from 0.
 */
export function normal(n: number, mean: number, std: number, seedLow: number, seedHigh: number): Float64Array {
  const u = unitNumbers(n + (n % 2), seedLow, seedHigh);
  return Float64Array.from({ length: n }, (_, i) => {
    const first = i - (i % 2);
    const radius = Math.sqrt(-2 * Math.log(u[first]! + 2 ** -24));
    const angle = 2 * Math.PI * u[first + 1]!;
    return Math.fround(mean) + Math.fround(std) * radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}
