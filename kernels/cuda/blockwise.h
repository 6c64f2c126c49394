// blockwise.h: the scales of blocks along a flat array, as both blockwise quantisers have them: the largest magnitude; whole
// blocks are multiplied by its reciprocal, a shorter last one is divided by it. The last bit differs, and so can a code.
#pragma once

#include "rows.h"

namespace mr {

// The divisor of a block of zeros.
constexpr float LEAST_SCALE = 1e-38f;
__device__ __forceinline__ float divisor_of(float largest) { return largest > LEAST_SCALE ? largest : LEAST_SCALE; }

// absmax[b] of |x - offset|; one block per row of threads.
template <class T>
__global__ void absmax_kernel(int64_t n, int64_t blocks, int64_t blocksize, float offset, const T* x, float* absmax) {
  constexpr int N = Pack<T>::N;
  RowShared& shared = shared_memory<RowShared>();
  int64_t b = own_row(), begin = b * blocksize, end = begin + blocksize < n ? begin + blocksize : n;
  float largest = 0;
  for (int64_t i = threadIdx.x * N; b < blocks && i < end - begin; i += blockDim.x * N) {
    Pack<T> v = load_pack(x + begin, i, end - begin);
    for (int j = 0; j < N; j++)
      if (i + j < end - begin) largest = fmaxf(fabsf(v.x[j] - offset), largest);
  }
  // magnitudes are ordered as their bits are; there is no NaN among them
  largest = __int_as_float(row_max(__float_as_int(largest), shared));
  if (b < blocks && threadIdx.x == 0) absmax[b] = end - begin == blocksize ? largest : divisor_of(largest);
}

// The blocks of n elements, and their scales.
struct Blocks {
  int64_t n, size;
  const float* absmax;
};
__device__ __forceinline__ int64_t block_of(const Blocks& blocks, int64_t i) {
  if (i <= UINT32_MAX && blocks.size <= UINT32_MAX) return (uint32_t)i / (uint32_t)blocks.size;  // a tenth of the instructions
  return i / blocks.size;
}
// What the elements of one block are scaled by.
struct Scaler {
  int64_t end;  // the first element after the block
  bool whole;
  float divisor, reciprocal;
};
__device__ __forceinline__ Scaler scaler_of(const Blocks& blocks, int64_t i) {
  int64_t b = block_of(blocks, i), end = (b + 1) * blocks.size;
  float divisor = divisor_of(blocks.absmax[b]);
  return {end, end <= blocks.n, divisor, 1.0f / divisor};
}
__device__ __forceinline__ float scaled(const Scaler& by, float x) { return by.whole ? x * by.reciprocal : x / by.divisor; }

template <class T>
inline int32_t find_absmax(mr_stream* s, const char* op, int64_t n, int64_t blocksize, float offset, const T* x, float* absmax) {
  int64_t blocks = divide_up(n, blocksize);
  dim3 block = row_block(blocksize, Pack<T>::N);
  return launch(s, op, absmax_kernel<T>, row_grid(blocks, block), block, sizeof(RowShared), n, blocks, blocksize, offset, x,
                absmax);
}

}  // namespace mr
