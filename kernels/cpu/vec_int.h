// vec_int.h: sixteen 32-bit integer lanes next to V16, for random bits, code-book lookups and the exponents of floats.
//
// Same rules as vec.h: one meaning per lane on every path, nothing with linkage outside the path's namespace.
#pragma once

#include "vec.h"

namespace mr {
namespace MR_PATH {

#if defined(__AVX512F__)

struct I16 {
  __m512i v;
};

MR_INLINE I16 isplat(int32_t x) { return {_mm512_set1_epi32(x)}; }
MR_INLINE I16 load_bytes(const uint8_t* p) { return {_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)p))}; }
MR_INLINE void store_bytes(uint8_t* p, I16 a) { _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(a.v)); }
MR_INLINE I16 load_halves(const uint16_t* p) { return {_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p))}; }
MR_INLINE void store_halves(uint16_t* p, I16 a) { _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(a.v)); }
MR_INLINE I16 load_ints(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
MR_INLINE void store_ints(int32_t* p, I16 a) { _mm512_storeu_si512(p, a.v); }
MR_INLINE I16 bits(V16 a) { return {_mm512_castps_si512(a.v)}; }
MR_INLINE V16 floats(I16 a) { return {_mm512_castsi512_ps(a.v)}; }
MR_INLINE V16 to_float(I16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
MR_INLINE I16 operator+(I16 a, I16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
MR_INLINE I16 operator-(I16 a, I16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
MR_INLINE I16 operator&(I16 a, I16 b) { return {_mm512_and_si512(a.v, b.v)}; }
MR_INLINE I16 operator|(I16 a, I16 b) { return {_mm512_or_si512(a.v, b.v)}; }
MR_INLINE I16 operator^(I16 a, I16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int N>
MR_INLINE I16 shift_left(I16 a) {
  return {_mm512_slli_epi32(a.v, N)};
}
// zeros come in from the left
template <int N>
MR_INLINE I16 shift_right(I16 a) {
  return {_mm512_srli_epi32(a.v, N)};
}
// copies of the sign come in from the left
template <int N>
MR_INLINE I16 shift_right_signed(I16 a) {
  return {_mm512_srai_epi32(a.v, N)};
}
MR_INLINE M16 less(I16 a, I16 b) { return _mm512_cmplt_epi32_mask(a.v, b.v); }
MR_INLINE I16 select(M16 m, I16 yes, I16 no) { return {_mm512_mask_blend_epi32(m, no.v, yes.v)}; }
// a + 1 where m, a elsewhere
MR_INLINE I16 increment(M16 m, I16 a) { return {_mm512_mask_add_epi32(a.v, m, a.v, _mm512_set1_epi32(1))}; }
// table[a] for a in [0, 16)
MR_INLINE V16 lookup(V16 table, I16 a) { return {_mm512_permutexvar_ps(a.v, table.v)}; }
// a * 2^n for integral n, rounded once
MR_INLINE V16 scale_exp2(V16 a, V16 n) { return {_mm512_scalef_ps(a.v, n.v)}; }

#elif defined(__AVX2__)

struct I16 {
  __m256i lo, hi;
};

MR_INLINE I16 isplat(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
MR_INLINE I16 load_bytes(const uint8_t* p) {
  __m128i b = _mm_loadu_si128((const __m128i*)p);
  return {_mm256_cvtepu8_epi32(b), _mm256_cvtepu8_epi32(_mm_srli_si128(b, 8))};
}
MR_INLINE __m128i narrow_words(__m256i a) {  // the low 16 bits of eight lanes
  __m256i t = _mm256_and_si256(a, _mm256_set1_epi32(0xffff));
  return _mm_packus_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
}
MR_INLINE void store_bytes(uint8_t* p, I16 a) {
  __m128i mask = _mm_set1_epi16(0xff);
  __m128i lo = _mm_and_si128(narrow_words(a.lo), mask), hi = _mm_and_si128(narrow_words(a.hi), mask);
  _mm_storeu_si128((__m128i*)p, _mm_packus_epi16(lo, hi));
}
MR_INLINE I16 load_halves(const uint16_t* p) {
  return {_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)),
          _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)(p + 8)))};
}
MR_INLINE void store_halves(uint16_t* p, I16 a) {
  _mm_storeu_si128((__m128i*)p, narrow_words(a.lo));
  _mm_storeu_si128((__m128i*)(p + 8), narrow_words(a.hi));
}
MR_INLINE I16 load_ints(const int32_t* p) {
  return {_mm256_loadu_si256((const __m256i*)p), _mm256_loadu_si256((const __m256i*)(p + 8))};
}
MR_INLINE void store_ints(int32_t* p, I16 a) {
  _mm256_storeu_si256((__m256i*)p, a.lo);
  _mm256_storeu_si256((__m256i*)(p + 8), a.hi);
}
MR_INLINE I16 bits(V16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
MR_INLINE V16 floats(I16 a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
MR_INLINE V16 to_float(I16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
MR_INLINE I16 operator+(I16 a, I16 b) { return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
MR_INLINE I16 operator-(I16 a, I16 b) { return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)}; }
MR_INLINE I16 operator&(I16 a, I16 b) { return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)}; }
MR_INLINE I16 operator|(I16 a, I16 b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
MR_INLINE I16 operator^(I16 a, I16 b) { return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)}; }
template <int N>
MR_INLINE I16 shift_left(I16 a) {
  return {_mm256_slli_epi32(a.lo, N), _mm256_slli_epi32(a.hi, N)};
}
template <int N>
MR_INLINE I16 shift_right(I16 a) {
  return {_mm256_srli_epi32(a.lo, N), _mm256_srli_epi32(a.hi, N)};
}
template <int N>
MR_INLINE I16 shift_right_signed(I16 a) {
  return {_mm256_srai_epi32(a.lo, N), _mm256_srai_epi32(a.hi, N)};
}
MR_INLINE M16 less(I16 a, I16 b) {
  return {_mm256_castsi256_ps(_mm256_cmpgt_epi32(b.lo, a.lo)), _mm256_castsi256_ps(_mm256_cmpgt_epi32(b.hi, a.hi))};
}
MR_INLINE I16 select(M16 m, I16 yes, I16 no) { return bits(select(m, floats(yes), floats(no))); }
MR_INLINE I16 increment(M16 m, I16 a) {  // a true lane is -1
  return {_mm256_sub_epi32(a.lo, _mm256_castps_si256(m.lo)), _mm256_sub_epi32(a.hi, _mm256_castps_si256(m.hi))};
}
MR_INLINE __m256 lookup8(V16 table, __m256i a) {  // the permutation reads three bits; the fourth chooses the half
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(table.lo, a), _mm256_permutevar8x32_ps(table.hi, a),
                          _mm256_castsi256_ps(_mm256_slli_epi32(a, 28)));
}
MR_INLINE V16 lookup(V16 table, I16 a) { return {lookup8(table, a.lo), lookup8(table, a.hi)}; }

