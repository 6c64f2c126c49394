// test_adalora.cpp: G - I, the moving averages of importance, and the scores of triplets.
#include "op_check.h"

using namespace op_check;

TEST(subtract_identity) {
  for (int64_t n : {0, 1, 2, 19}) {
    Floats x = numbers(n * n, 1);
    Buffers y = same_bits("subtract_identity", {Buffer(x)},
                          [&](mr_stream* s, Buffers& out) { return mr_subtract_identity(s, n, out[0].f32()); });
    for (int64_t i = 0; i < n * n; i++) {
      float expected = i / n == i % n ? x[i] - 1.0f : x[i];
      CHECK_MSG(y[0][i] == expected, "element %lld of %lld", (long long)i, (long long)n);
    }
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
      CHECK_MSG(out[0][i] == mean && out[1][i] == kept2 + mixed2, "element %lld of %lld: %.9g %.9g", (long long)i,
                (long long)n, out[0][i], out[1][i]);
    }
  }
}

TEST(adalora_score) {
  for (int64_t rank : {0, 1, 5, 16})
    for (int64_t in : {1, 48})
      for (int64_t outs : {1, 33}) {
        Floats as = numbers(rank * in, 6), au = numbers(rank * in, 7), es = numbers(rank, 8), eu = numbers(rank, 9);
        Floats bs = numbers(outs * rank, 10), bu = numbers(outs * rank, 11);
        Doubles expected;
        for (int64_t r = 0; r < rank; r++) {
          double a = 0, b = 0;
          for (int64_t i = 0; i < in; i++) a += (double)as[r * in + i] * au[r * in + i];
          for (int64_t o = 0; o < outs; o++) b += (double)bs[o * rank + r] * bu[o * rank + r];
          expected.push_back((double)es[r] * eu[r] + a / in + b / outs);
        }
        Buffer bas(as), bau(au), bes(es), beu(eu), bbs(bs), bbu(bu);
        Buffers out = same_bits("adalora_score", {Buffer::unset(MR_F32, rank)}, [&](mr_stream* s, Buffers& o) {
          return mr_adalora_score(s, rank, in, outs, bas.f32(), bau.f32(), bes.f32(), beu.f32(), bbs.f32(), bbu.f32(),
                                  o[0].f32());
        });
        near("adalora_score", out[0], expected, 1e-7, 4e-7);
      }
}

TEST(adalora_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_subtract_identity(s, -1, x), "subtract_identity");
  refused(mr_subtract_identity(s, 2, nullptr), "subtract_identity");
  refused(mr_adalora_importance(s, 4, x, nullptr, 1, 0.9, 0.9, x, x), "adalora_importance");
  refused(mr_adalora_score(s, 2, 0, 1, x, x, x, x, x, x, x), "adalora_score");
  refused(mr_adalora_score(s, 2, 1, 1, x, x, x, x, x, nullptr, x), "adalora_score");
}
