/**
 * numpy's SeedSequence (after M. E. O'Neill's seed_seq): spreads the bits of a small seed over a pool of four words, from
 * which generators draw their start state.
 *
 * Only what `default_rng(seed)` needs: one non-negative integer, pool of four words, no spawn key.
 */

import { checkSeed } from './seeds';

const POOL_WORDS = 4;
const INIT_A = 0x43b0d7e5;
const MULT_A = 0x931e8875;
const INIT_B = 0x8b51f9dd;
const MULT_B = 0x58f38ded;
const MIX_LEFT = 0xca01f9dd;
const MIX_RIGHT = 0x4973f715;

/**
 * `SeedSequence(seed).generate_state(words)`: `words` unsigned 32-bit words.
 *
 * @throws MedreproError `usage` for a seed that is not a safe non-negative integer.
 */
export function seedSequenceState(seed: number, words: number): Uint32Array {
  const pool = mixEntropy(entropyWords(checkSeed(seed)));
  const state = new Uint32Array(words);
  let constant = INIT_B;
  for (let i = 0; i < words; i++) {
    let value = pool[i % POOL_WORDS]! ^ constant;
    constant = Math.imul(constant, MULT_B);
    value = Math.imul(value, constant);
    state[i] = value ^ (value >>> 16);
  }
  return state;
}

// --- internal ---

/** The seed's 32-bit words, lowest first; zero is one word. */
function entropyWords(seed: number): number[] {
  const low = seed >>> 0;
  const high = Math.floor(seed / 2 ** 32);
  return high === 0 ? [low] : [low, high];
}

function mixEntropy(entropy: readonly number[]): Uint32Array {
  const pool = new Uint32Array(POOL_WORDS);
  let constant = INIT_A;
  const hash = (word: number): number => {
    let value = word ^ constant;
    constant = Math.imul(constant, MULT_A);
    value = Math.imul(value, constant);
    return value ^ (value >>> 16);
  };
  for (let i = 0; i < POOL_WORDS; i++) pool[i] = hash(entropy[i] ?? 0);
  for (let from = 0; from < POOL_WORDS; from++) {
    for (let to = 0; to < POOL_WORDS; to++) {
      if (from === to) continue;
      const value = Math.imul(MIX_LEFT, pool[to]!) - Math.imul(MIX_RIGHT, hash(pool[from]!));
      pool[to] = value ^ ((value >>> 0) >>> 16);
    }
  }
  return pool;
}
