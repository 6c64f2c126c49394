// vec.h: sixteen fp32 lanes, the one vector type every CPU kernel is written in.
//
// On AVX-512 a V16 is one register, on AVX2 two, on the portable path an array. Every operation is one correctly rounded
// IEEE operation per lane (fma included), and sums over lanes have one fixed order, so a kernel written in V16 gives the
// same bits on every path. The file is compiled once per path with MR_PATH naming the namespace; nothing here may have
// external linkage outside that namespace, or the linker could hand an AVX-512 body to a CPU without it.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
// GCC 12 reports its own _mm512_undefined_* (int x = x) as uninitialised wherever an intrinsic using it is inlined
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include "../medrepro.h"

// Sixteen lanes checked one by one, written out wherever they are used, keep a compiler busy for minutes: under a sanitizer the portable
// path calls them (MR_CALLED_LANES).
#ifdef MR_CALLED_LANES
#define MR_INLINE static inline __attribute__((noinline))
#else
#define MR_INLINE static inline __attribute__((always_inline))
#endif

namespace mr {
namespace MR_PATH {

constexpr int LANES = 16;

// ---- bf16: the upper half of an fp32 ------------------------------------------------------------------------------

typedef uint16_t bf16;

MR_INLINE float from_bits(uint32_t u) {
  float f;
  memcpy(&f, &u, 4);
  return f;
}
MR_INLINE uint32_t to_bits(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  return u;
}
MR_INLINE float bf16_to_float(bf16 h) { return from_bits((uint32_t)h << 16); }
// Round to nearest even; a NaN keeps its sign and becomes quiet.
MR_INLINE bf16 float_to_bf16(float f) {
  uint32_t u = to_bits(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return (bf16)((u >> 16) | 0x40);
  return (bf16)((u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

// ---- scalar fma without libm -----------------------------------------------------------------------------------------

#if defined(__FMA__) || defined(__aarch64__)
MR_INLINE float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
#else
// a*b is exact in double; the sum is rounded to odd there, so the final rounding to float is the only one that counts
// (Boldo and Melquiond 2008). Values beyond the double's finite range cannot occur: |a*b| < 2^257.
MR_INLINE float fma1(float a, float b, float c) {
  double p = (double)a * (double)b, d = (double)c;
  double s = p + d;
  double t = s - p;
  double e = (p - (s - t)) + (d - t);  // TwoSum: s + e == p + d exactly
  int64_t bits;
  memcpy(&bits, &s, 8);
  // e is NaN when s is not finite, and both comparisons are then false
  int64_t away = (int64_t)((e > 0) == (s > 0)) * 2 - 1;
  int64_t inexact = (int64_t)((e > 0) | (e < 0)) & ~bits & 1;
  bits += inexact * away;
  memcpy(&s, &bits, 8);
  return (float)s;
}
#endif

// ---- V16 ------------------------------------------------------------------------------------------------------------------

#if defined(__AVX512F__)

struct V16 {
  __m512 v;
};
typedef __mmask16 M16;

MR_INLINE V16 splat(float x) { return {_mm512_set1_ps(x)}; }
MR_INLINE V16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
MR_INLINE void store(float* p, V16 a) { _mm512_storeu_ps(p, a.v); }
MR_INLINE __mmask16 first_lanes(int n) { return (__mmask16)(n >= 16 ? 0xffff : (1u << n) - 1); }
MR_INLINE V16 load(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
MR_INLINE void store(float* p, V16 a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }
MR_INLINE V16 operator+(V16 a, V16 b) { return {_mm512_add_ps(a.v, b.v)}; }
MR_INLINE V16 operator-(V16 a, V16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
MR_INLINE V16 operator*(V16 a, V16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
MR_INLINE V16 operator/(V16 a, V16 b) { return {_mm512_div_ps(a.v, b.v)}; }
MR_INLINE V16 fma(V16 a, V16 b, V16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// a > b ? a : b, as the SSE instruction does it (b on NaN)
MR_INLINE V16 max(V16 a, V16 b) { return {_mm512_max_ps(a.v, b.v)}; }
MR_INLINE V16 min(V16 a, V16 b) { return {_mm512_min_ps(a.v, b.v)}; }
MR_INLINE V16 sqrt(V16 a) { return {_mm512_sqrt_ps(a.v)}; }
MR_INLINE M16 less(V16 a, V16 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
MR_INLINE V16 select(M16 m, V16 yes, V16 no) { return {_mm512_mask_blend_ps(m, no.v, yes.v)}; }
// round to nearest even integer, |a| < 2^22
MR_INLINE V16 round_even(V16 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// 2^a for integral a in [-126, 127], exact
MR_INLINE V16 exp2_int(V16 a) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(a.v), _mm512_set1_epi32(127)), 23))};
}
MR_INLINE V16 load(const bf16* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16))};
}
MR_INLINE V16 load(const bf16* p, int n) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first_lanes(n), p)), 16))};
}
MR_INLINE __m256i to_bf16(V16 a) {
  __m512i u = _mm512_castps_si512(a.v);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i r = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(_mm512_mask_blend_epi32(_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q), r, quiet));
}
MR_INLINE void store(bf16* p, V16 a) { _mm256_storeu_si256((__m256i*)p, to_bf16(a)); }
MR_INLINE void store(bf16* p, V16 a, int n) { _mm256_mask_storeu_epi16(p, first_lanes(n), to_bf16(a)); }

