// gated.h: y = act(gate) * up and its gradients, for activations that say their value and slope.
#pragma once

#include "rows.h"

namespace mr {

// silu(x) = x / (1 + e^-x).
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

// gelu by its tanh formula (transformers' gelu_pytorch_tanh); by the same identity as cpu/geglu.cpp, 0.5 x (1 + tanh z) =
// x / (1 + e^-2z), z = sqrt(2/pi) (x + 0.044715 x^3).
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

// Act::value(g) = act(g); Act::both(g, &value, &slope).
template <class Act, class T>
__global__ void gated_forward_kernel(int64_t n, const T* gate, const T* up, T* y) {
  constexpr int N = Pack<T>::N;
  follow_kernels();
  int64_t i = first_element<N>();
  if (i >= n) return;
  Pack<T> g = load_pack(gate, i, n), u = load_pack(up, i, n);
  for (int j = 0; j < N; j++) u.x[j] *= Act::value(g.x[j]);
  store_pack(y, i, n, u);
}

// A thread has read all it needs before it writes: the outputs may alias the inputs.
template <class Act, class T>
__global__ void gated_backward_kernel(int64_t n, const T* dy, const T* gate, const T* up, T* dgate, T* dup) {
  constexpr int N = Pack<T>::N;
  int64_t i = first_element<N>();
  if (i >= n) return;
  Pack<T> d = load_pack(dy, i, n), g = load_pack(gate, i, n), u = load_pack(up, i, n);
  for (int j = 0; j < N; j++) {
    float value, slope;
    Act::both(g.x[j], &value, &slope);
    g.x[j] = d.x[j] * u.x[j] * slope;
    u.x[j] = d.x[j] * value;
  }
  store_pack(dgate, i, n, g);
  store_pack(dup, i, n, u);
}

template <class Act>
inline int32_t gated_forward(mr_stream* s, const char* op, int32_t dtype, int64_t n, const void* gate, const void* up, void* y) {
  MR_REQUIRE(is_activation(dtype), "%s: dtype %d is not f32, bf16 or f16", op, dtype);
  MR_REQUIRE(n >= 0, "%s: n is %lld", op, (long long)n);
  MR_REQUIRE(n == 0 || (gate && up && y), "%s: gate, up and y must not be NULL", op);
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch_elements_early<Pack<T>::N>(s, op, n, gated_forward_kernel<Act, T>, n, as(type, gate), as(type, up), as(type, y));
  });
}

template <class Act>
inline int32_t gated_backward(mr_stream* s, const char* op, int32_t dtype, int64_t n, const void* dy, const void* gate,
                              const void* up, void* dgate, void* dup) {
  MR_REQUIRE(is_activation(dtype), "%s: dtype %d is not f32, bf16 or f16", op, dtype);
  MR_REQUIRE(n >= 0, "%s: n is %lld", op, (long long)n);
  MR_REQUIRE(n == 0 || (dy && gate && up && dgate && dup), "%s: a pointer is NULL", op);
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch_elements<Pack<T>::N>(s, op, n, gated_backward_kernel<Act, T>, n, as(type, dy), as(type, gate), as(type, up),
                                       as(type, dgate), as(type, dup));
  });
}

}  // namespace mr
