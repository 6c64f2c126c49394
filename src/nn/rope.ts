/** Rotary tables: frequencies as transformers computes them (modeling_rope_utils.py), in fp32 step by step. */
import { type Device, hostLibrary } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { RopeOptions, RopeScaling } from './config';

/** cos and sin tables [positions, head_dim/2], fp32: fp32 angles, then cos and sin. */
export function rotationTables(
  device: Device,
  positions: number,
  headDim: number,
  options: RopeOptions,
): { cos: Tensor; sin: Tensor } {
  const half = headDim / 2;
  const host = hostLibrary();
  const frequencies = rotaryFrequencies(headDim, options);
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      cos[position * half + i] = host.cos(angle);
      sin[position * half + i] = host.sin(angle);
    }
  }
  const shape = [positions, half];
  return { cos: device.fromArray(cos, shape, 'f32'), sin: device.fromArray(sin, shape, 'f32') };
}

/** Radians per position of each pair of dimensions [head_dim/2]; every step rounded to fp32, as torch's operators do. */
export function rotaryFrequencies(headDim: number, { theta, scaling }: RopeOptions): Float32Array {
  const host = hostLibrary();
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const exponent = fp32((2 * i) / headDim);
    return scaled(fp32(1 / fp32(host.pow(theta, exponent))), scaling);
  });
}

// --- internal ---

const fp32 = Math.fround;

function scaled(frequency: number, scaling: RopeScaling | null): number {
  // dynamic: unscaled within the positions of the config, and `Decoder.prepare` rejects longer rows
  if (scaling === null || scaling.kind === 'dynamic') return frequency;
  const { factor } = scaling;
  if (scaling.kind === 'linear') return fp32(frequency / fp32(factor));
  const { lowFreqFactor: low, highFreqFactor: high, originalPositions: positions } = scaling;
  // torch computes number / tensor as the reciprocal times the number
  const wavelength = fp32(fp32(1 / frequency) * fp32(2 * Math.PI));
  if (wavelength < fp32(positions / high)) return frequency;
  const divided = fp32(frequency / fp32(factor));
  if (wavelength > fp32(positions / low)) return divided;
  const rotations = fp32(fp32(1 / wavelength) * fp32(positions));
  const smooth = fp32(fp32(rotations - fp32(low)) / fp32(high - low));
  const lowPart = fp32(fp32(fp32(1 - smooth) * frequency) / fp32(factor));
  return fp32(lowPart + fp32(smooth * frequency));
}
