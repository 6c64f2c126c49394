/**
 * torch's CPU generator as far as data order needs it: `torch.randperm` after `manual_seed`.
 *
 * Equals torch 1.x and 2.x bit for bit (test/fixtures/numpy/torch.json). torch walks upwards and takes a plain modulo, so
 * its permutations differ from numpy's under the same twister and seed.
 */

import { range } from './interval';
import { Mt19937 } from './mt19937';
import { checkCount, checkSeed } from './seeds';

/** From here on torch draws 64 bits an item; no data set is that long. */
const MAX_ITEMS = Math.floor((2 ** 32 - 1) / 20) - 1;

/** `torch.Generator().manual_seed(seed)`. */
export class TorchGenerator {
  private readonly twister: Mt19937;

  /** torch keeps the low 32 bits of the seed. @throws MedreproError `usage` for a seed that is not a safe integer >= 0. */
  constructor(seed: number) {
    this.twister = new Mt19937(checkSeed(seed));
  }

  /** `torch.randperm(n, generator=self)`: (n,) indices. @throws MedreproError `usage` for n >= 214,748,364. */
  randperm(n: number): Uint32Array {
    const items = range(checkCount(n, MAX_ITEMS));
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.twister.nextUint32() % (n - i));
      const item = items[i]!;
      items[i] = items[j]!;
      items[j] = item;
    }
    return items;
  }
}

/** `torch.manual_seed(seed); torch.randperm(n)`. */
export function torchRandperm(n: number, seed: number): Uint32Array {
  return new TorchGenerator(seed).randperm(n);
}
