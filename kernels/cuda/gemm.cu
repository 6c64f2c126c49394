// gemm.cu: mr_gemm: which kernel computes a product, and the sums over parts of K.
//
//   gemm_fp32.cu   compute fp32: fmaf chains, the bits of the CPU
//   gemm_few.cu    16-bit compute, at most 8 rows or 8 columns, both along k: decoding, small ranks; as fast as memory is
//   gemm_thin.cu   bf16 compute on compute capability 9.0 where one side has at most 64 rows: LoRA's factors; as fast as memory is
//   gemm_mma.cu    16-bit compute on any card: mma.sync fed by a ring of late copies (cp.async)
//   gemm_wgmma.cu  16-bit compute on compute capability 9.0, when tiles of 128 are filled: wgmma fed by TMA
//
// All are written here and not taken from CUTLASS: one kernel of CUTLASS for sm_90a compiles for 16 to 29 s in up to 3.5 GB of
// memory where these take a few seconds each; it would be a dependency to be fetched, for an optional back end; and it cannot be
// compiled for the emulation, so nothing of it could be checked where there is no GPU: every access of these kernels is.
//
// Products that share A, join a residual or end in a gated unit are one launch where gemm_few.cu computes them; gemm_thin.cu joins a
// residual; elsewhere they are the ops they replace.
//
// The order of an output's sums depends on m, n, k, layout and `compute` alone: the same kernel takes operands of every alignment and
// storage, fed otherwise; what gemm_thin.cu's copies cannot bring goes to gemm_mma.cu, which cuts K in the same places.
#include <string.h>

#include "gemm.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

__global__ void zero_kernel(int64_t m, int64_t n, Output out) {
  int64_t i = global_thread();
  if (i < m * n) store_as(out.c, out.dtype, i / n * out.ldc + i % n, 0.0f);
}

__global__ void add_parts_kernel(int64_t n, int64_t count, const float* partial, int64_t parts, Output out) {
  int64_t i = global_thread();
  if (i >= count) return;
  float sum = partial[i];
  for (int64_t part = 1; part < parts; part++) sum += partial[part * count + i];
  put(out, i / n * out.ldc + i % n, sum);
}

// c[m,n] (+)= op(A) op(B) of dense matrices.
Product product_of(int32_t compute, bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, int32_t a_dtype, const void* a,
                   int64_t lda, int32_t b_dtype, const void* b, int64_t ldb, int32_t c_dtype, void* c, int64_t ldc) {
  Product p = {};
  p.compute = compute;
  p.m = m, p.n = n, p.k = k;
  p.alpha = 1.0f;
  p.a = {a, lda, m, !trans_a, storage_of(a_dtype), nullptr, 0, 0, 0, 0};
  p.b = {b, ldb, n, trans_b, storage_of(b_dtype), nullptr, 0, 0, 0, 0};
  p.c = c, p.ldc = ldc, p.c_dtype = c_dtype;
  return p;
}

int32_t check_linear(const char* op, int32_t compute, int64_t m, int64_t n, int64_t k, int32_t a_dtype, const void* a,
                     int32_t b_dtype, const void* b, int32_t c_dtype, const void* c) {
  MR_REQUIRE(is_activation(compute) && is_activation(a_dtype) && is_activation(b_dtype) && is_activation(c_dtype),
             "%s: compute and dtypes must be fp32, bf16 or fp16 (compute %d, a %d, b %d, c %d)", op, compute, a_dtype, b_dtype,
             c_dtype);
  MR_REQUIRE(m >= 0 && n >= 0 && k >= 1 && is_matrix(m, k, k) && is_matrix(n, k, k) && is_matrix(m, n, n),
             "%s: impossible sizes m %lld, n %lld, k %lld", op, (long long)m, (long long)n, (long long)k);
  MR_REQUIRE(m == 0 || n == 0 || (a && b && c), "%s: a pointer is NULL", op);
  return MR_OK;
}

}  // namespace

int32_t add_parts(mr_stream* s, const char* op, const Product& p, const float* partial, int64_t parts) {
  int64_t count = p.m * p.n;
  return launch(s, op, add_parts_kernel, dim3((unsigned)divide_up(count, THREADS)), dim3(THREADS), 0, p.n, count, partial, parts,
                output_of(p));
}

