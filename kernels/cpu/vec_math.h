// vec_math.h: exp, log and the sine and cosine of a turn over sixteen lanes, with polynomials of our own.
//
// libm is not used because it picks its code by CPU and by version; these give the same bits on every path. Errors
// against the exact value, in units in the last place (test_vec_math.cpp measures them):
//   exp      <= 1.0 ulp over all floats, denormal results included (<= 1.0 of their spacing)
//   log      <= 1.0 ulp over all positive floats
//   sin_cos_turn   <= 1.0 ulp of 1 (absolute 6e-8) on multiples of 2^-24
// The coefficients are minimax fits with each one rounded to fp32 in turn and the rest fitted again.
#pragma once

#include "vec_int.h"

namespace mr {
namespace MR_PATH {

constexpr float INFINITE = __builtin_inff();

// e^x. exp(-inf) = 0, overflow gives inf, NaN stays NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2, e^x = 2^n (1 + r + r^2 q(r)). ln 2 is subtracted in two parts, the first with so
// few bits that n times it is exact.
MR_INLINE V16 exp(V16 x) {
  V16 t = min(splat(89.0f), max(splat(-104.0f), x));  // min and max return their second operand on NaN
  V16 n = round_even(t * splat(1.44269502f));
  V16 r = fma(n, splat(2.12194442e-4f), fma(n, splat(-0.693359375f), t));
  V16 q = splat(1.38210424e-3f);
  q = fma(q, r, splat(8.36867094e-3f));
  q = fma(q, r, splat(4.16682623e-2f));
  q = fma(q, r, splat(1.66665211e-1f));
  q = fma(q, r, splat(4.99999940e-1f));
  q = fma(q, r, splat(1.0f));
  q = fma(q, r, splat(1.0f));
  return scale_exp2(q, n);
}

// ln x. log(0) = -inf, log(inf) = inf, negative and NaN give NaN.
//
// x = 2^e m with sqrt(1/2) <= m < sqrt(2), f = m - 1, ln m = f - f^2/2 + f^3 q(f).
MR_INLINE V16 log(V16 x) {
  M16 denormal = less(x, splat(1.17549435e-38f));
  V16 scaled = select(denormal, x * splat(8388608.0f), x);
  I16 i = bits(scaled);
  I16 exponent = shift_right_signed<23>(i - isplat(0x3f3504f3));  // 0x3f3504f3 = sqrt(1/2)
  V16 e = to_float(exponent) - select(denormal, splat(23.0f), splat(0.0f));
  V16 f = floats(i - shift_left<23>(exponent)) - splat(1.0f);
  V16 q = splat(6.75095618e-2f);
  q = fma(q, f, splat(-1.16714492e-1f));
  q = fma(q, f, splat(1.18835680e-1f));
  q = fma(q, f, splat(-1.24060318e-1f));
  q = fma(q, f, splat(1.42203271e-1f));
  q = fma(q, f, splat(-1.66679963e-1f));
  q = fma(q, f, splat(2.00020730e-1f));
  q = fma(q, f, splat(-2.50000089e-1f));
  q = fma(q, f, splat(3.33333135e-1f));
  V16 f2 = f * f;
  V16 small = fma(f * f2, q, e * splat(-2.12194442e-4f));
  small = fma(f2, splat(-0.5f), small);
  V16 y = fma(e, splat(0.693359375f), f + small);
  y = select(less(x, splat(INFINITE)), y, x);                 // inf, and NaN fails every comparison
  y = select(less(x, splat(1.4e-45f)), splat(-INFINITE), y);  // below the least denormal
  return select(less(x, splat(0.0f)), splat(__builtin_nanf("")), y);
}

// sine and cosine of 2 pi u for u in [0, 1], a multiple of 2^-24: the nearest quarter turn is subtracted exactly.
MR_INLINE void sin_cos_turn(V16 u, V16* sine, V16* cosine) {
  V16 quarter = round_even(u * splat(4.0f));
  V16 t = fma(quarter, splat(-0.25f), u);  // |t| <= 1/8
  V16 z = t * t;
  V16 a = splat(-75.4074074f);
  a = fma(a, z, splat(81.5926819f));
  a = fma(a, z, splat(-41.3416634f));
  a = fma(a, z, splat(-1.94157934e-7f));  // what 6.28318548 lacks of 2 pi
  V16 s = fma(t, splat(6.28318548f), a * t);
  V16 b = splat(58.5568848f);
  b = fma(b, z, splat(-85.4230652f));
  b = fma(b, z, splat(64.9391403f));
  b = fma(b, z, splat(-19.7392082f));
  V16 c = fma(b, z, splat(1.0f));
  V16 minus_s = splat(0.0f) - s, minus_c = splat(0.0f) - c;
  // quarter: 0 and 4 leave (s, c), 1 gives (c, -s), 2 (-s, -c), 3 (-c, s)
  M16 q0 = less(quarter, splat(0.5f)), q1 = less(quarter, splat(1.5f)), q2 = less(quarter, splat(2.5f));
  M16 q3 = less(quarter, splat(3.5f));
  *sine = select(q0, s, select(q1, c, select(q2, minus_s, select(q3, minus_c, s))));
  *cosine = select(q0, c, select(q1, minus_s, select(q2, minus_c, select(q3, s, c))));
}

}  // namespace MR_PATH
}  // namespace mr
