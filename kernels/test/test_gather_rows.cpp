// test_gather_rows.cpp: gathering rows and adding their gradients back.
#include "op_check.h"

using namespace op_check;

TEST(gather_and_scatter_rows) {
  const std::vector<int32_t> rows = {4, 0, 9, 3};
  for (int64_t cols : {1, 16, 37, 5000})
    for (int32_t dtype : STORAGE) {
      Buffer x(dtype, numbers(10 * cols, 1));
      Floats expected;
      for (int32_t r : rows)
        for (int64_t c = 0; c < cols; c++) expected.push_back(x[r * cols + c]);
      Buffers y = same_bits("gather_rows", {Buffer::unset(dtype, 4 * cols)}, [&](mr_stream* s, Buffers& out) {
        return mr_gather_rows(s, dtype, 4, cols, x.data(), rows.data(), out[0].data());
      });
      CHECK(y[0] == Buffer(dtype, expected));

      Buffer dx(dtype, numbers(10 * cols, 2));
      Floats sums;
      for (int64_t i = 0; i < 10 * cols; i++) sums.push_back(dx[i]);
      for (int64_t i = 0; i < 4; i++)
        for (int64_t c = 0; c < cols; c++) sums[(size_t)(rows[(size_t)i] * cols + c)] += y[0][i * cols + c];
      Buffers z = same_bits("scatter_add_rows", {dx}, [&](mr_stream* s, Buffers& out) {
        return mr_scatter_add_rows(s, dtype, 4, cols, y[0].data(), rows.data(), out[0].data());
      });
      CHECK(z[0] == Buffer(dtype, sums));

      Floats put;
      for (int64_t i = 0; i < 10 * cols; i++) put.push_back(dx[i]);
      for (int64_t i = 0; i < 4; i++)
        for (int64_t c = 0; c < cols; c++) put[(size_t)(rows[(size_t)i] * cols + c)] = y[0][i * cols + c];
      Buffers w = same_bits("scatter_rows", {dx}, [&](mr_stream* s, Buffers& out) {
        return mr_scatter_rows(s, dtype, 4, cols, y[0].data(), rows.data(), out[0].data());
      });
      CHECK(w[0] == Buffer(dtype, put));
    }
}

TEST(gather_rows_refuse) {
  Stream s;
  float x[4] = {};
  int32_t rows[] = {0, -1};
  refused(mr_gather_rows(s, MR_F32, 2, 1, x, rows, x), "gather_rows");
  refused(mr_gather_rows(s, MR_F64, 1, 1, x, rows, x), "gather_rows");
  refused(mr_gather_rows(s, MR_F32, 1, 1, x, nullptr, x), "gather_rows");
  refused(mr_scatter_rows(s, MR_F32, 2, 1, x, rows, x), "scatter_rows");
  refused(mr_scatter_rows(s, MR_F32, 1, 1, x, rows, nullptr), "scatter_rows");
  refused(mr_scatter_add_rows(s, MR_F32, 2, 1, x, rows, x), "scatter_add_rows");
  refused(mr_scatter_add_rows(s, MR_F32, 1, -1, x, rows, x), "scatter_add_rows");
  CHECK(mr_gather_rows(s, MR_F32, 0, 4, nullptr, nullptr, nullptr) == MR_OK);
}
