// test_add_bias.cpp: x + b and the gradient of b against double.
#include "op_check.h"

using namespace op_check;

namespace {
struct Shape {
  int64_t rows, cols;
};
const Shape SHAPES[] = {{0, 8}, {1, 1}, {3, 15}, {5, 16}, {600, 32}, {7, 130}, {33, 1000}};
}  // namespace

TEST(add_bias_forward) {
  for (Shape shape : SHAPES)
    for (int32_t dtype : STORAGE) {
      int64_t rows = shape.rows, cols = shape.cols;
      Buffer x(dtype, numbers(rows * cols, 1, 5)), b(numbers(cols, 2, 2));
      Doubles expected;
      for (int64_t i = 0; i < rows * cols; i++) expected.push_back((double)x[i] + b[i % cols]);
      Buffers y = same_bits("add_bias_forward", {Buffer::unset(dtype, rows * cols)}, [&](mr_stream* s, Buffers& out) {
        return mr_add_bias_forward(s, dtype, rows, cols, x.data(), b.f32(), out[0].data());
      });
      near("y", y[0], expected, 1e-7 + storage_error(dtype), 1e-7);
      Buffers over = same_bits("add_bias_forward over x", {x}, [&](mr_stream* s, Buffers& out) {
        return mr_add_bias_forward(s, dtype, rows, cols, out[0].data(), b.f32(), out[0].data());
      });
      CHECK(over[0] == y[0]);
    }
}

TEST(add_bias_backward) {
  for (Shape shape : SHAPES)
    for (int32_t dtype : STORAGE) {
      int64_t rows = shape.rows, cols = shape.cols;
      Buffer dy(dtype, numbers(rows * cols, 3)), before(numbers(cols, 5));
      Doubles db;
      for (int64_t c = 0; c < cols; c++) db.push_back(before[c]);
      for (int64_t i = 0; i < rows * cols; i++) db[(size_t)(i % cols)] += dy[i];
      Buffers y = same_bits("add_bias_backward", {before}, [&](mr_stream* s, Buffers& out) {
        return mr_add_bias_backward(s, dtype, rows, cols, dy.data(), out[0].f32());
      });
      near("db", y[0], db, 1e-6, (double)rows * 1e-6);
    }
}

TEST(add_bias_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_add_bias_forward(s, MR_U8, 2, 2, x, x, x), "add_bias_forward");
  refused(mr_add_bias_forward(s, MR_F32, 2, 0, x, x, x), "add_bias_forward");
  refused(mr_add_bias_forward(s, MR_F32, 2, 2, x, nullptr, x), "add_bias_forward");
  refused(mr_add_bias_backward(s, MR_F32, -2, 2, x, x), "add_bias_backward");
  refused(mr_add_bias_backward(s, MR_F32, 2, 2, x, nullptr), "add_bias_backward");
}
