// code_map.h: 8-bit codes as places in an ascending map of 256 values, as cpu/code_map.h. That the map ascends is not checked: it
// is in device memory.
#pragma once

#include "device.h"

namespace mr {

constexpr int CODES = 256;

// A map in shared memory, or where its codes end.
struct CodeTable {
  float entry[CODES];
};

// Filled by the first 255 or 256 threads; a barrier must follow.
__device__ __forceinline__ void fill_values(CodeTable& values, const float* map) {
  if (threadIdx.x < CODES) values.entry[threadIdx.x] = map[threadIdx.x];
}
__device__ __forceinline__ void fill_bounds(CodeTable& bounds, const float* map) {
  if (threadIdx.x < CODES - 1) bounds.entry[threadIdx.x] = (map[threadIdx.x] + map[threadIdx.x + 1]) / 2;
}

// The nearest code, the lower one on ties: how many of the 255 bounds are below x.
__device__ __forceinline__ int nearest_code(const CodeTable& bounds, float x) {
  int low = 0;
  for (int step = CODES / 2; step >= 1; step /= 2)
    if (bounds.entry[low + step - 1] < x) low += step;
  return low;
}

}  // namespace mr
