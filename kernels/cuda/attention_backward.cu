// attention_backward.cu: dQ, dK and dV of attention_forward, from the saved log-sum-exp instead of saved probabilities.
//
// With D = rowsum(dO * O):
//   P = exp(scale Q K^T - lse)    dP = dO V^T    dS = P * (dP - D)
//   dV = P^T dO                   dK = scale dS^T Q              dQ = scale dS K
// Three kernels in order: D; then dK and dV, a block for a tile of keys, which goes over the query heads of its group and over
// tiles of queries in order; then dQ, a block for a tile of queries, which goes over the keys. The scores are computed
// twice, and no two blocks ever add to one sum (FlashAttention-2, Dao 2023, adds dQ with atomics instead).
#include "attention_simt.h"

namespace mr {
namespace {

struct Gradients {
  const void *q, *k, *v, *o;
  const float* lse;
  const void* d_o;
  void *dq, *dk, *dv;
};

// What the backward knows of a (head, token): in memory [heads, tokens].
struct __align__(8) RowStats {
  float lse, dot;
};

constexpr int DOT_THREADS = 128;
constexpr int DOT_LANES = 8;  // of a (token, head): rows are short

template <class T>
__global__ void dots_kernel(Attention a, const T* o, const float* lse, const T* d_o, RowStats* stats) {
  int64_t row = global_thread() / DOT_LANES;  // of [tokens, heads]
  int lane = (int)threadIdx.x % DOT_LANES;
  bool there = row < a.tokens * a.heads;
  float dot = 0.0f;
  for (int64_t c = lane * Pack<T>::N; there && c < a.head_dim; c += DOT_LANES * Pack<T>::N) {
    Pack<T> x = load_pack(o + row * a.head_dim, c, a.head_dim), y = load_pack(d_o + row * a.head_dim, c, a.head_dim);
    for (int j = 0; j < Pack<T>::N; j++) dot = fmaf(x.x[j], y.x[j], dot);
  }
  for (int bits = DOT_LANES / 2; bits > 0; bits /= 2) dot += __shfl_xor_sync(ALL_LANES, dot, bits);
  if (there && lane == 0) stats[row % a.heads * a.tokens + row / a.heads] = {lse[row], dot};
}

struct SimtShared {
  simt::Square x, y, p, ds;
  float rows[simt::EDGE][simt::SLICE];
};

// The square of queries query.. by keys key..: P and dS into shared memory, rounded to the compute type, a row a query; 0 where a
// query does not see the key. Ends with a barrier.
__device__ __forceinline__ void simt_scores(const Attention& a, const Gradients& t, const Span& span, int64_t head, int query,
                                            int queries, int key, int keys, const RowStats* stats, SimtShared& shared) {
  using namespace simt;
  int64_t q_first = (span.q_row0 + query) * a.q_width() + head * a.head_dim;
  int64_t k_first = (span.k_row0 + key) * a.kv_width() + head / a.group() * a.head_dim;
  int row = row_of_thread(), column = column_of_thread();
  float s[ROWS][SCORES], dp[ROWS][SCORES];
  product(a, {t.q, q_first, a.q_width(), queries}, {t.k, k_first, a.kv_width(), keys}, shared.x, shared.y, s);
  product(a, {t.d_o, q_first, a.q_width(), queries}, {t.v, k_first, a.kv_width(), keys}, shared.x, shared.y, dp);
  for (int i = 0; i < ROWS; i++) {
    bool there = row + i < queries;
    RowStats mine = there ? stats[head * a.tokens + span.q_row0 + query + row + i] : RowStats{0.0f, 0.0f};
    for (int j = 0; j < SCORES; j++) {
      int c = column + 16 * j;
      bool seen = there && c < keys && sees(a, span, query + row + i, key + c);
      float p = seen ? expf(s[i][j] * a.scale - mine.lse) : 0.0f;
      shared.p[row + i][c] = rounded(a.compute, p);
      shared.ds[row + i][c] = rounded(a.compute, p * (dp[i][j] - mine.dot));
    }
  }
  __syncthreads();
}

__global__ void simt_dk_dv_kernel(Attention a, Gradients t, const RowStats* stats) {
  using namespace simt;
  SimtShared& shared = shared_memory<SimtShared>();
  Span span;
  if (!find_span<false>(a, EDGE, blockIdx.x, &span)) return;
  int64_t kv_head = blockIdx.y, columns = a.head_dim - slice_begin();
  int key = span.begin, keys = span.end - key;
  float dk[ROWS][COLUMNS] = {}, dv[ROWS][COLUMNS] = {};
  for (int64_t head = kv_head * a.group(); key < span.visible && head < (kv_head + 1) * a.group(); head++) {
    int end = end_of_queries(a, span.end - 1, span.length);
    for (int query = key; query < end; query += EDGE) {
      int queries = min(end - query, EDGE);
      simt_scores(a, t, span, head, query, queries, key, keys, stats, shared);
      int64_t first = (span.q_row0 + query) * a.q_width() + head * a.head_dim;
      load_columns<SLICE>(a, {t.d_o, first, a.q_width(), queries}, slice_begin(), shared.rows);
      __syncthreads();
      accumulate<true>(shared.p, shared.rows, keys, queries, columns, dv);
      __syncthreads();
      load_columns<SLICE>(a, {t.q, first, a.q_width(), queries}, slice_begin(), shared.rows);
      __syncthreads();
      accumulate<true>(shared.ds, shared.rows, keys, queries, columns, dk);
    }
  }
  int64_t first = (span.k_row0 + key) * a.kv_width() + kv_head * a.head_dim;
  const float scales[ROWS] = {a.scale, a.scale, a.scale, a.scale}, ones[ROWS] = {1.0f, 1.0f, 1.0f, 1.0f};
  write(a, dk, scales, t.dk, first, a.kv_width(), keys);
  write(a, dv, ones, t.dv, first, a.kv_width(), keys);
}

__global__ void simt_dq_kernel(Attention a, Gradients t, const RowStats* stats) {
  using namespace simt;
  SimtShared& shared = shared_memory<SimtShared>();
  Span span;
  if (!find_span<true>(a, EDGE, blockIdx.x, &span)) return;
  int64_t head = blockIdx.y, columns = a.head_dim - slice_begin();
  int query = span.begin, queries = span.end - query, end = min(span.end, span.visible);
  float dq[ROWS][COLUMNS] = {};
  for (int key = first_key(a, query) / EDGE * EDGE; key < end; key += EDGE) {
    int keys = min(end - key, EDGE);
    simt_scores(a, t, span, head, query, queries, key, keys, stats, shared);
    int64_t first = (span.k_row0 + key) * a.kv_width() + head / a.group() * a.head_dim;
    load_columns<SLICE>(a, {t.k, first, a.kv_width(), keys}, slice_begin(), shared.rows);
    __syncthreads();
    accumulate<false>(shared.ds, shared.rows, queries, keys, columns, dq);
  }
  const float scales[ROWS] = {a.scale, a.scale, a.scale, a.scale};
  write(a, dq, scales, t.dq, (span.q_row0 + query) * a.q_width() + head * a.head_dim, a.q_width(), queries);
}

int32_t backward(mr_stream* s, const Attention& a, const Gradients& t) {
  const char* op = "attention_backward";
  RowStats* stats = static_cast<RowStats*>(workspace(s, a.tokens * a.heads * (int64_t)sizeof(RowStats)));
  if (stats == nullptr) return MR_ERR_MEMORY;
  MR_TRY(with_storage(a.dtype, [&](auto* type) {
    return launch(s, op, dots_kernel<std::remove_pointer_t<decltype(type)>>,
                  dim3((unsigned)divide_up(a.tokens * a.heads * DOT_LANES, DOT_THREADS)), dim3(DOT_THREADS), 0, a, as(type, t.o), t.lse,
                  as(type, t.d_o), stats);
  }));
  MR_TRY(launch(s, op, simt_dk_dv_kernel, simt::grid(a, a.kv_heads), dim3(simt::THREADS), sizeof(SimtShared), a, t, stats));
  return launch(s, op, simt_dq_kernel, simt::grid(a, a.heads), dim3(simt::THREADS), sizeof(SimtShared), a, t, stats);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_attention_backward(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                     const int32_t* cu_seqlens, const int32_t* visible, int64_t heads, int64_t kv_heads,
                                     int64_t head_dim, float scale, int64_t window, const void* q, const void* k, const void* v,
                                     const void* o, const float* lse, const void* d_o, void* dq, void* dk, void* dv) {
  Attention a = {compute, dtype, tokens, sequences, cu_seqlens, visible, heads, kv_heads, head_dim, scale, window};
  MR_TRY(check_attention("attention_backward", a));
  MR_REQUIRE(tokens == 0 || (q && k && v && o && lse && d_o && dq && dk && dv), "attention_backward: a pointer is NULL");
  return tokens == 0 ? MR_OK : backward(s, a, {q, k, v, o, lse, d_o, dq, dk, dv});
}

}  // extern "C"
