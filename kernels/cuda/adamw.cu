// adamw.cu: one step of torch.optim.AdamW, in the order of fp32 operations of cpu/adamw.cpp.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

// The step's scalars, each rounded to fp32 where torch rounds it.
struct Step {
  float decay, gradient_factor, mix, mix_from_end, keep2, mix2, root_bias2, epsilon, step;
  bool small_mix;
};

__global__ void adamw_kernel(int64_t n, float* param, const float* grad, float* m, float* v, Step k) {
  constexpr int N = Pack<float>::N;
  int64_t i = global_thread() * N;
  if (i >= n) return;
  Pack<float> p = load_pack(param, i, n), g = load_pack(grad, i, n), first = load_pack(m, i, n), second = load_pack(v, i, n);
  for (int j = 0; j < N; j++) {
    float gradient = g.x[j] * k.gradient_factor, a = first.x[j], b = second.x[j];
    a = k.small_mix ? fmaf(k.mix, gradient - a, a) : fmaf(k.mix_from_end, gradient - a, gradient);
    b = fmaf(k.mix2 * gradient, gradient, b * k.keep2);
    float denominator = sqrtf(b) / k.root_bias2 + k.epsilon;
    p.x[j] = p.x[j] * k.decay + k.step * a / denominator;
    first.x[j] = a;
    second.x[j] = b;
  }
  store_pack(param, i, n, p);
  store_pack(m, i, n, first);
  store_pack(v, i, n, second);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_adamw(mr_stream* s, int64_t n, float* param, const float* grad, float* m, float* v, double lr, double beta1,
                        double beta2, double eps, double weight_decay, double bias1, double bias2, double grad_scale) {
  MR_REQUIRE(n >= 0, "adamw: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (param && grad && m && v), "adamw: param, grad, m and v must not be NULL");
  MR_REQUIRE(bias1 > 0 && bias2 > 0, "adamw: bias1 %g and bias2 %g must be positive (1 - beta^step)", bias1, bias2);
  float mix = (float)(1 - beta1);
  Step step = {(float)(1 - lr * weight_decay),
               (float)grad_scale,
               mix,
               mix - 1.0f,
               (float)beta2,
               (float)(1 - beta2),
               (float)sqrt(bias2),
               (float)eps,
               (float)(-(lr / bias1)),
               mix < 0.5f};
  int64_t blocks = divide_up(n, THREADS * Pack<float>::N);
  return launch(s, "adamw", adamw_kernel, dim3((unsigned)blocks), dim3(THREADS), 0, n, param, grad, m, v, step);
}

}  // extern "C"
