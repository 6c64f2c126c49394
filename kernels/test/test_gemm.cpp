// test_gemm.cpp: mr_gemm against its definition, bit for bit, on every path this CPU runs and several thread counts.
//
// The definition (gemm_kernel.h) is written out here a second time, in the plainest way: K blocks, one chain of fmaf
// per output, blocks combined with alpha. bf16 compute on the avx512bf16 path takes k in pairs.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>

#include "../medrepro_host.h"
#include "op_check.h"

namespace {

using op_check::float_to_narrow;
using op_check::narrow_to_float;

float rounded(int32_t dtype, float f) { return dtype == MR_F32 ? f : narrow_to_float(dtype, float_to_narrow(dtype, f)); }

struct Product {
  int32_t compute, trans_a, trans_b;
  int64_t m, n, k;
  float alpha;
  int32_t a_dtype, b_dtype, c_dtype, accumulate;
};

int64_t bytes_of(int32_t dtype) { return dtype == MR_F32 ? 4 : 2; }
float get(const void* p, int32_t dtype, int64_t i) {
  return dtype == MR_F32 ? ((const float*)p)[i] : narrow_to_float(dtype, ((const uint16_t*)p)[i]);
}
void put(void* p, int32_t dtype, int64_t i, float x) {
  if (dtype == MR_F32) {
    ((float*)p)[i] = x;
  } else {
    ((uint16_t*)p)[i] = float_to_narrow(dtype, x);
  }
}

// A matrix [rows, ld] in exactly as many bytes as it has (address sanitizer sees a read beyond the end); what lies
// between cols and ld is a NaN, so that a kernel that reads it and uses it is found out.
void* matrix(int64_t rows, int64_t cols, int64_t ld, int32_t dtype, check::Random* random) {
  int64_t count = rows == 0 ? 0 : (rows - 1) * ld + cols;
  void* p = malloc((size_t)(count * bytes_of(dtype) + (count == 0)));
  for (int64_t i = 0; i < count; i++) {
    if (i % ld < cols) {
      put(p, dtype, i, random->symmetric());
    } else {
      uint32_t nan = 0x7fc07fc0;
      memcpy((char*)p + i * bytes_of(dtype), &nan, (size_t)bytes_of(dtype));
    }
  }
  return p;
}

// The K block in elements. A word of the pair kernels holds two k.
int64_t block_of(int64_t k, int64_t per_word) {
  int64_t words = (k + per_word - 1) / per_word, blocks = (words + 383) / 384;
  if (blocks == 0) return k;
  return ((words + blocks - 1) / blocks + 15) / 16 * 16 * per_word;
}

float defined(const Product& p, bool pairs, const void* a, int64_t lda, const void* b, int64_t ldb, float c, int64_t i, int64_t j) {
  int64_t block = block_of(p.k, pairs ? 2 : 1);
  bool have = p.accumulate;
  for (int64_t k0 = 0; k0 < p.k; k0 += block) {
    float sum = 0;
    for (int64_t step = k0; step < k0 + block; step++) {
      int64_t k = pairs ? step ^ 1 : step;  // VDPBF16PS adds the odd product first
      if (k >= p.k) continue;
      float x = get(a, p.a_dtype, p.trans_a ? k * lda + i : i * lda + k);
      float y = get(b, p.b_dtype, p.trans_b ? j * ldb + k : k * ldb + j);
      if (p.a_dtype != p.compute) x = rounded(p.compute, x);
      if (p.b_dtype != p.compute) y = rounded(p.compute, y);
      sum = fmaf(x, y, sum);
    }
    c = have ? fmaf(p.alpha, sum, c) : p.alpha * sum;
    have = true;
  }
  return have ? c : 0.0f;
}

constexpr int MAX_STREAMS = 8;
struct Streams {
  mr_stream* s[MAX_STREAMS];
  int count = 0;
  explicit Streams(int32_t first = 0) {
    for (int32_t isa = first; isa <= mr_cpu_best_isa(); isa++) s[count++] = mr_stream_create(0, 2, isa);
    s[count++] = mr_stream_create(0, 1, -1);
    s[count++] = mr_stream_create(0, 3, -1);
  }
  ~Streams() {
    for (int i = 0; i < count; i++) mr_stream_destroy(s[i]);
  }
};

// Checks every output when there are few, about 4000 of them otherwise (borders of tiles are hit by the stride's
// oddness).
void check_product(const Streams& streams, const Product& p, int64_t pad) {
  check::Random random = {(uint64_t)(p.m * 1000003 + p.n * 1009 + p.k)};
  int64_t a_rows = p.trans_a ? p.k : p.m, a_cols = p.trans_a ? p.m : p.k, lda = a_cols + pad;
  int64_t b_rows = p.trans_b ? p.n : p.k, b_cols = p.trans_b ? p.k : p.n, ldb = b_cols + pad;
  int64_t ldc = p.n + pad, c_count = p.m == 0 ? 0 : (p.m - 1) * ldc + p.n;
  size_t c_bytes = (size_t)(c_count * bytes_of(p.c_dtype));
  void* a = matrix(a_rows, a_cols, lda, p.a_dtype, &random);
  void* b = matrix(b_rows, b_cols, ldb, p.b_dtype, &random);
  void* c0 = matrix(p.m, p.n, ldc, p.c_dtype, &random);
  for (int si = 0; si < streams.count; si++) {
    mr_stream* s = streams.s[si];
    bool pairs = p.compute == MR_BF16 && mr_stream_isa(s) == MR_ISA_AVX512BF16;
    void* c = malloc(c_bytes + 1);
    memcpy(c, c0, c_bytes);
    int32_t code = mr_gemm(s, p.compute, p.trans_a, p.trans_b, p.m, p.n, p.k, p.alpha, p.a_dtype, a, lda, p.b_dtype, b, ldb,
                           p.c_dtype, c, ldc, p.accumulate);
    char what[200];
    snprintf(what, sizeof what, "isa %d, %d threads, compute %d, %c%c, %dx%dx%d, alpha %g, dtypes %d%d%d, accumulate %d",
             mr_stream_isa(s), mr_stream_threads(s), p.compute, p.trans_a ? 'T' : 'N', p.trans_b ? 'T' : 'N', (int)p.m, (int)p.n,
             (int)p.k, (double)p.alpha, p.a_dtype, p.b_dtype, p.c_dtype, p.accumulate);
    CHECK_MSG(code == MR_OK, "%s: %s", what, mr_last_error());
    int64_t outputs = p.m * p.n, step = outputs > 6000 ? outputs / 4000 | 1 : 1;
    for (int64_t o = 0; o < outputs; o += step) {
      int64_t i = o / p.n, j = o % p.n;
      float got = get(c, p.c_dtype, i * ldc + j), old = get(c0, p.c_dtype, i * ldc + j);
      float wanted = defined(p, pairs, a, lda, b, ldb, old, i, j);
      wanted = rounded(p.c_dtype, wanted);
      CHECK_MSG(got == wanted, "%s at (%d, %d): %.9g, not %.9g", what, (int)i, (int)j, (double)got, (double)wanted);
    }
    // padding between rows is untouched
    for (int64_t i = 0; i < c_count; i++) {
      if (i % ldc >= p.n)
        CHECK_MSG(memcmp((char*)c + i * bytes_of(p.c_dtype), (char*)c0 + i * bytes_of(p.c_dtype), (size_t)bytes_of(p.c_dtype)) == 0,
                  "%s: padding written", what);
    }
    free(c);
  }
  free(c0);
  free(b);
  free(a);
}

void check_layouts(const Streams& streams, Product p) {
  for (int layout = 0; layout < 4; layout++) {
    p.trans_a = layout & 1;
    p.trans_b = layout >> 1;
    check_product(streams, p, layout == 3 ? 5 : 0);
  }
}

}  // namespace

