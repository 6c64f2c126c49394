// attention_backward.cu: dQ, dK and dV of attention_forward, from the saved log-sum-exp instead of saved probabilities.
//
// With D = rowsum(dO * O):
//   P = exp(scale Q K^T - lse)    dP = dO V^T    dS = scale * P * (dP - D)
//   dV = P^T dO                   dK = dS^T Q    dQ = dS K
// Three kernels in order: D; then dK and dV, a block for a tile of keys, which goes over the query heads of its group and over
// tiles of queries in order; then dQ, a block for a tile of queries, which goes over the keys. The scores are computed
// twice, and no two blocks ever add to one sum (FlashAttention-2, Dao 2023, adds dQ with atomics instead).
//
// On tensor cores a warp owns 16 keys (dk_dv_kernel) or 16 queries (dq_kernel). It computes the square of scores with its own
// rows first, S^T or S, so that P and dS are left operands of the next products as they are held in registers. Heads of up to 128
// go to attention_backward_wgmma.cu where stream.cu chose it.
#include "attention_backward.h"
#include "attention_simt.h"

namespace mr {
namespace {

constexpr int DOT_THREADS = 128;
constexpr int DOT_LANES = 8;  // of a (token, head): rows are short

template <class T>
__global__ void dots_kernel(Attention a, const T* o, const float* lse, float unit_of_lse, const T* d_o, RowStats* stats) {
  int64_t row = global_thread() / DOT_LANES;  // of [tokens, heads]
  int lane = (int)threadIdx.x % DOT_LANES;
  bool there = row < a.tokens * a.heads;
  float dot = 0.0f;
  for (int64_t c = lane * Pack<T>::N; there && c < a.head_dim; c += DOT_LANES * Pack<T>::N) {
    Pack<T> x = load_pack(o + row * a.head_dim, c, a.head_dim), y = load_pack(d_o + row * a.head_dim, c, a.head_dim);
    for (int j = 0; j < Pack<T>::N; j++) dot = fmaf(x.x[j], y.x[j], dot);
  }
  for (int bits = DOT_LANES / 2; bits > 0; bits /= 2) dot += __shfl_xor_sync(ALL_LANES, dot, bits);
  if (there && lane == 0) stats[row % a.heads * a.tokens + row / a.heads] = {lse[row] * unit_of_lse, dot};
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
      shared.ds[row + i][c] = rounded(a.compute, a.scale * p * (dp[i][j] - mine.dot));
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
  const float ones[ROWS] = {1.0f, 1.0f, 1.0f, 1.0f};
  write(a, dk, ones, t.dk, first, a.kv_width(), keys);
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
  const float ones[ROWS] = {1.0f, 1.0f, 1.0f, 1.0f};
  write(a, dq, ones, t.dq, (span.q_row0 + query) * a.q_width() + head * a.head_dim, a.q_width(), queries);
}

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;
constexpr int OWNED = 16 * WARPS;  // keys of a block of dk_dv_kernel, queries of one of dq_kernel

// Above 128 columns a thread has registers for the sums of dK or of dV alone: a block takes one of them (blockIdx.z), and
// shared memory holds one tile of what comes by, not two.
template <int DIM>
struct Tiling {
  static constexpr bool BOTH = DIM <= 128;
  static constexpr int STAGES = BOTH ? 2 : 1;
  static constexpr int PASSING = BOTH ? 64 : 32;  // queries (keys) of a tile that comes by
};
enum { DK = 0, DV = 1 };

template <class C, int DIM>
struct KeyShared {
  union {
    struct {
      C k[OWNED * DIM], v[OWNED * DIM];
      C q[Tiling<DIM>::STAGES][Tiling<DIM>::PASSING * DIM], d_o[Tiling<DIM>::STAGES][Tiling<DIM>::PASSING * DIM];
    };
    tiles::Staging<DIM> staging[WARPS];  // when the last queries are done with
  };
  RowStats stats[Tiling<DIM>::STAGES][Tiling<DIM>::PASSING];
};

template <class C, int DIM>
__global__ void __launch_bounds__(THREADS) dk_dv_kernel(Attention a, bool whole, Gradients t, const RowStats* stats) {
  using namespace tiles;
  constexpr bool BOTH = Tiling<DIM>::BOTH;
  constexpr int STAGES = Tiling<DIM>::STAGES, QUERIES = Tiling<DIM>::PASSING;
  KeyShared<C, DIM>& shared = shared_memory<KeyShared<C, DIM>>();
  Span span;
  if (!find_span<false>(a, OWNED, blockIdx.x, &span)) return;
  int row0 = (int)span.q_row0;
  int64_t q_width = a.q_width(), kv_width = a.kv_width();
  auto first_of_keys = [&](int key) { return (int64_t)(row0 + key) * kv_width + blockIdx.y * a.head_dim; };
  bool only_dv = !BOTH && blockIdx.z == DV;
  int row = warp_of_thread() * 16, key = span.begin + row;  // the warp's first
  int g = lane_of_thread() / 4, lane_column = lane_of_thread() % 4 * 2;
  int end = span.begin < span.visible ? end_of_queries(a, span.end - 1, span.length) : 0;  // of the queries
  int end_key = min(span.end, span.visible);

  // Tiles of queries come by for one head of the group after the other.
  int query = span.begin, head = (int)(blockIdx.y * a.group()), end_head = head + (int)a.group();
  auto load_queries = [&](int head, int query, int stage) {
    int64_t first = (int64_t)(row0 + query) * q_width + head * a.head_dim;
    load_tile<QUERIES, DIM, THREADS>(a, whole, t.q, first, q_width, end - query, shared.q[stage]);
    load_tile<QUERIES, DIM, THREADS>(a, whole, t.d_o, first, q_width, end - query, shared.d_o[stage]);
    // A query that is not there has zeros: probability 1, which zeros in d_o and q multiply.
    if (threadIdx.x < QUERIES) {
      bool there = query + (int)threadIdx.x < end;
      copy_async_8(shared_address(&shared.stats[stage][threadIdx.x]),
                   there ? stats + head * a.tokens + row0 + query + threadIdx.x : stats, there ? 8 : 0);
    }
    commit_copies();
  };

  float sum[BOTH ? 2 : 1][1][DIM / 8][4] = {};
  if (query < end) {
    int64_t first = first_of_keys(span.begin);
    load_tile<OWNED, DIM, THREADS>(a, whole, t.k, first, kv_width, span.end - span.begin, shared.k);
    if (!only_dv) load_tile<OWNED, DIM, THREADS>(a, whole, t.v, first, kv_width, span.end - span.begin, shared.v);
    load_queries(head, query, 0);
  } else {
    head = end_head;
  }
  for (int stage = 0; head < end_head; stage = (stage + 1) % STAGES) {
    wait_copies<0>();
    __syncthreads();
    bool wraps = (int)opaque((uint32_t)query) + QUERIES >= end;  // found again at the end, rather than kept until then
    int next_head = head + wraps, next = wraps ? span.begin : query + QUERIES, next_stage = (stage + 1) % STAGES;
    bool more = next_head < end_head;
    if (STAGES > 1 && more) load_queries(next_head, next, next_stage);
    // whether any of these queries sees any of the warp's keys
    if (key < end_key && query + QUERIES > key && first_key(a, query) < key + 16) {
      float p[1][QUERIES / 8][4], ds[1][QUERIES / 8][4];
      product<DIM>(shared.k, row, shared.q[stage], p);
      if (!only_dv) product<DIM>(shared.v, row, shared.d_o[stage], ds);
      bool all_seen = key + 15 <= query && key + 16 <= span.visible && first_key(a, query + QUERIES - 1) <= key;
      float scale = __uint_as_float(opaque_where<true>(__float_as_uint(a.scale))) * LOG2_E;  // a register less over the loop
      int from[2], to[2];  // the thread's columns that see its keys g and g + 8
      MR_UNROLL
      for (int half = 0; half < 2; half++) {
        int one = key + g + 8 * half, first = query + lane_column;
        from[half] = one - first;
        to[half] = one < span.visible ? end_of_queries(a, one, span.length) - first : 0;
      }
      MR_UNROLL
      for (int n = 0; n < QUERIES / 8; n++) MR_UNROLL
      for (int i = 0; i < 2; i++) {
        int column = 8 * n + lane_column + i;
        hold_loads();
        RowStats mine = shared.stats[stage][column];
        MR_UNROLL
        for (int half = 0; half < 2; half++) {
          float& e = p[0][n][2 * half + i];
          e = exp2_flushed(fmaf(e, scale, -mine.lse));
          if (!all_seen && (8 * n + i < from[half] || 8 * n + i >= to[half])) e = 0.0f;
          if (!only_dv) ds[0][n][2 * half + i] = score_gradient<C>(a, e, ds[0][n][2 * half + i], mine.dot);
        }
      }
      if (BOTH) {
        accumulate<DIM>(p, shared.d_o[stage], 0, sum[BOTH ? DV : 0]);
        accumulate<DIM>(ds, shared.q[stage], 0, sum[DK]);
      } else if (only_dv) {
        accumulate<DIM>(p, shared.d_o[stage], 0, sum[0]);
      } else {
        accumulate<DIM>(ds, shared.q[stage], 0, sum[0]);
      }
    }
    if (STAGES == 1 && more) {
      __syncthreads();
      load_queries(next_head, next, next_stage);
    }
    query += QUERIES;
    if (query >= end) query = span.begin, head++;
  }

  __syncthreads();
  tiles::Staging<DIM>& staging = shared.staging[warp_of_thread()];
  int64_t first = first_of_keys(key);
  int keys = span.end - key;
  float scales[2] = {scale_of_sums<C>(a), scale_of_sums<C>(a)}, ones[2] = {1.0f, 1.0f};
  if (BOTH || !only_dv) tiles::write<DIM, C>(a, whole, sum[DK][0], scales, staging, t.dk, first, kv_width, keys);
  if (BOTH || only_dv) tiles::write<DIM, C>(a, whole, sum[BOTH ? DV : 0][0], ones, staging, t.dv, first, kv_width, keys);
}

template <class C, int DIM>
struct QueryShared {
  union {
    struct {
      C q[OWNED * DIM], d_o[OWNED * DIM];
      C k[Tiling<DIM>::STAGES][Tiling<DIM>::PASSING * DIM], v[Tiling<DIM>::STAGES][Tiling<DIM>::PASSING * DIM];
    };
    tiles::Staging<DIM> staging[WARPS];  // when the last keys are done with
  };
};

template <class C, int DIM>
__global__ void __launch_bounds__(THREADS) dq_kernel(Attention a, bool whole, Gradients t, const RowStats* stats) {
  using namespace tiles;
  constexpr int STAGES = Tiling<DIM>::STAGES, KEYS = Tiling<DIM>::PASSING;
  QueryShared<C, DIM>& shared = shared_memory<QueryShared<C, DIM>>();
  Span span;
  if (!find_span<true>(a, OWNED, blockIdx.x, &span)) return;
  int64_t head = blockIdx.y, q_width = a.q_width(), kv_width = a.kv_width();
  int64_t q_first = (span.q_row0 + span.begin) * q_width + head * a.head_dim;
  int64_t k_first = span.k_row0 * kv_width + head / a.group() * a.head_dim;
  int queries = span.end - span.begin, row = warp_of_thread() * 16, query = span.begin + row;  // the warp's first
  int g = lane_of_thread() / 4, lane_column = lane_of_thread() % 4 * 2;
  int begin = first_key(a, span.begin) / KEYS * KEYS, end = min(span.end, span.visible);
  float scale = a.scale * LOG2_E;

  RowStats mine[2];
  MR_UNROLL
  for (int half = 0; half < 2; half++) {
    int one = query + g + 8 * half;
    mine[half] = one < span.end ? stats[head * a.tokens + span.q_row0 + one] : RowStats{INFINITY, 0.0f};
  }
  auto load_keys = [&](int key, int stage) {
    int64_t first = k_first + key * kv_width;
    load_tile<KEYS, DIM, THREADS>(a, whole, t.k, first, kv_width, end - key, shared.k[stage]);
    load_tile<KEYS, DIM, THREADS>(a, whole, t.v, first, kv_width, end - key, shared.v[stage]);
    commit_copies();
  };
  load_tile<OWNED, DIM, THREADS>(a, whole, t.q, q_first, q_width, queries, shared.q);
  load_tile<OWNED, DIM, THREADS>(a, whole, t.d_o, q_first, q_width, queries, shared.d_o);
  load_keys(begin, 0);

  float sum[1][DIM / 8][4] = {};
  for (int key = begin, stage = 0; key < end; key += KEYS, stage = (stage + 1) % STAGES) {
    wait_copies<0>();
    __syncthreads();
    bool more = key + KEYS < end;
    if (STAGES > 1 && more) load_keys(key + KEYS, (stage + 1) % STAGES);
    // whether any of the warp's queries sees any of these keys
    if (query < span.end && key < query + 16 && key + KEYS > first_key(a, query)) {
      float p[1][KEYS / 8][4], ds[1][KEYS / 8][4];
      product<DIM>(shared.q, row, shared.k[stage], p);
      product<DIM>(shared.d_o, row, shared.v[stage], ds);
      bool all_seen = key + KEYS <= min(query + 1, end) && first_key(a, query + 15) <= key;
      MR_UNROLL
      for (int half = 0; half < 2; half++) {
        int one = query + g + 8 * half, from = first_key(a, one), to = min(one + 1, end);
        MR_UNROLL
        for (int n = 0; n < KEYS / 8; n++) MR_UNROLL
        for (int i = 0; i < 2; i++) {
          float e = exp2_flushed(fmaf(p[0][n][2 * half + i], scale, -mine[half].lse));
          int place = key + 8 * n + lane_column + i;
          if (!all_seen && (place < from || place >= to)) e = 0.0f;
          ds[0][n][2 * half + i] = score_gradient<C>(a, e, ds[0][n][2 * half + i], mine[half].dot);
        }
      }
      accumulate<DIM>(ds, shared.k[stage], 0, sum);
    }
    if (STAGES == 1 && more) {
      __syncthreads();
      load_keys(key + KEYS, 0);
    }
  }
  __syncthreads();
  float scales[2] = {scale_of_sums<C>(a), scale_of_sums<C>(a)};
  tiles::write<DIM, C>(a, whole, sum[0], scales, shared.staging[warp_of_thread()], t.dq, q_first + row * q_width, q_width,
                       queries - row);
}

int32_t backward(mr_stream* s, const Attention& a, const Gradients& t) {
  const char* op = "attention_backward";
  RowStats* stats = static_cast<RowStats*>(workspace(s, a.tokens * a.heads * (int64_t)sizeof(RowStats)));
  if (stats == nullptr) return MR_ERR_MEMORY;
  if (wgmma_takes(s, a)) return gradients_wgmma(s, op, a, t, stats);
  MR_TRY(with_storage(a.dtype, [&](auto* type) {
    return launch(s, op, dots_kernel<std::remove_pointer_t<decltype(type)>>,
                  dim3((unsigned)divide_up(a.tokens * a.heads * DOT_LANES, DOT_THREADS)), dim3(DOT_THREADS), 0, a, as(type, t.o),
                  t.lse, tiles::has_tiles(a) ? tiles::LOG2_E : 1.0f, as(type, t.d_o), stats);
  }));
  if (tiles::has_tiles(a))
    return tiles::with_tiles(a, [&](auto* type, auto width) {
      using C = std::remove_pointer_t<decltype(type)>;
      constexpr int DIM = decltype(width)::value;
      bool whole = tiles::copies_whole(a, t.q, t.k, t.v, t.d_o, t.dq, t.dk, t.dv);
      unsigned spans = (unsigned)spans_at_most(a, OWNED);
      static_assert(sizeof(KeyShared<C, DIM>) <= tiles::SHARED_LIMIT && sizeof(QueryShared<C, DIM>) <= tiles::SHARED_LIMIT);
      MR_TRY(launch(s, op, dk_dv_kernel<C, DIM>, dim3(spans, (unsigned)a.kv_heads, Tiling<DIM>::BOTH ? 1 : 2), dim3(THREADS),
                    sizeof(KeyShared<C, DIM>), a, whole, t, stats));
      return launch(s, op, dq_kernel<C, DIM>, dim3(spans, (unsigned)a.heads), dim3(THREADS), sizeof(QueryShared<C, DIM>), a, whole,
                    t, stats);
    });
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
