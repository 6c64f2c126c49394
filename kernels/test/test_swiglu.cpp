// test_swiglu.cpp: silu(gate) * up and its gradients against double, with the gradients written over the inputs.
#include "op_check.h"

using namespace op_check;

namespace {
double sigmoid(double x) { return 1 / (1 + ::exp(-x)); }

Floats gates(int64_t n) {
  Floats g = numbers(n, 11, 12);
  const float special[] = {0, -0.0f, 90, -90, 200, -200, 1e-30f, -1e-30f, 17};
  for (int64_t i = 0; i < n && i < 9; i++) g[(size_t)i] = special[i];
  return g;
}
}  // namespace

TEST(swiglu_forward) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE) {
      Buffer g(dtype, gates(n)), u(dtype, numbers(n, 12, 3));
      Doubles expected;
      for (int64_t i = 0; i < n; i++) expected.push_back(g[i] * sigmoid(g[i]) * u[i]);
      Buffers y = same_bits("swiglu_forward", {Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
        return mr_swiglu_forward(s, dtype, n, g.data(), u.data(), out[0].data());
      });
      near("swiglu_forward", y[0], expected, 3e-7 + storage_error(dtype), 1e-36);
    }
}

TEST(swiglu_backward) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE) {
      Buffer d(dtype, numbers(n, 13)), g(dtype, gates(n)), u(dtype, numbers(n, 12, 3));
      Doubles dgate, dup;
      for (int64_t i = 0; i < n; i++) {
        double sigma = sigmoid(g[i]);
        dgate.push_back((double)d[i] * u[i] * (sigma + g[i] * sigma * sigmoid(-g[i])));
        dup.push_back((double)d[i] * g[i] * sigma);
      }
      Buffers y = same_bits(
          "swiglu_backward", {Buffer::unset(dtype, n), Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
            return mr_swiglu_backward(s, dtype, n, d.data(), g.data(), u.data(), out[0].data(), out[1].data());
          });
      // the two terms of the slope cancel near gate = -1.28, hence the absolute part
      near("dgate", y[0], dgate, 1e-6 + storage_error(dtype), 5e-7);
      near("dup", y[1], dup, 4e-7 + storage_error(dtype), 1e-36);
      // over dy and gate, and over gate and up
      Buffers over = same_bits("swiglu_backward over dy, gate", {d, g}, [&](mr_stream* s, Buffers& out) {
        return mr_swiglu_backward(s, dtype, n, out[0].data(), out[1].data(), u.data(), out[0].data(), out[1].data());
      });
      CHECK(over[0] == y[0] && over[1] == y[1]);
      over = same_bits("swiglu_backward over gate, up", {g, u}, [&](mr_stream* s, Buffers& out) {
        return mr_swiglu_backward(s, dtype, n, d.data(), out[0].data(), out[1].data(), out[0].data(), out[1].data());
      });
      CHECK(over[0] == y[0] && over[1] == y[1]);
    }
}

TEST(swiglu_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_swiglu_forward(s, MR_F64, 4, x, x, x), "swiglu_forward");
  refused(mr_swiglu_forward(s, MR_F32, 4, x, nullptr, x), "swiglu_forward");
  refused(mr_swiglu_backward(s, MR_F32, -1, x, x, x, x, x), "swiglu_backward");
  refused(mr_swiglu_backward(s, MR_F32, 4, x, x, x, x, nullptr), "swiglu_backward");
}
