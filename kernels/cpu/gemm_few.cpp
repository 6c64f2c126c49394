// gemm_few.cpp: see gemm_few.h. A tile of B, TILE words deep, is made ready in the first-level cache and used at once; the
// next one is made ready while the sums of this one are still on their way.
#include "gemm_few.h"

namespace mr {
namespace MR_PATH {

#if defined(__AVX512F__)

constexpr int64_t TILE = 32;  // words along k
// Columns: more rows of B at a time, often a multiple of 4 KiB apart, would evict one another from the first-level cache.
constexpr int64_t WIDTH = 32;
constexpr int64_t AHEAD = 512;  // bytes of a row between what is read and what is asked for

// sums [Rows, G * 16] += a [words, Rows] times b [words, G * 16]
template <bool Pair, int Rows, int G>
static void add_products(int64_t words, const float* a, const float* b, float* sums) {
  V16 sum[Rows][G];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) sum[i][g] = load(sums + (i * G + g) * LANES);
  }
  for (int64_t w = 0; w < words; w++) {
    V16 column[G];
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) column[g] = load(b + (w * G + g) * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; i++) {
      V16 x = splat(a[w * Rows + i]);
#pragma GCC unroll 4
      for (int g = 0; g < G; g++) {
#if defined(__AVX512BF16__)
        if (Pair) {
          sum[i][g].v = _mm512_dpbf16_ps(sum[i][g].v, (__m512bh)x.v, (__m512bh)column[g].v);
          continue;
        }
#endif
        sum[i][g] = fma(x, column[g], sum[i][g]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 4
    for (int g = 0; g < G; g++) store(sums + (i * G + g) * LANES, sum[i][g]);
  }
}

typedef void (*AddProducts)(int64_t words, const float* a, const float* b, float* sums);
#define MR_GROUPS_(Pair, Rows) {add_products<Pair, Rows, 1>, add_products<Pair, Rows, 2>}
#define MR_ROWS_(Pair)                                                                              \
  {                                                                                                 \
    MR_GROUPS_(Pair, 1), MR_GROUPS_(Pair, 2), MR_GROUPS_(Pair, 3), MR_GROUPS_(Pair, 4),             \
        MR_GROUPS_(Pair, 5), MR_GROUPS_(Pair, 6), MR_GROUPS_(Pair, 7), MR_GROUPS_(Pair, 8)          \
  }
static const AddProducts WORDS[FEW_ROWS][WIDTH / LANES] = MR_ROWS_(false);
#if defined(__AVX512BF16__)
static const AddProducts PAIRS[FEW_ROWS][WIDTH / LANES] = MR_ROWS_(true);
#endif

// Asks for what will be read AHEAD bytes later: further along these rows, or at the beginning of those that follow.
MR_INLINE void ask_ahead(const Operand& b, int64_t row_bytes, int64_t col, int64_t n, int64_t at) {
  at += AHEAD;
  if (at >= row_bytes) {
    at -= row_bytes, col += n;
    if (at >= row_bytes || col + n > b.lanes) return;
  }
  const char* p = (const char*)b.data + col * row_bytes + at;
  for (int64_t i = 0; i < n; i++) __builtin_prefetch(p + i * row_bytes, 0, 2);
}

// carry = alpha * sum (+ carry)
MR_INLINE void combine(int64_t n, float alpha, const float* sums, float* carry, bool have) {
  V16 factor = splat(alpha);
  for (int64_t i = 0; i < n; i += LANES) {
    V16 sum = load(sums + i);
    store(carry + i, have ? fma(factor, sum, load(carry + i)) : factor * sum);
  }
}

template <class T>
static void few(Mode mode, int64_t m, const float* a, const Operand& b, int64_t col0, int64_t cols, float alpha, T* c,
                int64_t ldc, bool accumulate) {
  int64_t words = words_of(mode, b.k), block = k_block(words), step = WIDTH;
  int64_t row_bytes = b.four ? b.lane_stride / 2 : b.lane_stride * dtype_bytes(b.dtype);
  alignas(64) float tile[TILE * WIDTH], sums[FEW_ROWS * WIDTH], carry[FEW_ROWS * WIDTH];
  for (int64_t col = col0; col < col0 + cols; col += step) {
    int64_t n = min64(step, col0 + cols - col), width = padded(n);
    AddProducts add = WORDS[m - 1][width / LANES - 1];
#if defined(__AVX512BF16__)
    if (mode == MODE_PAIR) add = PAIRS[m - 1][width / LANES - 1];
#endif
    for (int64_t i = 0; i < m && accumulate; i++)
      for (int64_t j = 0; j < n; j += LANES) store(carry + i * width + j, load(c + i * ldc + col + j, (int)(n - j)));
    int64_t asked = 0;  // bytes of a row
    for (int64_t w = 0; w < words; w += block) {
      int64_t kc = min64(block, words - w);
      memset(sums, 0, (size_t)(m * width) * sizeof sums[0]);
      for (int64_t t = 0; t < kc; t += TILE) {
        int64_t depth = min64(TILE, kc - t);
        for (; asked < (w + t + depth) * row_bytes / words; asked += 64) ask_ahead(b, row_bytes, col, n, asked);
        pack_panel(mode, b, col, n, w + t, depth, width, tile);
        add(depth, a + (w + t) * m, tile, sums);
      }
      combine(m * width, alpha, sums, carry, accumulate || w > 0);
    }
    for (int64_t i = 0; i < m; i++)
      for (int64_t j = 0; j < n; j += LANES) store(c + i * ldc + col + j, load(carry + i * width + j), (int)(n - j));
  }
}

void multiply_few(Mode mode, int64_t m, const float* a, const Operand& b, int64_t col0, int64_t cols, float alpha,
                  int32_t c_dtype, void* c, int64_t ldc, bool accumulate) {
  with_storage(c_dtype, [=, &b](auto* type) {
    few(mode, m, a, b, col0, cols, alpha, as(type, c), ldc, accumulate);
  });
}

#else

void multiply_few(Mode, int64_t, const float*, const Operand&, int64_t, int64_t, float, int32_t, void*, int64_t, bool) {}

#endif

}  // namespace MR_PATH
}  // namespace mr
