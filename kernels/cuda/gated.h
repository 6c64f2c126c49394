// gated.h: y = act(gate) * up and its gradients, for activations that say their value and slope.
#pragma once

#include "rows.h"

namespace mr {

// Act::value(g) = act(g); Act::both(g, &value, &slope).
template <class Act, class T>
__global__ void gated_forward_kernel(int64_t n, const T* gate, const T* up, T* y) {
  constexpr int N = Pack<T>::N;
  int64_t i = first_element<N>();
  if (i >= n) return;
  Pack<T> g = load_pack(gate, i, n), u = load_pack(up, i, n);
  for (int j = 0; j < N; j++) u.x[j] *= Act::value(g.x[j]);
  store_pack(y, i, n, u);
}

// A thread has read all it needs before it writes: the outputs may lie over the inputs.
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
    return launch_elements<Pack<T>::N>(s, op, n, gated_forward_kernel<Act, T>, n, as(type, gate), as(type, up), as(type, y));
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
