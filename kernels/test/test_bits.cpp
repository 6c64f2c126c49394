// test_bits.cpp: results that are defined to the bit, written out with fmaf or as the separate ops: what a reference in double cannot say.
#include "op_check.h"

using namespace op_check;

namespace {

constexpr float EPS = 1e-6f;

// Chunks of 4096, sixteen lanes each, folded by halves, chunks in order.
double ordered_sum(const Floats& x, bool squares) {
  double total = 0;
  for (size_t begin = 0; begin < x.size(); begin += 4096) {
    double lane[16] = {};
    for (size_t i = begin; i < x.size() && i < begin + 4096; i++)
      lane[(i - begin) % 16] += squares ? (double)x[i] * (double)x[i] : (double)x[i];
    for (int half = 8; half >= 1; half /= 2)
      for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    total += lane[0];
  }
  return total;
}

struct Ids {
  std::vector<int32_t> ids;
  Ids(int64_t n, int64_t vocab, uint64_t seed) {
    check::Random random{seed};
    for (int64_t i = 0; i < n; i++) ids.push_back((int32_t)random.below(vocab));
  }
  const int32_t* data() const { return ids.empty() ? (const int32_t*)4 : ids.data(); }
};

// gemm_4bit
void check_product(int32_t kind, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, int64_t blocksize,
                   int32_t a_dtype, int32_t c_dtype, int32_t accumulate) {
  int64_t size = n * k, cols = trans_b ? k : n, rows = trans_b ? n : k;
  Buffer w(numbers(size, (uint64_t)(n + 7 * k), 0.05f)), a(a_dtype, numbers(m * k, 5)), before(c_dtype, numbers(m * n, 6));
  std::vector<uint8_t> packed((size_t)(size / 2));
  Floats absmax((size_t)(size / blocksize));
  each_stream([&](mr_stream* s, const std::string& where) {
    CHECK(mr_quantize_4bit(s, kind, size, blocksize, MR_F32, w.data(), packed.data(), absmax.data()) == MR_OK);
    Buffer dense = Buffer::unset(compute, size), expected = before, got = before;
    CHECK(mr_dequantize_4bit(s, kind, size, blocksize, packed.data(), absmax.data(), compute, dense.data()) == MR_OK);
    CHECK(mr_gemm(s, compute, 0, trans_b, m, n, k, 0.5f, a_dtype, a.data(), k, compute, dense.data(), cols, c_dtype,
                  expected.data(), n, accumulate) == MR_OK);
    int32_t error = mr_gemm_4bit(s, compute, trans_b, m, n, k, 0.5f, a_dtype, a.data(), k, kind, blocksize, packed.data(),
                                 absmax.data(), c_dtype, got.data(), n, accumulate);
    CHECK_MSG(error == MR_OK, "%s", mr_last_error());
    CHECK_MSG(got == expected, "%s: %s %s, %d x %d x %d, W of %d rows in blocks of %d", where.c_str(), dtype_name(compute),
              trans_b ? "W^T" : "W", (int)m, (int)n, (int)k, (int)rows, (int)blocksize);
  });
}

}  // namespace

TEST(adamw) {
  const double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, decay = 0.01, scale = 0.37;
  for (int64_t n : awkward_sizes()) {
    Floats p0 = numbers(n, 1), zero((size_t)n, 0.0f);
    Doubles p_exact(p0.begin(), p0.end()), m_exact((size_t)n, 0.0), v_exact((size_t)n, 0.0);
    Floats p_ref = p0, m_ref = zero, v_ref = zero;
    double power1 = 1, power2 = 1;
    std::vector<Floats> gradients;
    for (int step = 0; step < 3; step++) {
      gradients.push_back(numbers(n, 10 + (uint64_t)step, 0.1f));
      power1 *= beta1, power2 *= beta2;
      double bias1 = 1 - power1, bias2 = 1 - power2;
      for (size_t i = 0; i < (size_t)n; i++) {
        float g = gradients.back()[i] * (float)scale;
        volatile float p = p_ref[i] * (float)(1 - lr * decay);
        m_ref[i] = fmaf((float)(1 - beta1), g - m_ref[i], m_ref[i]);
        volatile float v = v_ref[i] * (float)beta2, t = (float)(1 - beta2) * g;
        v_ref[i] = fmaf(t, g, v);
        volatile float root = sqrtf(v_ref[i]), quotient = root / (float)sqrt(bias2), denominator = quotient + (float)eps;
        volatile float numerator = (float)(-(lr / bias1)) * m_ref[i], change = numerator / denominator;
        p_ref[i] = p + change;

        double ge = gradients.back()[i] * scale;
        m_exact[i] += (1 - beta1) * (ge - m_exact[i]);
        v_exact[i] = beta2 * v_exact[i] + (1 - beta2) * ge * ge;
        p_exact[i] = p_exact[i] * (1 - lr * decay) - lr / bias1 * m_exact[i] / (sqrt(v_exact[i]) / sqrt(bias2) + eps);
      }
    }
    Buffers y = same_bits("adamw", {Buffer(p0), Buffer(zero), Buffer(zero)}, [&](mr_stream* s, Buffers& out) {
      double q1 = 1, q2 = 1;
      for (int step = 0; step < 3; step++) {
        q1 *= beta1, q2 *= beta2;
        Buffer g(gradients[(size_t)step]);
        int32_t error =
            mr_adamw(s, n, out[0].f32(), g.f32(), out[1].f32(), out[2].f32(), lr, beta1, beta2, eps, decay, 1 - q1, 1 - q2, scale);
        if (error) return error;
      }
      return (int32_t)MR_OK;
    });
    CHECK(y[0] == Buffer(p_ref) && y[1] == Buffer(m_ref) && y[2] == Buffer(v_ref));
    near("param", y[0], p_exact, 5e-7, 1e-6);
    near("v", y[2], v_exact, 1e-5, 1e-12);
  }
}

