// rows.h: what elementwise ops and ops over rows share: groups of N elements whatever their type, blocks that take whole rows.
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

// ---- packs as stored in memory -------------------------------------------------------------------------------------

// 16 bytes of T before they are unpacked. `load_pack` waits for what it loads; loads of raw packs that follow each other are all
// under way together, and 16-bit elements take half the registers of their floats.
template <class T>
struct RawPack {
  uint4 words;
};

// Whether rows of `cols` elements from each of these addresses on are whole packs of T, each one access.
template <class T, class... P>
inline bool whole_packs(T*, int64_t cols, const P*... addresses) {
  return cols % Pack<T>::N == 0 && ((reinterpret_cast<uintptr_t>(addresses) % 16 == 0) && ...);
}

template <class T>
__device__ __forceinline__ Pack<T> unpack(RawPack<T> raw) {
  Pack<T> pack;
  const uint32_t words[4] = {raw.words.x, raw.words.y, raw.words.z, raw.words.w};
  MR_UNROLL
  for (int k = 0; k < 4; k++)
    if constexpr (sizeof(T) == 4)
      pack.x[k] = __uint_as_float(words[k]);
    else
      unpack_pair<T>(words[k], pack.x[2 * k], pack.x[2 * k + 1]);
  return pack;
}
// Rounds to T.
template <class T>
__device__ __forceinline__ RawPack<T> packed(const Pack<T>& pack) {
  uint32_t words[4];
  MR_UNROLL
  for (int k = 0; k < 4; k++)
    if constexpr (sizeof(T) == 4)
      words[k] = __float_as_uint(pack.x[k]);
    else
      words[k] = pack_pair<T>(pack.x[2 * k], pack.x[2 * k + 1]);
  return {make_uint4(words[0], words[1], words[2], words[3])};
}

// Elements i .. i+N-1 of p[0..n), 0 beyond n. i is a multiple of N. WHOLE: p and n are as `whole_packs` takes them.
template <bool WHOLE, class T>
__device__ __forceinline__ RawPack<T> load_raw(const T* p, int64_t i, int64_t n) {
  if constexpr (WHOLE) {
    return {load_16_if(i < n, p + i)};
  } else {
    return packed(load_pack(p, i, n));
  }
}
template <bool WHOLE, class T>
__device__ __forceinline__ void store_rounded(T* p, int64_t i, int64_t n, const Pack<T>& pack) {
  if constexpr (WHOLE) {
    if (i < n) *reinterpret_cast<uint4*>(p + i) = packed(pack).words;
  } else {
    store_pack(p, i, n, pack);
  }
}
// N floats that go with a pack.
template <bool WHOLE, int N>
__device__ __forceinline__ Values<N> load_floats(const float* p, int64_t i, int64_t n) {
  constexpr int P = Pack<float>::N;
  Values<N> values;
  MR_UNROLL
  for (int k = 0; k < N; k += P) {
    Pack<float> pack = unpack(load_raw<WHOLE>(p, i + k, n));
    for (int j = 0; j < P; j++) values.x[k + j] = pack.x[j];
  }
  return values;
}

// ---- elements --------------------------------------------------------------------------------------------------------

constexpr int ELEMENT_THREADS = 256;

// Starts a kernel over n elements, N of them a thread: those from `first_element<N>()` on.
template <int N, class... Parameters, class... Arguments>
inline int32_t launch_elements(mr_stream* s, const char* op, int64_t n, void (*kernel)(Parameters...), Arguments... arguments) {
  return launch(s, op, kernel, dim3((unsigned)divide_up(n, ELEMENT_THREADS * N)), dim3(ELEMENT_THREADS), 0, arguments...);
}
template <int N, class... Parameters, class... Arguments>
inline int32_t launch_elements_early(mr_stream* s, const char* op, int64_t n, void (*kernel)(Parameters...),
                                     Arguments... arguments) {
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

// Sums over the threads of a row, for each of a thread's ROWS rows, handed to all of them; every thread of the block must call it,
// once. The order depends on the block's shape alone.
template <int ROWS>
__device__ __forceinline__ void row_sums(float (&x)[ROWS], RowShared (&shared)[ROWS]) {
  int lanes = (int)blockDim.x;
  for (int bits = (lanes < WARP ? lanes : WARP) / 2; bits > 0; bits /= 2) {
    MR_UNROLL
    for (int k = 0; k < ROWS; k++) x[k] += __shfl_xor_sync(ALL_LANES, x[k], bits);
  }
  if (lanes <= WARP) return;
  int first = (int)threadIdx.y * lanes / WARP;
  MR_UNROLL
  for (int k = 0; k < ROWS; k++)
    if (threadIdx.x % WARP == 0) shared[k].of_warp[first + threadIdx.x / WARP] = x[k];
  __syncthreads();
  MR_UNROLL
  for (int k = 0; k < ROWS; k++) x[k] = shared[k].of_warp[first];
  for (int w = 1; w < lanes / WARP; w++) {
    MR_UNROLL
    for (int k = 0; k < ROWS; k++) x[k] += shared[k].of_warp[first + w];
  }
}

// The same for one row a thread, as often as wanted.
__device__ __forceinline__ float row_sum(float x, RowShared& shared) {
  float sum[1] = {x};
  row_sums(sum, reinterpret_cast<RowShared(&)[1]>(shared));
  if (blockDim.x > WARP) __syncthreads();
  return sum[0];
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
