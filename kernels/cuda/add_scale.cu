// add_scale.cu: y = a + b, y = alpha*x and y += alpha*x.
#include "rows.h"

namespace mr {
namespace {

template <class T>
__global__ void add_kernel(int64_t n, const T* a, const T* b, T* y) {
  constexpr int N = Pack<T>::N;
  int64_t i = first_element<N>();
  if (i >= n) return;
  Pack<T> sum = load_pack(a, i, n), other = load_pack(b, i, n);
  for (int j = 0; j < N; j++) sum.x[j] += other.x[j];
  store_pack(y, i, n, sum);
}

template <class T>
__global__ void scale_kernel(int64_t n, float alpha, const T* x, T* y, bool accumulate) {
  constexpr int N = Pack<T>::N;
  int64_t i = first_element<N>();
  if (i >= n) return;
  Pack<T> v = load_pack(x, i, n);
  if (accumulate) {
    Pack<T> before = load_pack(y, i, n);
    for (int j = 0; j < N; j++) v.x[j] = fmaf(alpha, v.x[j], before.x[j]);
  } else {
    for (int j = 0; j < N; j++) v.x[j] *= alpha;
  }
  store_pack(y, i, n, v);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_add(mr_stream* s, int32_t dtype, int64_t n, const void* a, const void* b, void* y) {
  MR_REQUIRE(is_activation(dtype), "add: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "add: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (a && b && y), "add: a, b and y must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch_elements<Pack<T>::N>(s, "add", n, add_kernel<T>, n, as(type, a), as(type, b), as(type, y));
  });
}

MR_API int32_t mr_scale(mr_stream* s, int32_t dtype, int64_t n, float alpha, const void* x, void* y, int32_t accumulate) {
  MR_REQUIRE(is_activation(dtype), "scale: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "scale: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (x && y), "scale: x and y must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch_elements<Pack<T>::N>(s, "scale", n, scale_kernel<T>, n, alpha, as(type, x), as(type, y), accumulate != 0);
  });
}

}  // extern "C"
