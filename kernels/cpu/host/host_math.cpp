// host_math.cpp: exp, log, sin, cos and pow in double precision with our own arithmetic: sums, products and quotients
// of IEEE doubles only (compiled with -ffp-contract=off), so the same bits on every machine. libm picks its code by
// CPU and version. Error below 0.6 ulp (test_host.cpp measures it); a result below 2^-1022 is rounded twice.
//
// Where one double is not enough, a value is a sum of two (hi + lo, |lo| <= ulp(hi)/2): about 106 bits.
#include <stdint.h>
#include <string.h>

#include "../../medrepro_host.h"

namespace {

struct Two {
  double hi, lo;
};

constexpr double INFINITE = __builtin_inf();
constexpr Two LN2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
constexpr Two HALF_PI = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};

double not_a_number() { return __builtin_nan(""); }

uint64_t bits_of(double x) {
  uint64_t u;
  memcpy(&u, &x, 8);
  return u;
}
double of_bits(uint64_t u) {
  double x;
  memcpy(&x, &u, 8);
  return x;
}

// ---- sums of two doubles (Dekker 1971, Knuth) ---------------------------------------------------------------------

// a + b exactly, |a| >= |b|
Two quick_sum(double a, double b) {
  double s = a + b;
  return {s, b - (s - a)};
}
// a + b exactly
Two sum(double a, double b) {
  double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
// a * b exactly (Veltkamp's splitting; |a|, |b| < 2^995)
Two product(double a, double b) {
  double p = a * b;
  double ta = 134217729.0 * a, ah = ta - (ta - a), al = a - ah;
  double tb = 134217729.0 * b, bh = tb - (tb - b), bl = b - bh;
  return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}
Two add(Two a, Two b) {
  Two s = sum(a.hi, b.hi), t = sum(a.lo, b.lo);
  s = quick_sum(s.hi, s.lo + t.hi);
  return quick_sum(s.hi, s.lo + t.lo);
}
Two multiply(Two a, Two b) {
  Two p = product(a.hi, b.hi);
  return quick_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}
Two divide(Two a, Two b) {
  double q = a.hi / b.hi;
  Two p = multiply(b, {q, 0});
  Two r = add(a, {-p.hi, -p.lo});
  return quick_sum(q, (r.hi + r.lo) / b.hi);
}

// ---- exp, log -----------------------------------------------------------------------------------------------------

// x * 2^n; two factors, because a result may be subnormal when 2^n is not a normal double
double scale(double x, int n) {
  int half = n / 2;
  return x * of_bits((uint64_t)(half + 1023) << 52) * of_bits((uint64_t)(n - half + 1023) << 52);
}

// e^(x.hi + x.lo), |x.hi| < 1000
double exp_two(Two x) {
  // x = n ln2 + r, |r| <= ln2 / 2; adding 1.5 * 2^52 rounds to an integer
  double n = (x.hi * (1 / LN2.hi) + 0x1.8p52) - 0x1.8p52;
  Two m = multiply(LN2, {n, 0});
  Two r = add(x, {-m.hi, -m.lo});
  // Taylor: the first dropped term is r^14/14! < 2^-57
  double p = 0;
  constexpr double INVERSE_FACTORIAL[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                          1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                          1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  for (int i = 11; i >= 1; i--) p = p * r.hi + INVERSE_FACTORIAL[i];
  Two square = product(r.hi, r.hi);
  double rest = p * r.hi * square.hi + 0.5 * square.lo + r.lo * (1 + r.hi);
  Two e = sum(1, r.hi);
  Two f = sum(e.hi, 0.5 * square.hi);
  return scale(f.hi + (f.lo + e.lo + rest), (int)n);
}

// log x for finite x > 0, to about 100 bits
Two log_two(double x) {
  int n = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    n = -54;
  }
  uint64_t u = bits_of(x);
  n += (int)(u >> 52) - 1023;
  double m = of_bits((u & 0x000fffffffffffffull) | 0x3ff0000000000000ull);  // [1, 2)
  if (m > 1.4142135623730951) {
    m *= 0.5;
    n++;
  }
  // log m = 2 atanh(s), s = (m-1)/(m+1), |s| < 0.1716; the first dropped term is s^28/29 < 2^-76 of the result
  Two s = divide({m - 1, 0}, sum(m, 1));
  Two z = multiply(s, s);
  Two p = {0, 0};
  for (int i = 13; i >= 1; i--) p = multiply(add(p, divide({1, 0}, {2.0 * i + 1, 0})), z);
  Two r = multiply(s, add({1, 0}, p));
  return add(multiply(LN2, {(double)n, 0}), {2 * r.hi, 2 * r.lo});
}

// ---- sin, cos -----------------------------------------------------------------------------------------------------

// 2/pi = sum of TWO_OVER_PI[i] * 2^(-64 (i+1)): enough for the largest double
const uint64_t TWO_OVER_PI[20] = {0xa2f9836e4e441529ull, 0xfc2757d1f534ddc0ull, 0xdb6295993c439041ull, 0xfe5163abdebbc561ull,
                                  0xb7246e3a424dd2e0ull, 0x06492eea09d1921cull, 0xfe1deb1cb129a73eull, 0xe88235f52ebb4484ull,
                                  0xe99c7026b45f7e41ull, 0x3991d639835339f4ull, 0x9c845f8bbdf9283bull, 0x1ff897ffde05980full,
                                  0xef2f118b5a0a6d1full, 0x6d367ecf27cb09b7ull, 0x4f463f669e5fea2dull, 0x7527bac7ebe5f17bull,
                                  0x3d0739f78a5292eaull, 0x6bfb5fb11f8d5d08ull, 0x56033046fc7b6babull, 0xf0cfbc209af4361dull};

// 64 bits of 2/pi from bit `first` on, where bit j has weight 2^-(j+1); zeros before the first
uint64_t two_over_pi_bits(int first) {
  uint64_t r = 0;
  for (int i = 0; i < 2; i++) {
    int word = (first >= 0 ? first / 64 : (first - 63) / 64) + i, shift = first - word * 64;
    if (word < 0 || word >= 20 || shift >= 64 || shift <= -64) continue;
    r |= shift >= 0 ? TWO_OVER_PI[word] << shift : TWO_OVER_PI[word] >> -shift;
  }
  return r;
}

// x = quadrant * pi/2 + the returned value (|value| <= pi/4), finite |x| > pi/4. Payne and Hanek 1983: x = m 2^e with a
// 53-bit m; the bits of 2/pi that m 2^e turns into multiples of 4 do not matter, 192 bits after them do.
Two reduce(double x, int* quadrant) {
  uint64_t u = bits_of(x);
  int e = (int)(u >> 52 & 0x7ff) - 1075;
  uint64_t m = (u & 0x000fffffffffffffull) | 0x0010000000000000ull;
  int first = e - 2;  // the bit of weight 2 once multiplied by 2^e
  unsigned __int128 low = (unsigned __int128)m * two_over_pi_bits(first + 128);
  unsigned __int128 mid = (unsigned __int128)m * two_over_pi_bits(first + 64) + (uint64_t)(low >> 64);
  uint64_t w[3] = {m * two_over_pi_bits(first) + (uint64_t)(mid >> 64), (uint64_t)mid, (uint64_t)low};
  // w / 2^190 = x 2/pi mod 4. Round to the nearest integer; the fraction is signed then.
  int q = (int)(w[0] >> 62);
  w[0] <<= 2;
  w[0] |= w[1] >> 62;
  w[1] = w[1] << 2 | w[2] >> 62;
  w[2] <<= 2;
  bool negative = w[0] >> 63;
  if (negative) {
    q++;
    for (int i = 0; i < 3; i++) w[i] = ~w[i];  // -f - 2^-190: the last bit is far below what matters
  }
  Two f = {0, 0};
  double weight = 0x1p-192;
  for (int i = 2; i >= 0; i--) {
    f = add({(double)(w[i] & 0xffffffffu) * weight, 0}, f);
    weight *= 0x1p32;
    f = add({(double)(w[i] >> 32) * weight, 0}, f);
    weight *= 0x1p32;
  }
  if (negative) f = {-f.hi, -f.lo};
  if (u >> 63) {
    f = {-f.hi, -f.lo};
    q = -q;
  }
  *quadrant = q & 3;
  return multiply(f, HALF_PI);
}

// sin(r.hi + r.lo), |r| <= pi/4; the first dropped term is r^21/21!
double sin_small(Two r) {
  double z = r.hi * r.hi, p = 0;
  constexpr double C[] = {-1.0 / 6,
                          1.0 / 120,
                          -1.0 / 5040,
                          1.0 / 362880,
                          -1.0 / 39916800,
                          1.0 / 6227020800,
                          -1.0 / 1307674368000,
                          1.0 / 355687428096000,
                          -1.0 / 121645100408832000};
  for (int i = 8; i >= 1; i--) p = (p + C[i]) * z;
  // the leading cubic term with its own rounding error kept
  Two cube = multiply(multiply({r.hi, 0}, {r.hi, 0}), {r.hi, 0});
  Two third = multiply(cube, divide({-1, 0}, {6, 0}));
  Two s = sum(r.hi, third.hi);
  return s.hi + (s.lo + third.lo + p * cube.hi + r.lo * (1 - 0.5 * z));
}

// cos(r.hi + r.lo), |r| <= pi/4; the first dropped term is r^22/22!
double cos_small(Two r) {
  double z = r.hi * r.hi, p = 0;
  constexpr double C[] = {1.0 / 24,
                          -1.0 / 720,
                          1.0 / 40320,
                          -1.0 / 3628800,
                          1.0 / 479001600,
                          -1.0 / 87178291200,
                          1.0 / 20922789888000,
                          -1.0 / 6402373705728000,
                          1.0 / 2432902008176640000};
  for (int i = 8; i >= 0; i--) p = p * z + C[i];
  Two square = product(r.hi, r.hi);
  Two s = sum(1, -0.5 * square.hi);
  Two t = sum(s.hi, p * z * z);
  return t.hi + (t.lo + s.lo - 0.5 * square.lo - r.hi * r.lo);
}

// sin(x + quarter_turns * pi/2)
double sin_turned(double x, int quarter_turns) {
  if (x != x || x - x != 0) return not_a_number();  // NaN or infinite
  int quadrant = 0;
  Two r = {x, 0};
  if (x > 0.7853981633974483 || x < -0.7853981633974483) r = reduce(x, &quadrant);
  quadrant = (quadrant + quarter_turns) & 3;
  double y = quadrant & 1 ? cos_small(r) : sin_small(r);
  return quadrant & 2 ? -y : y;
}

// ---- pow ----------------------------------------------------------------------------------------------------------

// 0: y is no integer, 1: odd, 2: even; finite y
int parity(double y) {
  double a = y < 0 ? -y : y;
  if (a >= 0x1p53) return 2;
  int64_t n = (int64_t)a;
  if ((double)n != a) return 0;
  return n & 1 ? 1 : 2;
}

}  // namespace

