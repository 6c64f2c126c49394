// adalora.cpp: what AdaLoRA (Zhang et al. 2023) needs besides its low-rank products: G - I of the orthogonal loss, the
// moving averages of importance, and the score of each triplet, as PEFT's RankAllocator computes them.
#include "op.h"

namespace mr {
namespace MR_PATH {

int32_t subtract_identity(mr_stream*, int64_t n, float* x) {
  MR_REQUIRE(n >= 0, "subtract_identity: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || x, "subtract_identity: x must not be NULL");
  for (int64_t i = 0; i < n; i++) x[i * n + i] = x[i * n + i] - 1.0f;
  return MR_OK;
}

// Every line of the loop is one torch call, rounded where torch rounds: the averages come out with torch's bits.
int32_t adalora_importance(mr_stream* s, int64_t n, const float* param, const float* grad, double grad_scale, double beta1,
                           double beta2, float* sensitivity, float* uncertainty) {
  MR_REQUIRE(n >= 0, "adalora_importance: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (param && grad && sensitivity && uncertainty),
             "adalora_importance: param, grad, sensitivity and uncertainty must not be NULL");
  V16 gradient_factor = splat((float)grad_scale), zero = splat(0.0f);
  V16 keep1 = splat((float)beta1), mix1 = splat((float)(1 - beta1));
  V16 keep2 = splat((float)beta2), mix2 = splat((float)(1 - beta2));
  auto absolute = [=](V16 a) { return max(a, zero - a); };
  elementwise(s, n, [=](int64_t i, auto lanes) {
    V16 importance = absolute(load(param + i, lanes) * (load(grad + i, lanes) * gradient_factor));
    V16 mean = keep1 * load(sensitivity + i, lanes) + mix1 * importance;
    V16 spread = keep2 * load(uncertainty + i, lanes) + mix2 * absolute(importance - mean);
    store(sensitivity + i, mean, lanes);
    store(uncertainty + i, spread, lanes);
  });
  return MR_OK;
}

// Sum of the fp32 products of a strided run of two arrays, in double, from first to last.
static double product_sum(const float* a, const float* b, int64_t n, int64_t stride) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += (double)(a[i * stride] * b[i * stride]);
  return total;
}

int32_t adalora_score(mr_stream* s, int64_t rank, int64_t in_features, int64_t out_features, const float* a_sensitivity,
                      const float* a_uncertainty, const float* e_sensitivity, const float* e_uncertainty,
                      const float* b_sensitivity, const float* b_uncertainty, float* scores) {
  MR_REQUIRE(rank >= 0 && in_features > 0 && out_features > 0, "adalora_score: rank %lld, %lld inputs, %lld outputs",
             (long long)rank, (long long)in_features, (long long)out_features);
  MR_REQUIRE(
      rank == 0 || (a_sensitivity && a_uncertainty && e_sensitivity && e_uncertainty && b_sensitivity && b_uncertainty && scores),
      "adalora_score: no argument may be NULL");
  parallel_chunks(s, rank, 4, [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      int64_t row = r * in_features;
      double a = product_sum(a_sensitivity + row, a_uncertainty + row, in_features, 1);
      double b = product_sum(b_sensitivity + r, b_uncertainty + r, out_features, rank);
      float vectors = (float)(a / (double)in_features) + (float)(b / (double)out_features);
      scores[r] = e_sensitivity[r] * e_uncertainty[r] + vectors;
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