TEST(gemm_small_shapes) {
  Streams streams;
  const int64_t sizes[] = {1, 2, 3, 7, 15, 16, 17, 31, 33, 64};
  check::Random random = {3};
  for (int32_t compute : {MR_F32, MR_BF16, MR_F16})
    for (int64_t m : sizes)
      for (int64_t n : sizes)
        for (int64_t k : {sizes[random.below(10)], sizes[random.below(10)]})
          if (compute != MR_F16 || (m + n) % 2 == 1)
            check_layouts(streams, {compute, 0, 0, m, n, k, 1.0f, MR_F32, MR_F32, MR_F32, 0});
}

TEST(gemm_dtypes) {
  Streams streams;
  for (int kinds = 0; kinds < 27; kinds++)
    for (int32_t compute : {MR_F32, MR_BF16, MR_F16})
      for (int32_t accumulate : {0, 1})
        for (int64_t k : {9, 40, 801}) {
          int32_t a = kinds % 3, b = kinds / 3 % 3, c = kinds / 9;
          // fp16 has the arithmetic of fp32: a part of the combinations shows that it is read and written
          bool half = a == MR_F16 || b == MR_F16 || c == MR_F16 || compute == MR_F16;
          if (half && (k == 801 || accumulate == 0) && (a != compute || b != compute)) continue;
          check_layouts(streams, {compute, 0, 0, 29, 45, k, 0.75f, a, b, c, accumulate});
        }
}

