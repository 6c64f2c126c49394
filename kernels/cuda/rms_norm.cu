// rms_norm.cu: RMSNorm and its gradients, one block a row.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

struct Shared {
  float sums[THREADS / WARP];
};

// The normalised value as the weight meets it, times the weight.
template <class T>
__device__ __forceinline__ float normed(float x, float rstd, float w, bool offset) {
  return offset ? x * rstd * (1.0f + w) : to_float(from_float<T>(x * rstd)) * w;
}

template <class T>
__global__ void forward_kernel(bool offset, int64_t cols, float eps, const T* x, const float* w, T* y, float* rstd) {
  Shared& shared = shared_memory<Shared>();
  int64_t row = blockIdx.x;
  x += row * cols;
  y += row * cols;
  float squares = 0;
  for (int64_t c = threadIdx.x; c < cols; c += THREADS) {
    float v = load(x, c);
    squares = fmaf(v, v, squares);
  }
  float mean = block_sum<THREADS>(squares, shared.sums) / (float)cols;
  float r = 1.0f / sqrtf(mean + eps);
  for (int64_t c = threadIdx.x; c < cols; c += THREADS) store(y, c, normed<T>(load(x, c), r, w[c], offset));
  if (threadIdx.x == 0) rstd[row] = r;
}

// dx = rstd * (g - n * mean(g * n)), n = x * rstd, g = dy * factor
template <class T>
__global__ void backward_kernel(bool offset, int64_t cols, const T* dy, const T* x, const float* w, const float* rstd, T* dx,
                                bool accumulate) {
  Shared& shared = shared_memory<Shared>();
  int64_t row = blockIdx.x;
  x += row * cols;
  dy += row * cols;
  dx += row * cols;
  float r = rstd[row], dot = 0;
  for (int64_t c = threadIdx.x; c < cols; c += THREADS) {
    float g = load(dy, c) * (offset ? 1.0f + w[c] : w[c]);
    dot = fmaf(g, load(x, c) * r, dot);
  }
  float mean = block_sum<THREADS>(dot, shared.sums) / (float)cols;
  for (int64_t c = threadIdx.x; c < cols; c += THREADS) {
    float g = load(dy, c) * (offset ? 1.0f + w[c] : w[c]);
    float d = r * (g - load(x, c) * r * mean);
    store(dx, c, accumulate ? load(dx, c) + d : d);
  }
}

// dw[c] += sum over rows of dy * n in row order: a thread owns a column.
template <class T>
__global__ void weight_kernel(bool offset, int64_t rows, int64_t cols, const T* dy, const T* x, const float* rstd, float* dw) {
  int64_t c = global_thread();
  if (c >= cols) return;
  float sum = 0;
  for (int64_t row = 0; row < rows; row++) {
    float n = load(x, row * cols + c) * rstd[row];
    if (!offset) n = to_float(from_float<T>(n));
    sum = fmaf(load(dy, row * cols + c), n, sum);
  }
  dw[c] += sum;
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_rms_norm_forward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, float eps, const void* x,
                                   const float* w, void* y, float* rstd) {
  MR_REQUIRE(is_activation(dtype), "rms_norm_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rms_norm_forward: kind is %d", kind);
  MR_REQUIRE(rows >= 0 && cols > 0, "rms_norm_forward: [%lld, %lld]", (long long)rows, (long long)cols);
  MR_REQUIRE(w && (rows == 0 || (x && y && rstd)), "rms_norm_forward: x, w, y and rstd must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    return launch(s, "rms_norm_forward", forward_kernel<std::remove_pointer_t<decltype(type)>>, dim3((unsigned)rows), dim3(THREADS),
                  sizeof(Shared), kind == MR_NORM_OFFSET, cols, eps, as(type, x), w, as(type, y), rstd);
  });
}

MR_API int32_t mr_rms_norm_backward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, const void* dy,
                                    const void* x, const float* w, const float* rstd, void* dx, int32_t accumulate, float* dw) {
  MR_REQUIRE(is_activation(dtype), "rms_norm_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rms_norm_backward: kind is %d", kind);
  MR_REQUIRE(rows >= 0 && cols > 0, "rms_norm_backward: [%lld, %lld]", (long long)rows, (long long)cols);
  MR_REQUIRE(w && (rows == 0 || (dy && x && rstd && dx)), "rms_norm_backward: dy, x, w, rstd and dx must not be NULL");
  bool offset = kind == MR_NORM_OFFSET;
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if (dw != nullptr)  // first: dx may be dy
      MR_TRY(launch(s, "rms_norm_backward", weight_kernel<T>, dim3((unsigned)divide_up(cols, THREADS)), dim3(THREADS), 0, offset, rows,
                    cols, as(type, dy), as(type, x), rstd, dw));
    return launch(s, "rms_norm_backward", backward_kernel<T>, dim3((unsigned)rows), dim3(THREADS), sizeof(Shared), offset, cols,
                  as(type, dy), as(type, x), w, rstd, as(type, dx), accumulate != 0);
  });
}

}  // extern "C"
