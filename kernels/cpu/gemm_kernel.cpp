// gemm_kernel.cpp: the micro-kernels on packed operands. See gemm_kernel.h for what they compute.
#include "gemm_kernel.h"

namespace mr {
namespace MR_PATH {

template <bool Pair>
MR_INLINE V16 multiply_add(float a, V16 b, V16 sum) {
#if defined(__AVX512BF16__)
  if (Pair) return {_mm512_dpbf16_ps(sum.v, (__m512bh)_mm512_set1_ps(a), (__m512bh)b.v)};
#endif
  return fma(splat(a), b, sum);
}

// The slow way out, for bf16 and for partial tiles: sums [rows, NR] -> target.
static __attribute__((noinline)) void finish(const float* sums, int rows, int n, float alpha, const Target& t) {
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < n; j += LANES) {
      int lanes = n - j;
      V16 c = splat(alpha) * load(sums + i * NR + j);
      if (t.previous != nullptr) {
        int64_t at = i * t.previous_ld + j;
        V16 previous = t.previous_dtype == MR_BF16 ? load((const bf16*)t.previous + at, lanes)
                                                   : load((const float*)t.previous + at, lanes);
        c = fma(splat(alpha), load(sums + i * NR + j), previous);
      }
      int64_t at = i * t.out_ld + j;
      if (t.out_dtype == MR_BF16) {
        store((bf16*)t.out + at, c, lanes);
      } else {
        store((float*)t.out + at, c, lanes);
      }
    }
  }
}

template <bool Pair, int Rows>
static void kernel(int64_t kc, const float* __restrict a, const float* __restrict b, int n, float alpha, const Target& t) {
  V16 c[Rows][NV];
#pragma GCC unroll 14
  for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
    for (int v = 0; v < NV; v++) c[i][v] = splat(0.0f);
  }
#pragma GCC unroll 14
  for (int i = 0; i < Rows; i++) {
    const char* row = (const char*)t.out + i * t.out_ld * 4;
    if (t.out_dtype == MR_F32) {
      __builtin_prefetch(row, 1);
      __builtin_prefetch(row + 64, 1);
    }
  }
  for (int64_t k = 0; k < kc; k++) {
    V16 bk[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; v++) bk[v] = load(b + v * LANES);
#pragma GCC unroll 14
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < NV; v++) c[i][v] = multiply_add<Pair>(a[i], bk[v], c[i][v]);
    }
    a += Rows;
    b += NR;
  }
  if (n < NR || t.out_dtype != MR_F32 || (t.previous != nullptr && t.previous_dtype != MR_F32)) {
    alignas(64) float sums[Rows * NR];
#pragma GCC unroll 14
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < NV; v++) store(sums + i * NR + v * LANES, c[i][v]);
    }
    finish(sums, Rows, n, alpha, t);
    return;
  }
  float* out = (float*)t.out;
  const float* previous = (const float*)t.previous;
  V16 factor = splat(alpha);
  if (previous != nullptr) {
#pragma GCC unroll 14
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < NV; v++)
        store(out + i * t.out_ld + v * LANES, fma(factor, c[i][v], load(previous + i * t.previous_ld + v * LANES)));
    }
  } else {
#pragma GCC unroll 14
    for (int i = 0; i < Rows; i++) {
#pragma GCC unroll 2
      for (int v = 0; v < NV; v++) store(out + i * t.out_ld + v * LANES, factor * c[i][v]);
    }
  }
}

typedef void (*Kernel)(int64_t kc, const float* a, const float* b, int n, float alpha, const Target& t);

// Indexed by the number of rows.
#if defined(__AVX512F__)
#define MR_KERNELS_(pair)                                                                                              \
  {nullptr,          kernel<pair, 1>,  kernel<pair, 2>,  kernel<pair, 3>,  kernel<pair, 4>,                            \
   kernel<pair, 5>,  kernel<pair, 6>,  kernel<pair, 7>,  kernel<pair, 8>,  kernel<pair, 9>,                            \
   kernel<pair, 10>, kernel<pair, 11>, kernel<pair, 12>, kernel<pair, 13>, kernel<pair, 14>}
#elif defined(__AVX2__)
#define MR_KERNELS_(pair)                                                                                              \
  {nullptr, kernel<pair, 1>, kernel<pair, 2>, kernel<pair, 3>, kernel<pair, 4>, kernel<pair, 5>, kernel<pair, 6>}
#else
#define MR_KERNELS_(pair) {nullptr, kernel<pair, 1>, kernel<pair, 2>}
#endif
static const Kernel KERNELS[MR + 1] = MR_KERNELS_(false);
#if defined(__AVX512BF16__)
static const Kernel PAIR_KERNELS[MR + 1] = MR_KERNELS_(true);
#else
static const Kernel* const PAIR_KERNELS = KERNELS;  // never used: no mode of this path makes pairs
#endif

void multiply_panels(Mode mode, int64_t first, int64_t last, int64_t m, int64_t n, int64_t kc, const float* a,
                     const float* b, int64_t b_panel, float alpha, const Target& target) {
  const Kernel* kernels = mode == MODE_PAIR ? PAIR_KERNELS : KERNELS;
  int64_t row0 = panel_begin(first, m);
  for (int64_t i = first; i < last; i++) {
    int64_t row = panel_begin(i, m) - row0, rows = panel_begin(i + 1, m) - row0 - row;
    for (int64_t col = 0; col < n; col += NR)
      kernels[rows](kc, a + row * kc, b + col / NR * b_panel, (int)min64(NR, n - col), alpha, shift(target, row, col));
  }
}

}  // namespace MR_PATH
}  // namespace mr
