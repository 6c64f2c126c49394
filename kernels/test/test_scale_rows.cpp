// test_scale_rows.cpp: rows times a factor each, and both gradients, written and added.
#include "op_check.h"

using namespace op_check;

TEST(scale_rows) {
  for (int64_t rows : {0, 1, 3, 17})
    for (int64_t cols : {1, 15, 16, 33, 20000}) {
      Floats x = numbers(rows * cols, 1), factors = numbers(rows, 2);
      Buffer in(x), scale(factors);
      Doubles expected;
      for (int64_t i = 0; i < rows * cols; i++) expected.push_back((double)x[i] * factors[i / cols]);
      Buffers y = same_bits("scale_rows", {Buffer::unset(MR_F32, rows * cols)}, [&](mr_stream* s, Buffers& out) {
        return mr_scale_rows(s, rows, cols, in.f32(), scale.f32(), out[0].f32());
      });
      near("scale_rows", y[0], expected, 6e-8, 0);
    }
}

TEST(scale_rows_backward) {
  for (int64_t rows : {0, 1, 5})
    for (int64_t cols : {1, 16, 37, 20000})
      for (int accumulate : {0, 1}) {
        Floats x = numbers(rows * cols, 3), dy = numbers(rows * cols, 4), factors = numbers(rows, 5);
        Floats dx = numbers(rows * cols, 6), df = numbers(rows, 7);
        Buffer xs(x), gradient(dy), scale(factors);
        Doubles expected_x, expected_f((size_t)rows);
        for (int64_t r = 0; r < rows; r++) {
          double sum = accumulate ? df[r] : 0;
          for (int64_t c = 0; c < cols; c++) {
            int64_t i = r * cols + c;
            sum += (double)dy[i] * x[i];
            expected_x.push_back((double)dy[i] * factors[r] + (accumulate ? dx[i] : 0));
          }
          expected_f[r] = sum;
        }
        Buffers start = accumulate ? Buffers{Buffer(dx), Buffer(df)}
                                   : Buffers{Buffer::unset(MR_F32, rows * cols), Buffer::unset(MR_F32, rows)};
        Buffers out = same_bits("scale_rows_backward", start, [&](mr_stream* s, Buffers& o) {
          return mr_scale_rows_backward(s, rows, cols, gradient.f32(), xs.f32(), scale.f32(), o[0].f32(), accumulate,
                                        o[1].f32(), accumulate);
        });
        near("dx", out[0], expected_x, 6e-8, 6e-8);
        near("dfactors", out[1], expected_f, 0, 3e-8 * (cols / 16.0 + 8) * 4);
      }
}

TEST(scale_rows_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_scale_rows(s, -1, 2, x, x, x), "scale_rows");
  refused(mr_scale_rows(s, 2, 2, x, nullptr, x), "scale_rows");
  refused(mr_scale_rows_backward(s, 2, -2, x, x, x, x, 0, x, 0), "scale_rows_backward");
  refused(mr_scale_rows_backward(s, 2, 2, x, x, x, nullptr, 0, x, 0), "scale_rows_backward");
}
