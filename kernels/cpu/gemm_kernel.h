// gemm_kernel.h: the definition of a matrix product's bits, and the micro-kernels that compute it from packed operands.
//
// C = alpha * A B (+ C) is defined as follows, and every kernel here (general, skinny, any path, any thread count)
// keeps to it: K is cut into blocks that depend on K alone; within a block an output is one chain of fmas in k order
// starting from 0; block sums combine as c = fma(alpha, sum, c), where the first block without `accumulate` is c =
// alpha * sum.
//
// A "word" is 32 bits of a packed operand: an fp32 number, or on the avx512bf16 path in bf16 compute a pair of bf16
// with neighbouring k (the even one in the low half). VDPBF16PS takes a pair per lane: sum += odd*odd' then
// even*even', denormals flushed. The other paths do bf16 compute on fp32 words that were rounded to bf16, one fma
// each: the same definition as fp32, so portable, avx2 and avx512 agree bit for bit and avx512bf16 differs in the
// last bits. fp16 compute is words rounded to fp16, one fma each: the same bits on every path.
#pragma once

#include "half.h"

namespace mr {
namespace MR_PATH {

// A micro-kernel holds up to MR x NR sums in registers: 28 zmm, 12 ymm, 8 xmm. Two kinds of skinny kernels hold fewer
// columns or fewer rows: TALL_MR x 16 for one panel of rows that is a little too tall (rank 16), and DIRECT_MR rows
// when A is read in place: more rows, often a multiple of 4 KiB apart, would evict one another from the
// first-level cache.
#if defined(__AVX512F__)
constexpr int MR = 14, NV = 2, TALL_MR = 16, DIRECT_MR = 8;
#elif defined(__AVX2__)
constexpr int MR = 6, NV = 1, TALL_MR = 6, DIRECT_MR = 6;
#else
constexpr int MR = 2, NV = 1, TALL_MR = 2, DIRECT_MR = 2;
#endif
constexpr int NR = NV * LANES;

enum Mode {
  MODE_F32,      // words are fp32 numbers
  MODE_ROUNDED,  // words are fp32 numbers rounded to bf16
  MODE_HALF,     // words are fp32 numbers rounded to fp16
  MODE_PAIR,     // words are pairs of bf16
};

MR_INLINE Mode mode_of(int32_t compute) {
  if (compute == MR_F16) return MODE_HALF;
#if defined(__AVX512BF16__)
  return compute == MR_BF16 ? MODE_PAIR : MODE_F32;
#else
  return compute == MR_BF16 ? MODE_ROUNDED : MODE_F32;
#endif
}

MR_INLINE int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
MR_INLINE int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
MR_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

MR_INLINE int64_t words_of(Mode mode, int64_t k) { return mode == MODE_PAIR ? (k + 1) / 2 : k; }

// The K block in words: as even as possible, at most KC, a multiple of 16. A part of the definition above.
constexpr int64_t KC = 384;
MR_INLINE int64_t k_block(int64_t words) {
  int64_t blocks = ceil_div(words, KC);
  return blocks == 0 ? 16 : ceil_div(ceil_div(words, blocks), 16) * 16;
}

// m rows of A are cut into panels of at most MR rows, as even as possible (15 = 8 + 7: a panel of one row would leave
// the fma units waiting for each other). Panel i begins at row panel_begin(i, m).
MR_INLINE int64_t panels_of(int64_t m) { return m <= TALL_MR ? 1 : ceil_div(m, MR); }
MR_INLINE int64_t panel_begin(int64_t i, int64_t m) {
  int64_t panels = panels_of(m), base = m / panels, longer = m % panels;
  return i * base + min64(i, longer);
}

// n columns of B are cut into panels of NR; the last one is 16 wide when that is enough.
MR_INLINE int64_t padded(int64_t n) { return ceil_div(n, LANES) * LANES; }
MR_INLINE int64_t panel_width(int64_t n) { return min64(padded(n), NR); }

// Where a block sum goes: out = alpha * sum + previous.
struct Target {
  const void* previous;    // nullptr: nothing to add
  int64_t previous_ld;     // in elements
  int32_t previous_dtype;  // MR_F32, MR_BF16 or MR_F16
  int32_t out_dtype;
  void* out;
  int64_t out_ld;
  bool transposed;  // the product is stored transposed: element (row, col) at col * ld + row
};

MR_INLINE int64_t dtype_bytes(int32_t dtype) { return dtype == MR_F32 ? 4 : 2; }
MR_INLINE int64_t place(const Target& t, int64_t ld, int64_t row, int64_t col) {
  return t.transposed ? col * ld + row : row * ld + col;
}

// The same target, seen from (row, col).
MR_INLINE Target shift(const Target& t, int64_t row, int64_t col) {
  Target r = t;
  if (t.previous != nullptr)
    r.previous = (const char*)t.previous + place(t, t.previous_ld, row, col) * dtype_bytes(t.previous_dtype);
  r.out = (char*)t.out + place(t, t.out_ld, row, col) * dtype_bytes(t.out_dtype);
  return r;
}

// Memory that will be packed next: `rows` rows of `bytes`, `stride` apart. The tile loops below touch a few cache
// lines of it before every micro-kernel, so that it has arrived in the second-level cache when its turn comes.
struct Ahead {
  const char* row;  // nullptr: nothing
  int64_t rows, bytes, stride;
  int64_t at;     // bytes of this row already touched
  int64_t lines;  // per micro-kernel
};
MR_INLINE void touch(Ahead* ahead) {
  for (int64_t i = 0; i < ahead->lines && ahead->rows > 0; i++) {
    __builtin_prefetch(ahead->row + ahead->at, 0, 2);
    ahead->at += 64;
    if (ahead->at < ahead->bytes) continue;
    ahead->at = 0, ahead->row += ahead->stride, ahead->rows--;
  }
}

// One K block, from packed operands: the rows of panels first to last - 1 (of m rows, cut as above) x n columns. a:
// those panels (kc x rows each, one after another). b: panels of kc x panel_width, panel j begins at b + j * NR * kc.
// The target is seen from the first of these rows.
void multiply_panels(Mode mode, int64_t first, int64_t last, int64_t m, int64_t n, int64_t kc, const float* a, const float* b,
                     float alpha, const Target& target, Ahead* ahead);

// The same with A read in place: word k of row i at a + i * a_row + 4 * k (bytes): fp32 along k, or bf16 along k
// when the mode is MODE_PAIR.
void multiply_direct_a(Mode mode, int64_t m, int64_t n, int64_t kc, const char* a, int64_t a_row, const float* b, float alpha,
                       const Target& target, Ahead* ahead);

// The same for one panel of m <= TALL_MR rows with B read in place: element k of column j at b + k * b_row +
// size * j (bytes), fp32, or bf16 with two rows to a word when the mode is MODE_PAIR. n must be a multiple of NR.
void multiply_direct_b(Mode mode, int64_t m, int64_t n, int64_t kc, const float* a, const char* b, int64_t b_row, float alpha,
                       const Target& target);

}  // namespace MR_PATH
}  // namespace mr
