// rms_norm.cu: RMSNorm and its gradients. A block takes one row, or several short rows (the norms over heads) next to each other
// in it. Where its packs are whole and fit there, registers hold it from its one reading to the end; else it is read twice, the
// second time from the cache. Either way a thread adds up the same elements in the same order: no bit depends on it.
#include "column_sums.h"

namespace mr {
namespace {

// The factor of the normalised value, and the operand that it multiplies (rounded to the storage type unless the factor is 1 + w).
__device__ __forceinline__ float factor_of(float w, bool offset) { return offset ? 1.0f + w : w; }
template <class T>
__device__ __forceinline__ float weight_operand(float n, bool offset) {
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
    for (int j = 0; j < N; j++) v.x[j] = weight_operand<T>(v.x[j] * scale, offset) * factor_of(weight.x[j], offset);
    store_pack(y + row * cols, c, cols, v);
  }
  if (mine && threadIdx.x == 0) rstd[row] = scale;
}

// Blocks that a multiprocessor should have room for: 1,024 threads with 64 bytes or more of loads each keep its memory busy.
constexpr int held_blocks(int packs) { return packs <= 2 ? 4 : 2; }

// ROWS rows of a thread, `block.y` rows apart, and up to PACKS packs of each, `block.x` packs apart: their addresses.
template <class T, int PACKS, int ROWS>
struct Held {
  static constexpr int N = Pack<T>::N;
  int64_t rows;
  int cols;
  __device__ __forceinline__ int64_t row(int k) const { return ((int64_t)blockIdx.x * ROWS + k) * blockDim.y + threadIdx.y; }
  __device__ __forceinline__ bool has(int k) const { return row(k) < rows; }
  __device__ __forceinline__ int column(int p) const { return (int)(p * blockDim.x + threadIdx.x) * N; }
  // Columns that are to be read or written of a row: none of one that is not there.
  __device__ __forceinline__ int width(int k) const { return has(k) ? cols : 0; }

  __device__ __forceinline__ void load(RawPack<T> (&packs)[ROWS][PACKS], const T* x) const {
    MR_UNROLL
    for (int k = 0; k < ROWS; k++) {
      MR_UNROLL
      for (int p = 0; p < PACKS; p++) packs[k][p] = load_raw<true>(x + row(k) * cols, column(p), width(k));
    }
  }
  __device__ __forceinline__ void factors(Values<N> (&factor)[PACKS], const float* w, bool offset) const {
    MR_UNROLL
    for (int p = 0; p < PACKS; p++) {
      factor[p] = load_floats<true, N>(w, column(p), cols);
      for (int j = 0; j < N; j++) factor[p].x[j] = factor_of(factor[p].x[j], offset);
    }
  }
};

// 1 / sqrt(sum / cols + eps) of each row. A row's first threads work out one each and hand it round, which is less than a root and
// two divisions for every row in every thread.
template <int ROWS>
__device__ __forceinline__ void to_scales(float (&sums)[ROWS], int64_t cols, float eps) {
  int lane = (int)(threadIdx.y * blockDim.x + threadIdx.x) % WARP, mine = lane % ROWS;  // block.x is a multiple of ROWS
  float sum = sums[0];
  MR_UNROLL
  for (int k = 1; k < ROWS; k++) sum = mine == k ? sums[k] : sum;
  float scale = 1.0f / sqrtf(sum / (float)cols + eps);
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) sums[k] = ROWS == 1 ? scale : __shfl_sync(ALL_LANES, scale, lane - mine + k);
}

template <class T, int PACKS, int ROWS>
__global__ void __launch_bounds__(ROW_THREADS, held_blocks(PACKS))
    held_forward_kernel(bool offset, int64_t rows, int64_t cols, float eps, const T* x, const float* w, T* y, float* rstd) {
  constexpr int N = Pack<T>::N;
  const Held<T, PACKS, ROWS> at = {rows, (int)cols};
  RawPack<T> packs[ROWS][PACKS];
  Values<N> factor[PACKS];
  follow_kernels();
  at.load(packs, x);
  at.factors(factor, w, offset);
  float scale[ROWS];
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) {
    scale[k] = 0;
    MR_UNROLL
    for (int p = 0; p < PACKS; p++) {
      Pack<T> v = unpack(packs[k][p]);
      for (int j = 0; j < N; j++) scale[k] = fmaf(v.x[j], v.x[j], scale[k]);
    }
  }
  row_sums(scale, shared_memory<RowShared[ROWS]>());
  to_scales(scale, cols, eps);
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) {
    MR_UNROLL
    for (int p = 0; p < PACKS; p++) {
      Pack<T> v = unpack(packs[k][p]);
      for (int j = 0; j < N; j++) v.x[j] *= scale[k];
      if (!offset) v = unpack(packed(v));  // as weight_operand
      for (int j = 0; j < N; j++) v.x[j] *= factor[p].x[j];
      store_rounded<true>(y + at.row(k) * cols, at.column(p), at.width(k), v);
    }
    if (at.has(k) && threadIdx.x == 0) rstd[at.row(k)] = scale[k];
  }
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

