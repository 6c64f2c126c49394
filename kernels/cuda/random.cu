// random.cu: uniform and normal numbers from Philox4x32-10; element i is a function of the seed and i alone. Logarithm, sine and
// cosine are those of cpu/vec_math.h operation by operation, so the numbers have the CPU's bits.
#include <string.h>

#include "philox.h"
#include "rows.h"

namespace mr {
namespace {

constexpr int N = Pack<float>::N;  // the words of one counter
static_assert(N == 4, "a pack holds what one counter gives");

__global__ void uniform_kernel(int64_t n, float low, float width, float largest, Seed seed, float* y) {
  int64_t i = first_element<N>();
  if (i >= n) return;
  uint4 block = philox(seed, (uint64_t)i / N);
  uint32_t words[N] = {block.x, block.y, block.z, block.w};
  Pack<float> values;
  for (int j = 0; j < N; j++) {
    float value = fmaf(width, unit_float(words[j]), low);
    values.x[j] = largest < value ? largest : value;
  }
  store_pack(y, i, n, values);
}

// ln x of a normal x in (0, 1]: x = 2^e m with sqrt(1/2) <= m < sqrt(2), f = m - 1, ln m = f - f^2/2 + f^3 q(f).
__device__ __forceinline__ float log_of(float x) {
  int32_t i = __float_as_int(x);
  int32_t exponent = (i - 0x3f3504f3) >> 23;  // 0x3f3504f3 = sqrt(1/2)
  float e = (float)exponent;
  float f = __int_as_float((int32_t)((uint32_t)i - ((uint32_t)exponent << 23))) - 1.0f;
  float q = 6.75095618e-2f;
  q = fmaf(q, f, -1.16714492e-1f);
  q = fmaf(q, f, 1.18835680e-1f);
  q = fmaf(q, f, -1.24060318e-1f);
  q = fmaf(q, f, 1.42203271e-1f);
  q = fmaf(q, f, -1.66679963e-1f);
  q = fmaf(q, f, 2.00020730e-1f);
  q = fmaf(q, f, -2.50000089e-1f);
  q = fmaf(q, f, 3.33333135e-1f);
  float f2 = f * f;
  float small = fmaf(f * f2, q, e * -2.12194442e-4f);
  small = fmaf(f2, -0.5f, small);
  return fmaf(e, 0.693359375f, f + small);
}

// sine and cosine of 2 pi u for u in [0, 1], a multiple of 2^-24: the nearest quarter turn is subtracted exactly.
__device__ __forceinline__ void sin_cos_turn(float u, float* sine, float* cosine) {
  float quarter = rintf(u * 4.0f);
  float t = fmaf(quarter, -0.25f, u);  // |t| <= 1/8
  float z = t * t;
  float a = -75.4074074f;
  a = fmaf(a, z, 81.5926819f);
  a = fmaf(a, z, -41.3416634f);
  a = fmaf(a, z, -1.94157934e-7f);  // what 6.28318548 lacks of 2 pi
  float s = fmaf(t, 6.28318548f, a * t);
  float b = 58.5568848f;
  b = fmaf(b, z, -85.4230652f);
  b = fmaf(b, z, 64.9391403f);
  b = fmaf(b, z, -19.7392082f);
  float c = fmaf(b, z, 1.0f);
  // quarter: 0 and 4 leave (s, c), 1 gives (c, -s), 2 (-s, -c), 3 (-c, s)
  int turn = (int)quarter & 3;
  *sine = turn == 0 ? s : turn == 1 ? c : turn == 2 ? 0.0f - s : 0.0f - c;
  *cosine = turn == 0 ? c : turn == 1 ? 0.0f - s : turn == 2 ? 0.0f - c : s;
}

// Box-Muller: words (w0, w1) and (w2, w3) of a block make one pair of normal numbers each, the radius from the even word and the
// angle from the odd one.
__global__ void normal_kernel(int64_t n, float mean, float std, Seed seed, float* y) {
  int64_t i = first_element<N>();
  if (i >= n) return;
  uint4 block = philox(seed, (uint64_t)i / N);
  uint32_t words[N] = {block.x, block.y, block.z, block.w};
  Pack<float> values;
  for (int j = 0; j < N; j += 2) {
    float radius = sqrtf(-2.0f * log_of(unit_float(words[j]) + 5.9604644775390625e-8f));  // (0, 1]: never log(0)
    float sine, cosine;
    sin_cos_turn(unit_float(words[j + 1]), &sine, &cosine);
    values.x[j] = fmaf(std, radius * cosine, mean);
    values.x[j + 1] = fmaf(std, radius * sine, mean);
  }
  store_pack(y, i, n, values);
}

// The float before `high`.
float below(float high) {
  uint32_t bits;
  memcpy(&bits, &high, sizeof bits);
  bits = high > 0 ? bits - 1 : high < 0 ? bits + 1 : 0x80000001u;
  float largest;
  memcpy(&largest, &bits, sizeof largest);
  return largest;
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_uniform(mr_stream* s, int64_t n, float low, float high, uint32_t seed_low, uint32_t seed_high, float* y) {
  MR_REQUIRE(n >= 0, "uniform: n is %lld", (long long)n);
  MR_REQUIRE(low < high && high - low <= 3.4e38f, "uniform: [%g, %g) is not a finite range", (double)low, (double)high);
  MR_REQUIRE(n == 0 || y, "uniform: y must not be NULL");
  // low + width * u may round up to high, which is excluded
  return launch_elements<N>(s, "uniform", n, uniform_kernel, n, low, high - low, below(high), Seed{seed_low, seed_high}, y);
}

MR_API int32_t mr_normal(mr_stream* s, int64_t n, float mean, float std, uint32_t seed_low, uint32_t seed_high, float* y) {
  MR_REQUIRE(n >= 0, "normal: n is %lld", (long long)n);
  MR_REQUIRE(std >= 0, "normal: std is %g", (double)std);
  MR_REQUIRE(n == 0 || y, "normal: y must not be NULL");
  return launch_elements<N>(s, "normal", n, normal_kernel, n, mean, std, Seed{seed_low, seed_high}, y);
}

}  // extern "C"
