// fill_copy_cast.cu: constants, copies, conversions between storage types.
#include "rows.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

template <class T>
__global__ void fill_kernel(int64_t n, float value, T* y) {
  int64_t i = global_thread() * Pack<T>::N;
  Pack<T> pack;
  for (int j = 0; j < Pack<T>::N; j++) pack.x[j] = value;
  if (i < n) store_pack(y, i, n, pack);
}

constexpr int CAST = 8;  // elements a thread: whole packs of either type

template <class X, class Y>
__global__ void cast_kernel(int64_t n, const X* x, Y* y) {
  int64_t i = first_element<CAST>();
  if (i < n) store_values(y, i, n, load_values<CAST>(x, i, n));
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_fill(mr_stream* s, int32_t dtype, int64_t n, float value, void* y) {
  MR_REQUIRE(is_activation(dtype), "fill: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "fill: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || y, "fill: y must not be NULL");
  return with_storage(dtype, [=](auto* type) {
    int64_t blocks = divide_up(n, THREADS * (16 / (int64_t)sizeof *type));
    return launch(s, "fill", fill_kernel<std::remove_pointer_t<decltype(type)>>, dim3((unsigned)blocks), dim3(THREADS), 0, n, value,
                  as(type, y));
  });
}

MR_API int32_t mr_copy(mr_stream* s, int64_t bytes, const void* x, void* y) {
  MR_REQUIRE(bytes >= 0, "copy: bytes is %lld", (long long)bytes);
  MR_REQUIRE(bytes == 0 || (x && y), "copy: x and y must not be NULL");
  if (bytes == 0) return MR_OK;
  return check(cudaMemcpyAsync(y, x, (size_t)bytes, cudaMemcpyDeviceToDevice, s->stream), "copy");
}

MR_API int32_t mr_cast(mr_stream* s, int32_t x_dtype, int32_t y_dtype, int64_t n, const void* x, void* y) {
  MR_REQUIRE(is_activation(x_dtype) && is_activation(y_dtype), "cast: dtypes %d and %d must be f32, bf16 or f16", x_dtype, y_dtype);
  MR_REQUIRE(n >= 0, "cast: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (x && y), "cast: x and y must not be NULL");
  return with_storage(x_dtype, [=](auto* from) {
    return with_storage(y_dtype, [=](auto* to) {
      return launch_elements<CAST>(s, "cast", n,
                                   cast_kernel<std::remove_pointer_t<decltype(from)>, std::remove_pointer_t<decltype(to)>>, n,
                                   as(from, x), as(to, y));
    });
  });
}

}  // extern "C"
