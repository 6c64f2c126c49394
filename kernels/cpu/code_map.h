// code_map.h: 8-bit codes as places in an ascending map of 256 values, as bitsandbytes has them.
#pragma once

#include "op.h"

namespace mr {
namespace MR_PATH {

constexpr int CODES = 256;

// Where one code ends and the next begins.
struct CodeBounds {
  float upper[CODES];  // the last one is infinite
};

// MR_ERR_ARGUMENT when the map does not ascend.
MR_INLINE int32_t code_bounds(const char* op, const float* map, CodeBounds& bounds) {
  for (int i = 0; i + 1 < CODES; i++) {
    MR_REQUIRE(map[i] <= map[i + 1], "%s: map[%d] is above its successor", op, i);
    bounds.upper[i] = (map[i] + map[i + 1]) / 2;
  }
  bounds.upper[CODES - 1] = __builtin_inff();
  return MR_OK;
}

// The nearest code, the lower one on ties: how many of the bounds are below x.
MR_INLINE uint8_t nearest_code(const CodeBounds& bounds, float x) {
  int low = 0;
  for (int step = CODES / 2; step >= 1; step /= 2)
    if (bounds.upper[low + step - 1] < x) low += step;
  return (uint8_t)low;
}

}  // namespace MR_PATH
}  // namespace mr
