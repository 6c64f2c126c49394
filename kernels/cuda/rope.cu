// rope.cu: rotary position embedding in the half-split layout of transformers' rotate_half: element c of a head's first half is rotated
// together with element c of its second half.
#include "rows.h"

namespace mr {
namespace {

constexpr int HEADS = 2;  // of a token, that a thread rotates by the same angles

// A row of the block is HEADS heads of a token, of which the first half is read, and written, together with the second. A thread reads
// what it writes before it writes: y may be x.
template <class T, bool WHOLE>
__global__ void __launch_bounds__(ROW_THREADS)
    rope_kernel(int64_t rows, int64_t heads, int64_t half, const T* x, const float* cos_table, const float* sin_table,
                const int32_t* positions, float sign, T* y) {
  constexpr int N = Pack<T>::N;
  int64_t row = own_row(), rows_per_token = (heads + HEADS - 1) / HEADS;
  if (row >= rows) return;
  int64_t token = rows <= INT32_MAX ? (int64_t)((uint32_t)row / (uint32_t)rows_per_token) : row / rows_per_token;
  int64_t head = (row - token * rows_per_token) * HEADS, begin = (token * heads + head) * 2 * half;
  int64_t angles = positions[token] * half;
  int count = heads - head < HEADS ? (int)(heads - head) : HEADS, n = (int)half, step = (int)blockDim.x * N;
  for (int c = (int)threadIdx.x * N; c < n; c += step) {
    RawPack<T> first[HEADS], second[HEADS];
    const T* in = x + begin;
    MR_UNROLL
    for (int k = 0; k < HEADS; k++, in += 2 * half) {
      first[k] = load_raw<WHOLE>(in, c, k < count ? n : 0);
      second[k] = load_raw<WHOLE>(in + half, c, k < count ? n : 0);
    }
    Values<N> co = load_floats<WHOLE, N>(cos_table + angles, c, n), si = load_floats<WHOLE, N>(sin_table + angles, c, n);
    T* out = y + begin;
    MR_UNROLL
    for (int k = 0; k < HEADS; k++, out += 2 * half) {
      Pack<T> a = unpack(first[k]), b = unpack(second[k]);
      MR_UNROLL
      for (int j = 0; j < N; j++) {
        float sine = si.x[j] * sign, left = a.x[j], right = b.x[j];
        a.x[j] = fmaf(left, co.x[j], 0.0f - right * sine);
        b.x[j] = fmaf(right, co.x[j], left * sine);
      }
      store_rounded<WHOLE>(out, c, k < count ? n : 0, a);
      store_rounded<WHOLE>(out + half, c, k < count ? n : 0, b);
    }
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
    int64_t half = head_dim / 2, rows = tokens * divide_up(heads, HEADS);
    dim3 block = row_block(half, Pack<T>::N);
    auto kernel = whole_packs(type, half, x, cos_table, sin_table, y) ? rope_kernel<T, true> : rope_kernel<T, false>;
    return launch(s, "rope", kernel, row_grid(rows, block), block, 0, rows, heads, half, as(type, x), cos_table, sin_table,
                  positions, inverse ? -1.0f : 1.0f, as(type, y));
  });
}

}  // extern "C"