#elif defined(__AVX2__)

struct V16 {
  __m256 lo, hi;
};
struct M16 {
  __m256 lo, hi;
};

MR_INLINE V16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
MR_INLINE V16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
MR_INLINE void store(float* p, V16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
MR_INLINE __m256i first_lanes8(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
MR_INLINE V16 load(const float* p, int n) {
  return {_mm256_maskload_ps(p, first_lanes8(n)), n > 8 ? _mm256_maskload_ps(p + 8, first_lanes8(n - 8)) : _mm256_setzero_ps()};
}
MR_INLINE void store(float* p, V16 a, int n) {
  _mm256_maskstore_ps(p, first_lanes8(n), a.lo);
  if (n > 8) _mm256_maskstore_ps(p + 8, first_lanes8(n - 8), a.hi);
}
MR_INLINE V16 operator+(V16 a, V16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
MR_INLINE V16 operator-(V16 a, V16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
MR_INLINE V16 operator*(V16 a, V16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
MR_INLINE V16 operator/(V16 a, V16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
MR_INLINE V16 fma(V16 a, V16 b, V16 c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
MR_INLINE V16 max(V16 a, V16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
MR_INLINE V16 min(V16 a, V16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
MR_INLINE V16 sqrt(V16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
MR_INLINE M16 less(V16 a, V16 b) { return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)}; }
MR_INLINE V16 select(M16 m, V16 yes, V16 no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, m.lo), _mm256_blendv_ps(no.hi, yes.hi, m.hi)};
}
MR_INLINE V16 round_even(V16 a) {
  return {_mm256_round_ps(a.lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
          _mm256_round_ps(a.hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
MR_INLINE __m256 exp2_int8(__m256 a) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127)), 23));
}
MR_INLINE V16 exp2_int(V16 a) { return {exp2_int8(a.lo), exp2_int8(a.hi)}; }
MR_INLINE __m256 widen8(const bf16* p) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
}
MR_INLINE V16 load(const bf16* p) { return {widen8(p), widen8(p + 8)}; }
MR_INLINE V16 load(const bf16* p, int n) {
  bf16 t[16] = {0};
  memcpy(t, p, (size_t)(n > 16 ? 16 : n) * 2);
  return load(t);
}
MR_INLINE __m128i narrow8(__m256 a) {
  __m256i u = _mm256_castps_si256(a);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i r = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  __m256i quiet = _mm256_or_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(0x40));
  r = _mm256_blendv_epi8(r, quiet, _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q)));
  return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
MR_INLINE void store(bf16* p, V16 a) {
  _mm_storeu_si128((__m128i*)p, narrow8(a.lo));
  _mm_storeu_si128((__m128i*)(p + 8), narrow8(a.hi));
}
MR_INLINE void store(bf16* p, V16 a, int n) {
  bf16 t[16];
  store(t, a);
  memcpy(p, t, (size_t)(n > 16 ? 16 : n) * 2);
}

#else  // portable

struct V16 {
  float v[16];
};
struct M16 {
  int32_t v[16];
};
#define MR_LANES_(expression)                       \
  V16 r;                                            \
  for (int i = 0; i < 16; i++) r.v[i] = expression; \
  return r

MR_INLINE V16 splat(float x) { MR_LANES_(x); }
MR_INLINE V16 load(const float* p) { MR_LANES_(p[i]); }
MR_INLINE void store(float* p, V16 a) { memcpy(p, a.v, 64); }
MR_INLINE V16 load(const float* p, int n) { MR_LANES_(i < n ? p[i] : 0.0f); }
MR_INLINE void store(float* p, V16 a, int n) { memcpy(p, a.v, (size_t)(n > 16 ? 16 : n) * 4); }
MR_INLINE V16 operator+(V16 a, V16 b) { MR_LANES_(a.v[i] + b.v[i]); }
MR_INLINE V16 operator-(V16 a, V16 b) { MR_LANES_(a.v[i] - b.v[i]); }
MR_INLINE V16 operator*(V16 a, V16 b) { MR_LANES_(a.v[i] * b.v[i]); }
MR_INLINE V16 operator/(V16 a, V16 b) { MR_LANES_(a.v[i] / b.v[i]); }
MR_INLINE V16 fma(V16 a, V16 b, V16 c) { MR_LANES_(fma1(a.v[i], b.v[i], c.v[i])); }
MR_INLINE V16 max(V16 a, V16 b) { MR_LANES_(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
MR_INLINE V16 min(V16 a, V16 b) { MR_LANES_(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
MR_INLINE V16 sqrt(V16 a) { MR_LANES_(__builtin_sqrtf(a.v[i])); }
MR_INLINE M16 less(V16 a, V16 b) {
  M16 r;
  for (int i = 0; i < 16; i++) r.v[i] = a.v[i] < b.v[i];
  return r;
}
MR_INLINE V16 select(M16 m, V16 yes, V16 no) { MR_LANES_(m.v[i] ? yes.v[i] : no.v[i]); }
// adding and removing 1.5*2^23 rounds to nearest even
MR_INLINE V16 round_even(V16 a) { MR_LANES_((a.v[i] + 12582912.0f) - 12582912.0f); }
MR_INLINE V16 exp2_int(V16 a) { MR_LANES_(from_bits((uint32_t)((int32_t)a.v[i] + 127) << 23)); }
MR_INLINE V16 load(const bf16* p) { MR_LANES_(bf16_to_float(p[i])); }
MR_INLINE V16 load(const bf16* p, int n) { MR_LANES_(i < n ? bf16_to_float(p[i]) : 0.0f); }
MR_INLINE void store(bf16* p, V16 a) {
  for (int i = 0; i < 16; i++) p[i] = float_to_bf16(a.v[i]);
}
MR_INLINE void store(bf16* p, V16 a, int n) {
  for (int i = 0; i < (n > 16 ? 16 : n); i++) p[i] = float_to_bf16(a.v[i]);
}
#undef MR_LANES_
#endif

// ---- the fixed order of a sum over lanes: fold 16 -> 8 -> 4 -> 2 -> 1 by halves ---------------------------------------

#if defined(__AVX2__)
MR_INLINE __m256 low_half(V16 a) {
#if defined(__AVX512F__)
  return _mm512_castps512_ps256(a.v);
#else
  return a.lo;
#endif
}
MR_INLINE __m256 high_half(V16 a) {
#if defined(__AVX512F__)
  return _mm512_extractf32x8_ps(a.v, 1);
#else
  return a.hi;
#endif
}
MR_INLINE float reduce_add(V16 a) {
  __m256 t = _mm256_add_ps(low_half(a), high_half(a));
  __m128 u = _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
  u = _mm_add_ps(u, _mm_movehl_ps(u, u));
  return _mm_cvtss_f32(_mm_add_ss(u, _mm_movehdup_ps(u)));
}
MR_INLINE float reduce_max(V16 a) {
  __m256 t = _mm256_max_ps(low_half(a), high_half(a));
  __m128 u = _mm_max_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
  u = _mm_max_ps(u, _mm_movehl_ps(u, u));
  return _mm_cvtss_f32(_mm_max_ss(u, _mm_movehdup_ps(u)));
}
#else
MR_INLINE float reduce_add(V16 a) {
  for (int half = 8; half >= 1; half /= 2)
    for (int i = 0; i < half; i++) a.v[i] = a.v[i] + a.v[i + half];
  return a.v[0];
}
MR_INLINE float reduce_max(V16 a) {
  for (int half = 8; half >= 1; half /= 2)
    for (int i = 0; i < half; i++) a.v[i] = a.v[i] > a.v[i + half] ? a.v[i] : a.v[i + half];
  return a.v[0];
}
#endif

}  // namespace MR_PATH
}  // namespace mr
