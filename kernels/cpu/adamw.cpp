// adamw.cpp: one step of torch.optim.AdamW (single tensor, no amsgrad, no maximize), in torch's order of fp32
// operations: every line of the loop is one torch call, with its scalar rounded to fp32 where torch rounds it and with
// an fma where torch's CPU builds have one (lerp_, addcmul_). m and v come out with torch's bits; a parameter may
// differ in the last bit, because torch takes its square root from a library that does not always round correctly.
#include "op.h"

namespace mr {
namespace MR_PATH {

int32_t adamw(mr_stream* s, int64_t n, float* param, const float* grad, float* m, float* v, double lr, double beta1, double beta2,
              double eps, double weight_decay, double bias1, double bias2, double grad_scale) {
  MR_REQUIRE(n >= 0, "adamw: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (param && grad && m && v), "adamw: param, grad, m and v must not be NULL");
  MR_REQUIRE(bias1 > 0 && bias2 > 0, "adamw: bias1 %g and bias2 %g must be positive (1 - beta^step)", bias1, bias2);
  V16 decay = splat((float)(1 - lr * weight_decay)), gradient_factor = splat((float)grad_scale);
  V16 mix = splat((float)(1 - beta1)), keep2 = splat((float)beta2), mix2 = splat((float)(1 - beta2));
  V16 root_bias2 = splat((float)__builtin_sqrt(bias2)), epsilon = splat((float)eps), step = splat((float)(-(lr / bias1)));
  bool small_mix = (float)(1 - beta1) < 0.5f;
  V16 mix_from_end = splat((float)(1 - beta1)) - splat(1.0f);
  elementwise(s, n, [=](int64_t i, auto lanes) {
    V16 p = load(param + i, lanes), g = load(grad + i, lanes) * gradient_factor;
    V16 first = load(m + i, lanes), second = load(v + i, lanes);
    p = p * decay;                                                                     // mul_
    first = small_mix ? fma(mix, g - first, first) : fma(mix_from_end, g - first, g);  // lerp_
    second = second * keep2;                                                           // mul_
    second = fma(mix2 * g, g, second);                                                 // addcmul_
    V16 denominator = sqrt(second) / root_bias2 + epsilon;                             // sqrt, div, add_
    store(param + i, p + step * first / denominator, lanes);                           // addcdiv_
    store(m + i, first, lanes);
    store(v + i, second, lanes);
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
