// code_maps.h: ascending maps of 256 values, as the tests of 8-bit codes need them.
#pragma once

#include <math.h>

#include <algorithm>

#include "op_check.h"

namespace op_check {

// With gaps of very different sizes, with +1 and without -1, as bitsandbytes' signed dynamic map has.
inline Floats signed_map() {
  Floats map;
  for (int e = 0; e < 7; e++)
    for (int i = 0; i < 18; i++) {
      float v = (float)ldexp(1 + i / 18.0, -e - 1);
      map.push_back(v), map.push_back(-v);
    }
  map.push_back(0), map.push_back(1), map.push_back(0.001f), map.push_back(-0.001f);
  std::sort(map.begin(), map.end());
  return map;
}

// From 0 to 1, likewise.
inline Floats unsigned_map() {
  Floats map = {0, 1};
  for (int i = 0; i < 254; i++) map.push_back((float)ldexp(1 + i % 16 / 16.0, -i / 16 - 1));
  std::sort(map.begin(), map.end());
  return map;
}

}  // namespace op_check
