// gemm_few.cpp: see gemm_few.h. A tile of B, TILE words deep, is prepared in the first-level cache and used at once; the
// next one is prepared while the sums of this one are still on their way.
#include "gemm_few.h"

namespace mr {
namespace MR_PATH {

// Columns, in groups of one vector: more rows of B at a time, often a multiple of 4 KiB apart, would evict one another from
// the first-level cache.
constexpr int64_t GROUPS = 2, WIDTH = GROUPS * LANES;
constexpr int64_t AHEAD = 512;  // bytes of a row between what is read and what is asked for

// A panel of A has at most PANEL_ROWS rows here; registers hold its sums of both groups up to BOTH_ROWS rows. TILE: words along k.
constexpr int PANEL_ROWS = TALL_MR < FEW_ROWS ? TALL_MR : (int)FEW_ROWS;
#if defined(__AVX512F__)
constexpr int BOTH_ROWS = PANEL_ROWS;
constexpr int64_t TILE = 32;
#else
constexpr int BOTH_ROWS = 2;
constexpr int64_t TILE = 64;
#endif

// sums [G, stride, 16] += a [words, Rows] times b [G, TILE, 16], of which `words` are used
template <bool Pair, int Rows, int G>
static void add_products(int64_t words, const float* a, const float* b, int64_t stride, float* sums) {
  V16 sum[G][Rows];
#pragma GCC unroll 2
  for (int g = 0; g < G; g++) {
#pragma GCC unroll 8
    for (int i = 0; i < Rows; i++) sum[g][i] = load(sums + (g * stride + i) * LANES);
  }
  for (int64_t w = 0; w < words; w++) {
    V16 column[G];
#pragma GCC unroll 2
    for (int g = 0; g < G; g++) column[g] = load(b + (g * TILE + w) * LANES);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; i++) {
      V16 x = splat(a[w * Rows + i]);
#pragma GCC unroll 2
      for (int g = 0; g < G; g++) {
#if defined(__AVX512BF16__)
        if (Pair) {
          sum[g][i].v = _mm512_dpbf16_ps(sum[g][i].v, (__m512bh)x.v, (__m512bh)column[g].v);
          continue;
        }
#endif
        sum[g][i] = fma(x, column[g], sum[g][i]);
      }
    }
  }
#pragma GCC unroll 2
  for (int g = 0; g < G; g++) {
#pragma GCC unroll 8
    for (int i = 0; i < Rows; i++) store(sums + (g * stride + i) * LANES, sum[g][i]);
  }
}

template <bool Pair, int Rows>
static void add_groups(int64_t groups, int64_t words, const float* a, const float* b, int64_t stride, float* sums) {
  constexpr int AT_ONCE = Rows <= BOTH_ROWS ? 2 : 1;
  int64_t g = 0;
  for (; g + AT_ONCE <= groups; g += AT_ONCE)
    add_products<Pair, Rows, AT_ONCE>(words, a, b + g * TILE * LANES, stride, sums + g * stride * LANES);
  if (g < groups) add_products<Pair, Rows, 1>(words, a, b + g * TILE * LANES, stride, sums + g * stride * LANES);
}

typedef void (*AddGroups)(int64_t groups, int64_t words, const float* a, const float* b, int64_t stride, float* sums);

template <bool Pair, int Rows = PANEL_ROWS>
static AddGroups groups_of(int64_t rows) {
  if (rows == Rows) return add_groups<Pair, Rows>;
  if constexpr (Rows > 1) return groups_of<Pair, Rows - 1>(rows);
  return nullptr;
}

MR_INLINE AddGroups groups_of(Mode mode, int64_t rows) {
#if defined(__AVX512BF16__)
  if (mode == MODE_PAIR) return groups_of<true>(rows);
#endif
  (void)mode;
  return groups_of<false>(rows);
}

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
static void few(Mode mode, int64_t m, const float* a, const Operand& b, int64_t col0, int64_t cols, float alpha, T* c, int64_t ldc,
                bool accumulate) {
  int64_t words = words_of(mode, b.k), block = k_block(words), panels = panels_of(m);
  int64_t row_bytes = b.four ? b.lane_stride / 2 : b.lane_stride * dtype_bytes(b.dtype);
  alignas(64) float tile[TILE * WIDTH], sums[FEW_ROWS * WIDTH], carry[FEW_ROWS * WIDTH];  // the latter [groups, m, 16]
  struct {
    int64_t row, rows;
    AddGroups add;
  } panel[FEW_ROWS];
  for (int64_t i = 0; i < panels; i++) {
    int64_t row = panel_begin(i, m), rows = panel_begin(i + 1, m) - row;
    panel[i] = {row, rows, groups_of(mode, rows)};
  }
  for (int64_t col = col0; col < col0 + cols; col += WIDTH) {
    int64_t n = min64(WIDTH, col0 + cols - col), groups = ceil_div(n, LANES);
    // f(the place of a vector of C in sums and carry, in C, and how many of its lanes exist)
    auto each = [&](auto f) {
      for (int64_t g = 0; g < groups; g++)
        for (int64_t i = 0; i < m; i++) f((g * m + i) * LANES, c + i * ldc + col + g * LANES, (int)min64(LANES, n - g * LANES));
    };
    if (accumulate) each([&](int64_t at, T* place, int lanes) { store(carry + at, load(place, lanes)); });
    int64_t asked = 0;  // bytes of a row
    for (int64_t w = 0; w < words; w += block) {
      int64_t kc = min64(block, words - w);
      memset(sums, 0, (size_t)(groups * m * LANES) * sizeof sums[0]);
      for (int64_t t = 0; t < kc; t += TILE) {
        int64_t depth = min64(TILE, kc - t);
        for (; asked < (w + t + depth) * row_bytes / words; asked += 64) ask_ahead(b, row_bytes, col, n, asked);
        for (int64_t g = 0; g < groups; g++)
          pack_panel(mode, b, col + g * LANES, min64(LANES, n - g * LANES), w + t, depth, LANES, tile + g * TILE * LANES);
        for (int64_t i = 0; i < panels; i++) {
          const auto& [row, rows, add] = panel[i];
          add(groups, depth, a + w * m + row * kc + t * rows, tile, m, sums + row * LANES);
        }
      }
      combine(groups * m * LANES, alpha, sums, carry, accumulate || w > 0);
    }
    each([&](int64_t at, T* place, int lanes) { store(place, load(carry + at), lanes); });
  }
}

void multiply_few(Mode mode, int64_t m, const float* a, const Operand& b, int64_t col0, int64_t cols, float alpha, int32_t c_dtype,
                  void* c, int64_t ldc, bool accumulate) {
  with_storage(c_dtype, [=, &b](auto* type) { few(mode, m, a, b, col0, cols, alpha, as(type, c), ldc, accumulate); });
}

}  // namespace MR_PATH
}  // namespace mr
