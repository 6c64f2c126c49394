// gemm.cpp: mr_gemm.
#include "gemm_pack.h"
#include "gemm_serial.h"

namespace mr {
namespace MR_PATH {

int32_t gemm(mr_stream* s, int32_t compute, int32_t trans_a, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha,
             int32_t a_dtype, const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb, int32_t c_dtype,
             void* c, int64_t ldc, int32_t accumulate) {
  (void)s;
  if (c_dtype != MR_F32) return fail(MR_ERR_ARGUMENT, "mr_gemm: not yet");
  return gemm_serial(compute, trans_a, trans_b, m, n, k, alpha, a, lda, a_dtype, b, ldb, b_dtype, (float*)c, ldc, accumulate);
}

}  // namespace MR_PATH
}  // namespace mr
