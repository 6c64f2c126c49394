// dropout.cpp: inverted dropout with counter-based bits: the mask is a function of seed and element index alone.
#include "op.h"
#include "philox.h"

namespace mr {
namespace MR_PATH {

template <class T>
static void dropout_typed(mr_stream* s, int64_t n, float p, const PhiloxKey& key, int64_t offset, const T* x, T* y,
                          bool accumulate) {
  // word >= p * 2^32 for integral words; p < 1 is at most 1 - 2^-24, so the product fits
  double bound = (double)p * 4294967296.0;
  uint32_t threshold = (uint32_t)bound;
  if ((double)threshold < bound) threshold++;
  // lanes compare as signed numbers: flipping the top bit keeps the order of unsigned ones
  I16 flip = isplat(INT32_MIN), limit = isplat((int32_t)(threshold ^ 0x80000000u));
  V16 factor = splat(1.0f / (1.0f - p));
  elementwise(s, n, [=, &key](int64_t i, auto lanes) {
    I16 words = philox(key, (uint64_t)(offset + i) / 4);
    M16 dropped = less(words ^ flip, limit);
    V16 before = accumulate ? load(y + i, lanes) : splat(0.0f);
    V16 kept = factor * load(x + i, lanes);
    store(y + i, select(dropped, before, accumulate ? before + kept : kept), lanes);
  });
}

int32_t dropout(mr_stream* s, int32_t dtype, int64_t n, float p, uint32_t seed_low, uint32_t seed_high, int64_t offset,
                const void* x, void* y, int32_t accumulate) {
  MR_REQUIRE(is_activation(dtype), "dropout: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "dropout: n is %lld", (long long)n);
  MR_REQUIRE(p >= 0 && p < 1, "dropout: p is %g, it must lie in [0, 1)", (double)p);
  MR_REQUIRE(offset >= 0 && offset % 4 == 0, "dropout: offset %lld is not a multiple of 4", (long long)offset);
  MR_REQUIRE(n == 0 || (x && y), "dropout: x and y must not be NULL");
  PhiloxKey key = philox_key(seed_low, seed_high);
  with_storage(dtype, [=](auto* type) { dropout_typed(s, n, p, key, offset, as(type, x), as(type, y), accumulate != 0); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
