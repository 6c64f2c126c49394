// gemm_few.h: few rows of A against a B that is contiguous along k, as when tokens are generated: every weight is used once or a few
// times, so what counts is to read B's rows from end to end and to keep several chains of fmas going.
#pragma once

#include "gemm_pack.h"

namespace mr {
namespace MR_PATH {

// Rows of A up to which this is the fastest way.
constexpr int64_t FEW_ROWS = 8;

// Columns [col0, col0 + cols) of C, all of K: C = alpha * A B (+ C when accumulate), as gemm_kernel.h defines it. a: K blocks
// of the panels of m rows, as pack_a_block makes them, one after another.
void multiply_few(Mode mode, int64_t m, const float* a, const Operand& b, int64_t col0, int64_t cols, float alpha, int32_t c_dtype,
                  void* c, int64_t ldc, bool accumulate);

}  // namespace MR_PATH
}  // namespace mr
