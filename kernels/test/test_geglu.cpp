// test_geglu.cpp: gelu(gate) * up by the tanh formula and its gradients against double.
#include "op_check.h"

using namespace op_check;

namespace {
const double ROOT = 0.79788456080286535588, CUBIC = 0.044715;

double sigmoid(double x) { return 1 / (1 + ::exp(-x)); }
double inner(double x) { return 2 * ROOT * (x + CUBIC * x * x * x); }
double gelu(double x) { return x * sigmoid(inner(x)); }
double slope(double x) {
  double z = inner(x);
  double tail = x < -50 ? 0 : x * sigmoid(z) * sigmoid(-z) * 2 * ROOT * (1 + 3 * CUBIC * x * x);
  return sigmoid(z) + tail;
}

Floats gates(int64_t n, int32_t dtype) {
  Floats g = numbers(n, 11, 6);
  const float special[] = {0, -0.0f, 90, -90, 1e30f, -1e30f, 1e-30f, -1e-30f, -3.3e38f, 3.3e38f, -20, 20};
  for (int64_t i = 0; i < n && i < 12; i++) g[(size_t)i] = special[i];
  // fp16 holds nothing above 65504
  if (dtype == MR_F16)
    for (float& v : g) v = fminf(fmaxf(v, -6e4f), 6e4f);
  return g;
}
}  // namespace

TEST(geglu_forward) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE) {
      Buffer g(dtype, gates(n, dtype)), u(dtype, numbers(n, 12, 0.9f));
      Doubles expected;
      for (int64_t i = 0; i < n; i++) expected.push_back(gelu(g[i]) * u[i]);
      Buffers y = same_bits("geglu_forward", {Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
        return mr_geglu_forward(s, dtype, n, g.data(), u.data(), out[0].data());
      });
      // e^-2z of a z of up to 20 carries the rounding of z: 20 ulp in the far tail, where gelu is below 1e-15
      near("geglu_forward", y[0], expected, 3e-6 + storage_error(dtype), 1e-9);
    }
}

TEST(geglu_backward) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE) {
      Buffer d(dtype, numbers(n, 13)), g(dtype, gates(n, dtype)), u(dtype, numbers(n, 12, 0.9f));
      Doubles dgate, dup;
      for (int64_t i = 0; i < n; i++) {
        dgate.push_back((double)d[i] * u[i] * slope(g[i]));
        dup.push_back((double)d[i] * gelu(g[i]));
      }
      Buffers y = same_bits(
          "geglu_backward", {Buffer::unset(dtype, n), Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
            return mr_geglu_backward(s, dtype, n, d.data(), g.data(), u.data(), out[0].data(), out[1].data());
          });
      // the two terms of the slope cancel near gate = -0.75, hence the absolute part
      near("dgate", y[0], dgate, 1e-6 + storage_error(dtype), 1e-6);
      near("dup", y[1], dup, 3e-6 + storage_error(dtype), 1e-9);
      // over dy and gate, and over gate and up
      Buffers over = same_bits("geglu_backward over dy, gate", {d, g}, [&](mr_stream* s, Buffers& out) {
        return mr_geglu_backward(s, dtype, n, out[0].data(), out[1].data(), u.data(), out[0].data(), out[1].data());
      });
      CHECK(over[0] == y[0] && over[1] == y[1]);
      over = same_bits("geglu_backward over gate, up", {g, u}, [&](mr_stream* s, Buffers& out) {
        return mr_geglu_backward(s, dtype, n, d.data(), out[0].data(), out[1].data(), out[0].data(), out[1].data());
      });
      CHECK(over[0] == y[0] && over[1] == y[1]);
    }
}

TEST(geglu_keeps_nan) {
  Stream s;
  float gate = NAN, up = 1, y = 0, dgate = 0, dup = 0;
  CHECK(mr_geglu_forward(s, MR_F32, 1, &gate, &up, &y) == MR_OK && y != y);
  CHECK(mr_geglu_backward(s, MR_F32, 1, &up, &gate, &up, &dgate, &dup) == MR_OK && dgate != dgate && dup != dup);
}

TEST(geglu_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_geglu_forward(s, MR_U8, 4, x, x, x), "geglu_forward");
  refused(mr_geglu_forward(s, MR_F32, 4, x, nullptr, x), "geglu_forward");
  refused(mr_geglu_backward(s, MR_F32, -1, x, x, x, x, x), "geglu_backward");
  refused(mr_geglu_backward(s, MR_F32, 4, x, x, x, x, nullptr), "geglu_backward");
}
