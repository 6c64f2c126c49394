// rms_norm.cu: RMSNorm and its gradients. A row lies along a block, or several short rows (the norms over heads) beside each other
// in it; it is read twice, the second time from the cache.
#include "column_sums.h"

namespace mr {
namespace {

// What the normalised value is multiplied by, and that value as the weight meets it.
__device__ __forceinline__ float factor_of(float w, bool offset) { return offset ? 1.0f + w : w; }
template <class T>
__device__ __forceinline__ float met_by_weight(float n, bool offset) {
  return offset ? n : to_float(from_float<T>(n));
}

template <class T>
__global__ void forward_kernel(bool offset, int64_t rows, int64_t cols, float eps, const T* x, const float* w, T* y, float* rstd) {
  constexpr int N = Pack<T>::N;
  RowShared& shared = shared_memory<RowShared>();
  int64_t row = own_row();
  bool mine = row < rows;
  follow_kernels();
  float squares = 0;
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Pack<T> v = load_pack(x + row * cols, c, cols);
    for (int j = 0; j < N; j++) squares = fmaf(v.x[j], v.x[j], squares);
  }
  float scale = 1.0f / sqrtf(row_sum(squares, shared) / (float)cols + eps);
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Pack<T> v = load_pack(x + row * cols, c, cols);
    Values<N> weight = load_values<N>(w, c, cols);
    for (int j = 0; j < N; j++) v.x[j] = met_by_weight<T>(v.x[j] * scale, offset) * factor_of(weight.x[j], offset);
    store_pack(y + row * cols, c, cols, v);
  }
  if (mine && threadIdx.x == 0) rstd[row] = scale;
}

// With n = x * rstd and g = dy * w (or dy * (1 + w)): dx = rstd * (g - n * mean(g * n)).
template <class T>
__global__ void backward_kernel(bool offset, int64_t rows, int64_t cols, const T* dy, const T* x, const float* w, const float* rstd,
                                T* dx, bool accumulate) {
  constexpr int N = Pack<T>::N;
  RowShared& shared = shared_memory<RowShared>();
  int64_t row = own_row();
  bool mine = row < rows;
  float scale = mine ? rstd[row] : 0, dot = 0;
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Pack<T> d = load_pack(dy + row * cols, c, cols), v = load_pack(x + row * cols, c, cols);
    Values<N> weight = load_values<N>(w, c, cols);
    for (int j = 0; j < N; j++) dot = fmaf(d.x[j] * factor_of(weight.x[j], offset), v.x[j] * scale, dot);
  }
  float mean = row_sum(dot, shared) / (float)cols;
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Pack<T> d = load_pack(dy + row * cols, c, cols), v = load_pack(x + row * cols, c, cols);
    Values<N> weight = load_values<N>(w, c, cols);
    Pack<T> before;
    if (accumulate)
      before = load_pack(dx + row * cols, c, cols);
    else
      for (int j = 0; j < N; j++) before.x[j] = 0;
    for (int j = 0; j < N; j++) {
      float g = d.x[j] * factor_of(weight.x[j], offset);
      d.x[j] = fmaf(scale, fmaf(v.x[j] * scale, -mean, g), before.x[j]);
    }
    store_pack(dx + row * cols, c, cols, d);
  }
}

// dy * n as the weight met n.
template <class T>
struct WeightGradient {
  static constexpr int N = Pack<T>::N;
  const T *dy, *x;
  const float* rstd;
  bool offset;
  __device__ __forceinline__ void add(Values<N>& sum, int64_t row, int64_t c, int64_t cols) const {
    float scale = rstd[row];
    Values<N> d = load_values<N>(dy + row * cols, c, cols), v = load_values<N>(x + row * cols, c, cols);
    for (int j = 0; j < N; j++) sum.x[j] = fmaf(d.x[j], met_by_weight<T>(v.x[j] * scale, offset), sum.x[j]);
  }
};

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_rms_norm_forward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, float eps, const void* x,
                                   const float* w, void* y, float* rstd) {
  MR_REQUIRE(is_activation(dtype), "rms_norm_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rms_norm_forward: kind %d", kind);
  MR_REQUIRE(rows >= 0 && cols >= 1, "rms_norm_forward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (x && w && y && rstd), "rms_norm_forward: x, w, y and rstd must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    dim3 block = row_block(cols, Pack<T>::N);
    return launch_early(s, "rms_norm_forward", forward_kernel<T>, row_grid(rows, block), block, sizeof(RowShared), kind == MR_NORM_OFFSET,
                  rows, cols, eps, as(type, x), w, as(type, y), rstd);
  });
}

MR_API int32_t mr_rms_norm_backward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, const void* dy,
                                    const void* x, const float* w, const float* rstd, void* dx, int32_t accumulate, float* dw) {
  MR_REQUIRE(is_activation(dtype), "rms_norm_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rms_norm_backward: kind %d", kind);
  MR_REQUIRE(rows >= 0 && cols >= 1, "rms_norm_backward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (dy && x && w && rstd && dx), "rms_norm_backward: dy, x, w, rstd and dx must not be NULL");
  bool offset = kind == MR_NORM_OFFSET;
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if (dw != nullptr)  // first: dx may be the buffer of dy
      MR_TRY(add_column_sums(s, "rms_norm_backward", WeightGradient<T>{as(type, dy), as(type, x), rstd, offset}, rows, cols, dw));
    dim3 block = row_block(cols, Pack<T>::N);
    return launch(s, "rms_norm_backward", backward_kernel<T>, row_grid(rows, block), block, sizeof(RowShared), offset, rows, cols,
                  as(type, dy), as(type, x), w, rstd, as(type, dx), accumulate != 0);
  });
}

}  // extern "C"
