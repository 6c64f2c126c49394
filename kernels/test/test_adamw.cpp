// test_adamw.cpp: three steps of AdamW against torch's sequence of fp32 operations written out, bit for bit, and
// against the textbook formula in double.
#include "op_check.h"

using namespace op_check;

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
        volatile float root = sqrtf(v_ref[i]), quotient = root / (float)sqrt(bias2),
                       denominator = quotient + (float)eps;
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
        int32_t error = mr_adamw(s, n, out[0].f32(), g.f32(), out[1].f32(), out[2].f32(), lr, beta1, beta2, eps, decay,
                                 1 - q1, 1 - q2, scale);
        if (error) return error;
      }
      return (int32_t)MR_OK;
    });
    CHECK(y[0] == Buffer(p_ref) && y[1] == Buffer(m_ref) && y[2] == Buffer(v_ref));
    near("param", y[0], p_exact, 5e-7, 1e-6);
    near("v", y[2], v_exact, 1e-5, 1e-12);
  }
}

TEST(adamw_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_adamw(s, 4, x, x, x, nullptr, 1e-3, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, 1), "adamw");
  refused(mr_adamw(s, 4, x, x, x, x, 1e-3, 0.9, 0.999, 1e-8, 0, 0, 0.001, 1), "adamw");
  refused(mr_adamw(s, -4, x, x, x, x, 1e-3, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, 1), "adamw");
}
