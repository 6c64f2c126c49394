// attention_forward_wgmma.cu: attention_forward.cu on compute capability 9.0, by wgmma.
//
// The same online softmax. A warpgroup owns 64 queries of one head; the block's two share the keys and values that come by, 64 at a
// time, in two stages. Two blocks a multiprocessor: one's products run while the other has its exponentials, which wgmma leaves no
// warp waiting for, and while it starts or ends.
#include "attention_wgmma.h"

namespace mr {
namespace {

using wgmma::GROUPS, wgmma::ROWS, wgmma::THREADS;

template <class C, int DIM>
struct Shared {
  union {
    struct {
      C q[GROUPS][ROWS * DIM], k[2][ROWS * DIM], v[2][ROWS * DIM];
    };
    tiles::Staging<DIM> staging[THREADS / WARP];  // when the last keys are done with
  };
};

template <class C, int DIM>
__global__ void __launch_bounds__(THREADS, 2) forward_kernel(Attention a, wgmma::Division division, bool whole, const void* q,
                                                             const void* k, const void* v, void* o, float* lse) {
#ifdef MR_HOPPER
  constexpr int KEYS = ROWS;
  Shared<C, DIM>& shared = shared_memory<Shared<C, DIM>>();
  Span span;
  if (!find_span<true>(a, division.span, wgmma::span_of_block(a, division.columns), &span)) return;
  int group = (int)threadIdx.x / WARPGROUP, thread = (int)threadIdx.x % WARPGROUP;
  int column = (int)(blockIdx.x % division.columns);
  int head = division.pairs ? 2 * column + group : column, row0 = (int)span.q_row0;
  int64_t q_width = a.q_width(), kv_width = a.kv_width();
  int begin_query = span.begin + (division.pairs ? 0 : group * ROWS);  // the warpgroup's first
  int end_query = min(begin_query + ROWS, span.end);
  auto first_of_queries = [&](int query) { return (int64_t)(row0 + query) * q_width + head * a.head_dim; };
  int k_row0 = (int)span.k_row0, kv_head = head / (int)a.group();
  int begin = first_key(a, span.begin) / KEYS * KEYS, end = min(span.end, span.visible);

  auto load_keys = [&](int key, int stage) {
    int64_t first = (k_row0 + key) * kv_width + kv_head * a.head_dim;
    int thread = (int)opaque(threadIdx.x);  // what follows from it would fill registers over the loop
    tiles::load_tile<KEYS, DIM, THREADS, true>(a, whole, k, first, kv_width, end - key, shared.k[stage], thread);
    tiles::load_tile<KEYS, DIM, THREADS, true>(a, whole, v, first, kv_width, end - key, shared.v[stage], thread);
    commit_copies();
  };
  tiles::load_tile<ROWS, DIM, WARPGROUP, true>(a, whole, q, first_of_queries(begin_query), q_width, end_query - begin_query,
                                               shared.q[group], thread);
  load_keys(begin, 0);

  float sum[DIM / 8][4] = {};
  tiles::Softmax softmax = tiles::empty_softmax();
  float scale = a.scale * tiles::LOG2_E;

  for (int key = begin, stage = 0; key < end; key += KEYS, stage ^= 1) {
    wgmma::receive_copies();
    if (key + KEYS < end) load_keys(key + KEYS, stage ^ 1);
    // whether any of the warpgroup's queries sees any of these keys
    if (key >= end_query || begin_query >= end_query || key + KEYS <= first_key(a, begin_query)) continue;
    float s[KEYS / 8][4];
    begin_products();
    wgmma::product<DIM>(shared.q[group], shared.k[stage], s);
    commit_products();
    wait_products<0>();
    wgmma::pin(s);
    thread = (int)opaque(threadIdx.x) % WARPGROUP;
    int query = begin_query + thread / WARP * 16;  // the warp's first
    if (key + KEYS > min(query + 1, end) || first_key(a, query + 15) > key) MR_UNROLL
    for (int half = 0; half < 2; half++) {
      int one = query + thread % WARP / 4 + 8 * half, first = key + thread % 4 * 2;
      int from = first_key(a, one) - first, to = min(one + 1, end) - first;
      MR_UNROLL
      for (int n = 0; n < KEYS / 8; n++) MR_UNROLL
      for (int i = 0; i < 2; i++)
        if (8 * n + i < from || 8 * n + i >= to) s[n][2 * half + i] = -INFINITY;
    }
    tiles::softmax_step<DIM>(s, scale, softmax, sum);
    uint32_t p[KEYS / 16][4];
    wgmma::as_fragments<C>(s, p);
    wgmma::pin(sum);
    begin_products();
    wgmma::accumulate<DIM>(p, shared.v[stage], sum);
    commit_products();
    wait_products<0>();
    keep(p);
    wgmma::pin(sum);
  }

  wait_copies<0>();
  __syncthreads();
  tiles::finish_softmax(softmax);
  int g = tiles::lane_of_thread() / 4, query = begin_query + thread / WARP * 16, count = span.end - query;
  float inverse[2] = {1.0f / softmax.total[0], 1.0f / softmax.total[1]};
  tiles::write<DIM, C>(a, whole, sum, inverse, shared.staging[tiles::warp_of_thread()], o, first_of_queries(query), q_width, count);
  MR_UNROLL
  for (int half = 0; half < 2; half++)
    if (lse != nullptr && thread % 4 == 0 && g + 8 * half < count)
      lse[(int64_t)(row0 + query + g + 8 * half) * a.heads + head] =
          softmax.largest[half] * scale * tiles::LN_2 + logf(softmax.total[half]);
#endif
}

}  // namespace

int32_t attend_wgmma(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o,
                     float* lse) {
  wgmma::Division division = wgmma::divide_queries(a);
  dim3 blocks((unsigned)wgmma::blocks_of(a, division.span, division.columns));
  return wgmma::with_tiles(a, [&](auto* type, auto width) {
    using C = std::remove_pointer_t<decltype(type)>;
    constexpr int DIM = decltype(width)::value;
    static_assert(2 * (sizeof(Shared<C, DIM>) + 1024) <= wgmma::SHARED_OF_MULTIPROCESSOR);
    return launch(s, op, forward_kernel<C, DIM>, blocks, dim3(THREADS), sizeof(Shared<C, DIM>), a, division,
                  tiles::copies_whole(a, q, k, v, o), q, k, v, o, lse);
  });
}

}  // namespace mr
