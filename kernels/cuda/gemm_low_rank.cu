// gemm_low_rank.cu: a product and its low-rank update in one pass over the output.
//
// Shapes that fill no large tiles, and fp32, take two products.
#include "gemm.h"

using namespace mr;

extern "C" {

MR_API int32_t mr_gemm_low_rank(mr_stream* s, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, int32_t a_dtype,
                                const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb, int64_t rank, float alpha,
                                int32_t u_dtype, const void* u, int64_t ldu, int32_t v_dtype, const void* v, int64_t ldv,
                                int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate) {
  bool valid = is_activation(compute) && is_activation(a_dtype) && is_activation(b_dtype) && is_activation(u_dtype) &&
               is_activation(v_dtype) && is_activation(c_dtype) && m > 0 && n > 0 && k > 0 && rank > 0 && is_matrix(m, k, lda) &&
               is_matrix(trans_b ? n : k, trans_b ? k : n, ldb) && is_matrix(m, rank, ldu) &&
               is_matrix(trans_b ? n : rank, trans_b ? rank : n, ldv) && is_matrix(m, n, ldc) && a && b && u && v && c;
  if (valid && compute != MR_F32) {
    Product p = {};
    p.compute = compute;
    p.m = m, p.n = n, p.k = k;
    p.alpha = 1.0f;
    p.a = {a, lda, m, true, storage_of(a_dtype), nullptr, 0, 0, 0, 0};
    p.b = {b, ldb, n, trans_b != 0, storage_of(b_dtype), nullptr, 0, 0, 0, 0};
    p.c = c, p.ldc = ldc, p.c_dtype = c_dtype, p.accumulate = accumulate != 0;
    p.rank = rank, p.update = alpha;
    p.u = {u, ldu, m, true, storage_of(u_dtype), nullptr, 0, 0, 0, 0};
    p.v = {v, ldv, n, trans_b != 0, storage_of(v_dtype), nullptr, 0, 0, 0, 0};
    if (takes_update(p)) return multiply(s, "gemm_low_rank", p);
  }
  MR_TRY(mr_gemm(s, compute, 0, trans_b, m, n, k, 1.0f, a_dtype, a, lda, b_dtype, b, ldb, c_dtype, c, ldc, accumulate));
  return mr_gemm(s, compute, 0, trans_b, m, n, rank, alpha, u_dtype, u, ldu, v_dtype, v, ldv, c_dtype, c, ldc, 1);
}

}  // extern "C"
