// attention_simt.h: products of attention without tensor cores, for fp32 and for heads wider than the tensor kernels take.
//
// A block of 128 threads has a square of 32 queries by 32 keys. Its scores are products over head_dim, taken 32 columns at a
// time; what it adds up ([32, head_dim]) is cut into slices of 128 columns, each a block of its own (blockIdx.z), so that any
// head_dim fits. Thread (y, x) = (threadIdx / 16, threadIdx % 16) has rows 4y..4y+3; of scores columns x and x+16, of
// a slice columns x, x+16, ...
//
// Under a 16-bit compute type operands are rounded to it first, probabilities too; sums are fp32.
#pragma once

#include "attention.h"

namespace mr {
namespace simt {

constexpr int THREADS = 128;
constexpr int EDGE = 32;
constexpr int SLICE = 128;
constexpr int ROWS = 4;              // of a thread
constexpr int SCORES = 2;            // columns of a thread in the square
constexpr int COLUMNS = SLICE / 16;  // columns of a thread in a slice

typedef float Square[EDGE][EDGE + 1];

__device__ __forceinline__ int row_of_thread() { return (int)threadIdx.x / 16 * ROWS; }
__device__ __forceinline__ int column_of_thread() { return (int)threadIdx.x % 16; }

__device__ __forceinline__ float rounded(int32_t compute, float x) {
  if (compute == MR_BF16) return to_float(from_float<bf16>(x));
  if (compute == MR_F16) return to_float(from_float<f16>(x));
  return x;
}

// Rows of a head: `count` of them, `stride` elements apart, the first at element `first`.
struct Rows {
  const void* p;
  int64_t first, stride;
  int count;
};

// to[r][c] = the element in row r and column begin + c of the head; zero beyond the rows and beyond head_dim, where what lies
// further on than a thread's last column is left out.
template <int WIDTH, int LD>
__device__ __forceinline__ void load_columns(const Attention& a, const Rows& rows, int64_t begin, float (&to)[EDGE][LD]) {
  for (int e = (int)threadIdx.x; e < EDGE * WIDTH; e += THREADS) {
    int r = e / WIDTH, c = e % WIDTH;
    if (begin + c >= (a.head_dim + 15) / 16 * 16) continue;
    bool there = r < rows.count && begin + c < a.head_dim;
    to[r][c] = there ? rounded(a.compute, element(rows.p, a.dtype, rows.first + r * rows.stride + begin + c)) : 0.0f;
  }
}

// s = x y^T over head_dim: the sums of 32 terms each, added one after the other. Begins with a barrier and ends without.
__device__ __forceinline__ void product(const Attention& a, const Rows& x, const Rows& y, Square& some_x, Square& some_y,
                                        float (&s)[ROWS][SCORES]) {
  int row = row_of_thread(), column = column_of_thread();
  for (int i = 0; i < ROWS; i++)
    for (int j = 0; j < SCORES; j++) s[i][j] = 0.0f;
  for (int64_t begin = 0; begin < a.head_dim; begin += EDGE) {
    __syncthreads();
    load_columns<EDGE>(a, x, begin, some_x);
    load_columns<EDGE>(a, y, begin, some_y);
    __syncthreads();
    if (row >= x.count) continue;
    int terms = (int)min(a.head_dim - begin, (int64_t)EDGE);
    float part[ROWS][SCORES] = {};
    for (int c = 0; c < terms; c++)
      for (int j = 0; j < SCORES; j++) {
        float b = some_y[column + 16 * j][c];
        for (int i = 0; i < ROWS; i++) part[i][j] = fmaf(some_x[row + i][c], b, part[i][j]);
      }
    for (int i = 0; i < ROWS; i++)
      for (int j = 0; j < SCORES; j++) s[i][j] += part[i][j];
  }
}

// sum += p y over the first `terms` of the square's inner edge, p [rows, terms], or [terms, rows] if TRANSPOSED; rows from
// `count` on are left alone.
template <bool TRANSPOSED>
__device__ __forceinline__ void accumulate(const Square& p, const float (&y)[EDGE][SLICE], int count, int terms, int64_t columns,
                                           float (&sum)[ROWS][COLUMNS]) {
  int row = row_of_thread(), column = column_of_thread();
  if (row >= count) return;
  for (int k = 0; k < terms; k++) {
    float mine[ROWS];
    for (int i = 0; i < ROWS; i++) mine[i] = TRANSPOSED ? p[k][row + i] : p[row + i][k];
    MR_UNROLL
    for (int j = 0; j < COLUMNS; j++)
      if (16 * j < columns) {
        float b = y[k][column + 16 * j];
        MR_UNROLL
        for (int i = 0; i < ROWS; i++) sum[i][j] = fmaf(mine[i], b, sum[i][j]);
      }
  }
}

// Columns of the head in the block's slice.
__device__ __forceinline__ int64_t slice_begin() { return (int64_t)blockIdx.z * SLICE; }
inline dim3 grid(const Attention& a, int64_t heads) {
  return dim3((unsigned)spans_at_most(a, EDGE), (unsigned)heads, (unsigned)divide_up(a.head_dim, SLICE));
}

// Row r of the result = sum * factor[r], for rows below `count`.
__device__ __forceinline__ void write(const Attention& a, const float (&sum)[ROWS][COLUMNS], const float (&factor)[ROWS], void* p,
                                      int64_t first, int64_t stride, int count) {
  int row = row_of_thread(), column = column_of_thread();
  MR_UNROLL
  for (int i = 0; i < ROWS; i++) {
    MR_UNROLL
    for (int j = 0; j < COLUMNS; j++) {
      int64_t c = slice_begin() + column + 16 * j;
      if (row + i < count && c < a.head_dim) put(p, a.dtype, first + (row + i) * stride + c, sum[i][j] * factor[i]);
    }
  }
}

// Whether the query sees a key, for keys and queries of the sequence.
__device__ __forceinline__ bool sees(const Attention& a, const Span& span, int query, int key) {
  return key <= query && key < span.visible && key >= first_key(a, query);
}

}  // namespace simt
}  // namespace mr
