// scale_rows.cu: rows times a factor each, and the gradients: the A * E of AdaLoRA's singular value form.
#include "rows.h"

namespace mr {
namespace {

constexpr int N = Pack<float>::N;

__global__ void forward_kernel(int64_t rows, int64_t cols, const float* x, const float* factors, float* y) {
  int64_t row = own_row();
  if (row >= rows) return;
  float factor = factors[row];
  for (int64_t c = threadIdx.x * N; c < cols; c += blockDim.x * N) {
    Pack<float> v = load_pack(x + row * cols, c, cols);
    for (int j = 0; j < N; j++) v.x[j] *= factor;
    store_pack(y + row * cols, c, cols, v);
  }
}

__global__ void backward_kernel(int64_t rows, int64_t cols, const float* dy, const float* x, const float* factors, float* dx,
                                bool accumulate_dx, float* dfactors, bool accumulate_dfactors) {
  RowShared& shared = shared_memory<RowShared>();
  int64_t row = own_row();
  bool mine = row < rows;
  float factor = mine ? factors[row] : 0, sum = 0;
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Pack<float> g = load_pack(dy + row * cols, c, cols), v = load_pack(x + row * cols, c, cols);
    for (int j = 0; j < N; j++) sum = fmaf(g.x[j], v.x[j], sum);  // beyond the end both are zero
    if (accumulate_dx) {
      Pack<float> before = load_pack(dx + row * cols, c, cols);
      for (int j = 0; j < N; j++) g.x[j] = fmaf(g.x[j], factor, before.x[j]);
    } else {
      for (int j = 0; j < N; j++) g.x[j] *= factor;
    }
    store_pack(dx + row * cols, c, cols, g);
  }
  float total = row_sum(sum, shared);
  if (mine && threadIdx.x == 0) dfactors[row] = accumulate_dfactors ? dfactors[row] + total : total;
}

int32_t check_rows(const char* op, int64_t rows, int64_t cols) {
  MR_REQUIRE(rows >= 0 && cols >= 0, "%s: %lld rows of %lld", op, (long long)rows, (long long)cols);
  return MR_OK;
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_scale_rows(mr_stream* s, int64_t rows, int64_t cols, const float* x, const float* factors, float* y) {
  MR_TRY(check_rows("scale_rows", rows, cols));
  MR_REQUIRE(rows * cols == 0 || (x && factors && y), "scale_rows: x, factors and y must not be NULL");
  if (cols == 0) return MR_OK;
  dim3 block = row_block(cols, N);
  return launch(s, "scale_rows", forward_kernel, row_grid(rows, block), block, 0, rows, cols, x, factors, y);
}

MR_API int32_t mr_scale_rows_backward(mr_stream* s, int64_t rows, int64_t cols, const float* dy, const float* x,
                                      const float* factors, float* dx, int32_t accumulate_dx, float* dfactors,
                                      int32_t accumulate_dfactors) {
  MR_TRY(check_rows("scale_rows_backward", rows, cols));
  MR_REQUIRE(rows == 0 || (factors && dfactors), "scale_rows_backward: factors and dfactors must not be NULL");
  MR_REQUIRE(rows * cols == 0 || (dy && x && dx), "scale_rows_backward: dy, x and dx must not be NULL");
  dim3 block = row_block(cols, N);
  return launch(s, "scale_rows_backward", backward_kernel, row_grid(rows, block), block, sizeof(RowShared), rows, cols, dy, x,
                factors, dx, accumulate_dx != 0, dfactors, accumulate_dfactors != 0);
}

}  // extern "C"
