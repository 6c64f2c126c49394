// gemm_serial.h: matrix products on the calling thread, for ops that are parallel on the outside (attention: one task
// per head and block of rows). The same definition and bits as mr_gemm (gemm_kernel.h).
//
// C fp32 [m, n] = alpha * op(A)[m, k] op(B)[k, n] (+ C when accumulate); trans_* and ld* as in mr_gemm; dtypes and
// compute MR_F32, MR_BF16 or MR_F16. Uses the calling thread's SCRATCH_PACK_A and SCRATCH_PACK_B. Returns MR_OK
// or MR_ERR_MEMORY (fail() has been called). Arguments are not checked.
#pragma once

#include "stream.h"

namespace mr {
namespace MR_PATH {

int32_t gemm_serial(int32_t compute, int32_t trans_a, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha, const void* a,
                    int64_t lda, int32_t a_dtype, const void* b, int64_t ldb, int32_t b_dtype, float* c, int64_t ldc,
                    int32_t accumulate);

// For several products with one B (a head's keys against many blocks of queries): pack op(B) [k, n] once, in
// pack_b_bytes() bytes of the caller's, 64-byte aligned; then gemm_packed any number of times, on any thread.
// gemm_packed uses only SCRATCH_PACK_A.
int64_t pack_b_bytes(int32_t compute, int64_t n, int64_t k);
void pack_b(int32_t compute, int32_t trans_b, int64_t n, int64_t k, const void* b, int64_t ldb, int32_t b_dtype, void* packed);
int32_t gemm_packed(int32_t compute, int32_t trans_a, int64_t m, int64_t n, int64_t k, float alpha, const void* a, int64_t lda,
                    int32_t a_dtype, const void* packed, float* c, int64_t ldc, int32_t accumulate);

}  // namespace MR_PATH
}  // namespace mr
