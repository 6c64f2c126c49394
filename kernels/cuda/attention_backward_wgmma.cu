// attention_backward_wgmma.cu: dQ, dK and dV of attention_backward.cu on compute capability 9.0, by wgmma.
//
// Two kernels in order: dQ, which begins with D, and dK with dV. A warpgroup owns 64 queries of one head or 64 keys; the block's two
// share what comes by, 64 rows at a time, in two stages. The square of scores has the warpgroup's own rows first, S or S^T, so that P
// and dS are left operands of the next products as they are held in registers. Exponentials are made while dP is multiplied, and dS while
// dV is.
#include "attention_backward.h"

namespace mr {
namespace {

using wgmma::GROUPS, wgmma::ROWS, wgmma::THREADS;

template <class C, int DIM>
struct KeyShared {
  union {
    struct {
      C k[GROUPS][ROWS * DIM], v[GROUPS][ROWS * DIM], q[2][ROWS * DIM], d_o[2][ROWS * DIM];
    };
    tiles::Staging<DIM> staging[THREADS / WARP];  // when the last queries are done with
  };
  __align__(16) RowStats stats[2][ROWS];
};

template <class C, int DIM>
__global__ void __launch_bounds__(THREADS, 1) dk_dv_kernel(Attention a, bool whole, Gradients t, const RowStats* stats) {
#ifdef MR_HOPPER
  constexpr int QUERIES = ROWS;
  KeyShared<C, DIM>& shared = shared_memory<KeyShared<C, DIM>>();
  Span span;
  if (!find_span<false>(a, GROUPS * ROWS, wgmma::span_of_block(a, (int)a.kv_heads), &span)) return;
  int kv_head = (int)(blockIdx.x % (unsigned)a.kv_heads), row0 = (int)span.q_row0;
  int group = (int)threadIdx.x / WARPGROUP, thread = (int)threadIdx.x % WARPGROUP;
  int64_t q_width = a.q_width(), kv_width = a.kv_width();
  auto first_of_keys = [&](int key) { return (int64_t)(row0 + key) * kv_width + kv_head * a.head_dim; };
  int begin_key = span.begin + group * ROWS;  // the warpgroup's first
  int end_key = min(begin_key + ROWS, min(span.end, span.visible));
  int key = begin_key + thread / WARP * 16;  // the warp's first
  int g = tiles::lane_of_thread() / 4, lane_column = tiles::lane_of_thread() % 4 * 2;
  int end = span.begin < span.visible ? end_of_queries(a, span.end - 1, span.length) : 0;  // of the queries

  // Tiles of queries come by for one head of the group after the other.
  int query = span.begin, head = kv_head * (int)a.group(), end_head = head + (int)a.group();
  auto load_queries = [&](int head, int query, int stage) {
    int64_t first = (int64_t)(row0 + query) * q_width + head * a.head_dim;
    int thread = (int)opaque(threadIdx.x);  // what follows from it would fill registers over the loop
    tiles::load_tile<QUERIES, DIM, THREADS, true>(a, whole, t.q, first, q_width, end - query, shared.q[stage], thread);
    tiles::load_tile<QUERIES, DIM, THREADS, true>(a, whole, t.d_o, first, q_width, end - query, shared.d_o[stage], thread);
    // A query that is not there has zeros: probability 1, which zeros in d_o and q multiply.
    if (thread < QUERIES) {
      bool there = query + thread < end;
      copy_async_8(shared_address(&shared.stats[stage][thread]), there ? stats + head * a.tokens + row0 + query + thread : stats,
                   there ? 8 : 0);
    }
    commit_copies();
  };

  float dk[DIM / 8][4] = {}, dv[DIM / 8][4] = {};
  if (query < end) {
    int64_t first = first_of_keys(begin_key);
    int keys = span.end - begin_key;
    tiles::load_tile<ROWS, DIM, WARPGROUP, true>(a, whole, t.k, first, kv_width, keys, shared.k[group], thread);
    tiles::load_tile<ROWS, DIM, WARPGROUP, true>(a, whole, t.v, first, kv_width, keys, shared.v[group], thread);
    load_queries(head, query, 0);
  } else {
    head = end_head;
  }
  float scale = a.scale * tiles::LOG2_E;
  for (int stage = 0; head < end_head; stage ^= 1) {
    wgmma::receive_copies();
    bool wraps = query + QUERIES >= end;
    int next_head = head + wraps, next = wraps ? span.begin : query + QUERIES;
    if (next_head < end_head) load_queries(next_head, next, stage ^ 1);
    // whether any of these queries sees any of the warpgroup's keys
    if (begin_key < end_key && query + QUERIES > begin_key && first_key(a, query) < end_key) {
      float p[QUERIES / 8][4], ds[QUERIES / 8][4];
      begin_products();
      wgmma::product<DIM>(shared.k[group], shared.q[stage], p);
      commit_products();
      wgmma::product<DIM>(shared.v[group], shared.d_o[stage], ds);
      commit_products();
      const float4* pairs = reinterpret_cast<const float4*>(&shared.stats[stage][lane_column]);  // of the columns 8n, 8n + 1
      wait_products<1>();
      wgmma::pin(p);
      MR_UNROLL
      for (int n = 0; n < QUERIES / 8; n++) {
        hold_loads();
        float4 mine = pairs[4 * n];
        MR_UNROLL
        for (int i = 0; i < 4; i++) p[n][i] = exp2_flushed(fmaf(p[n][i], scale, i % 2 == 0 ? -mine.x : -mine.z));
      }
      if (key + 15 > query || key + 16 > span.visible || first_key(a, query + QUERIES - 1) > key) MR_UNROLL
      for (int half = 0; half < 2; half++) {
        int one = key + g + 8 * half, first = query + lane_column, from = one - first;
        int to = one < span.visible ? end_of_queries(a, one, span.length) - first : 0;
        MR_UNROLL
        for (int n = 0; n < QUERIES / 8; n++) MR_UNROLL
        for (int i = 0; i < 2; i++)
          if (8 * n + i < from || 8 * n + i >= to) p[n][2 * half + i] = 0.0f;
      }
      uint32_t left_p[QUERIES / 16][4], left_ds[QUERIES / 16][4];
      wgmma::as_fragments<C>(p, left_p);
      begin_products();
      wgmma::accumulate<DIM>(left_p, shared.d_o[stage], dv);
      commit_products();
      wait_products<1>();
      wgmma::pin(ds);
      MR_UNROLL
      for (int n = 0; n < QUERIES / 8; n++) {
        hold_loads();
        float4 mine = pairs[4 * n];
        MR_UNROLL
        for (int i = 0; i < 4; i++) ds[n][i] = score_gradient<C>(a, p[n][i], ds[n][i], i % 2 == 0 ? mine.y : mine.w);
      }
      wgmma::as_fragments<C>(ds, left_ds);
      begin_products();
      wgmma::accumulate<DIM>(left_ds, shared.q[stage], dk);
      commit_products();
      wait_products<0>();
      keep(left_p);
      keep(left_ds);
      wgmma::pin(dv);
      wgmma::pin(dk);
    }
    head = next_head, query = next;
  }

  __syncthreads();
  tiles::Staging<DIM>& staging = shared.staging[tiles::warp_of_thread()];
  int64_t first = first_of_keys(key);
  int keys = span.end - key;
  float scales[2] = {scale_of_sums<C>(a), scale_of_sums<C>(a)}, ones[2] = {1.0f, 1.0f};
  tiles::write<DIM, C>(a, whole, dk, scales, staging, t.dk, first, kv_width, keys);
  tiles::write<DIM, C>(a, whole, dv, ones, staging, t.dv, first, kv_width, keys);
#endif
}

// The product of row thread / 2 of two tiles; two neighbouring lanes share the work.
template <int DIM, class C>
__device__ __forceinline__ float row_dot(C* x, C* y, int thread) {
  float dot = 0.0f;
  MR_UNROLL
  for (int chunk = 0; chunk < DIM / 8; chunk += 2) {
    Pack<C> a = load_pack(tiles::boxed_chunk_at<ROWS>(x, thread / 2, chunk + thread % 2), 0, 8);
    Pack<C> b = load_pack(tiles::boxed_chunk_at<ROWS>(y, thread / 2, chunk + thread % 2), 0, 8);
    MR_UNROLL
    for (int i = 0; i < 8; i++) dot = fmaf(a.x[i], b.x[i], dot);
  }
  return dot + __shfl_xor_sync(ALL_LANES, dot, 1);
}

template <class C, int DIM>
struct QueryShared {
  union {
    struct {
      C q[GROUPS][ROWS * DIM], d_o[GROUPS][ROWS * DIM], k[2][ROWS * DIM], v[2][ROWS * DIM];
    };
    tiles::Staging<DIM> staging[THREADS / WARP];  // when the last keys are done with
  };
};

template <class C, int DIM>
__global__ void __launch_bounds__(THREADS, 1)
    dq_kernel(Attention a, wgmma::Division division, bool whole, Gradients t, RowStats* stats) {
#ifdef MR_HOPPER
  constexpr int KEYS = ROWS;
  QueryShared<C, DIM>& shared = shared_memory<QueryShared<C, DIM>>();
  Span span;
  if (!find_span<true>(a, division.span, wgmma::span_of_block(a, division.columns), &span)) return;
  int group = (int)threadIdx.x / WARPGROUP, thread = (int)threadIdx.x % WARPGROUP;
  int column = (int)(blockIdx.x % division.columns);
  int64_t head = division.pairs ? 2 * column + group : column, q_width = a.q_width(), kv_width = a.kv_width();
  int begin_query = span.begin + (division.pairs ? 0 : group * ROWS);  // the warpgroup's first
  int end_query = min(begin_query + ROWS, span.end);
  int query = begin_query + thread / WARP * 16;  // the warp's first
  int g = tiles::lane_of_thread() / 4, lane_column = tiles::lane_of_thread() % 4 * 2;
  int64_t q_first = (span.q_row0 + begin_query) * q_width + head * a.head_dim;
  int64_t k_first = span.k_row0 * kv_width + head / a.group() * a.head_dim;
  int begin = first_key(a, span.begin) / KEYS * KEYS, end = min(span.end, span.visible);

  auto load_keys = [&](int key, int stage) {
    int64_t first = k_first + key * kv_width;
    tiles::load_tile<KEYS, DIM, THREADS, true>(a, whole, t.k, first, kv_width, end - key, shared.k[stage]);
    tiles::load_tile<KEYS, DIM, THREADS, true>(a, whole, t.v, first, kv_width, end - key, shared.v[stage]);
    commit_copies();
  };
  int queries = end_query - begin_query;
  C* outputs = group == 0 ? shared.k[1] : shared.v[1];  // before keys come there
  tiles::load_tile<ROWS, DIM, WARPGROUP, true>(a, whole, t.q, q_first, q_width, queries, shared.q[group], thread);
  tiles::load_tile<ROWS, DIM, WARPGROUP, true>(a, whole, t.d_o, q_first, q_width, queries, shared.d_o[group], thread);
  tiles::load_tile<ROWS, DIM, WARPGROUP, true>(a, whole, t.o, q_first, q_width, queries, outputs, thread);
  commit_copies();
  load_keys(begin, 0);

  // D of the row of this lane and its neighbour, which dk_dv_kernel reads
  int own = begin_query + thread / 2;
  float lse = own < span.end ? t.lse[(span.q_row0 + own) * a.heads + head] * tiles::LOG2_E : INFINITY;
  wait_copies<1>();
  __syncthreads();
  float dot = row_dot<DIM>(shared.d_o[group], outputs, thread);
  if (own < span.end && thread % 2 == 0) stats[head * a.tokens + span.q_row0 + own] = {lse, dot};
  RowStats mine[2];  // of the rows g and g + 8
  MR_UNROLL
  for (int half = 0; half < 2; half++) {
    int lane = 2 * (g + 8 * half);
    mine[half] = {__shfl_sync(ALL_LANES, lse, lane), __shfl_sync(ALL_LANES, dot, lane)};
  }

  float sum[DIM / 8][4] = {}, scale = a.scale * tiles::LOG2_E;
  for (int key = begin, stage = 0; key < end; key += KEYS, stage ^= 1) {
    wgmma::receive_copies();
    if (key + KEYS < end) load_keys(key + KEYS, stage ^ 1);
    // whether any of the warpgroup's queries sees any of these keys
    if (key >= end_query || begin_query >= end_query || key + KEYS <= first_key(a, begin_query)) continue;
    float p[KEYS / 8][4], ds[KEYS / 8][4];
    begin_products();
    wgmma::product<DIM>(shared.q[group], shared.k[stage], p);
    commit_products();
    wgmma::product<DIM>(shared.d_o[group], shared.v[stage], ds);
    commit_products();
    wait_products<1>();
    wgmma::pin(p);
    bool all_seen = key + KEYS <= min(query + 1, end) && first_key(a, query + 15) <= key;
    MR_UNROLL
    for (int half = 0; half < 2; half++) {
      MR_UNROLL
      for (int n = 0; n < KEYS / 8; n++) MR_UNROLL
      for (int i = 2 * half; i < 2 * half + 2; i++) p[n][i] = exp2_flushed(fmaf(p[n][i], scale, -mine[half].lse));
      if (all_seen) continue;
      int one = query + g + 8 * half, first = key + lane_column, from = first_key(a, one) - first, to = min(one + 1, end) - first;
      MR_UNROLL
      for (int n = 0; n < KEYS / 8; n++) MR_UNROLL
      for (int i = 0; i < 2; i++)
        if (8 * n + i < from || 8 * n + i >= to) p[n][2 * half + i] = 0.0f;
    }
    wait_products<0>();
    wgmma::pin(ds);
    MR_UNROLL
    for (int n = 0; n < KEYS / 8; n++) MR_UNROLL
    for (int i = 0; i < 4; i++) ds[n][i] = score_gradient<C>(a, p[n][i], ds[n][i], mine[i / 2].dot);
    uint32_t left[KEYS / 16][4];
    wgmma::as_fragments<C>(ds, left);
    begin_products();
    wgmma::accumulate<DIM>(left, shared.k[stage], sum);
    commit_products();
    wait_products<0>();
    keep(left);
    wgmma::pin(sum);
  }
  wait_copies<0>();
  __syncthreads();
  float scales[2] = {scale_of_sums<C>(a), scale_of_sums<C>(a)};
  tiles::write<DIM, C>(a, whole, sum, scales, shared.staging[tiles::warp_of_thread()], t.dq,
                       q_first + (query - begin_query) * q_width, q_width, span.end - query);
#endif
}

}  // namespace

int32_t gradients_wgmma(mr_stream* s, const char* op, const Attention& a, const Gradients& t, RowStats* stats) {
  wgmma::Division division = wgmma::divide_queries(a);
  dim3 blocks_dq((unsigned)wgmma::blocks_of(a, division.span, division.columns));
  dim3 blocks_dk_dv((unsigned)wgmma::blocks_of(a, GROUPS * ROWS, a.kv_heads));
  bool whole = tiles::copies_whole(a, t.q, t.k, t.v, t.o, t.d_o, t.dq, t.dk, t.dv);
  return wgmma::with_tiles(a, [&](auto* type, auto width) {
    using C = std::remove_pointer_t<decltype(type)>;
    constexpr int DIM = decltype(width)::value;
    constexpr int64_t DQ_BYTES = sizeof(QueryShared<C, DIM>), DK_DV_BYTES = sizeof(KeyShared<C, DIM>);
    static_assert(DQ_BYTES + 1024 <= wgmma::SHARED_OF_MULTIPROCESSOR && DK_DV_BYTES + 1024 <= wgmma::SHARED_OF_MULTIPROCESSOR);
    MR_TRY(launch(s, op, dq_kernel<C, DIM>, blocks_dq, dim3(THREADS), DQ_BYTES, a, division, whole, t, stats));
    return launch(s, op, dk_dv_kernel<C, DIM>, blocks_dk_dv, dim3(THREADS), DK_DV_BYTES, a, whole, t, stats);
  });
}

}  // namespace mr
