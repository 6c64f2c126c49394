// gemm_kernel.cpp: the micro-kernels. See gemm_kernel.h for what they compute.
//
// All of them are one template: Rows x V vectors of sums in registers; per k, V vectors of B and one broadcast per
// row of A. What differs is where a word comes from: packed, or read in place.
#include "gemm_kernel.h"

#include "op.h"

namespace mr {
namespace MR_PATH {

enum Source {
  PACKED,        // in the order of use
  DIRECT,        // words in place
  DIRECT_PAIRS,  // B in bf16: two rows make the words
};

template <bool Pair>
MR_INLINE V16 multiply_add(V16 a, V16 b, V16 sum) {
#if defined(__AVX512BF16__)
  if (Pair) return {_mm512_dpbf16_ps(sum.v, (__m512bh)a.v, (__m512bh)b.v)};
#endif
  return fma(a, b, sum);
}

#if defined(__AVX512BF16__)
// Two neighbouring rows of bf16 -> words: the first row in the low halves.
MR_INLINE void load_pairs(const char* p, int64_t row, V16 words[2]) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4, 35,
                                       3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  __m512i even = _mm512_loadu_si512(p), odd = _mm512_loadu_si512(p + row);
  words[0].v = _mm512_castsi512_ps(_mm512_permutex2var_epi16(even, low, odd));
  words[1].v = _mm512_castsi512_ps(_mm512_permutex2var_epi16(even, high, odd));
}
MR_INLINE void load_pairs(const char* p, int64_t row, V16 words[1], int) {
  __m512i even = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p));
  __m512i odd = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(p + row)));
  words[0].v = _mm512_castsi512_ps(_mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
}
#endif

template <int V, Source B>
MR_INLINE void load_b(const char* b, int64_t b_row, V16 words[V]) {
#if defined(__AVX512BF16__)
  if (B == DIRECT_PAIRS && V == 2) return load_pairs(b, b_row, words);
  if (B == DIRECT_PAIRS) return load_pairs(b, b_row, words, 1);
#else
  (void)b_row;
#endif
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) words[v] = load((const float*)b + v * LANES);
}

template <class Lanes>
MR_INLINE V16 load_c(const void* p, int32_t dtype, int64_t at, Lanes lanes) {
  if (dtype == MR_BF16) return load((const bf16*)p + at, lanes);
  return dtype == MR_F16 ? load((const f16*)p + at, lanes) : load((const float*)p + at, lanes);
}

// The slow way out, for 16-bit, partial and transposed tiles: sums [rows, width] -> target.
static __attribute__((noinline)) void finish(const float* sums, int rows, int width, int n, float alpha, const Target& t) {
  float transposed[NR * TALL_MR];  // [n, rows]
  int outer = rows, inner = n, step = width;
  if (t.transposed) {
    for (int j = 0; j < n; j++)
      for (int i = 0; i < rows; i++) transposed[j * rows + i] = sums[i * width + j];
    sums = transposed, outer = n, inner = rows, step = rows;
  }
  for (int i = 0; i < outer; i++) {
    each_vector(0, inner, [&](int64_t j, auto lanes) {
      V16 sum = load(sums + i * step + j, lanes), c = splat(alpha) * sum;
      if (t.previous != nullptr) c = fma(splat(alpha), sum, load_c(t.previous, t.previous_dtype, i * t.previous_ld + j, lanes));
      if (t.out_dtype == MR_BF16) {
        store((bf16*)t.out + i * t.out_ld + j, c, lanes);
      } else if (t.out_dtype == MR_F16) {
        store((f16*)t.out + i * t.out_ld + j, c, lanes);
      } else {
        store((float*)t.out + i * t.out_ld + j, c, lanes);
      }
    });
  }
}

// a_row: bytes between rows of a direct A. b_row: bytes between words of B along k (between elements, for pairs).
typedef void (*Kernel)(int64_t kc, const char* a, int64_t a_row, const char* b, int64_t b_row, int n, float alpha, const Target& t);

