// gemm_low_rank.cu: a product and its low-rank update in one pass over the output.
//
// V is a parameter in fp32: it is made 16 bits wide in workspace first, in rows at multiples of 16 bytes. Shapes that fill no large
// tiles, and fp32, take two products.
#include "gemm.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

template <class T>
__global__ void narrow_kernel(int64_t rows, int64_t cols, const void* x, int32_t dtype, int64_t ldx, T* y, int64_t ldy) {
  int64_t i = global_thread();
  if (i < rows * cols) store(y, i / cols * ldy + i % cols, load_as_float(x, dtype, i / cols * ldx + i % cols));
}

// A stored matrix of rows x cols in 16 bits: as it is when it has them, or does not fit into workspace; else a copy there. The bits of
// the product are the same: converting is what it would do.
Operand narrowed(mr_stream* s, int32_t compute, const Operand& x, int64_t rows, int64_t cols, int32_t dtype) {
  if (dtype == compute) return x;
  Operand y = x;
  y.storage = storage_of(compute);
  y.ld = divide_up(cols, 8) * 8;
  int64_t bytes = rows * y.ld * 2;
  void* copy = bytes <= WORKSPACE_LIMIT ? workspace(s, bytes) : nullptr;
  if (copy == nullptr) return x;
  dim3 grid((unsigned)divide_up(rows * cols, THREADS));
  int32_t code = compute == MR_BF16
                     ? launch(s, "gemm_low_rank", narrow_kernel<bf16>, grid, dim3(THREADS), 0, rows, cols, x.data, dtype, x.ld,
                              static_cast<bf16*>(copy), y.ld)
                     : launch(s, "gemm_low_rank", narrow_kernel<f16>, grid, dim3(THREADS), 0, rows, cols, x.data, dtype, x.ld,
                              static_cast<f16*>(copy), y.ld);
  y.data = copy;
  return code == MR_OK ? y : x;
}

}  // namespace
}  // namespace mr

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
    if (takes_update(p)) {
      p.v = narrowed(s, compute, p.v, trans_b ? n : rank, trans_b ? rank : n, v_dtype);
      return multiply(s, "gemm_low_rank", p);
    }
  }
  MR_TRY(mr_gemm(s, compute, 0, trans_b, m, n, k, 1.0f, a_dtype, a, lda, b_dtype, b, ldb, c_dtype, c, ldc, accumulate));
  return mr_gemm(s, compute, 0, trans_b, m, n, rank, alpha, u_dtype, u, ldu, v_dtype, v, ldv, c_dtype, c, ldc, 1);
}

}  // extern "C"
