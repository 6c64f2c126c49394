// attention_forward.cu: O = softmax(scale * Q K^T, causal) V for packed sequences and grouped heads, and the log-sum-exp
// of every row for the backward; also for tokens that follow others whose keys are cached (attend).
//
// Softmax is online (Milakov and Gimelshein 2018; FlashAttention-2, Dao 2023): a block goes over tiles of keys in order and
// keeps the largest score and the sum of every row; what it has added up is scaled down whenever a larger score appears, and
// divided by the sum once, at the end.
//
// On tensor cores (forward_kernel, as FlashAttention-2) a warp owns 16 or 32 queries with their scores and sums in
// registers; the block's keys and values of a tile arrive alternately, one while the other is multiplied. Heads of up
// to 128 go to attention_forward_wgmma.cu where stream.cu chose it.
#include "attention_simt.h"
#include "attention_wgmma.h"

namespace mr {
namespace {

struct SimtShared {
  simt::Square x, y, p;
  float values[simt::EDGE][simt::SLICE];
};

__global__ void simt_kernel(Attention a, const void* q, const void* k, const void* v, void* o, float* lse) {
  using namespace simt;
  SimtShared& shared = shared_memory<SimtShared>();
  Span span;
  if (!find_span<true>(a, EDGE, blockIdx.x, &span)) return;
  int64_t head = blockIdx.y, kv_head = head / a.group(), q_row = span.q_row0 + span.begin;
  Rows queries = {q, q_row * a.q_width() + head * a.head_dim, a.q_width(), span.end - span.begin};
  int row = row_of_thread(), column = column_of_thread();
  int64_t columns = a.head_dim - slice_begin();
  float sum[ROWS][COLUMNS] = {}, largest[ROWS], total[ROWS];
  for (int i = 0; i < ROWS; i++) largest[i] = -INFINITY, total[i] = 0.0f;

  int end = min(span.end, span.visible);
  for (int key = first_key(a, span.begin) / EDGE * EDGE; key < end; key += EDGE) {
    int64_t first = (span.k_row0 + key) * a.kv_width() + kv_head * a.head_dim;
    int count = min(end - key, EDGE);
    float s[ROWS][SCORES];
    product(a, queries, {k, first, a.kv_width(), count}, shared.x, shared.y, s);
    for (int i = 0; i < ROWS; i++) {
      float best = largest[i];
      for (int j = 0; j < SCORES; j++) {
        int one = key + column + 16 * j;
        s[i][j] = one < end && sees(a, span, span.begin + row + i, one) ? s[i][j] * a.scale : -INFINITY;
        best = fmaxf(best, s[i][j]);
      }
      for (int bits = 8; bits > 0; bits /= 2) best = fmaxf(best, __shfl_xor_sync(ALL_LANES, best, bits));
      float shift = best == -INFINITY ? 0.0f : best;  // a row may see nothing of this tile and of those before
      float scaled = expf(largest[i] - shift), p = 0.0f;
      largest[i] = best;
      for (int j = 0; j < SCORES; j++) {
        float e = expf(s[i][j] - shift);
        p += e;
        shared.p[row + i][column + 16 * j] = rounded(a.compute, e);
      }
      for (int bits = 8; bits > 0; bits /= 2) p += __shfl_xor_sync(ALL_LANES, p, bits);
      total[i] = fmaf(total[i], scaled, p);
      for (int j = 0; j < COLUMNS; j++) sum[i][j] *= scaled;
    }
    load_columns<SLICE>(a, {v, first, a.kv_width(), count}, slice_begin(), shared.values);
    __syncthreads();
    accumulate<false>(shared.p, shared.values, queries.count, count, columns, sum);
  }

  float inverse[ROWS];
  for (int i = 0; i < ROWS; i++) inverse[i] = 1.0f / total[i];
  write(a, sum, inverse, o, queries.first, a.q_width(), queries.count);
  for (int i = 0; i < ROWS; i++)
    if (lse != nullptr && blockIdx.z == 0 && column == 0 && row + i < queries.count)
      lse[(q_row + row + i) * a.heads + head] = largest[i] + logf(total[i]);
}

constexpr int WARPS = 4;
constexpr int THREADS = WARPS * WARP;

// M times 16 queries a warp, tiles of KEYS keys: what 255 registers and 99 KB of shared memory hold.
template <int DIM>
struct Tiling {
  static constexpr int M = DIM <= 128 ? 2 : 1;
  static constexpr int QUERIES = 16 * M * WARPS;
  static constexpr int KEYS = 64;
};

template <class C, int DIM>
struct Shared {
  union {
    struct {
      C q[Tiling<DIM>::QUERIES * DIM], k[Tiling<DIM>::KEYS * DIM], v[Tiling<DIM>::KEYS * DIM];
    };
    tiles::Staging<DIM> staging[WARPS];  // when the last keys are done with
  };
};

template <class C, int DIM>
__global__ void __launch_bounds__(THREADS)
    forward_kernel(Attention a, bool whole, const void* q, const void* k, const void* v, void* o, float* lse) {
  using namespace tiles;
  constexpr int M = Tiling<DIM>::M, QUERIES = Tiling<DIM>::QUERIES, KEYS = Tiling<DIM>::KEYS;
  Shared<C, DIM>& shared = shared_memory<Shared<C, DIM>>();
  Span span;
  if (!find_span<true>(a, QUERIES, blockIdx.x, &span)) return;
  int64_t head = blockIdx.y, q_width = a.q_width(), kv_width = a.kv_width();
  int64_t q_first = (span.q_row0 + span.begin) * q_width + head * a.head_dim;
  int64_t k_first = span.k_row0 * kv_width + head / a.group() * a.head_dim;
  int g = lane_of_thread() / 4, t = lane_of_thread() % 4;
  int row = warp_of_thread() * 16 * M;  // the warp's first, in the block
  int query = span.begin + row, end_query = min(query + 16 * M, span.end);
  int begin = first_key(a, span.begin) / KEYS * KEYS, end = min(span.end, span.visible);

  auto load_keys = [&](const void* from, int key, C* to) {
    load_tile<KEYS, DIM, THREADS>(a, whole, from, k_first + key * kv_width, kv_width, end - key, to,
                                  (int)opaque_where<false>(threadIdx.x));
    commit_copies();
  };
  load_tile<QUERIES, DIM, THREADS>(a, whole, q, q_first, q_width, span.end - span.begin, shared.q,
                                   (int)opaque_where<false>(threadIdx.x));
  load_keys(k, begin, shared.k);
  load_keys(v, begin, shared.v);

  float sum[M][DIM / 8][4] = {};
  Softmax softmax[M];
  MR_UNROLL
  for (int m = 0; m < M; m++) softmax[m] = empty_softmax();
  float scale = a.scale * LOG2_E;

  for (int key = begin; key < end; key += KEYS) {
    if (key == begin)
      wait_copies<1>();
    else
      wait_copies<0>();
    __syncthreads();  // the keys are here, the values before them are done with
    if (key > begin) load_keys(v, key, shared.v);
    // whether any of the warp's queries sees any of these keys
    bool busy = key < end_query && query < end_query && key + KEYS > first_key(a, query);
    float s[M][KEYS / 8][4];
    if (busy) product<DIM>(shared.q, row, shared.k, s);
    wait_copies<0>();
    __syncthreads();  // the values are here, the keys are done with
    if (key + KEYS < end) load_keys(k, key + KEYS, shared.k);
    if (!busy) continue;
    bool all_seen = key + KEYS <= min(query + 1, end) && first_key(a, query + 16 * M - 1) <= key;
    MR_UNROLL
    for (int m = 0; m < M; m++) {
      if (!all_seen) MR_UNROLL
      for (int half = 0; half < 2; half++) {
        int one = query + 16 * m + g + 8 * half, from = first_key(a, one), to = min(one + 1, end);
        MR_UNROLL
        for (int n = 0; n < KEYS / 8; n++) MR_UNROLL
        for (int i = 0; i < 2; i++) {
          int place = key + 8 * n + 2 * t + i;
          if (place < from || place >= to) s[m][n][2 * half + i] = -INFINITY;
        }
      }
      softmax_step<DIM>(s[m], scale, softmax[m], sum[m]);
    }
    accumulate<DIM>(s, shared.v, 0, sum);
  }

  __syncthreads();
  MR_UNROLL
  for (int m = 0; m < M; m++) {
    finish_softmax(softmax[m]);
    int first = row + 16 * m, count = span.end - span.begin - first;
    float inverse[2] = {1.0f / softmax[m].total[0], 1.0f / softmax[m].total[1]};
    tiles::write<DIM, C>(a, whole, sum[m], inverse, shared.staging[warp_of_thread()], o, q_first + first * q_width, q_width, count);
    MR_UNROLL
    for (int half = 0; half < 2; half++)
      if (lse != nullptr && t == 0 && g + 8 * half < count)
        lse[(span.q_row0 + span.begin + first + g + 8 * half) * a.heads + head] =
            softmax[m].largest[half] * scale * LN_2 + logf(softmax[m].total[half]);
  }
}

}  // namespace

int32_t attend(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o, float* lse) {
  if (wgmma_takes(s, a)) return attend_wgmma(s, op, a, q, k, v, o, lse);
  if (tiles::has_tiles(a))
    return tiles::with_tiles(a, [&](auto* type, auto width) {
      using C = std::remove_pointer_t<decltype(type)>;
      constexpr int DIM = decltype(width)::value;
      static_assert(sizeof(Shared<C, DIM>) <= tiles::SHARED_LIMIT);
      return launch(s, op, forward_kernel<C, DIM>, dim3((unsigned)spans_at_most(a, Tiling<DIM>::QUERIES), (unsigned)a.heads),
                    dim3(THREADS), sizeof(Shared<C, DIM>), a, tiles::copies_whole(a, q, k, v, o), q, k, v, o, lse);
    });
  return launch(s, op, simt_kernel, simt::grid(a, a.heads), dim3(simt::THREADS), sizeof(SimtShared), a, q, k, v, o, lse);
}

}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_attention_forward(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                    const int32_t* cu_seqlens, const int32_t* visible, int64_t heads, int64_t kv_heads,
                                    int64_t head_dim, float scale, int64_t window, const void* q, const void* k, const void* v,
                                    void* o, float* lse) {
  Attention a = {compute, dtype, tokens, sequences, cu_seqlens, visible, heads, kv_heads, head_dim, scale, window};
  MR_TRY(check_attention("attention_forward", a));
  MR_REQUIRE(tokens == 0 || (q && k && v && o && lse), "attention_forward: a pointer is NULL");
  return tokens == 0 ? MR_OK : attend(s, "attention_forward", a, q, k, v, o, lse);
}

}  // extern "C"
