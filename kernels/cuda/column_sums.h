// column_sums.h: out[c] += sum over rows of a term, in row order: a thread adds up consecutive rows of its columns, the block its
// threads' sums, and where the rows were cut into chunks for several blocks a second kernel adds those. The cuts depend on the
// shape alone.
#pragma once

#include "rows.h"

namespace mr {

constexpr int SUM_LANES = WARP, SUM_PARTS = 8;

// Term: N columns at a time; add(sum, row, c, cols) adds those from c on.
template <class Term>
struct ColumnShared {
  float sums[SUM_PARTS][SUM_LANES * Term::N];
};

// out [gridDim.y, cols] is written, or one row of it added to.
template <class Term>
__global__ void column_sums_kernel(Term term, int64_t rows, int64_t cols, int64_t part_rows, float* out, bool accumulate) {
  constexpr int N = Term::N;
  ColumnShared<Term>& shared = shared_memory<ColumnShared<Term>>();
  int64_t first_col = (int64_t)blockIdx.x * SUM_LANES * N, c = first_col + threadIdx.x * N;
  int64_t begin = ((int64_t)blockIdx.y * SUM_PARTS + threadIdx.y) * part_rows;
  int64_t end = begin + part_rows < rows ? begin + part_rows : rows;
  Values<N> sum;
  for (int j = 0; j < N; j++) sum.x[j] = 0;
  if (c < cols)
    for (int64_t row = begin; row < end; row++) term.add(sum, row, c, cols);
  for (int j = 0; j < N; j++) shared.sums[threadIdx.y][threadIdx.x * N + j] = sum.x[j];
  __syncthreads();
  for (int k = (int)(threadIdx.y * SUM_LANES + threadIdx.x); k < SUM_LANES * N; k += SUM_LANES * SUM_PARTS) {
    if (first_col + k >= cols) break;
    float total = shared.sums[0][k];
    for (int part = 1; part < SUM_PARTS; part++) total += shared.sums[part][k];
    float* at = out + (int64_t)blockIdx.y * cols + first_col + k;
    *at = accumulate ? *at + total : total;
  }
}

struct PlainTerm {
  static constexpr int N = Pack<float>::N;
  const float* x;
  __device__ __forceinline__ void add(Values<N>& sum, int64_t row, int64_t c, int64_t cols) const {
    Values<N> v = load_values<N>(x + row * cols, c, cols);
    for (int j = 0; j < N; j++) sum.x[j] += v.x[j];
  }
};

template <class Term>
inline int32_t column_sums(mr_stream* s, const char* op, Term term, int64_t rows, int64_t cols, int64_t chunks, float* out,
                           bool accumulate) {
  dim3 grid((unsigned)divide_up(cols, SUM_LANES * Term::N), (unsigned)chunks);
  return launch(s, op, column_sums_kernel<Term>, grid, dim3(SUM_LANES, SUM_PARTS), sizeof(ColumnShared<Term>), term, rows, cols,
                divide_up(rows, chunks * SUM_PARTS), out, accumulate);
}

// out[c] += sum over rows of term. The term must not read the workspace.
template <class Term>
inline int32_t add_column_sums(mr_stream* s, const char* op, Term term, int64_t rows, int64_t cols, float* out) {
  if (rows == 0) return MR_OK;
  // eight rows a thread at least, about a thousand blocks, and few enough chunks for the second kernel
  int64_t tiles = divide_up(cols, SUM_LANES * Term::N), chunks = divide_up(rows, 8 * SUM_PARTS);
  int64_t most = tiles > 512 ? 1 : tiles > 2 ? 1024 / tiles : 512;
  chunks = chunks < most ? chunks : most;
  if (chunks == 1) return column_sums(s, op, term, rows, cols, 1, out, true);
  float* partial = static_cast<float*>(workspace(s, chunks * cols * (int64_t)sizeof(float)));
  if (partial == nullptr) return MR_ERR_MEMORY;
  MR_TRY(column_sums(s, op, term, rows, cols, chunks, partial, false));
  return column_sums(s, op, PlainTerm{partial}, chunks, cols, 1, out, true);
}

}  // namespace mr
