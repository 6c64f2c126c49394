// rows.h: what elementwise ops and ops over rows share: groups of N elements whatever their type, blocks that lie along rows.
#pragma once

#include "device.h"

namespace mr {

// ---- N elements a thread -------------------------------------------------------------------------------------------

template <int N>
struct Values {
  float x[N];
};
// Elements i .. i+N-1 of p[0..n), 0 beyond n. i is a multiple of N, which is a multiple of a pack.
template <int N, class T>
__device__ __forceinline__ Values<N> load_values(const T* p, int64_t i, int64_t n) {
  constexpr int P = Pack<T>::N;
  static_assert(N % P == 0, "whole packs");
  Values<N> values;
  for (int k = 0; k < N; k += P) {
    Pack<T> pack = load_pack(p, i + k, n);
    for (int j = 0; j < P; j++) values.x[k + j] = pack.x[j];
  }
  return values;
}
template <int N, class T>
__device__ __forceinline__ void store_values(T* p, int64_t i, int64_t n, const Values<N>& values) {
  constexpr int P = Pack<T>::N;
  static_assert(N % P == 0, "whole packs");
  for (int k = 0; k < N; k += P) {
    Pack<T> pack;
    for (int j = 0; j < P; j++) pack.x[j] = values.x[k + j];
    store_pack(p, i + k, n, pack);
  }
}

constexpr int ELEMENT_THREADS = 256;

// Starts a kernel over n elements, N of them a thread: those from `first_element<N>()` on.
template <int N, class... Parameters, class... Arguments>
inline int32_t launch_elements(mr_stream* s, const char* op, int64_t n, void (*kernel)(Parameters...), Arguments... arguments) {
  return launch(s, op, kernel, dim3((unsigned)divide_up(n, ELEMENT_THREADS * N)), dim3(ELEMENT_THREADS), 0, arguments...);
}
template <int N, class... Parameters, class... Arguments>
inline int32_t launch_elements_early(mr_stream* s, const char* op, int64_t n, void (*kernel)(Parameters...), Arguments... arguments) {
  return launch_early(s, op, kernel, dim3((unsigned)divide_up(n, ELEMENT_THREADS * N)), dim3(ELEMENT_THREADS), 0, arguments...);
}
template <int N>
__device__ __forceinline__ int64_t first_element() {
  return global_thread() * N;
}

// ---- rows ------------------------------------------------------------------------------------------------------------

constexpr int ROW_THREADS = 256;

// A block's shape for rows of `cols` elements, N of them a thread at a time: threadIdx.x along the row (a power of two, so that
// the lanes of a short row are neighbours in a warp), threadIdx.y the row.
inline dim3 row_block(int64_t cols, int n) {
  unsigned lanes = 8;
  while (lanes < ROW_THREADS && (int64_t)lanes * n < cols) lanes *= 2;
  return dim3(lanes, ROW_THREADS / lanes);
}
inline dim3 row_grid(int64_t rows, dim3 block) { return dim3((unsigned)divide_up(rows, block.y)); }
__device__ __forceinline__ int64_t own_row() { return (int64_t)blockIdx.x * blockDim.y + threadIdx.y; }

struct RowShared {
  float of_warp[ROW_THREADS / WARP];
};

// The sum over the threads of a row, handed to all of them; every thread of the block must call it. The order depends on the
// block's shape alone.
__device__ __forceinline__ float row_sum(float x, RowShared& shared) {
  int lanes = (int)blockDim.x;
  for (int bits = (lanes < WARP ? lanes : WARP) / 2; bits > 0; bits /= 2) x += __shfl_xor_sync(ALL_LANES, x, bits);
  if (lanes <= WARP) return x;
  int first = (int)threadIdx.y * lanes / WARP;
  if (threadIdx.x % WARP == 0) shared.of_warp[first + threadIdx.x / WARP] = x;
  __syncthreads();
  float total = shared.of_warp[first];
  for (int w = 1; w < lanes / WARP; w++) total += shared.of_warp[first + w];
  __syncthreads();
  return total;
}

// The largest of the threads' numbers, likewise.
__device__ __forceinline__ int32_t row_max(int32_t x, RowShared& shared) {
  int lanes = (int)blockDim.x;
  for (int bits = (lanes < WARP ? lanes : WARP) / 2; bits > 0; bits /= 2) {
    int32_t other = __shfl_xor_sync(ALL_LANES, x, bits);
    x = other > x ? other : x;
  }
  if (lanes <= WARP) return x;
  int first = (int)threadIdx.y * lanes / WARP;
  if (threadIdx.x % WARP == 0) shared.of_warp[first + threadIdx.x / WARP] = __int_as_float(x);
  __syncthreads();
  for (int w = 0; w < lanes / WARP; w++) {
    int32_t other = __float_as_int(shared.of_warp[first + w]);
    x = other > x ? other : x;
  }
  __syncthreads();
  return x;
}

}  // namespace mr