template <bool Pair, int Rows, int V, Source A, Source B>
static void kernel(int64_t kc, const char* __restrict a, int64_t a_row, const char* __restrict b, int64_t b_row, int n, float alpha,
                   const Target& t) {
  constexpr int WIDTH = V * LANES;
  bool simple = n == WIDTH && !t.transposed && t.out_dtype == MR_F32 && (t.previous == nullptr || t.previous_dtype == MR_F32);
  V16 c[Rows][V];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) c[i][v] = splat(0.0f);
  }
  if (simple) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
      const char* row = (const char*)t.out + i * t.out_ld * 4;
      __builtin_prefetch(row, 1);
      if (V == 2) __builtin_prefetch(row + 64, 1);
    }
  }
  const int64_t b_step = B == DIRECT_PAIRS ? 2 * b_row : b_row;
  for (int64_t k = 0; k < kc; k++) {
    V16 words[V];
    load_b<V, B>(b, b_row, words);
    if (B != PACKED) {
      // rows of B are pages apart: the hardware does not see the pattern
      __builtin_prefetch(b + 12 * b_step);
      if (B == DIRECT_PAIRS) __builtin_prefetch(b + 12 * b_step + b_row);
      if (B == DIRECT && V == 2) __builtin_prefetch(b + 12 * b_step + 64);
    }
    const char* ak = A == PACKED ? a + k * (Rows * 4) : a + k * 4;
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
      float word;
      memcpy(&word, A == PACKED ? ak + i * 4 : ak + i * a_row, 4);
      V16 x = splat(word);
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) c[i][v] = multiply_add<Pair>(x, words[v], c[i][v]);
    }
    b += b_step;
  }
  if (!simple) {
    alignas(64) float sums[Rows * WIDTH];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) store(sums + i * WIDTH + v * LANES, c[i][v]);
    }
    finish(sums, Rows, WIDTH, n, alpha, t);
    return;
  }
  float* out = (float*)t.out;
  const float* previous = (const float*)t.previous;
  V16 factor = splat(alpha);
  if (previous != nullptr) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < V; v++)
        store(out + i * t.out_ld + v * LANES, fma(factor, c[i][v], load(previous + i * t.previous_ld + v * LANES)));
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) store(out + i * t.out_ld + v * LANES, factor * c[i][v]);
    }
  }
}

// ---- tables, indexed by the number of rows ------------------------------------------------------------------------

#if defined(__AVX512F__)
#define MR_TABLE_8_(Pair, V, A, B)                                                                                 \
  nullptr, kernel<Pair, 1, V, A, B>, kernel<Pair, 2, V, A, B>, kernel<Pair, 3, V, A, B>, kernel<Pair, 4, V, A, B>, \
      kernel<Pair, 5, V, A, B>, kernel<Pair, 6, V, A, B>, kernel<Pair, 7, V, A, B>, kernel<Pair, 8, V, A, B>
#define MR_TABLE_14_(Pair, V, A, B)                                                                           \
  MR_TABLE_8_(Pair, V, A, B), kernel<Pair, 9, V, A, B>, kernel<Pair, 10, V, A, B>, kernel<Pair, 11, V, A, B>, \
      kernel<Pair, 12, V, A, B>, kernel<Pair, 13, V, A, B>, kernel<Pair, 14, V, A, B>
#define MR_TABLE_16_(Pair, V, A, B) MR_TABLE_14_(Pair, V, A, B), kernel<Pair, 15, V, A, B>, kernel<Pair, 16, V, A, B>
#elif defined(__AVX2__)
#define MR_TABLE_8_(Pair, V, A, B)                                                                                 \
  nullptr, kernel<Pair, 1, V, A, B>, kernel<Pair, 2, V, A, B>, kernel<Pair, 3, V, A, B>, kernel<Pair, 4, V, A, B>, \
      kernel<Pair, 5, V, A, B>, kernel<Pair, 6, V, A, B>
#define MR_TABLE_14_ MR_TABLE_8_
#define MR_TABLE_16_ MR_TABLE_8_
#else
#define MR_TABLE_8_(Pair, V, A, B) nullptr, kernel<Pair, 1, V, A, B>, kernel<Pair, 2, V, A, B>
#define MR_TABLE_14_ MR_TABLE_8_
#define MR_TABLE_16_ MR_TABLE_8_
#endif