#else  // portable

struct I16 {
  int32_t v[16];
};
#define MR_LANES_(expression)                                  \
  I16 r;                                                       \
  for (int i = 0; i < 16; i++) r.v[i] = (int32_t)(expression); \
  return r

MR_INLINE I16 isplat(int32_t x) { MR_LANES_(x); }
MR_INLINE I16 load_bytes(const uint8_t* p) { MR_LANES_(p[i]); }
MR_INLINE void store_bytes(uint8_t* p, I16 a) {
  for (int i = 0; i < 16; i++) p[i] = (uint8_t)a.v[i];
}
MR_INLINE I16 load_halves(const uint16_t* p) { MR_LANES_(p[i]); }
MR_INLINE void store_halves(uint16_t* p, I16 a) {
  for (int i = 0; i < 16; i++) p[i] = (uint16_t)a.v[i];
}
MR_INLINE I16 load_ints(const int32_t* p) { MR_LANES_(p[i]); }
MR_INLINE void store_ints(int32_t* p, I16 a) { memcpy(p, a.v, 64); }
MR_INLINE I16 bits(V16 a) {
  I16 r;
  memcpy(&r, &a, 64);
  return r;
}
MR_INLINE V16 floats(I16 a) {
  V16 r;
  memcpy(&r, &a, 64);
  return r;
}
MR_INLINE V16 to_float(I16 a) {
  V16 r;
  for (int i = 0; i < 16; i++) r.v[i] = (float)a.v[i];
  return r;
}
// sums wrap, so they are taken unsigned
MR_INLINE I16 operator+(I16 a, I16 b) { MR_LANES_((uint32_t)a.v[i] + (uint32_t)b.v[i]); }
MR_INLINE I16 operator-(I16 a, I16 b) { MR_LANES_((uint32_t)a.v[i] - (uint32_t)b.v[i]); }
MR_INLINE I16 operator&(I16 a, I16 b) { MR_LANES_(a.v[i] & b.v[i]); }
MR_INLINE I16 operator|(I16 a, I16 b) { MR_LANES_(a.v[i] | b.v[i]); }
MR_INLINE I16 operator^(I16 a, I16 b) { MR_LANES_(a.v[i] ^ b.v[i]); }
template <int N>
MR_INLINE I16 shift_left(I16 a) {
  MR_LANES_((uint32_t)a.v[i] << N);
}
template <int N>
MR_INLINE I16 shift_right(I16 a) {
  MR_LANES_((uint32_t)a.v[i] >> N);
}
template <int N>
MR_INLINE I16 shift_right_signed(I16 a) {
  MR_LANES_(a.v[i] >> N);
}
MR_INLINE M16 less(I16 a, I16 b) {
  M16 r;
  for (int i = 0; i < 16; i++) r.v[i] = a.v[i] < b.v[i];
  return r;
}
MR_INLINE I16 select(M16 m, I16 yes, I16 no) { MR_LANES_(m.v[i] ? yes.v[i] : no.v[i]); }
MR_INLINE I16 increment(M16 m, I16 a) { MR_LANES_(a.v[i] + (m.v[i] ? 1 : 0)); }
MR_INLINE V16 lookup(V16 table, I16 a) {
  V16 r;
  for (int i = 0; i < 16; i++) r.v[i] = table.v[a.v[i] & 15];
  return r;
}
#undef MR_LANES_
#endif

