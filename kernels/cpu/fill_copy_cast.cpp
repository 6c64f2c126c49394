// fill_copy_cast.cpp: fill, copy and cast: writing, moving and converting buffers.
#include "half.h"
#include "op.h"

namespace mr {
namespace MR_PATH {

namespace {  // members need internal linkage as much as functions do

// Reading and writing one storage type as V16. bf16 and fp16 are both uint16_t, so the types are named by tags.
struct F32 {
  typedef float Element;
  static V16 read(const float* p) { return load(p); }
  static void write(float* p, V16 a) { store(p, a); }
};
struct Bf16 {
  typedef uint16_t Element;
  static V16 read(const uint16_t* p) { return load(p); }
  static void write(uint16_t* p, V16 a) { store(p, a); }
};
struct F16 {
  typedef uint16_t Element;
  static V16 read(const uint16_t* p) { return half_to_float(load_halves(p)); }
  static void write(uint16_t* p, V16 a) { store_halves(p, float_to_half(a)); }
};

}  // namespace

template <class X, class Y>
static int32_t cast_typed(mr_stream* s, int64_t n, const void* x_, void* y_) {
  const typename X::Element* x = (const typename X::Element*)x_;
  typename Y::Element* y = (typename Y::Element*)y_;
  parallel_chunks(s, n, ELEMENTWISE_CHUNK, [=](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) Y::write(y + i, X::read(x + i));
    if (i < end) {
      typename X::Element in[LANES] = {};
      typename Y::Element out[LANES];
      memcpy(in, x + i, (size_t)(end - i) * sizeof in[0]);
      Y::write(out, X::read(in));
      memcpy(y + i, out, (size_t)(end - i) * sizeof out[0]);
    }
  });
  return MR_OK;
}

template <class X>
static int32_t cast_from(mr_stream* s, int32_t y_dtype, int64_t n, const void* x, void* y) {
  if (y_dtype == MR_F32) return cast_typed<X, F32>(s, n, x, y);
  if (y_dtype == MR_BF16) return cast_typed<X, Bf16>(s, n, x, y);
  return cast_typed<X, F16>(s, n, x, y);
}

template <class Y>
static int32_t fill_typed(mr_stream* s, int64_t n, float value, void* y_) {
  typename Y::Element* y = (typename Y::Element*)y_;
  parallel_chunks(s, n, ELEMENTWISE_CHUNK, [=](int64_t begin, int64_t end) {
    typename Y::Element pattern[LANES];
    Y::write(pattern, splat(value));
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES) memcpy(y + i, pattern, sizeof pattern);
    if (i < end) memcpy(y + i, pattern, (size_t)(end - i) * sizeof pattern[0]);
  });
  return MR_OK;
}

static bool is_float(int32_t dtype) { return dtype == MR_F32 || dtype == MR_BF16 || dtype == MR_F16; }

int32_t fill(mr_stream* s, int32_t dtype, int64_t n, float value, void* y) {
  MR_REQUIRE(is_float(dtype), "fill: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(n >= 0, "fill: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || y, "fill: y must not be NULL");
  if (dtype == MR_F32) return fill_typed<F32>(s, n, value, y);
  if (dtype == MR_BF16) return fill_typed<Bf16>(s, n, value, y);
  return fill_typed<F16>(s, n, value, y);
}

int32_t copy(mr_stream* s, int64_t bytes, const void* x, void* y) {
  MR_REQUIRE(bytes >= 0, "copy: bytes is %lld", (long long)bytes);
  MR_REQUIRE(bytes == 0 || (x && y), "copy: x and y must not be NULL");
  parallel_chunks(s, bytes, 4 * ELEMENTWISE_CHUNK, [=](int64_t begin, int64_t end) {
    memcpy((char*)y + begin, (const char*)x + begin, (size_t)(end - begin));
  });
  return MR_OK;
}

int32_t cast(mr_stream* s, int32_t x_dtype, int32_t y_dtype, int64_t n, const void* x, void* y) {
  MR_REQUIRE(is_float(x_dtype), "cast: x dtype %d is not f32, bf16 or f16", x_dtype);
  MR_REQUIRE(is_float(y_dtype), "cast: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_REQUIRE(n >= 0, "cast: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (x && y), "cast: x and y must not be NULL");
  if (x_dtype == MR_F32) return cast_from<F32>(s, y_dtype, n, x, y);
  if (x_dtype == MR_BF16) return cast_from<Bf16>(s, y_dtype, n, x, y);
  return cast_from<F16>(s, y_dtype, n, x, y);
}

}  // namespace MR_PATH
}  // namespace mr