template <class T, int PACKS, int ROWS>
__global__ void __launch_bounds__(ROW_THREADS, held_blocks(PACKS))
    held_backward_kernel(bool offset, int64_t rows, int64_t cols, const T* dy, const T* x, const float* w, const float* rstd, T* dx,
                         bool accumulate) {
  constexpr int N = Pack<T>::N;
  const Held<T, PACKS, ROWS> at = {rows, (int)cols};
  RawPack<T> d[ROWS][PACKS], v[ROWS][PACKS], before[ROWS][PACKS] = {};
  Values<N> factor[PACKS];
  float scale[ROWS], mean[ROWS];
  at.load(d, dy);
  at.load(v, x);
  if (accumulate) at.load(before, dx);
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) scale[k] = at.has(k) ? rstd[at.row(k)] : 0.0f;
  at.factors(factor, w, offset);
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) {
    mean[k] = 0;
    MR_UNROLL
    for (int p = 0; p < PACKS; p++) {
      Pack<T> g = unpack(d[k][p]), n = unpack(v[k][p]);
      for (int j = 0; j < N; j++) mean[k] = fmaf(g.x[j] * factor[p].x[j], n.x[j] * scale[k], mean[k]);
    }
  }
  row_sums(mean, shared_memory<RowShared[ROWS]>());
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) {
    mean[k] /= (float)cols;
    MR_UNROLL
    for (int p = 0; p < PACKS; p++) {
      Pack<T> g = unpack(d[k][p]), n = unpack(v[k][p]), sum = unpack(before[k][p]);
      for (int j = 0; j < N; j++) sum.x[j] = fmaf(scale[k], fmaf(n.x[j] * scale[k], -mean[k], g.x[j] * factor[p].x[j]), sum.x[j]);
      store_rounded<true>(dx + at.row(k) * cols, at.column(p), at.width(k), sum);
    }
  }
}

// dy * n with n as the weight's operand.
template <class T>
struct WeightGradient {
  static constexpr int N = Pack<T>::N;
  const T *dy, *x;
  const float* rstd;
  bool offset;
  __device__ __forceinline__ void add(Values<N>& sum, int64_t row, int64_t c, int64_t cols) const {
    float scale = rstd[row];
    Values<N> d = load_values<N>(dy + row * cols, c, cols), v = load_values<N>(x + row * cols, c, cols);
    for (int j = 0; j < N; j++) sum.x[j] = fmaf(d.x[j], weight_operand<T>(v.x[j] * scale, offset), sum.x[j]);
  }
};

// Packs of a row that a thread holds in registers, as kernels exist for them, or 0: the row is read twice.
template <class T>
inline int held_packs(bool whole, int64_t cols, dim3 block) {
  int64_t packs = divide_up(cols, block.x * Pack<T>::N);
  return !whole || packs > 4 ? 0 : packs == 3 ? 4 : (int)packs;
}

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
    int packs = held_packs<T>(whole_packs(type, cols, x, w, y), cols, block), held = packs == 1 ? 4 : packs == 2 ? 2 : 1;
    auto kernel = packs == 1   ? held_forward_kernel<T, 1, 4>
                  : packs == 2 ? held_forward_kernel<T, 2, 2>
                  : packs == 4 ? held_forward_kernel<T, 4, 1>
                               : forward_kernel<T>;
    return launch_early(s, "rms_norm_forward", kernel, row_grid(divide_up(rows, held), block), block, held * sizeof(RowShared),
                        kind == MR_NORM_OFFSET, rows, cols, eps, as(type, x), w, as(type, y), rstd);
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
    int packs = held_packs<T>(whole_packs(type, cols, dy, x, w, dx), cols, block), held = packs == 1 ? 2 : 1;
    auto kernel = packs == 1   ? held_backward_kernel<T, 1, 2>
                  : packs == 2 ? held_backward_kernel<T, 2, 1>
                  : packs == 4 ? held_backward_kernel<T, 4, 1>
                               : backward_kernel<T>;
    return launch(s, "rms_norm_backward", kernel, row_grid(divide_up(rows, held), block), block, held * sizeof(RowShared), offset,
                  rows, cols, as(type, dy), as(type, x), w, rstd, as(type, dx), accumulate != 0);
  });
}

}  // extern "C"
