// geglu.cu: y = gelu(gate) * up with gelu by its tanh formula (transformers' gelu_pytorch_tanh), and its gradients; by the same
// identity as cpu/geglu.cpp, 0.5 x (1 + tanh z) = x / (1 + e^-2z), z = sqrt(2/pi) (x + 0.044715 x^3).
#include "gated.h"

namespace mr {
namespace {

constexpr float TWO_ROOT_2_PI = 1.59576912f;  // 2 sqrt(2/pi)
constexpr float CUBIC = 0.044715f;
// Beyond, the gate is 0 or x to every digit; the cube of what is computed with stays finite.
constexpr float FLAT = 20.0f;

struct Gelu {
  static __device__ __forceinline__ float within_flat(float x) { return x > FLAT ? FLAT : x < -FLAT ? -FLAT : x; }
  // e^-2z
  static __device__ __forceinline__ float exp_minus_2z(float t) { return expf(-TWO_ROOT_2_PI * fmaf(CUBIC * t * t, t, t)); }

  static __device__ __forceinline__ float value(float g) { return g / (1.0f + exp_minus_2z(within_flat(g))); }
  // With sigma = 1 / (1 + e^-2z): gelu' = sigma + x sigma (1 - sigma) 2z', and 1 - sigma = sigma e^-2z does not cancel
  static __device__ __forceinline__ void both(float g, float* value, float* slope) {
    float t = within_flat(g), e = exp_minus_2z(t), sigma = 1.0f / (1.0f + e);
    *value = g * sigma;
    float complement = fminf(sigma * e, 1.0f);  // e = inf gives 0 * inf = NaN, which fminf turns into 1
    float inner_slope = TWO_ROOT_2_PI * fmaf(3.0f * CUBIC * t, t, 1.0f);
    *slope = fmaf(t * sigma * complement, inner_slope, sigma);
  }
};

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_geglu_forward(mr_stream* s, int32_t dtype, int64_t n, const void* gate, const void* up, void* y) {
  return gated_forward<Gelu>(s, "geglu_forward", dtype, n, gate, up, y);
}

MR_API int32_t mr_geglu_backward(mr_stream* s, int32_t dtype, int64_t n, const void* dy, const void* gate, const void* up,
                                 void* dgate, void* dup) {
  return gated_backward<Gelu>(s, "geglu_backward", dtype, n, dy, gate, up, dgate, dup);
}

}  // extern "C"
