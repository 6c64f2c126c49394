// geglu.cu: y = gelu(gate) * up, and its gradients.
#include "gated.h"

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