// Rank-r products: each of the four kinds LoRA needs, r next to every vector width.
TEST(gemm_skinny) {
  Streams streams;
  for (int64_t r : {1, 2, 4, 8, 13, 16, 24, 32, 48, 64, 100})
    for (int kinds = 0; kinds < 9; kinds++) {
      if (check::quick && r != 13 && r != 64) continue;
      int32_t compute = kinds % 3, dtype = kinds / 3;
      if ((compute == MR_F16) != (dtype == MR_F16) && r != 8) continue;
      check_layouts(streams, {compute, 0, 0, 67, r, 400, 1.0f, dtype, dtype, MR_F32, 0});
      check_layouts(streams, {compute, 0, 0, 67, 131, r, 2.0f, dtype, dtype, dtype, 1});
      check_layouts(streams, {compute, 0, 0, r, 131, 401, 0.5f, dtype, dtype, MR_F32, 1});
    }
}

// Rows as in decoding, one more than go there together: several K blocks, a group of columns that ends early.
TEST(gemm_few_rows) {
  Streams streams;
  for (int64_t m = 1; m <= 9; m++)
    for (int32_t compute : {MR_F32, MR_BF16, MR_F16}) {
      check_layouts(streams, {compute, 0, 0, m, 35, 803, 0.5f, MR_F32, compute, compute, (int32_t)(m % 2)});
      check_layouts(streams, {compute, 0, 0, m, 70, 448, 1.0f, compute, MR_BF16, MR_F32, 0});
    }
}

TEST(gemm_large_shapes) {
  Streams streams;
  for (int32_t compute : {MR_F32, MR_BF16, MR_F16}) {
    check_layouts(streams, {compute, 0, 0, 130, 300, 800, 1.0f, compute, compute, MR_F32, 0});
    check_layouts(streams, {compute, 0, 0, 3, 70, 5000, 1.0f, compute, compute, MR_F32, 0});
    check_layouts(streams, {compute, 0, 0, 70, 5, 5000, 1.0f, compute, compute, MR_F32, 0});
    if (check::quick) continue;
    check_layouts(streams, {compute, 0, 0, 300, 130, 1200, 1.0f, MR_F32, compute, compute, 1});
    check_layouts(streams, {compute, 0, 0, 523, 70, 520, -1.5f, compute, MR_F32, MR_F32, 0});
    check_layouts(streams, {compute, 0, 0, 70, 1100, 520, 1.0f, compute, compute, MR_F32, 1});
    check_layouts(streams, {compute, 0, 0, 3, 700, 5000, 1.0f, compute, compute, MR_F32, 0});
    check_layouts(streams, {compute, 0, 0, 700, 3, 5000, 1.0f, compute, compute, compute, 0});
  }
}

// The portable path is left out: it takes seconds, and its bits have been compared above.
LARGE_TEST(gemm_training_shapes) {
  Streams streams(MR_ISA_AVX2);
  for (int32_t compute : {MR_F32, MR_BF16}) {
    check_layouts(streams, {compute, 0, 0, 512, 1024, 1024, 1.0f, compute, compute, MR_F32, 0});
    check_layouts(streams, {compute, 0, 0, 1024, 256, 688, 1.0f, compute, compute, MR_F32, 0});
  }
}

// The serial interface of attention, on the paths that are always there. Same bits as the op.
#define SERIAL(path)                                                                                                           \
  namespace mr {                                                                                                               \
  namespace path {                                                                                                             \
  int32_t gemm_serial(int32_t, int32_t, int32_t, int64_t, int64_t, int64_t, float, const void*, int64_t, int32_t, const void*, \
                      int64_t, int32_t, float*, int64_t, int32_t);                                                             \
  int64_t pack_b_bytes(int32_t, int64_t, int64_t);                                                                             \
  void pack_b(int32_t, int32_t, int64_t, int64_t, const void*, int64_t, int32_t, void*);                                       \
  int32_t gemm_packed(int32_t, int32_t, int64_t, int64_t, int64_t, float, const void*, int64_t, int32_t, const void*, float*,  \
                      int64_t, int32_t);                                                                                       \
  }                                                                                                                            \
  }
SERIAL(portable)
#if defined(MR_HAS_AVX512BF16)
SERIAL(avx512bf16)
#endif

