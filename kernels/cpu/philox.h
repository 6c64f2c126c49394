// philox.h: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), four counters at a
// time.
//
// The four words of a counter's block stay side by side in a vector: a 32x32 -> 64 bit product of the even lanes is
// then all that a round multiplies, and the words come out in element order.
#pragma once

#include "vec_int.h"

namespace mr {
namespace MR_PATH {

constexpr int PHILOX_ROUNDS = 10;

// Lanes in groups of four, (w0, w1, w2, w3):
//   multiply_even  64-bit products of the even lanes: (lo(a0 b0), hi(a0 b0), lo(a2 b2), hi(a2 b2))
//   reverse_fours  (w3, w2, w1, w0)
//   odd_to_even    (w1, 0, w3, 0)
#if defined(__AVX512F__)
MR_INLINE I16 multiply_even(I16 a, I16 b) { return {_mm512_mul_epu32(a.v, b.v)}; }
MR_INLINE I16 reverse_fours(I16 a) { return {_mm512_shuffle_epi32(a.v, _MM_PERM_ABCD)}; }
MR_INLINE I16 odd_to_even(I16 a) { return {_mm512_srli_epi64(a.v, 32)}; }
#elif defined(__AVX2__)
MR_INLINE I16 multiply_even(I16 a, I16 b) { return {_mm256_mul_epu32(a.lo, b.lo), _mm256_mul_epu32(a.hi, b.hi)}; }
MR_INLINE I16 reverse_fours(I16 a) { return {_mm256_shuffle_epi32(a.lo, 0x1b), _mm256_shuffle_epi32(a.hi, 0x1b)}; }
MR_INLINE I16 odd_to_even(I16 a) { return {_mm256_srli_epi64(a.lo, 32), _mm256_srli_epi64(a.hi, 32)}; }
#else
MR_INLINE I16 multiply_even(I16 a, I16 b) {
  I16 r;
  for (int i = 0; i < LANES; i += 2) {
    uint64_t product = (uint64_t)(uint32_t)a.v[i] * (uint32_t)b.v[i];
    r.v[i] = (int32_t)(uint32_t)product;
    r.v[i + 1] = (int32_t)(uint32_t)(product >> 32);
  }
  return r;
}
MR_INLINE I16 reverse_fours(I16 a) {
  I16 r;
  for (int i = 0; i < LANES; i++) r.v[i] = a.v[i ^ 3];
  return r;
}
MR_INLINE I16 odd_to_even(I16 a) {
  I16 r;
  for (int i = 0; i < LANES; i++) r.v[i] = i % 2 ? 0 : a.v[i + 1];
  return r;
}
#endif

// A seed's key for every round, laid out as the rounds use it. Made once per op.
struct PhiloxKey {
  int32_t round[PHILOX_ROUNDS][LANES];  // (k0, 0, k1, 0), ...
  int32_t multiplier[LANES];
};

static inline PhiloxKey philox_key(uint32_t seed_low, uint32_t seed_high) {
  PhiloxKey key;
  for (int lane = 0; lane < LANES; lane++) {
    uint32_t word = lane % 4 == 0 ? seed_low : seed_high, step = lane % 4 == 0 ? 0x9e3779b9u : 0xbb67ae85u;
    for (int r = 0; r < PHILOX_ROUNDS; r++) key.round[r][lane] = lane % 2 ? 0 : (int32_t)(word + (uint32_t)r * step);
    key.multiplier[lane] = (int32_t)(lane % 4 == 0 ? 0xd2511f53u : 0xcd9e8d57u);
  }
  return key;
}

// (low, high, 0, 0) of counter, counter + 1, counter + 2, counter + 3.
MR_INLINE I16 counters(uint64_t counter) {
  static const int32_t low[LANES] = {-1, 0, 0, 0, -1, 0, 0, 0, -1, 0, 0, 0, -1, 0, 0, 0};
  static const int32_t high[LANES] = {0, -1, 0, 0, 0, -1, 0, 0, 0, -1, 0, 0, 0, -1, 0, 0};
  static const int32_t step[LANES] = {0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0};
  uint32_t first = (uint32_t)counter;
  I16 same_high = ((isplat((int32_t)first) & load_ints(low)) + load_ints(step)) |
                  (isplat((int32_t)(uint32_t)(counter >> 32)) & load_ints(high));
  if (first <= 0xfffffffcu) return same_high;
  int32_t words[LANES] = {};  // a carry somewhere among the four
  for (uint64_t j = 0; j < 4; j++) {
    words[4 * j] = (int32_t)(uint32_t)(counter + j);
    words[4 * j + 1] = (int32_t)(uint32_t)((counter + j) >> 32);
  }
  return load_ints(words);
}

// Lane 4*j + w: word w of the block at counter + j, j = 0..3. The upper half of the 128-bit counter is 0.
//
// A round maps (c0, c1, c2, c3) to (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)).
MR_INLINE I16 philox(const PhiloxKey& key, uint64_t counter) {
  I16 c = counters(counter), m = load_ints(key.multiplier);
  for (int r = 0; r < PHILOX_ROUNDS; r++) c = reverse_fours(multiply_even(c, m)) ^ odd_to_even(c) ^ load_ints(key.round[r]);
  return c;
}

// The upper 24 bits as a float in [0, 1), exactly.
MR_INLINE V16 unit_float(I16 words) { return to_float(shift_right<8>(words)) * splat(5.9604644775390625e-8f); }

}  // namespace MR_PATH
}  // namespace mr
