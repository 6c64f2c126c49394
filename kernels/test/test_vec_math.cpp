// test_vec_math.cpp: the vector functions against libm in double, over floats of every exponent and the special values.
//
// The header is compiled here as a path of its own; that all paths give the same bits is what the op tests check.
#define MR_PATH vec_math_test
#include <math.h>

#include "../cpu/vec_math.h"
#include "check.h"

using namespace mr::vec_math_test;

namespace {

float run1(V16 (*f)(V16), float x) {
  float y[16];
  store(y, f(splat(x)));
  return y[0];
}
V16 exp_of(V16 x) { return mr::vec_math_test::exp(x); }
V16 log_of(V16 x) { return mr::vec_math_test::log(x); }

// The distance between two neighbouring floats at |x|.
double spacing(double x) {
  int e;
  frexp(x, &e);
  return ldexp(1, e - 24 < -149 ? -149 : e - 24);
}

// The largest error of f in units of the result's spacing, over every step-th float that `wanted` takes.
double worst(V16 (*f)(V16), double (*exact)(double), uint32_t step, bool (*wanted)(float)) {
  double largest = 0;
  for (uint64_t first = 0; first < (1ull << 32); first += 16ull * step) {
    float x[16], y[16];
    for (int i = 0; i < 16; i++) x[i] = from_bits((uint32_t)(first + (uint64_t)i * step));
    store(y, f(load(x)));
    for (int i = 0; i < 16; i++) {
      if (!wanted(x[i])) continue;
      double e = exact((double)x[i]), error = fabs((double)y[i] - e) / spacing(e);
      if (!(error <= largest)) largest = error;
    }
  }
  return largest;
}

}  // namespace

TEST(vec_math_exp) {
  double error = worst(exp_of, ::exp, 4099, [](float x) { return x >= -103.5f && x <= 88.7f; });
  CHECK_MSG(error <= 1.0, "exp is off by %.3f ulp", error);
  CHECK(run1(exp_of, 0) == 1);
  CHECK(run1(exp_of, -INFINITY) == 0);
  CHECK(run1(exp_of, -104.5f) == 0);
  CHECK(run1(exp_of, -3.0e38f) == 0);
  CHECK(run1(exp_of, INFINITY) == INFINITY);
  CHECK(run1(exp_of, 88.8f) == INFINITY);
  CHECK(run1(exp_of, 88.7f) < INFINITY);
  CHECK(isnan(run1(exp_of, NAN)));
}

TEST(vec_math_log) {
  double error = worst(log_of, ::log, 4099, [](float x) { return x > 0 && x < INFINITY; });
  CHECK_MSG(error <= 1.0, "log is off by %.3f ulp", error);
  CHECK(run1(log_of, 1) == 0);
  CHECK(run1(log_of, 0) == -INFINITY);
  CHECK(run1(log_of, -0.0f) == -INFINITY);
  CHECK(run1(log_of, INFINITY) == INFINITY);
  CHECK(isnan(run1(log_of, -1)));
  CHECK(isnan(run1(log_of, -1e-45f)));
  CHECK(isnan(run1(log_of, -INFINITY)));
  CHECK(isnan(run1(log_of, NAN)));
}

TEST(vec_math_sin_cos_turn) {
  double largest = 0;
  for (int64_t i = 0; i <= 1 << 24; i += 61) {
    double u = (double)i * 0x1p-24;
    V16 s, c;
    float sine[16], cosine[16];
    sin_cos_turn(splat((float)u), &s, &c);
    store(sine, s), store(cosine, c);
    double turn = 6.283185307179586477 * u;
    largest = fmax(largest, fmax(fabs(sine[0] - ::sin(turn)), fabs(cosine[0] - ::cos(turn))));
  }
  CHECK_MSG(largest <= 0x1p-24, "sine or cosine is off by %.3g", largest);
}
