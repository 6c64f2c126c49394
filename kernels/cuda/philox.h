// philox.h: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), the words that cpu/philox.h gives.
#pragma once

#include "device.h"

namespace mr {

// The seed is the key.
struct Seed {
  uint32_t low, high;
};

// The four words of the block at `counter`; the upper half of the 128-bit counter is 0.
__device__ __forceinline__ uint4 philox(Seed seed, uint64_t counter) {
  uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
  for (int r = 0; r < 10; r++) {
    uint32_t high0 = __umulhi(0xd2511f53u, c0), low0 = 0xd2511f53u * c0;
    uint32_t high2 = __umulhi(0xcd9e8d57u, c2), low2 = 0xcd9e8d57u * c2;
    c0 = high2 ^ c1 ^ seed.low;
    c1 = low2;
    c2 = high0 ^ c3 ^ seed.high;
    c3 = low0;
    seed.low += 0x9e3779b9u;
    seed.high += 0xbb67ae85u;
  }
  return make_uint4(c0, c1, c2, c3);
}

// The upper 24 bits as a float in [0, 1), exactly.
__device__ __forceinline__ float unit_float(uint32_t word) { return (float)(word >> 8) * 5.9604644775390625e-8f; }

}  // namespace mr
