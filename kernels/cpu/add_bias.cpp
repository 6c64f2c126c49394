// add_bias.cpp: y = x + b with one b for every row, and the gradient of b.
#include "op.h"

namespace mr {
namespace MR_PATH {

// Columns one task of db owns; it walks the rows in order.
static constexpr int64_t COLUMN_BLOCK = 64;

template <class T>
static void forward_typed(mr_stream* s, int64_t rows, int64_t cols, const T* x, const float* b, T* y) {
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const T* in = x + r * cols;
      T* out = y + r * cols;
      each_vector(0, cols, [=](int64_t c, auto lanes) { store(out + c, load(in + c, lanes) + load(b + c, lanes), lanes); });
    }
  });
}

template <class T>
static void backward_typed(mr_stream* s, int64_t rows, int64_t cols, const T* dy, float* db) {
  parallel_chunks(s, cols, COLUMN_BLOCK, [=](int64_t begin, int64_t end) {
    V16 sum[COLUMN_BLOCK / LANES];
    for (V16& v : sum) v = splat(0.0f);
    for (int64_t r = 0; r < rows; r++) {
      const T* d = dy + r * cols + begin;
      each_vector(0, end - begin, [&](int64_t c, auto lanes) { sum[c / LANES] = sum[c / LANES] + load(d + c, lanes); });
    }
    float* out = db + begin;
    each_vector(0, end - begin, [&](int64_t c, auto lanes) { store(out + c, load(out + c, lanes) + sum[c / LANES], lanes); });
  });
}

int32_t add_bias_forward(mr_stream* s, int32_t dtype, int64_t rows, int64_t cols, const void* x, const float* b, void* y) {
  MR_REQUIRE(is_activation(dtype), "add_bias_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "add_bias_forward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (x && b && y), "add_bias_forward: x, b and y must not be NULL");
  with_storage(dtype, [=](auto* type) { forward_typed(s, rows, cols, as(type, x), b, as(type, y)); });
  return MR_OK;
}

int32_t add_bias_backward(mr_stream* s, int32_t dtype, int64_t rows, int64_t cols, const void* dy, float* db) {
  MR_REQUIRE(is_activation(dtype), "add_bias_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "add_bias_backward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (dy && db), "add_bias_backward: dy and db must not be NULL");
  with_storage(dtype, [=](auto* type) { backward_typed(s, rows, cols, as(type, dy), db); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
