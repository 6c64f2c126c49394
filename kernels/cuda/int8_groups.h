// int8_groups.h: rows of a product that share their outlier columns, as mr_quantize_int8 takes them.
#pragma once

#include "device.h"

namespace mr {

struct Groups {
  int64_t count, rows;
  const int32_t* ends;  // NULL: one group of all rows

  __device__ __forceinline__ int64_t of(int64_t row) const {
    int64_t low = 0, high = count - 1;
    while (low < high) {
      int64_t middle = (low + high) / 2;
      if (row < ends[middle + 1])
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }
};

}  // namespace mr
