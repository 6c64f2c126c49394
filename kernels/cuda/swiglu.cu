// swiglu.cu: y = silu(gate) * up with silu(x) = x / (1 + e^-x), and its gradients.
#include "gated.h"

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
