// geglu.cpp: y = gelu(gate) * up with gelu by its tanh formula (transformers' gelu_pytorch_tanh), and its gradients.
//
// 0.5 x (1 + tanh z) = x / (1 + e^-2z) with z = sqrt(2/pi) (x + 0.044715 x^3): one exp, and nothing cancels where x is
// far below zero.
#include "op.h"
#include "vec_math.h"

namespace mr {
namespace MR_PATH {

static constexpr float TWO_ROOT_2_PI = 1.59576912f;  // 2 sqrt(2/pi)
static constexpr float CUBIC = 0.044715f;
// Beyond, the gate is 0 or x to every digit; the cube of what is computed with stays finite.
static constexpr float FLAT = 20.0f;

// x within +-FLAT; min and max return their second operand on NaN, which therefore stays.
MR_INLINE V16 within_flat(V16 x) { return min(splat(FLAT), max(splat(-FLAT), x)); }

// e^-2z
MR_INLINE V16 exp_minus_2z(V16 t) {
  V16 inner = fma(splat(CUBIC) * t * t, t, t);
  return exp(splat(-TWO_ROOT_2_PI) * inner);
}

template <class T>
static void forward_typed(mr_stream* s, int64_t n, const T* gate, const T* up, T* y) {
  elementwise(s, n, [=](int64_t i, auto lanes) {
    V16 g = load(gate + i, lanes), u = load(up + i, lanes);
    V16 gelu = g / (splat(1.0f) + exp_minus_2z(within_flat(g)));
    store(y + i, gelu * u, lanes);
  });
}

// With sigma = 1 / (1 + e^-2z): gelu' = sigma + x sigma (1 - sigma) 2z', and 1 - sigma = sigma e^-2z does not cancel
template <class T>
static void backward_typed(mr_stream* s, int64_t n, const T* dy, const T* gate, const T* up, T* dgate, T* dup) {
  elementwise(s, n, [=](int64_t i, auto lanes) {
    V16 d = load(dy + i, lanes), g = load(gate + i, lanes), u = load(up + i, lanes);
    V16 one = splat(1.0f), t = within_flat(g);
    V16 e = exp_minus_2z(t);
    V16 sigma = one / (one + e);
    V16 gelu = g * sigma;
    V16 complement = min(sigma * e, one);  // e = inf gives 0 * inf = NaN, which min turns into 1
    V16 inner_slope = splat(TWO_ROOT_2_PI) * fma(splat(3.0f * CUBIC) * t, t, one);
    V16 slope = fma(t * sigma * complement, inner_slope, sigma);
    store(dgate + i, d * u * slope, lanes);
    store(dup + i, d * gelu, lanes);
  });
}

int32_t geglu_forward(mr_stream* s, int32_t dtype, int64_t n, const void* gate, const void* up, void* y) {
  MR_REQUIRE(is_activation(dtype), "geglu_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "geglu_forward: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (gate && up && y), "geglu_forward: gate, up and y must not be NULL");
  with_storage(dtype, [=](auto* type) { forward_typed(s, n, as(type, gate), as(type, up), as(type, y)); });
  return MR_OK;
}

int32_t geglu_backward(mr_stream* s, int32_t dtype, int64_t n, const void* dy, const void* gate, const void* up, void* dgate,
                       void* dup) {
  MR_REQUIRE(is_activation(dtype), "geglu_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "geglu_backward: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (dy && gate && up && dgate && dup), "geglu_backward: a pointer is NULL");
  with_storage(
      dtype, [=](auto* type) { backward_typed(s, n, as(type, dy), as(type, gate), as(type, up), as(type, dgate), as(type, dup)); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