struct Kernels {
  Kernel full_width[MR + 1];   // NR columns
  Kernel narrow[TALL_MR + 1];  // 16 columns
  Kernel direct_a[DIRECT_MR + 1];
  Kernel direct_a_narrow[DIRECT_MR + 1];
  Kernel direct_b[MR + 1];
  Kernel direct_b_narrow[TALL_MR + 1];
};
static const Kernels WORD_KERNELS = {
    {MR_TABLE_14_(false, NV, PACKED, PACKED)}, {MR_TABLE_16_(false, 1, PACKED, PACKED)},  {MR_TABLE_8_(false, NV, DIRECT, PACKED)},
    {MR_TABLE_8_(false, 1, DIRECT, PACKED)},   {MR_TABLE_14_(false, NV, PACKED, DIRECT)}, {MR_TABLE_16_(false, 1, PACKED, DIRECT)},
};
#if defined(__AVX512BF16__)
static const Kernels PAIR_KERNELS = {
    {MR_TABLE_14_(true, NV, PACKED, PACKED)},       {MR_TABLE_16_(true, 1, PACKED, PACKED)},
    {MR_TABLE_8_(true, NV, DIRECT, PACKED)},        {MR_TABLE_8_(true, 1, DIRECT, PACKED)},
    {MR_TABLE_14_(true, NV, PACKED, DIRECT_PAIRS)}, {MR_TABLE_16_(true, 1, PACKED, DIRECT_PAIRS)},
};
static const Kernels& kernels_of(Mode mode) { return mode == MODE_PAIR ? PAIR_KERNELS : WORD_KERNELS; }
#else
static const Kernels& kernels_of(Mode) { return WORD_KERNELS; }
#endif

// ---- loops over tiles ---------------------------------------------------------------------------------------------

void multiply_panels(Mode mode, int64_t first, int64_t last, int64_t m, int64_t n, int64_t kc, const float* a, const float* b,
                     float alpha, const Target& target, Ahead* ahead) {
  const Kernels& kernels = kernels_of(mode);
  int64_t row0 = panel_begin(first, m);
  for (int64_t i = first; i < last; i++) {
    int64_t row = panel_begin(i, m) - row0, rows = panel_begin(i + 1, m) - row0 - row;
    const char* panel_a = (const char*)(a + row * kc);
    for (int64_t col = 0; col < n; col += NR) {
      int64_t cols = min64(NR, n - col), width = panel_width(cols);
      touch(ahead);
      const char* panel_b = (const char*)(b + col * kc);
      if (MR == TALL_MR || (width == NR && rows <= MR)) {
        kernels.full_width[rows](kc, panel_a, 0, panel_b, NR * 4, (int)cols, alpha, shift(target, row, col));
        continue;
      }
      for (int64_t part = 0; part < cols; part += LANES)
        kernels.narrow[rows](kc, panel_a, 0, panel_b + part * 4, width * 4, (int)min64(LANES, cols - part), alpha,
                             shift(target, row, col + part));
    }
  }
}

void multiply_direct_a(Mode mode, int64_t m, int64_t n, int64_t kc, const char* a, int64_t a_row, const float* b, float alpha,
                       const Target& target, Ahead* ahead) {
  const Kernels& kernels = kernels_of(mode);
  int64_t groups = ceil_div(m, DIRECT_MR), base = m / groups, longer = m % groups;
  for (int64_t i = 0, row = 0; i < groups; i++) {
    int64_t rows = base + (i < longer);
    for (int64_t col = 0; col < n; col += NR) {
      int64_t cols = min64(NR, n - col), width = panel_width(cols);
      touch(ahead);
      Kernel run = width == NR ? kernels.direct_a[rows] : kernels.direct_a_narrow[rows];
      run(kc, a + row * a_row, a_row, (const char*)(b + col * kc), width * 4, (int)cols, alpha, shift(target, row, col));
    }
    row += rows;
  }
}

void multiply_direct_b(Mode mode, int64_t m, int64_t n, int64_t kc, const float* a, const char* b, int64_t b_row, float alpha,
                       const Target& target) {
  const Kernels& kernels = kernels_of(mode);
  int64_t size = mode == MODE_PAIR ? 2 : 4, width = MR == TALL_MR || m <= MR ? NR : LANES;
  Kernel run = width == NR ? kernels.direct_b[m] : kernels.direct_b_narrow[m];
  for (int64_t col = 0; col < n; col += width)
    run(kc, (const char*)a, 0, b + col * size, b_row, (int)width, alpha, shift(target, 0, col));
}

}  // namespace MR_PATH
}  // namespace mr
