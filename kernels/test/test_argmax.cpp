// test_argmax.cpp: the largest of each row, the first of several, wherever it stands.
#include "op_check.h"

using namespace op_check;

TEST(argmax_rows) {
  for (int64_t cols : {1, 5, 16, 31, 1000, 20000}) {
    int64_t rows = 7, ld = cols + 3;
    Floats x = numbers(rows * ld, 1);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = cols; c < ld; c++) x[(size_t)(r * ld + c)] = 9;  // beyond the row
    std::vector<int32_t> expected;
    for (int64_t r = 0; r < rows; r++) {
      float* row = x.data() + r * ld;
      int64_t a = r * 37 % cols, b = (r * 91 + 5) % cols;
      row[a] = row[b] = 2;
      if (r == 5)
        for (int64_t c = 0; c < cols; c++) row[c] = -INFINITY;
      if (r == 6)
        for (int64_t c = 0; c < cols; c++) row[c] = NAN;
      if (r == 4 && cols > 2) row[(a + 1) % cols == b ? (b + 1) % cols : (a + 1) % cols] = NAN;
      expected.push_back(r < 5 ? (int32_t)(row[a] == 2 && row[b] == 2 ? (a < b ? a : b) : row[a] == 2 ? a : b) : 0);
    }
    each_stream([&](mr_stream* s, const std::string& where) {
      std::vector<int32_t> out((size_t)rows, -1);
      CHECK(mr_argmax_rows(s, rows, cols, x.data(), ld, out.data()) == MR_OK);
      for (int64_t r = 0; r < rows; r++)
        CHECK_MSG(out[(size_t)r] == expected[(size_t)r], "%s: cols %lld, row %lld: %d, expected %d", where.c_str(),
                  (long long)cols, (long long)r, out[(size_t)r], expected[(size_t)r]);
    });
  }
}

TEST(argmax_refuse) {
  Stream s;
  float x[4] = {};
  int32_t out[4];
  refused(mr_argmax_rows(s, 1, 0, x, 4, out), "argmax_rows");
  refused(mr_argmax_rows(s, 1, 4, x, 3, out), "argmax_rows");
  refused(mr_argmax_rows(s, 1, 4, nullptr, 4, out), "argmax_rows");
  CHECK(mr_argmax_rows(s, 0, 4, nullptr, 4, nullptr) == MR_OK);
}