TEST(adalora_importance) {
  for (int64_t n : awkward_sizes()) {
    Floats p = numbers(n, 2), g = numbers(n, 3), sensitivity = numbers(n, 4), uncertainty = numbers(n, 5);
    Buffer param(p), grad(g);
    Buffers out = same_bits("adalora_importance", {Buffer(sensitivity), Buffer(uncertainty)}, [&](mr_stream* s, Buffers& o) {
      return mr_adalora_importance(s, n, param.f32(), grad.f32(), 0.7, 0.85, 0.9, o[0].f32(), o[1].f32());
    });
    for (int64_t i = 0; i < n; i++) {
      // one rounding to fp32 per operation, as torch does it
      float importance = fabsf(p[i] * (g[i] * 0.7f));
      float kept = (float)0.85 * sensitivity[i], mixed = (float)(1 - 0.85) * importance;
      float mean = kept + mixed;
      float kept2 = (float)0.9 * uncertainty[i], mixed2 = (float)(1 - 0.9) * fabsf(importance - mean);
      CHECK_MSG(out[0][i] == mean && out[1][i] == kept2 + mixed2, "element %lld of %lld: %.9g %.9g", (long long)i, (long long)n,
                out[0][i], out[1][i]);
    }
  }
}

TEST(embedding_backward) {
  for (int64_t tokens : {0, 1, 7, 300})
    for (int64_t hidden : {1, 17, 259})
      for (int32_t dtype : STORAGE) {
        int64_t vocab = 5;  // few rows: many tokens meet in one
        Buffer dy(dtype, numbers(tokens * hidden, 3));
        Ids ids(tokens, vocab, 4);
        Floats table = numbers(vocab * hidden, 5);
        Floats expected = table;
        int64_t padding = tokens == 7 ? 2 : -1;
        for (int64_t t = 0; t < tokens; t++)
          for (int64_t c = 0; ids.ids[(size_t)t] != padding && c < hidden; c++)
            expected[(size_t)(ids.ids[(size_t)t] * hidden + c)] += dy[t * hidden + c];
        Buffers y = same_bits("embedding_backward", {Buffer(table)}, [&](mr_stream* s, Buffers& out) {
          return mr_embedding_backward(s, tokens, vocab, hidden, padding, ids.data(), dtype, dy.data(), out[0].f32());
        });
        CHECK(y[0] == Buffer(expected));  // in token order: the same bits
      }
}

TEST(rms_norm_rounds_before_the_weight) {
  // 1 + 2^-8 + a little normalises to itself (rstd = 1 within a few ulp of other columns); the weight 256 shows where
  // the rounding happened: rounded first gives 256 * 1.0078125 or 256, never 257.x
  Stream s;
  const int64_t cols = 256;
  Floats x((size_t)cols, 1.0f);
  x[0] = 1.00390625f * 1.5f;
  Buffer in(MR_BF16, x), y = Buffer::unset(MR_BF16, cols);
  Floats w((size_t)cols, 3.0f);
  float rstd;
  CHECK(mr_rms_norm_forward(s, MR_BF16, MR_NORM_SCALE, 1, cols, EPS, in.data(), w.data(), y.data(), &rstd) == MR_OK);
  for (int64_t c = 0; c < cols; c++) {
    float normalised = bf16_to_float(float_to_bf16(in[c] * rstd));
    CHECK(y[c] == bf16_to_float(float_to_bf16(normalised * 3.0f)));
  }
  // 1 + weight meets the value that is not rounded
  CHECK(mr_rms_norm_forward(s, MR_BF16, MR_NORM_OFFSET, 1, cols, EPS, in.data(), w.data(), y.data(), &rstd) == MR_OK);
  for (int64_t c = 0; c < cols; c++) CHECK(y[c] == bf16_to_float(float_to_bf16(in[c] * rstd * 4.0f)));
}

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

TEST(sums) {
  for (int64_t n : {0, 1, 15, 16, 4095, 4096, 4097, 200003}) {
    Floats x = numbers(n, 1, 1000);
    Buffer in(x);
    each_stream([&](mr_stream* s, const std::string& where) {
      double sum = NAN, squares = NAN;
      const int64_t span[] = {(int64_t)in.f32(), n};
      CHECK(mr_sum(s, n, in.f32(), &sum) == MR_OK && mr_sum_squares_each(s, 1, n, span, &squares) == MR_OK);
      CHECK_MSG(sum == ordered_sum(x, false), "%s: sum of %lld is %.17g", where.c_str(), (long long)n, sum);
      CHECK_MSG(squares == ordered_sum(x, true), "%s: squares of %lld are %.17g", where.c_str(), (long long)n, squares);
    });
  }
}

TEST(gemm_4bit) {
  for (int32_t compute : STORAGE)
    for (int32_t trans_b : {0, 1})
      for (int64_t m : {1, 3, 8, 16, 17, 40}) {
        int32_t activations = m == 3 ? MR_F32 : compute;
        check_product(MR_NF4, compute, trans_b, m, 64, 64, 64, activations, compute, 0);
        // several K blocks that end in the middle of a step of 32, and panels that end early
        check_product(MR_NF4, compute, trans_b, m, trans_b ? 49 : 192, trans_b ? 1088 : 491, 64, activations, MR_F32, 1);
        check_product(MR_FP4, compute, trans_b, m, trans_b ? 7 : 96, trans_b ? 96 : 7, 32, activations, MR_F32, 0);
        check_product(MR_NF4, compute, trans_b, m, 256, 256, 256, activations, compute, 1);
      }
}
