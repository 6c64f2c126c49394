// test_gemm_together.cpp: products that stand for several ops.
#include "op_check.h"

using namespace op_check;

// Several products of one A, and one that joins a residual: the bits of the ops they stand for.
TEST(gemm_together) {
  for (int32_t dtype : STORAGE)
    for (int64_t m : {1, 3, 20})
      for (int64_t k : {9, 400}) {
        const int64_t n[] = {33, 0, 16};
        Buffer a(dtype, numbers(m * k, 1)), r(dtype, numbers(m * n[0], 2));
        Buffer b[] = {Buffer(dtype, numbers(n[0] * k, 3)), Buffer(dtype, numbers(0, 4)), Buffer(dtype, numbers(n[2] * k, 5))};
        Stream s;
        Buffers c, apart;
        for (int64_t columns : n) c.push_back(Buffer::unset(dtype, m * columns)), apart.push_back(c.back());
        CHECK(mr_gemm_several(s, dtype, m, k, dtype, a.data(), dtype, n[0], b[0].data(), n[1], b[1].data(), n[2], b[2].data(),
                              dtype, c[0].data(), c[1].data(), c[2].data()) == MR_OK);
        for (size_t i = 0; i < 3; i++) {
          CHECK(mr_gemm(s, dtype, 0, 1, m, n[i], k, 1.0f, dtype, a.data(), k, dtype, b[i].data(), k, dtype, apart[i].data(), n[i],
                        0) == MR_OK);
          CHECK(c[i] == apart[i]);
        }
        Buffer sum = Buffer::unset(dtype, m * n[0]), expected = sum;
        CHECK(mr_gemm_residual(s, dtype, m, n[0], k, dtype, a.data(), dtype, b[0].data(), dtype, r.data(), sum.data()) == MR_OK);
        CHECK(mr_add(s, dtype, m * n[0], r.data(), apart[0].data(), expected.data()) == MR_OK);
        CHECK(sum == expected);

        Buffer gate = Buffer::unset(dtype, m * n[0]), up = gate, y = gate, gated = gate, other(dtype, numbers(n[0] * k, 6));
        for (int32_t kind : {MR_GATE_SILU, MR_GATE_GELU}) {
          CHECK(mr_gemm_gated(s, dtype, kind, m, n[0], k, dtype, a.data(), dtype, b[0].data(), other.data(), dtype, gate.data(),
                              up.data(), y.data()) == MR_OK);
          CHECK(gate == apart[0]);
          auto* unit = kind == MR_GATE_SILU ? mr_swiglu_forward : mr_geglu_forward;
          CHECK(unit(s, dtype, m * n[0], gate.data(), up.data(), gated.data()) == MR_OK);
          CHECK(y == gated);
        }
      }
}