bool takes_update(const Product& p) {
  // whole tiles for all multiprocessors: then K is not split, by any kernel
  bool large = divide_up(p.m, 128) * divide_up(p.n, 128) >= AIMED_MULTIPROCESSORS && p.k >= 64;
  return large && p.compute != MR_F32 && p.alpha == 1.0f && p.a.along_k;
}

bool takes_few(const Product& p) {
  return p.compute != MR_F32 && p.a.along_k && p.b.along_k && (p.m <= 8 || p.n <= 8) && p.rank == 0;
}

namespace {

// Whether the kernel for the shape joins a residual.
bool takes_residual(const mr_stream* s, const Product& p) {
  return takes_few(p) || (s->wgmma && is_thin(p) && copies_by_16(p.a, p.compute) && copies_by_16(p.b, p.compute));
}

// Products that are worth a pass over small operands in fp32 first: otherwise every tile converts them again.
#ifdef MR_EMULATED
constexpr int64_t WORTH_ARRANGING = 1 << 20;
#else
constexpr int64_t WORTH_ARRANGING = 1 << 28;
#endif

int32_t arrange_parameters(mr_stream* s, const char* op, Product* p) {
  auto each = [&](Operand* x, int64_t k, float factor) {
    return x->storage == STORED_F32 ? arrange(s, op, p->compute, k, x->along_k, factor, &p->reserved, x) : MR_OK;
  };
  MR_TRY(each(&p->a, p->k, 1.0f));
  MR_TRY(each(&p->b, p->k, 1.0f));
  if (p->rank == 0) return MR_OK;
  MR_TRY(each(&p->u, p->rank, 1.0f));
  // a power of two changes no digit, wherever it is multiplied; bf16 has room for it
  uint32_t bits;
  memcpy(&bits, &p->update, 4);
  bool folds = p->compute == MR_BF16 && p->v.storage == STORED_F32 && p->update > 0 && (bits & 0x7fffff) == 0;
  const void* before = p->v.data;
  MR_TRY(each(&p->v, p->rank, folds ? p->update : 1.0f));
  if (folds && p->v.data != before) p->update = 1.0f;
  return MR_OK;
}

}  // namespace

int32_t multiply(mr_stream* s, const char* op, const Product& given) {
  Product p = given;
  if (p.compute == MR_F32) return gemm_fp32(s, op, p);
  if (takes_few(p)) return gemm_few(s, op, &p, 1);
  if (s->wgmma && is_thin(p) && copies_by_16(p.m > p.n ? p.a : p.b, p.compute)) return gemm_thin(s, op, p);
  if (p.m * p.n >= WORTH_ARRANGING / p.k) MR_TRY(arrange_parameters(s, op, &p));
  // two transposes at once never happen in training: no kernel is compiled for them
  if (s->wgmma && p.m > 64 && p.n > 64 && p.k >= 64 && (p.a.along_k || !p.b.along_k)) return gemm_wgmma(s, op, p);
  return gemm_mma(s, op, p);
}

}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_gemm(mr_stream* s, int32_t compute, int32_t trans_a, int32_t trans_b, int64_t m, int64_t n, int64_t k,
                       float alpha, int32_t a_dtype, const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb,
                       int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate) {
  if (!is_activation(compute) || !is_activation(a_dtype) || !is_activation(b_dtype) || !is_activation(c_dtype))
    return fail(MR_ERR_ARGUMENT, "mr_gemm: compute and dtypes must be fp32, bf16 or fp16 (compute %d, a %d, b %d, c %d)", compute,
                a_dtype, b_dtype, c_dtype);
  if (m < 0 || n < 0 || k < 0 || !is_matrix(trans_a ? k : m, trans_a ? m : k, lda) ||
      !is_matrix(trans_b ? n : k, trans_b ? k : n, ldb) || !is_matrix(m, n, ldc))
    return fail(MR_ERR_ARGUMENT, "mr_gemm: impossible sizes m %lld, n %lld, k %lld, lda %lld, ldb %lld, ldc %lld", (long long)m,
                (long long)n, (long long)k, (long long)lda, (long long)ldb, (long long)ldc);
  if (m == 0 || n == 0) return MR_OK;
  if (c == nullptr || (k > 0 && (a == nullptr || b == nullptr))) return fail(MR_ERR_ARGUMENT, "mr_gemm: a pointer is NULL");
  Product p = product_of(compute, trans_a != 0, trans_b != 0, m, n, k, a_dtype, a, lda, b_dtype, b, ldb, c_dtype, c, ldc);
  p.alpha = alpha, p.accumulate = accumulate != 0;
  if (k > 0) return multiply(s, "gemm", p);
  if (accumulate) return MR_OK;
  return launch(s, "gemm", zero_kernel, dim3((unsigned)divide_up(m * n, THREADS)), dim3(THREADS), 0, m, n, output_of(p));
}

