// gemm_4bit.cu: mr_gemm_4bit: products whose B is stored in four bits. The kernels of mr_gemm dequantise it on its way into a tile (a fetch of
// gemm.h), into the type of `compute` as mr_dequantize_4bit does, so the bits are those of the product with the dense matrix, and
// memory is asked for half a byte a weight.
#include "gemm.h"

using namespace mr;

extern "C" {

MR_API int32_t mr_gemm_4bit(mr_stream* s, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                            int32_t a_dtype, const void* a, int64_t lda, int32_t kind, int64_t blocksize, const uint8_t* packed,
                            const float* absmax, int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate) {
  if (!is_activation(compute) || !is_activation(a_dtype) || !is_activation(c_dtype))
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: compute and dtypes must be fp32, bf16 or fp16 (compute %d, a %d, c %d)", compute,
                a_dtype, c_dtype);
  int64_t cols = trans_b ? k : n, rows = trans_b ? n : k;
  if (m < 0 || n < 0 || k < 1 || !is_matrix(m, k, lda) || !is_matrix(m, n, ldc) || !is_matrix(rows, cols, cols))
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: impossible sizes m %lld, n %lld, k %lld, lda %lld, ldc %lld", (long long)m,
                (long long)n, (long long)k, (long long)lda, (long long)ldc);
  if ((kind != MR_FP4 && kind != MR_NF4) || blocksize < 32 || blocksize > INT32_MAX || blocksize % 32 != 0 || cols % blocksize != 0)
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: kind %d, blocks of %lld in rows of %lld", kind, (long long)blocksize,
                (long long)cols);
  if (rows * (cols / blocksize) > INT32_MAX)
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: %lld blocks", (long long)(rows * (cols / blocksize)));
  if (m == 0 || n == 0) return MR_OK;
  if (a == nullptr || packed == nullptr || absmax == nullptr || c == nullptr)
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: a pointer is NULL");
  Product p = {};
  p.compute = compute;
  p.m = m, p.n = n, p.k = k;
  p.alpha = alpha;
  p.a = {a, lda, m, true, storage_of(a_dtype), nullptr, 0, 0, 0, 0};
  int32_t shift = (blocksize & (blocksize - 1)) == 0 ? __builtin_ctzll((uint64_t)blocksize) : -1;
  p.b = {packed, cols, n, trans_b != 0, STORED_FOUR_BIT, absmax, cols / blocksize, (int32_t)blocksize, shift, kind};
  p.c = c, p.ldc = ldc, p.c_dtype = c_dtype, p.accumulate = accumulate != 0;
  return multiply(s, "gemm_4bit", p);
}

}  // extern "C"
