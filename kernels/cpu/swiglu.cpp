// swiglu.cpp: y = silu(gate) * up with silu(x) = x / (1 + e^-x), and its gradients.
#include "op.h"
#include "vec_math.h"

namespace mr {
namespace MR_PATH {

template <class T>
static void forward_typed(mr_stream* s, int64_t n, const T* gate, const T* up, T* y) {
  elementwise(s, n, [=](int64_t i, auto lanes) {
    V16 g = load(gate + i, lanes), u = load(up + i, lanes);
    V16 silu = g / (splat(1.0f) + exp(splat(0.0f) - g));
    store(y + i, silu * u, lanes);
  });
}

// silu'(g) = sigma + silu (1 - sigma), and 1 - sigma = sigma e^-g, which does not cancel
template <class T>
static void backward_typed(mr_stream* s, int64_t n, const T* dy, const T* gate, const T* up, T* dgate, T* dup) {
  elementwise(s, n, [=](int64_t i, auto lanes) {
    V16 d = load(dy + i, lanes), g = load(gate + i, lanes), u = load(up + i, lanes);
    V16 one = splat(1.0f);
    V16 e = exp(splat(0.0f) - g);
    V16 sigma = one / (one + e);
    V16 silu = g * sigma;
    V16 complement = min(sigma * e, one);  // e^-g = inf gives 0 * inf = NaN, which min turns into 1
    V16 slope = fma(silu, complement, sigma);
    store(dgate + i, d * u * slope, lanes);
    store(dup + i, d * silu, lanes);
  });
}

int32_t swiglu_forward(mr_stream* s, int32_t dtype, int64_t n, const void* gate, const void* up, void* y) {
  MR_REQUIRE(is_activation(dtype), "swiglu_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "swiglu_forward: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (gate && up && y), "swiglu_forward: gate, up and y must not be NULL");
  with_storage(dtype, [=](auto* type) { forward_typed(s, n, as(type, gate), as(type, up), as(type, y)); });
  return MR_OK;
}

int32_t swiglu_backward(mr_stream* s, int32_t dtype, int64_t n, const void* dy, const void* gate, const void* up, void* dgate,
                        void* dup) {
  MR_REQUIRE(is_activation(dtype), "swiglu_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "swiglu_backward: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (dy && gate && up && dgate && dup), "swiglu_backward: a pointer is NULL");
  with_storage(
      dtype, [=](auto* type) { backward_typed(s, n, as(type, dy), as(type, gate), as(type, up), as(type, dgate), as(type, dup)); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