MR_API int32_t mr_gemm_several(mr_stream* s, int32_t compute, int64_t m, int64_t k, int32_t a_dtype, const void* a, int32_t b_dtype,
                               int64_t n0, const void* b0, int64_t n1, const void* b1, int64_t n2, const void* b2, int32_t c_dtype,
                               void* c0, void* c1, void* c2) {
  const int64_t n[MOST_PRODUCTS] = {n0, n1, n2};
  const void* b[MOST_PRODUCTS] = {b0, b1, b2};
  void* c[MOST_PRODUCTS] = {c0, c1, c2};
  Product products[MOST_PRODUCTS];
  int count = 0;
  bool few = m <= 8;
  for (int i = 0; i < MOST_PRODUCTS; i++) {
    MR_TRY(check_linear("gemm_several", compute, m, n[i], k, a_dtype, a, b_dtype, b[i], c_dtype, c[i]));
    if (m == 0 || n[i] == 0) continue;
    products[count] = product_of(compute, false, true, m, n[i], k, a_dtype, a, k, b_dtype, b[i], k, c_dtype, c[i], n[i]);
    few = few && takes_few(products[count]);
    count++;
  }
  if (few && count > 0) return gemm_few(s, "gemm_several", products, count);
  for (int i = 0; i < count; i++) MR_TRY(multiply(s, "gemm_several", products[i]));
  return MR_OK;
}

MR_API int32_t mr_gemm_gated(mr_stream* s, int32_t compute, int32_t kind, int64_t m, int64_t n, int64_t k, int32_t a_dtype,
                             const void* a, int32_t b_dtype, const void* bg, const void* bu, int32_t c_dtype, void* gate, void* up,
                             void* y) {
  MR_REQUIRE(kind == MR_GATE_SILU || kind == MR_GATE_GELU, "gemm_gated: kind %d", kind);
  MR_TRY(check_linear("gemm_gated", compute, m, n, k, a_dtype, a, b_dtype, bg, c_dtype, gate));
  MR_TRY(check_linear("gemm_gated", compute, m, n, k, a_dtype, a, b_dtype, bu, c_dtype, up));
  if (m == 0 || n == 0) return MR_OK;
  MR_REQUIRE(y != nullptr, "gemm_gated: a pointer is NULL");
  const Product both[] = {product_of(compute, false, true, m, n, k, a_dtype, a, k, b_dtype, bg, k, c_dtype, gate, n),
                          product_of(compute, false, true, m, n, k, a_dtype, a, k, b_dtype, bu, k, c_dtype, up, n)};
  if (takes_gated(both)) return gemm_few_gated(s, "gemm_gated", both, kind, y);
  for (const Product& p : both) MR_TRY(multiply(s, "gemm_gated", p));
  return (kind == MR_GATE_SILU ? mr_swiglu_forward : mr_geglu_forward)(s, c_dtype, m * n, gate, up, y);
}

MR_API int32_t mr_gemm_residual(mr_stream* s, int32_t compute, int64_t m, int64_t n, int64_t k, int32_t a_dtype, const void* a,
                                int32_t b_dtype, const void* b, int32_t c_dtype, const void* r, void* c) {
  MR_TRY(check_linear("gemm_residual", compute, m, n, k, a_dtype, a, b_dtype, b, c_dtype, c));
  if (m == 0 || n == 0) return MR_OK;
  MR_REQUIRE(r != nullptr, "gemm_residual: a pointer is NULL");
  Product p = product_of(compute, false, true, m, n, k, a_dtype, a, k, b_dtype, b, k, c_dtype, c, n);
  if (takes_residual(s, p)) {
    p.residual = r;
    return multiply(s, "gemm_residual", p);
  }
  MR_TRY(multiply(s, "gemm_residual", p));
  return mr_add(s, c_dtype, m * n, r, c, c);
}

}  // extern "C"
