// random.cpp: uniform and normal numbers from Philox4x32-10; element i is a function of the seed and i alone.
#include "op.h"
#include "philox.h"
#include "vec_math.h"

namespace mr {
namespace MR_PATH {

int32_t uniform(mr_stream* s, int64_t n, float low, float high, uint32_t seed_low, uint32_t seed_high, float* y) {
  MR_REQUIRE(n >= 0, "uniform: n is %lld", (long long)n);
  MR_REQUIRE(low < high && high - low <= 3.4e38f, "uniform: [%g, %g) is not a finite range", (double)low, (double)high);
  MR_REQUIRE(n == 0 || y, "uniform: y must not be NULL");
  PhiloxKey key = philox_key(seed_low, seed_high);
  // low + width * u may round up to high, which is excluded: the float before it is the largest value
  float below = from_bits(high > 0 ? to_bits(high) - 1 : high < 0 ? to_bits(high) + 1 : 0x80000001u);
  V16 largest = splat(below), width = splat(high - low), first = splat(low);
  elementwise(s, n, [=, &key](int64_t i, auto lanes) {
    V16 u = unit_float(philox(key, (uint64_t)i / 4));
    store(y + i, min(largest, fma(width, u, first)), lanes);
  });
  return MR_OK;
}

// Box-Muller: words (w0, w1) and (w2, w3) of a block make one pair of normal numbers each, the radius
// from the even word and the angle from the odd one.
int32_t normal(mr_stream* s, int64_t n, float mean, float std, uint32_t seed_low, uint32_t seed_high, float* y) {
  MR_REQUIRE(n >= 0, "normal: n is %lld", (long long)n);
  MR_REQUIRE(std >= 0, "normal: std is %g", (double)std);
  MR_REQUIRE(n == 0 || y, "normal: y must not be NULL");
  PhiloxKey key = philox_key(seed_low, seed_high);
  V16 center = splat(mean), spread = splat(std);
  elementwise(s, n, [=, &key](int64_t i, auto lanes) {
    // the eight pairs of a vector go through half of the lanes; the others compute log(1) and sin(0)
    float u[LANES], even[LANES], odd[LANES], sines[LANES], cosines[LANES], z[LANES];
    store(u, unit_float(philox(key, (uint64_t)i / 4)));
    for (int j = 0; j < LANES; j++) {
      bool used = j < LANES / 2;
      even[j] = used ? u[2 * j] + 5.9604644775390625e-8f : 1.0f;  // (0, 1]: never log(0)
      odd[j] = used ? u[2 * j + 1] : 0.0f;
    }
    V16 sine, cosine;
    V16 radius = sqrt(splat(-2.0f) * log(load(even)));
    sin_cos_turn(load(odd), &sine, &cosine);
    store(sines, radius * sine);
    store(cosines, radius * cosine);
    for (int j = 0; j < LANES; j++) z[j] = j % 2 ? sines[j / 2] : cosines[j / 2];
    store(y + i, fma(spread, load(z), center), lanes);
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
