// argmax.cpp: the index of the largest element of each row, the lowest index on ties. A NaN never wins.
#include "op.h"

namespace mr {
namespace MR_PATH {

int32_t argmax_rows(mr_stream* s, int64_t rows, int64_t cols, const float* x, int64_t ld, int32_t* out) {
  MR_REQUIRE(rows >= 0 && cols >= 1 && cols <= INT32_MAX && ld >= cols, "argmax_rows: rows %lld, cols %lld, ld %lld",
             (long long)rows, (long long)cols, (long long)ld);
  MR_REQUIRE(rows == 0 || (x && out), "argmax_rows: x and out must not be NULL");
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const float* row = x + r * ld;
      V16 best = splat(-__builtin_inff());
      int64_t c = 0;
      for (; c + LANES <= cols; c += LANES) best = max(load(row + c), best);  // max gives its second operand on NaN
      float largest = reduce_max(best);
      for (; c < cols; c++) largest = row[c] > largest ? row[c] : largest;
      int64_t index = 0;
      while (index < cols && !(row[index] == largest)) index++;
      out[r] = index < cols ? (int32_t)index : 0;  // a row of nothing but NaN
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