// Sixteen 4-bit numbers in eight bytes, the first of each pair in the high half.
#if defined(__AVX2__)
MR_INLINE I16 load_nibbles(const uint8_t* p) {
  __m128i pairs = _mm_loadl_epi64((const __m128i*)p), mask = _mm_set1_epi8(15);
  __m128i nibbles = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(pairs, 4), mask), _mm_and_si128(pairs, mask));
#if defined(__AVX512F__)
  return {_mm512_cvtepu8_epi32(nibbles)};
#else
  return {_mm256_cvtepu8_epi32(nibbles), _mm256_cvtepu8_epi32(_mm_srli_si128(nibbles, 8))};
#endif
}
MR_INLINE void store_nibbles(uint8_t* p, I16 a) {
  uint8_t bytes[16];
  store_bytes(bytes, a);
  __m128i words = _mm_maddubs_epi16(_mm_loadu_si128((const __m128i*)bytes), _mm_set1_epi16(0x0110));  // 16 * first + second
  _mm_storel_epi64((__m128i*)p, _mm_packus_epi16(words, words));
}
#else
MR_INLINE I16 load_nibbles(const uint8_t* p) {
  I16 r;
  for (int i = 0; i < 16; i += 2) {
    r.v[i] = p[i / 2] >> 4;
    r.v[i + 1] = p[i / 2] & 15;
  }
  return r;
}
MR_INLINE void store_nibbles(uint8_t* p, I16 a) {
  for (int i = 0; i < 16; i += 2) p[i / 2] = (uint8_t)(a.v[i] << 4 | a.v[i + 1]);
}
#endif

#if !defined(__AVX512F__)
// In two steps because 2^n alone may be outside the range of floats: the first product is exact, the second rounds
// once, so the bits are those of the single instruction. |n| <= 252.
MR_INLINE V16 scale_exp2(V16 a, V16 n) {
  V16 half = round_even(n * splat(0.5f));
  return a * exp2_int(half) * exp2_int(n - half);
}
#endif

}  // namespace MR_PATH
}  // namespace mr
