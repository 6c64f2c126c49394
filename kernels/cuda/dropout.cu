// dropout.cu: inverted dropout with counter-based bits: the mask is a function of seed and element index alone, and the CPU's.
#include "philox.h"
#include "rows.h"

namespace mr {
namespace {

template <class T>
__global__ void dropout_kernel(int64_t n, uint32_t threshold, float factor, Seed seed, int64_t offset, const T* x, T* y,
                               bool accumulate) {
  constexpr int N = Pack<T>::N;
  int64_t i = first_element<N>();
  if (i >= n) return;
  Pack<T> v = load_pack(x, i, n), before;
  if (accumulate)
    before = load_pack(y, i, n);
  else
    for (int j = 0; j < N; j++) before.x[j] = 0;
  for (int j = 0; j < N; j += 4) {
    uint4 block = philox(seed, (uint64_t)(offset + i + j) / 4);
    uint32_t words[4] = {block.x, block.y, block.z, block.w};
    for (int k = 0; k < 4; k++) {
      float kept = factor * v.x[j + k];
      v.x[j + k] = words[k] < threshold ? before.x[j + k] : accumulate ? before.x[j + k] + kept : kept;
    }
  }
  store_pack(y, i, n, v);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_dropout(mr_stream* s, int32_t dtype, int64_t n, float p, uint32_t seed_low, uint32_t seed_high, int64_t offset,
                          const void* x, void* y, int32_t accumulate) {
  MR_REQUIRE(is_activation(dtype), "dropout: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "dropout: n is %lld", (long long)n);
  MR_REQUIRE(p >= 0 && p < 1, "dropout: p is %g, it must lie in [0, 1)", (double)p);
  MR_REQUIRE(offset >= 0 && offset % 4 == 0, "dropout: offset %lld is not a multiple of 4", (long long)offset);
  MR_REQUIRE(n == 0 || (x && y), "dropout: x and y must not be NULL");
  // word >= p * 2^32 for integral words; p < 1 is at most 1 - 2^-24, so the product fits
  double bound = (double)p * 4294967296.0;
  uint32_t threshold = (uint32_t)bound;
  if ((double)threshold < bound) threshold++;
  float factor = 1.0f / (1.0f - p);
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch_elements<Pack<T>::N>(s, "dropout", n, dropout_kernel<T>, n, threshold, factor, Seed{seed_low, seed_high}, offset,
                                       as(type, x), as(type, y), accumulate != 0);
  });
}

}  // extern "C"