extern "C" {

MR_API double mr_exp(double x) {
  if (x != x) return x;
  if (x > 709.79) return INFINITE;
  if (x < -745.14) return 0;
  return exp_two({x, 0});
}

MR_API double mr_log(double x) {
  if (x != x || x == INFINITE) return x;
  if (x == 0) return -INFINITE;
  if (x < 0) return not_a_number();
  Two r = log_two(x);
  return r.hi + r.lo;
}

MR_API double mr_sin(double x) { return x > -0x1p-27 && x < 0x1p-27 ? x : sin_turned(x, 0); }

MR_API double mr_cos(double x) { return sin_turned(x, 1); }

// The special cases are those of C99 (F.9.4.4).
MR_API double mr_pow(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (x != x || y != y) return x + y;
  double a = x < 0 ? -x : x;
  if (y == INFINITE || y == -INFINITE) {
    if (a == 1) return 1;
    return (a > 1) == (y > 0) ? INFINITE : 0;
  }
  int kind = parity(y);
  bool negative = bits_of(x) >> 63 && kind == 1;
  if (a == 0 || a == INFINITE) {
    double r = (a == 0) == (y > 0) ? 0 : INFINITE;
    return negative ? -r : r;
  }
  if (x < 0 && kind == 0) return not_a_number();
  double r;
  if (y > 0x1p64 || y < -0x1p64) {
    r = a == 1 ? 1 : (a > 1) == (y > 0) ? INFINITE : 0;
  } else {
    Two t = multiply(log_two(a), {y, 0});
    r = t.hi > 709.79 ? INFINITE : t.hi < -745.14 ? 0 : exp_two(t);
  }
  return negative ? -r : r;
}

}  // extern "C"
