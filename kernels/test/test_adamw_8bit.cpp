// test_adamw_8bit.cpp: three steps of AdamW with moments in 8 bits against the sequence of fp32 operations written out, bit for bit:
// whole and short blocks, blocks of zeros, gradients that are not finite.
#include "code_maps.h"

using namespace op_check;

namespace {

constexpr int64_t BLOCK = 256;

uint8_t nearest(const Floats& map, float x) {
  size_t code = 0;
  while (code < 255 && (map[code] + map[code + 1]) / 2 < x) code++;
  return (uint8_t)code;
}

struct State {
  std::vector<uint8_t> codes;
  Floats absmax;
  explicit State(int64_t n) : codes((size_t)n), absmax((size_t)((n + BLOCK - 1) / BLOCK), 0.0f) {}
  float restored(const Floats& map, size_t i) const { return map[codes[i]] * absmax[i / BLOCK]; }
  void keep(const Floats& map, const Floats& x) {
    for (size_t b = 0; b < absmax.size(); b++) {
      size_t begin = b * BLOCK, end = std::min(begin + BLOCK, x.size());
      absmax[b] = 0;
      for (size_t i = begin; i < end; i++) absmax[b] = fmaxf(absmax[b], fabsf(x[i]));
      for (size_t i = begin; i < end; i++) {
        codes[i] = nearest(map, absmax[b] > 0 ? x[i] / absmax[b] : x[i]);
        if (signbit(x[i]) && map[codes[i]] == 0 && codes[i] > 0) codes[i]--;
      }
    }
  }
};

}  // namespace

TEST(adamw_8bit) {
  const double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, decay = 0.01, scale = 0.37;
  Floats m_map = signed_map(), v_map = unsigned_map();
  CHECK(m_map.size() == 256 && v_map.size() == 256);
  for (int64_t n : {0, 1, 255, 256, 257, 1000, 40'007}) {
    Floats p0 = numbers(n, 1), p = p0;
    State m(n), v(n);
    std::vector<Floats> gradients;
    double power1 = 1, power2 = 1;
    for (int t = 0; t < 3; t++) {
      Floats g = numbers(n, 10 + (uint64_t)t, 0.1f);
      for (size_t i = 0; i < (size_t)n; i++) {
        if (i / BLOCK == 1) g[i] = 0;                      // a whole block of zeros
        if (i % 50 == 7) g[i] *= 1e-9f;                    // nearest to 0, of both signs
        if (t == 1 && i == 600) g[i] = INFINITY;
        if (t == 2 && i == 601) g[i] = NAN;
      }
      gradients.push_back(g);
      power1 *= beta1, power2 *= beta2;
      Floats first, second;
      for (size_t i = 0; i < (size_t)n; i++) {
        float x = 0, y = 0;
        if (isfinite(g[i])) {
          float scaled = g[i] * (float)scale;
          volatile float kept1 = m.restored(m_map, i) * (float)beta1, kept2 = v.restored(v_map, i) * (float)beta2;
          volatile float mixed = (float)(1 - beta2) * scaled;
          x = fmaf((float)(1 - beta1), scaled, kept1);
          y = fmaf(mixed, scaled, kept2);
          volatile float root = sqrtf(y), quotient = root / (float)sqrt(1 - power2), denominator = quotient + (float)eps;
          volatile float numerator = (float)(-(lr / (1 - power1))) * x, change = numerator / denominator;
          volatile float updated = p[i] + change;
          p[i] = updated * (float)(1 - lr * decay);
        }
        first.push_back(x), second.push_back(y);
      }
      m.keep(m_map, first);
      v.keep(v_map, second);
    }
    if (n > 601) CHECK(m.codes[600] != 0);
    each_stream([&](mr_stream* s, const std::string& where) {
      Floats out = p0;
      State a(n), b(n);
      double q1 = 1, q2 = 1;
      for (const Floats& g : gradients) {
        q1 *= beta1, q2 *= beta2;
        CHECK(mr_adamw_8bit(s, n, out.data(), g.data(), a.codes.data(), a.absmax.data(), m_map.data(), b.codes.data(),
                            b.absmax.data(), v_map.data(), lr, beta1, beta2, eps, decay, 1 - q1, 1 - q2, scale) == MR_OK);
      }
      CHECK_MSG(out == p && a.codes == m.codes && a.absmax == m.absmax && b.codes == v.codes && b.absmax == v.absmax,
                "%s: n %lld", where.c_str(), (long long)n);
    });
  }
}

TEST(adamw_8bit_refuse) {
  Stream s;
  float x[256] = {};
  uint8_t c[4] = {};
  Floats map = signed_map(), falling(map.rbegin(), map.rend());
  auto call = [&](int64_t n, float* absmax, const float* first, double bias) {
    return mr_adamw_8bit(s, n, x, x, c, absmax, first, c, x, map.data(), 1e-3, 0.9, 0.999, 1e-8, 0, bias, 0.001, 1);
  };
  refused(call(4, nullptr, map.data(), 0.1), "adamw_8bit");
  refused(call(4, x, falling.data(), 0.1), "adamw_8bit");
  refused(call(4, x, map.data(), 0), "adamw_8bit");
  refused(call(-4, x, map.data(), 0.1), "adamw_8bit");
}
