// fill_copy_cast.cpp: fill, copy and cast: writing, moving and converting buffers.
#include "op.h"

namespace mr {
namespace MR_PATH {

template <class X, class Y>
static void cast_typed(mr_stream* s, int64_t n, const X* x, Y* y) {
  elementwise(s, n, [=](int64_t i, auto lanes) { store(y + i, load(x + i, lanes), lanes); });
}

template <class T>
static void fill_typed(mr_stream* s, int64_t n, float value, T* y) {
  parallel_chunks(s, n, ELEMENTWISE_CHUNK, [=](int64_t begin, int64_t end) {
    T pattern[LANES];
    store(pattern, splat(value));
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) memcpy(y + i, pattern, sizeof pattern);
    if (i < end) memcpy(y + i, pattern, (size_t)(end - i) * sizeof pattern[0]);
  });
}

int32_t fill(mr_stream* s, int32_t dtype, int64_t n, float value, void* y) {
  MR_REQUIRE(is_activation(dtype), "fill: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "fill: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || y, "fill: y must not be NULL");
  with_storage(dtype, [=](auto* type) { fill_typed(s, n, value, as(type, y)); });
  return MR_OK;
}

int32_t copy(mr_stream* s, int64_t bytes, const void* x, void* y) {
  MR_REQUIRE(bytes >= 0, "copy: bytes is %lld", (long long)bytes);
  MR_REQUIRE(bytes == 0 || (x && y), "copy: x and y must not be NULL");
  parallel_chunks(s, bytes, 4 * ELEMENTWISE_CHUNK,
                  [=](int64_t begin, int64_t end) { memcpy((char*)y + begin, (const char*)x + begin, (size_t)(end - begin)); });
  return MR_OK;
}

int32_t cast(mr_stream* s, int32_t x_dtype, int32_t y_dtype, int64_t n, const void* x, void* y) {
  MR_REQUIRE(is_activation(x_dtype), "cast: x dtype %d is not f32, bf16 or f16", x_dtype);
  MR_REQUIRE(is_activation(y_dtype), "cast: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_REQUIRE(n >= 0, "cast: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (x && y), "cast: x and y must not be NULL");
  with_storage(x_dtype, [=](auto* from) { with_storage(y_dtype, [=](auto* to) { cast_typed(s, n, as(from, x), as(to, y)); }); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
