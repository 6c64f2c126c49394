// rope.cpp: rotary position embedding in the half-split layout of transformers' rotate_half: element c of a head's
// first half is rotated together with element c of its second half.
#include "op.h"

namespace mr {
namespace MR_PATH {

template <class T>
static void rope_typed(mr_stream* s, int64_t tokens, int64_t heads, int64_t head_dim, const T* x, const float* cos_table,
                       const float* sin_table, const int32_t* positions, bool inverse, T* y) {
  int64_t half = head_dim / 2, width = heads * head_dim;
  V16 sign = splat(inverse ? -1.0f : 1.0f);
  parallel_chunks(s, tokens, rows_per_task(width), [=](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; t++) {
      const float *cosines = cos_table + positions[t] * half, *sines = sin_table + positions[t] * half;
      for (int64_t h = 0; h < heads; h++) {
        const T* in = x + t * width + h * head_dim;
        T* out = y + t * width + h * head_dim;
        each_vector(0, half, [=](int64_t c, auto lanes) {
          V16 co = load(cosines + c, lanes), si = load(sines + c, lanes) * sign;
          V16 a = load(in + c, lanes), b = load(in + half + c, lanes);
          store(out + c, fma(a, co, splat(0.0f) - b * si), lanes);
          store(out + half + c, fma(b, co, a * si), lanes);
        });
      }
    }
  });
}

int32_t rope(mr_stream* s, int32_t dtype, int64_t tokens, int64_t heads, int64_t head_dim, const void* x, const float* cos_table,
             const float* sin_table, const int32_t* positions, int32_t inverse, void* y) {
  MR_REQUIRE(is_activation(dtype), "rope: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(tokens >= 0 && heads >= 1 && head_dim >= 2 && head_dim % 2 == 0, "rope: tokens %lld, heads %lld, head_dim %lld",
             (long long)tokens, (long long)heads, (long long)head_dim);
  MR_REQUIRE(tokens == 0 || (x && cos_table && sin_table && positions && y), "rope: a pointer is NULL");
  for (int64_t t = 0; t < tokens; t++) MR_REQUIRE(positions[t] >= 0, "rope: positions[%lld] is %d", (long long)t, positions[t]);
  with_storage(dtype, [=](auto* type) {
    rope_typed(s, tokens, heads, head_dim, as(type, x), cos_table, sin_table, positions, inverse != 0, as(type, y));
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
