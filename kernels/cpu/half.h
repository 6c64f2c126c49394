// half.h: IEEE fp16 as a storage type: conversions to and from fp32, round to nearest even, 65520 and beyond to infinity.
//
// With F16C (which the avx2 path asks for) they are one instruction; the portable path does the same in integers, so that
// every path gives the same bits: a NaN keeps its sign and the head of its payload and becomes quiet.
#pragma once

#include "vec_int.h"

namespace mr {
namespace MR_PATH {

// A type of its own, so that overloads tell it from bf16.
struct f16 {
  uint16_t bits;
};

#if defined(__AVX512F__)

MR_INLINE V16 half_to_float(__m256i h) { return {_mm512_cvtph_ps(h)}; }
MR_INLINE __m256i float_to_half(V16 x) { return _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
MR_INLINE V16 load(const f16* p) { return half_to_float(_mm256_loadu_si256((const __m256i*)p)); }
MR_INLINE V16 load(const f16* p, int n) { return half_to_float(_mm256_maskz_loadu_epi16(first_lanes(n), p)); }
MR_INLINE void store(f16* p, V16 a) { _mm256_storeu_si256((__m256i*)p, float_to_half(a)); }
MR_INLINE void store(f16* p, V16 a, int n) { _mm256_mask_storeu_epi16(p, first_lanes(n), float_to_half(a)); }
MR_INLINE V16 round_to_half(V16 a) { return half_to_float(float_to_half(a)); }

#else

#if defined(__F16C__)

MR_INLINE V16 load(const f16* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p + 1))};
}
MR_INLINE void store(f16* p, V16 a) {
  _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128((__m128i*)p + 1, _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}
MR_INLINE V16 round_to_half(V16 a) {
  return {_mm256_cvtph_ps(_mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT)),
          _mm256_cvtph_ps(_mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT))};
}

#else

MR_INLINE V16 half_to_float(I16 h) {
  I16 magnitude = shift_left<13>(h & isplat(0x7fff));
  // 2^112 moves the exponent from bias 15 to bias 127, and turns denormals into normal numbers
  V16 finite = floats(magnitude) * splat(5.19229686e+33f);
  I16 special = magnitude | isplat(0x7f800000);  // inf and NaN keep their payload
  special = select(less(isplat(0x7f800000), special), special | isplat(0x400000), special);
  I16 r = select(less(isplat(0x0f7fffff), magnitude), special, bits(finite));
  return floats(r | shift_left<16>(h & isplat(0x8000)));
}

// The bits of the fp16 in the low half of each lane.
MR_INLINE I16 float_to_half(V16 x) {
  I16 u = bits(x);
  I16 magnitude = u & isplat(0x7fffffff);
  I16 odd = shift_right<13>(magnitude) & isplat(1);
  I16 normal = shift_right<13>(magnitude + odd + isplat(0xfff - (112 << 23)));
  // below 2^-14: adding 1/2 aligns the last bit of the sum with the spacing of fp16 denormals and rounds
  I16 denormal = bits(floats(magnitude) + splat(0.5f)) - isplat(0x3f000000);
  I16 nan = (shift_right<13>(magnitude) & isplat(0x3ff)) | isplat(0x7e00);
  I16 r = select(less(magnitude, isplat(0x38800000)), denormal, normal);
  r = select(less(isplat(0x477fefff), magnitude), isplat(0x7c00), r);  // 65520 and beyond
  r = select(less(isplat(0x7f800000), magnitude), nan, r);
  return r | (shift_right<16>(u) & isplat(0x8000));
}
MR_INLINE V16 load(const f16* p) { return half_to_float(load_halves(&p->bits)); }
MR_INLINE void store(f16* p, V16 a) { store_halves(&p->bits, float_to_half(a)); }
MR_INLINE V16 round_to_half(V16 a) { return half_to_float(float_to_half(a)); }

#endif

MR_INLINE V16 load(const f16* p, int n) {
  f16 t[16] = {};
  memcpy(t, p, (size_t)(n > 16 ? 16 : n) * 2);
  return load(t);
}
MR_INLINE void store(f16* p, V16 a, int n) {
  f16 t[16];
  store(t, a);
  memcpy(p, t, (size_t)(n > 16 ? 16 : n) * 2);
}

#endif

// Rounds a value to a storage type and back.
MR_INLINE V16 rounded(V16 a, const float*) { return a; }
MR_INLINE V16 rounded(V16 a, const bf16*) {
  I16 u = bits(a);
  I16 even = u + isplat(0x7fff) + (shift_right<16>(u) & isplat(1)), quiet = u | isplat(0x400000);
  M16 is_nan = less(isplat(0x7f800000), u & isplat(0x7fffffff));
  return floats(select(is_nan, quiet, even) & isplat((int32_t)0xffff0000));
}
MR_INLINE V16 rounded(V16 a, const f16*) { return round_to_half(a); }

// Calls body(T*) with the storage type that a dtype names, and a null pointer as its value: `[&](auto* type)`, where
// as(type, p) is p as a pointer to that type. dtype is MR_F32, MR_BF16 or MR_F16.
template <class Body>
MR_INLINE void with_storage(int32_t dtype, Body body) {
  if (dtype == MR_F32)
    body((float*)nullptr);
  else if (dtype == MR_BF16)
    body((bf16*)nullptr);
  else
    body((f16*)nullptr);
}
template <class T>
MR_INLINE const T* as(T*, const void* p) {
  return (const T*)p;
}
template <class T>
MR_INLINE T* as(T*, void* p) {
  return (T*)p;
}

}  // namespace MR_PATH
}  // namespace mr
