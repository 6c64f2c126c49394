// attention_forward.cpp: O = softmax(scale * Q K^T, causal) V for packed sequences and grouped heads, and the
// log-sum-exp of every row for the backward; the same for tokens that follow others, whose keys are cached.
//
// A task takes up to CHUNK queries of one (sequence, kv head). It packs their keys once, and a block's values once for
// the group's heads; for each block of queries and head: scores by one product, softmax row by row, output by a second
// product. Rows stay unnormalised until they are written, so the division is per output and not per score.
//
// Blocks begin at multiples of QUERY_BLOCK in their sequence, also when the first query is not one of them: so a token
// has the same bits whether its predecessors are computed with it or cached.
#include "attention.h"
#include "vec_math.h"

namespace mr {
namespace MR_PATH {

// row[lo..hi) = e^(row - max), zeros in the rest of [0, width); returns max and sum.
MR_INLINE void softmax_row(float* row, int64_t lo, int64_t hi, int64_t width, float* row_max, float* row_sum) {
  float largest = row[lo];
  if (hi - lo >= LANES) {
    V16 best = load(row + hi - LANES);  // the tail, overlapping the last whole vector
    for (int64_t c = lo; c + LANES <= hi; c += LANES) best = max(best, load(row + c));
    largest = reduce_max(best);
  } else {
    for (int64_t c = lo + 1; c < hi; c++) largest = row[c] > largest ? row[c] : largest;
  }

  V16 shift = splat(largest);
  V16 sum[2] = {splat(0.0f), splat(0.0f)};
  int64_t c = lo;
  for (; c + 2 * LANES <= hi; c += 2 * LANES)
    for (int j = 0; j < 2; j++) {
      V16 e = exp(load(row + c + j * LANES) - shift);
      store(row + c + j * LANES, e);
      sum[j] = sum[j] + e;
    }
  for (; c < hi; c += LANES) {
    int lanes = hi - c < LANES ? (int)(hi - c) : LANES;
    store(row + c, exp(load(row + c, lanes) - shift), lanes);
    sum[0] = sum[0] + load(row + c, lanes);
  }
  for (int64_t z = 0; z < lo; z++) row[z] = 0;
  for (int64_t z = hi; z < width; z++) row[z] = 0;
  *row_max = largest;
  *row_sum = reduce_add(sum[0] + sum[1]);
}

// Scores [rows, keys] of queries begin.. against keys first_key.. -> unnormalised probabilities; inverse sums and lse.
static void softmax_block(const Attention& a, float* scores, int64_t ld, int64_t rows, int64_t query, int64_t first_key,
                          int64_t keys, int64_t visible, float* inverse, float* lse) {
  float largest[QUERY_BLOCK], sums[QUERY_BLOCK];
  for (int64_t i = 0; i < rows; i++)
    softmax_row(scores + i * ld, a.first_key(query + i) - first_key,
                (query + i + 1 < visible ? query + i + 1 : visible) - first_key, keys, largest + i, sums + i);
  each_vector(0, rows, [&](int64_t i, auto lanes) {
    V16 sum = load(sums + i, lanes);
    store(inverse + i, splat(1.0f) / sum, lanes);
    store(lse + i, load(largest + i, lanes) + log(sum), lanes);
  });
}

// Where the block of a query begins.
MR_INLINE int64_t block_of(int64_t query) { return query / QUERY_BLOCK * QUERY_BLOCK; }

// Queries [begin, end) of a sequence whose position p is row q_row0 + p of q and o, and in row k_row0 + p of k and v.
namespace {
struct Queries {
  int64_t q_row0, k_row0, begin, end, visible;
};
}  // namespace

// lse may be NULL.
static int32_t forward_task(const Attention& a, const Queries& span, int64_t kv_head, const void* q, const void* k, const void* v,
                            void* o, float* lse) {
  int64_t d = a.head_dim, base = a.first_key_of_block(block_of(span.begin)), all_keys = span.end - base;
  int64_t ld = (all_keys + LANES - 1) / LANES * LANES;
  int64_t keys_bytes = align64(pack_b_bytes(a.compute, all_keys, d));
  int64_t values_bytes = align64(pack_b_bytes(a.compute, d, all_keys));
  int64_t scores_bytes = QUERY_BLOCK * ld * 4, out_bytes = align64(QUERY_BLOCK * d * 4);
  char* memory = (char*)scratch(SCRATCH_TILE_0, keys_bytes + values_bytes + scores_bytes + out_bytes);
  if (!memory) return MR_ERR_MEMORY;
  char *packed_keys = memory, *packed_values = memory + keys_bytes;
  float *scores = (float*)(packed_values + values_bytes), *out = (float*)((char*)scores + scores_bytes);
  const void* k_head = at(k, a.dtype, span.k_row0 * a.kv_width() + kv_head * d);
  const void* v_head = at(v, a.dtype, span.k_row0 * a.kv_width() + kv_head * d);
  if (a.prefix_is_packed())
    pack_b(a.compute, 1, all_keys, d, at(k_head, a.dtype, base * a.kv_width()), a.kv_width(), a.dtype, packed_keys);

  for (int64_t query = span.begin, next; query < span.end; query = next) {
    next = block_of(query) + QUERY_BLOCK;
    if (next > span.end) next = span.end;
    int64_t rows = next - query, first_key = a.first_key_of_block(block_of(query)), keys = next - first_key;
    const void* block_keys = packed_keys;
    if (a.prefix_is_packed())
      block_keys = packed_keys + pack_b_bytes(a.compute, first_key - base, d) * (first_key > base);
    else
      pack_b(a.compute, 1, keys, d, at(k_head, a.dtype, first_key * a.kv_width()), a.kv_width(), a.dtype, packed_keys);
    pack_b(a.compute, 0, d, keys, at(v_head, a.dtype, first_key * a.kv_width()), a.kv_width(), a.dtype, packed_values);

    for (int64_t g = 0; g < a.group(); g++) {
      int64_t head = kv_head * a.group() + g, row = span.q_row0 + query;
      float inverse[QUERY_BLOCK], block_lse[QUERY_BLOCK];
      int32_t error = gemm_packed(a.compute, 0, rows, keys, d, a.scale, at(q, a.dtype, row * a.q_width() + head * d), a.q_width(),
                                  a.dtype, block_keys, scores, ld, 0);
      if (error) return error;
      softmax_block(a, scores, ld, rows, query, first_key, keys, span.visible, inverse, block_lse);
      error = gemm_packed(a.compute, 0, rows, d, keys, 1.0f, scores, ld, MR_F32, packed_values, out, d, 0);
      if (error) return error;
      write_rows(rows, d, out, d, inverse, a.dtype, at(o, a.dtype, row * a.q_width() + head * d), a.q_width());
      for (int64_t i = 0; lse && i < rows; i++) lse[(row + i) * a.heads + head] = block_lse[i];
    }
  }
  return MR_OK;
}

int32_t attention_forward(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                          const int32_t* cu_seqlens, const int32_t* visible, int64_t heads, int64_t kv_heads, int64_t head_dim,
                          float scale, int64_t window, const void* q, const void* k, const void* v, void* o, float* lse) {
  Attention a = {compute, dtype, tokens, sequences, cu_seqlens, heads, kv_heads, head_dim, scale, window, visible};
  int32_t error = check_attention("attention_forward", a);
  if (error) return error;
  int64_t spans = count_spans(a, CHUNK);
  MR_REQUIRE(spans == 0 || (q && k && v && o && lse), "attention_forward: a pointer is NULL");
  Failure failure;
  parallel(s, spans * kv_heads, [&](int64_t task) {
    int64_t length;
    Span span = find_span(a, CHUNK, task / kv_heads, &length);
    Queries queries = {span.row0, span.row0, span.begin, span.end, span.visible};
    failure.note(forward_task(a, queries, task % kv_heads, q, k, v, o, lse));
  });
  return failure.code ? fail(failure.code, "attention_forward: no memory for a block of scores") : MR_OK;
}

// New tokens are cut where mr_attention_forward cuts the whole sequence. The index-th of all such pieces, in order.
static int64_t pieces_of(int64_t past, int64_t count) { return count == 0 ? 0 : (past + count - 1) / CHUNK - past / CHUNK + 1; }
static Queries find_piece(const Attention& a, const int32_t* cache_rows, const int32_t* past, int64_t index) {
  for (int64_t i = 0;; i++) {
    int64_t before = past[i], count = a.cu_seqlens[i + 1] - a.cu_seqlens[i], pieces = pieces_of(before, count);
    if (index >= pieces) {
      index -= pieces;
      continue;
    }
    int64_t begin = (before / CHUNK + index) * CHUNK, end = begin + CHUNK;
    if (begin < before) begin = before;
    if (end > before + count) end = before + count;
    return {a.cu_seqlens[i] - before, cache_rows[i], begin, end, INT64_MAX};
  }
}

int32_t attention_cached(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences, const int32_t* cu_seqlens,
                         const int32_t* cache_rows, const int32_t* past, int64_t heads, int64_t kv_heads, int64_t head_dim,
                         float scale, int64_t window, const void* q, const void* k_cache, const void* v_cache, void* o) {
  Attention a = {compute, dtype, tokens, sequences, cu_seqlens, heads, kv_heads, head_dim, scale, window};
  int32_t error = check_attention("attention_cached", a);
  if (error) return error;
  MR_REQUIRE(sequences == 0 || (cache_rows && past), "attention_cached: cache_rows or past is NULL");
  int64_t pieces = 0;
  for (int64_t i = 0; i < sequences; i++) {
    MR_REQUIRE(cache_rows[i] >= 0 && past[i] >= 0, "attention_cached: sequence %lld has past %d at row %d", (long long)i, past[i],
               cache_rows[i]);
    pieces += pieces_of(past[i], cu_seqlens[i + 1] - cu_seqlens[i]);
  }
  MR_REQUIRE(pieces == 0 || (q && k_cache && v_cache && o), "attention_cached: a pointer is NULL");
  Failure failure;
  parallel(s, pieces * kv_heads, [&](int64_t task) {
    Queries queries = find_piece(a, cache_rows, past, task / kv_heads);
    failure.note(forward_task(a, queries, task % kv_heads, q, k_cache, v_cache, o, nullptr));
  });
  return failure.code ? fail(failure.code, "attention_cached: no memory for a block of scores") : MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
