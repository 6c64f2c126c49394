// scale_rows.cpp: y = diag(factors) x, and its backward: AdaLoRA's A * E (Zhang et al. 2023).
#include "op.h"

namespace mr {
namespace MR_PATH {

static int32_t check_rows(const char* op, int64_t rows, int64_t cols) {
  MR_REQUIRE(rows >= 0 && cols >= 0, "%s: %lld rows of %lld", op, (long long)rows, (long long)cols);
  return MR_OK;
}

int32_t scale_rows(mr_stream* s, int64_t rows, int64_t cols, const float* x, const float* factors, float* y) {
  if (int32_t code = check_rows("scale_rows", rows, cols)) return code;
  MR_REQUIRE(rows * cols == 0 || (x && factors && y), "scale_rows: x, factors and y must not be NULL");
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      V16 factor = splat(factors[r]);
      each_vector(0, cols, [=](int64_t i, auto lanes) { store(y + r * cols + i, load(x + r * cols + i, lanes) * factor, lanes); });
    }
  });
  return MR_OK;
}

int32_t scale_rows_backward(mr_stream* s, int64_t rows, int64_t cols, const float* dy, const float* x, const float* factors,
                            float* dx, int32_t accumulate_dx, float* dfactors, int32_t accumulate_dfactors) {
  if (int32_t code = check_rows("scale_rows_backward", rows, cols)) return code;
  MR_REQUIRE(rows == 0 || (factors && dfactors), "scale_rows_backward: factors and dfactors must not be NULL");
  MR_REQUIRE(rows * cols == 0 || (dy && x && dx), "scale_rows_backward: dy, x and dx must not be NULL");
  bool add_dx = accumulate_dx != 0, add_dfactors = accumulate_dfactors != 0;
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      V16 factor = splat(factors[r]), sum = splat(0.0f);
      const float *g = dy + r * cols, *values = x + r * cols;
      float* out = dx + r * cols;
      each_vector(0, cols, [&](int64_t i, auto lanes) {
        V16 gradient = load(g + i, lanes);
        sum = fma(gradient, load(values + i, lanes), sum);  // lanes beyond the end are zero
        store(out + i, add_dx ? fma(gradient, factor, load(out + i, lanes)) : gradient * factor, lanes);
      });
      float total = reduce_add(sum);
      dfactors[r] = add_dfactors ? dfactors[r] + total : total;
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
