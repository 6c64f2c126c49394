// add_scale.cpp: y = a + b, y = alpha*x and y += alpha*x.
#include "op.h"

namespace mr {
namespace MR_PATH {

template <class T>
static void add_typed(mr_stream* s, int64_t n, const T* a, const T* b, T* y) {
  elementwise(s, n, [=](int64_t i, auto lanes) { store(y + i, load(a + i, lanes) + load(b + i, lanes), lanes); });
}

template <class T>
static void scale_typed(mr_stream* s, int64_t n, float alpha, const T* x, T* y, bool accumulate) {
  V16 factor = splat(alpha);
  if (accumulate)
    elementwise(s, n, [=](int64_t i, auto lanes) { store(y + i, fma(factor, load(x + i, lanes), load(y + i, lanes)), lanes); });
  else
    elementwise(s, n, [=](int64_t i, auto lanes) { store(y + i, factor * load(x + i, lanes), lanes); });
}

int32_t add(mr_stream* s, int32_t dtype, int64_t n, const void* a, const void* b, void* y) {
  MR_REQUIRE(is_activation(dtype), "add: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "add: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (a && b && y), "add: a, b and y must not be NULL");
  with_storage(dtype, [=](auto* type) { add_typed(s, n, as(type, a), as(type, b), as(type, y)); });
  return MR_OK;
}

int32_t scale(mr_stream* s, int32_t dtype, int64_t n, float alpha, const void* x, void* y, int32_t accumulate) {
  MR_REQUIRE(is_activation(dtype), "scale: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "scale: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (x && y), "scale: x and y must not be NULL");
  with_storage(dtype, [=](auto* type) { scale_typed(s, n, alpha, as(type, x), as(type, y), accumulate != 0); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