TEST(gemm_serial_is_gemm) {
  for (int32_t isa : {MR_ISA_PORTABLE, MR_ISA_AVX512BF16}) {
#if !defined(MR_HAS_AVX512BF16)
    if (isa != MR_ISA_PORTABLE) continue;
#endif
    if (isa > mr_cpu_best_isa()) continue;
    mr_stream* s = mr_stream_create(0, 2, isa);
    check::Random random = {11};
    for (int round = 0; round < 200; round++) {
      int64_t m = 1 + random.below(90), n = 1 + random.below(300), k = 1 + random.below(round % 10 == 0 ? 900 : 130);
      int32_t compute = (int32_t)random.below(3), ta = (int32_t)random.below(2), tb = (int32_t)random.below(2);
      int32_t da = (int32_t)random.below(3), db = (int32_t)random.below(3), accumulate = (int32_t)random.below(2);
      int64_t lda = (ta ? m : k) + random.below(3), ldb = (tb ? k : n) + random.below(3), bytes = 0;
      void* a = matrix(ta ? k : m, ta ? m : k, lda, da, &random);
      void* b = matrix(tb ? n : k, tb ? k : n, ldb, db, &random);
      float* c[3];
      c[0] = (float*)matrix(m, n, n, MR_F32, &random);
      for (int i = 1; i < 3; i++) memcpy(c[i] = (float*)malloc((size_t)(m * n * 4)), c[0], (size_t)(m * n * 4));
      mr_gemm(s, compute, ta, tb, m, n, k, 0.5f, da, a, lda, db, b, ldb, MR_F32, c[0], n, accumulate);
#define RUN(path)                                                                                     \
  mr::path::gemm_serial(compute, ta, tb, m, n, k, 0.5f, a, lda, da, b, ldb, db, c[1], n, accumulate); \
  bytes = mr::path::pack_b_bytes(compute, n, k);                                                      \
  void* packed = aligned_alloc(64, (size_t)((bytes + 63) / 64 * 64));                                 \
  mr::path::pack_b(compute, tb, n, k, b, ldb, db, packed);                                            \
  mr::path::gemm_packed(compute, ta, m, n, k, 0.5f, a, lda, da, packed, c[2], n, accumulate);         \
  free(packed)
      if (isa == MR_ISA_PORTABLE) {
        RUN(portable);
#if defined(MR_HAS_AVX512BF16)
      } else {
        RUN(avx512bf16);
#endif
      }
      for (int i = 1; i < 3; i++)
        CHECK_MSG(memcmp(c[0], c[i], (size_t)(m * n * 4)) == 0, "isa %d, %dx%dx%d, way %d", isa, (int)m, (int)n, (int)k, i);
      for (float* p : c) free(p);
      free(b);
      free(a);
    }
    mr_stream_destroy(s);
  }
}

// Multiplying nothing is allowed; sizes that make no sense are not.
TEST(gemm_edges) {
  mr_stream* s = mr_stream_create(0, 2, -1);
  float a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 4}, c[4] = {5, 6, 7, 8};
  auto gemm = [&](int64_t m, int64_t n, int64_t k, int64_t lda, int64_t ldb, int64_t ldc, int32_t accumulate) {
    return mr_gemm(s, MR_F32, 0, 0, m, n, k, 1.0f, MR_F32, a, lda, MR_F32, b, ldb, MR_F32, c, ldc, accumulate);
  };
  CHECK(gemm(0, 2, 2, 2, 2, 2, 0) == MR_OK && gemm(2, 0, 2, 2, 2, 2, 0) == MR_OK && c[0] == 5);
  CHECK(gemm(2, 2, 0, 2, 2, 2, 1) == MR_OK && c[0] == 5 && c[3] == 8);
  CHECK(gemm(2, 2, 0, 2, 2, 2, 0) == MR_OK && c[0] == 0 && c[3] == 0);
  CHECK(gemm(-1, 2, 2, 2, 2, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(gemm(2, 2, 2, 1, 2, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(gemm(2, 2, 2, 2, 1, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(gemm(2, 2, 2, 2, 2, 1, 0) == MR_ERR_ARGUMENT);
  CHECK(gemm(INT64_MAX, 2, 2, 2, 2, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(gemm(INT64_C(1) << 40, INT64_C(1) << 40, 2, 2, INT64_C(1) << 40, INT64_C(1) << 40, 0) == MR_ERR_ARGUMENT);
  CHECK(mr_gemm(s, MR_F32, 0, 0, 2, 2, 2, 1.0f, MR_F64, a, 2, MR_F32, b, 2, MR_F32, c, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(mr_gemm(s, 7, 0, 0, 2, 2, 2, 1.0f, MR_F32, a, 2, MR_F32, b, 2, MR_F32, c, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(mr_gemm(s, MR_F32, 0, 0, 2, 2, 2, 1.0f, MR_F32, nullptr, 2, MR_F32, b, 2, MR_F32, c, 2, 0) == MR_ERR_ARGUMENT);
  CHECK(mr_gemm(nullptr, MR_F32, 0, 0, 2, 2, 2, 1.0f, MR_F32, a, 2, MR_F32, b, 2, MR_F32, c, 2, 0) == MR_ERR_ARGUMENT);
  mr_stream_destroy(s);
}
