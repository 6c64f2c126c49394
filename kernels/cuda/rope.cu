// rope.cu: rotary position embedding in the half-split layout of transformers' rotate_half: element c of a head's first half turns
// together with element c of its second half.
#include "rows.h"

namespace mr {
namespace {

// A row is a head of a token: its first half is read, and written, beside its second.
template <class T>
__global__ void rope_kernel(int64_t rows, int64_t heads, int64_t half, const T* x, const float* cos_table, const float* sin_table,
                            const int32_t* positions, float sign, T* y) {
  constexpr int N = Pack<T>::N;
  int64_t row = own_row();
  if (row >= rows) return;
  int64_t token = row <= INT32_MAX && heads <= INT32_MAX ? (int64_t)((uint32_t)row / (uint32_t)heads) : row / heads;
  int64_t position = positions[token];
  const T *first = x + row * 2 * half, *second = first + half;
  T *first_out = y + row * 2 * half, *second_out = first_out + half;
  for (int64_t c = threadIdx.x * N; c < half; c += blockDim.x * N) {
    Pack<T> a = load_pack(first, c, half), b = load_pack(second, c, half);
    Values<N> co = load_values<N>(cos_table + position * half, c, half), si = load_values<N>(sin_table + position * half, c, half);
    for (int j = 0; j < N; j++) {
      float sine = si.x[j] * sign, left = a.x[j], right = b.x[j];
      a.x[j] = fmaf(left, co.x[j], 0.0f - right * sine);
      b.x[j] = fmaf(right, co.x[j], left * sine);
    }
    store_pack(first_out, c, half, a);
    store_pack(second_out, c, half, b);
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_rope(mr_stream* s, int32_t dtype, int64_t tokens, int64_t heads, int64_t head_dim, const void* x,
                       const float* cos_table, const float* sin_table, const int32_t* positions, int32_t inverse, void* y) {
  MR_REQUIRE(is_activation(dtype), "rope: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(tokens >= 0 && heads >= 1 && head_dim >= 2 && head_dim % 2 == 0, "rope: tokens %lld, heads %lld, head_dim %lld",
             (long long)tokens, (long long)heads, (long long)head_dim);
  MR_REQUIRE(tokens == 0 || (x && cos_table && sin_table && positions && y), "rope: a pointer is NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    dim3 block = row_block(head_dim / 2, Pack<T>::N);
    return launch(s, "rope", rope_kernel<T>, row_grid(tokens * heads, block), block, 0, tokens * heads, heads, head_dim / 2,
                  as(type, x), cos_table, sin_table, positions, inverse ? -1.0f : 1.0f, as(type, y));
  });
}

}  // extern "C"
