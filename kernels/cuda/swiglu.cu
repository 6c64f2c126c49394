// swiglu.cu: y = silu(gate) * up with silu(x) = x / (1 + e^-x), and its gradients.
#include "gated.h"

namespace mr {
namespace {

struct Silu {
  static __device__ __forceinline__ float value(float g) { return g / (1.0f + expf(-g)); }
  // silu' = sigma + silu (1 - sigma), and 1 - sigma = sigma e^-g, which does not cancel
  static __device__ __forceinline__ void both(float g, float* value, float* slope) {
    float e = expf(-g), sigma = 1.0f / (1.0f + e);
    *value = g * sigma;
    float complement = fminf(sigma * e, 1.0f);  // e^-g = inf gives 0 * inf = NaN, which fminf turns into 1
    *slope = fmaf(*value, complement, sigma);
  }
};

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_swiglu_forward(mr_stream* s, int32_t dtype, int64_t n, const void* gate, const void* up, void* y) {
  return gated_forward<Silu>(s, "swiglu_forward", dtype, n, gate, up, y);
}

MR_API int32_t mr_swiglu_backward(mr_stream* s, int32_t dtype, int64_t n, const void* dy, const void* gate, const void* up,
                                  void* dgate, void* dup) {
  return gated_backward<Silu>(s, "swiglu_backward", dtype, n, dy, gate, up, dgate, dup);
}

}  // extern "C"
