// half.h: IEEE fp16 to and from fp32 in integer arithmetic, round to nearest even, so that no path needs F16C.
#pragma once

#include "vec_int.h"

namespace mr {
namespace MR_PATH {

MR_INLINE V16 half_to_float(I16 h) {
  I16 magnitude = shift_left<13>(h & isplat(0x7fff));
  // 2^112 moves the exponent from bias 15 to bias 127, and turns denormals into normal numbers
  V16 finite = floats(magnitude) * splat(5.19229686e+33f);
  I16 special = magnitude | isplat(0x7f800000);  // inf and NaN keep their payload
  I16 r = select(less(isplat(0x0f7fffff), magnitude), special, bits(finite));
  return floats(r | shift_left<16>(h & isplat(0x8000)));
}

// The bits of the fp16 in the low half of each lane. A NaN keeps its sign and becomes quiet.
MR_INLINE I16 float_to_half(V16 x) {
  I16 u = bits(x);
  I16 magnitude = u & isplat(0x7fffffff);
  I16 odd = shift_right<13>(magnitude) & isplat(1);
  I16 normal = shift_right<13>(magnitude + odd + isplat(0xfff - (112 << 23)));
  // below 2^-14: adding 1/2 aligns the last bit of the sum with the spacing of fp16 denormals and rounds
  I16 denormal = bits(floats(magnitude) + splat(0.5f)) - isplat(0x3f000000);
  I16 nan = (shift_right<13>(magnitude) & isplat(0x3ff)) | isplat(0x7e00);
  I16 r = select(less(magnitude, isplat(0x38800000)), denormal, normal);
  r = select(less(isplat(0x477fefff), magnitude), isplat(0x7c00), r);  // 65520 and beyond
  r = select(less(isplat(0x7f800000), magnitude), nan, r);
  return r | (shift_right<16>(u) & isplat(0x8000));
}

}  // namespace MR_PATH
}  // namespace mr
