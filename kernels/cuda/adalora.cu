// adalora.cu: what AdaLoRA (Zhang et al. 2023) needs besides its low-rank products: G - I of the orthogonal loss, the moving
// averages of importance, and the score of each triplet, as PEFT's RankAllocator computes them.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

struct Shared {
  double sums[THREADS / WARP];
};

__global__ void subtract_identity_kernel(int64_t n, float* x) {
  int64_t i = global_thread();
  if (i < n) x[i * n + i] -= 1.0f;
}

// Every line of the loop is one torch call, rounded where torch rounds.
__global__ void importance_kernel(int64_t n, const float* param, const float* grad, float scale, float keep1, float mix1,
                                  float keep2, float mix2, float* sensitivity, float* uncertainty) {
  constexpr int N = Pack<float>::N;
  int64_t i = global_thread() * N;
  if (i >= n) return;
  Pack<float> p = load_pack(param, i, n), g = load_pack(grad, i, n);
  Pack<float> mean = load_pack(sensitivity, i, n), spread = load_pack(uncertainty, i, n);
  for (int j = 0; j < N; j++) {
    float importance = fabsf(p.x[j] * (g.x[j] * scale));
    mean.x[j] = keep1 * mean.x[j] + mix1 * importance;
    spread.x[j] = keep2 * spread.x[j] + mix2 * fabsf(importance - mean.x[j]);
  }
  store_pack(sensitivity, i, n, mean);
  store_pack(uncertainty, i, n, spread);
}

// The block's sum of the fp32 products of a strided run of two arrays, in double.
__device__ double product_sum(const float* a, const float* b, int64_t n, int64_t stride, Shared& shared) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += THREADS) sum += (double)(a[i * stride] * b[i * stride]);
  return block_sum<THREADS>(sum, shared.sums);
}

// One block a triplet.
__global__ void score_kernel(int64_t rank, int64_t in_features, int64_t out_features, const float* a_sensitivity,
                             const float* a_uncertainty, const float* e_sensitivity, const float* e_uncertainty,
                             const float* b_sensitivity, const float* b_uncertainty, float* scores) {
  Shared& shared = shared_memory<Shared>();
  int64_t r = blockIdx.x, row = r * in_features;
  double a = product_sum(a_sensitivity + row, a_uncertainty + row, in_features, 1, shared);
  double b = product_sum(b_sensitivity + r, b_uncertainty + r, out_features, rank, shared);
  if (threadIdx.x != 0) return;
  float vectors = (float)(a / (double)in_features) + (float)(b / (double)out_features);
  scores[r] = e_sensitivity[r] * e_uncertainty[r] + vectors;
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_subtract_identity(mr_stream* s, int64_t n, float* x) {
  MR_REQUIRE(n >= 0, "subtract_identity: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || x, "subtract_identity: x must not be NULL");
  return launch(s, "subtract_identity", subtract_identity_kernel, dim3((unsigned)divide_up(n, THREADS)), dim3(THREADS), 0, n, x);
}

MR_API int32_t mr_adalora_importance(mr_stream* s, int64_t n, const float* param, const float* grad, double grad_scale,
                                     double beta1, double beta2, float* sensitivity, float* uncertainty) {
  MR_REQUIRE(n >= 0, "adalora_importance: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (param && grad && sensitivity && uncertainty),
             "adalora_importance: param, grad, sensitivity and uncertainty must not be NULL");
  int64_t blocks = divide_up(n, THREADS * Pack<float>::N);
  return launch(s, "adalora_importance", importance_kernel, dim3((unsigned)blocks), dim3(THREADS), 0, n, param, grad,
                (float)grad_scale, (float)beta1, (float)(1 - beta1), (float)beta2, (float)(1 - beta2), sensitivity, uncertainty);
}

MR_API int32_t mr_adalora_score(mr_stream* s, int64_t rank, int64_t in_features, int64_t out_features, const float* a_sensitivity,
                                const float* a_uncertainty, const float* e_sensitivity, const float* e_uncertainty,
                                const float* b_sensitivity, const float* b_uncertainty, float* scores) {
  MR_REQUIRE(rank >= 0 && in_features > 0 && out_features > 0, "adalora_score: rank %lld, %lld inputs, %lld outputs",
             (long long)rank, (long long)in_features, (long long)out_features);
  MR_REQUIRE(
      rank == 0 || (a_sensitivity && a_uncertainty && e_sensitivity && e_uncertainty && b_sensitivity && b_uncertainty && scores),
      "adalora_score: no argument may be NULL");
  return launch(s, "adalora_score", score_kernel, dim3((unsigned)rank), dim3(THREADS), sizeof(Shared), rank, in_features,
                out_features, a_sensitivity, a_uncertainty, e_sensitivity, e_uncertainty, b_sensitivity, b_uncertainty, scores);
}

}  // extern "C"
