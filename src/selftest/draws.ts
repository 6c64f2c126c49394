/** Inputs of the cases: a stream of numbers that depends on the case's name alone. */
import { type FloatDtype, roundTo } from './reference/formats';

export class Draws {
  private state: number;

  constructor(name: string) {
    this.state = 0x811c9dc5;
    // FNV-1a
    for (const character of name) this.state = Math.imul(this.state ^ character.codePointAt(0)!, 0x01000193);
  }

  /** Uniform in [0, 1): splitmix32. */
  unit(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  }

  /** An integer in [0, below). */
  integer(below: number): number {
    return Math.floor(this.unit() * below);
  }

  /** n numbers of mean 0 and standard deviation `scale` (sums of four uniforms), as `dtype` can hold them. */
  values(dtype: FloatDtype, n: number, scale = 1): Float64Array {
    const x = new Float64Array(n);
    const factor = Math.sqrt(3) * scale;
    for (let i = 0; i < n; i++) {
      const value = (this.unit() + this.unit() + this.unit() + this.unit() - 2) * factor;
      x[i] = dtype === 'f32' ? Math.fround(value) : roundTo(dtype, value);
    }
    return x;
  }

  /** n integers in [0, below). */
  integers(n: number, below: number): Float64Array {
    return Float64Array.from({ length: n }, () => this.integer(below));
  }

  /** n distinct integers in [0, below), in no order. */
  distinct(n: number, below: number): Float64Array {
    const all = Array.from({ length: below }, (_, i) => i);
    for (let i = 0; i < n; i++) {
      const j = i + this.integer(below - i);
      [all[i], all[j]] = [all[j]!, all[i]!];
    }
    return Float64Array.from(all.slice(0, n));
  }
}
