// add_bias.cu: y = x + b with one b for every row, and the gradient of b.
#include "column_sums.h"

namespace mr {
namespace {

template <class T>
__global__ void forward_kernel(int64_t rows, int64_t cols, const T* x, const float* b, T* y) {
  constexpr int N = Pack<T>::N;
  int64_t row = own_row();
  if (row >= rows) return;
  for (int64_t c = threadIdx.x * N; c < cols; c += blockDim.x * N) {
    Values<N> v = load_values<N>(x + row * cols, c, cols), bias = load_values<N>(b, c, cols);
    for (int j = 0; j < N; j++) v.x[j] += bias.x[j];
    store_values(y + row * cols, c, cols, v);
  }
}

template <class T>
struct Gradient {
  static constexpr int N = Pack<T>::N;
  const T* dy;
  __device__ __forceinline__ void add(Values<N>& sum, int64_t row, int64_t c, int64_t cols) const {
    Values<N> d = load_values<N>(dy + row * cols, c, cols);
    for (int j = 0; j < N; j++) sum.x[j] += d.x[j];
  }
};

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_add_bias_forward(mr_stream* s, int32_t dtype, int64_t rows, int64_t cols, const void* x, const float* b,
                                   void* y) {
  MR_REQUIRE(is_activation(dtype), "add_bias_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "add_bias_forward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (x && b && y), "add_bias_forward: x, b and y must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    dim3 block = row_block(cols, Pack<T>::N);
    return launch(s, "add_bias_forward", forward_kernel<T>, row_grid(rows, block), block, 0, rows, cols, as(type, x), b,
                  as(type, y));
  });
}

MR_API int32_t mr_add_bias_backward(mr_stream* s, int32_t dtype, int64_t rows, int64_t cols, const void* dy, float* db) {
  MR_REQUIRE(is_activation(dtype), "add_bias_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "add_bias_backward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (dy && db), "add_bias_backward: dy and db must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return add_column_sums(s, "add_bias_backward", Gradient<T>{as(type, dy)}, rows, cols, db);
  });
}

}  // extern "C"
