// attention_forward.cu: O = softmax(scale * Q K^T, causal) V for packed sequences and grouped heads, and the log-sum-exp
// of every row for the backward; also for tokens that follow others whose keys lie in a cache (attend).
//
// Softmax is online (Milakov and Gimelshein 2018; FlashAttention-2, Dao 2023): a block goes over tiles of keys in order and
// keeps the largest score and the sum of every row; what it has added up is scaled down whenever a larger score appears, and
// divided by the sum once, at the end.
#include "attention_simt.h"

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

}  // namespace

int32_t attend(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o, float* lse) {
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
