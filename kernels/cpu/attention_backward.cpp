// attention_backward.cpp: dQ, dK and dV of attention_forward, from the saved log-sum-exp instead of saved
// probabilities.
//
// For a block of queries of one head, with D = rowsum(dO * O):
//   P = exp(scale Q K^T - lse)    dP = dO V^T    dS = P * (dP - D) * scale
//   dV += P^T dO                  dK += dS^T Q   dQ = dS K
// A task owns the dK and dV of its (sequence, kv head) and the dQ of the heads in its group, and walks blocks and heads
// in order. With fewer sequences and heads than threads it is cut in two kinds of tasks, chunks of queries for dQ and
// chunks of keys for dK and dV, which compute the scores twice but the same sums in the same order: the same bits.
#include "attention.h"
#include "vec_math.h"

namespace mr {
namespace MR_PATH {

struct Gradients {
  const void *q, *k, *v, *o;
  const float* lse;
  const void* d_o;
  void *dq, *dk, *dv;
};

// One task's work: queries [begin, end) of the span against keys [key_begin, key_end).
struct Part {
  Span queries;
  int64_t key_begin, key_end;
  int64_t kv_head;
  bool want_dq;     // needs all keys of the queries
  bool want_dk_dv;  // needs all queries of the keys
};

// D[i] = sum_c dO[i, c] * O[i, c]
template <class T>
static void row_dots(int64_t rows, int64_t cols, const T* a, const T* b, int64_t ld, float* dots) {
  for (int64_t i = 0; i < rows; i++) {
    V16 sum = splat(0.0f);
    each_vector(0, cols, [&](int64_t c, auto lanes) { sum = fma(load(a + i * ld + c, lanes), load(b + i * ld + c, lanes), sum); });
    dots[i] = reduce_add(sum);
  }
}

// scores -> P and dp -> dS in place, row by row; what a query does not see is 0.
static void score_gradients(const Attention& a, float* scores, float* dp, int64_t ld, int64_t rows, int64_t query,
                            int64_t first_key, int64_t keys, int64_t visible, const float* lse, const float* dots) {
  for (int64_t i = 0; i < rows; i++) {
    float *p = scores + i * ld, *ds = dp + i * ld;
    int64_t lo = a.first_key(query + i) - first_key, hi = (query + i + 1 < visible ? query + i + 1 : visible) - first_key;
    lo = lo < 0 ? 0 : lo > keys ? keys : lo;
    hi = hi < lo ? lo : hi > keys ? keys : hi;
    V16 shift = splat(lse[i]), dot = splat(dots[i]), factor = splat(a.scale);
    each_vector(lo, hi, [=](int64_t c, auto lanes) {
      V16 e = exp(load(p + c, lanes) - shift);
      store(p + c, e, lanes);
      store(ds + c, e * (load(ds + c, lanes) - dot) * factor, lanes);
    });
    for (int64_t z = 0; z < lo; z++) p[z] = ds[z] = 0;
    for (int64_t z = hi; z < keys; z++) p[z] = ds[z] = 0;
  }
}

namespace {  // members need internal linkage as much as functions do

// Scratch of a task, carved from one allocation.
struct Workspace {
  char *packed_keys, *packed_values, *packed_rows;  // K^T and V^T for the scores, K for dQ
  float *scores, *dp, *dq, *dk, *dv;
  int64_t ld;

  bool allocate(const Attention& a, int64_t keys) {
    ld = (keys + LANES - 1) / LANES * LANES;
    int64_t d = a.head_dim, across = align64(pack_b_bytes(a.compute, keys, d));
    int64_t along = align64(pack_b_bytes(a.compute, d, keys));
    int64_t tile = QUERY_BLOCK * ld * 4, block = align64(QUERY_BLOCK * d * 4), sums = align64(keys * d * 4);
    char* p = (char*)scratch(SCRATCH_TILE_0, 2 * across + along + 2 * tile + block + 2 * sums);
    if (!p) return false;
    packed_keys = p, packed_values = p + across, packed_rows = p + 2 * across;
    scores = (float*)(packed_rows + along), dp = (float*)((char*)scores + tile), dq = (float*)((char*)dp + tile);
    dk = (float*)((char*)dq + block), dv = (float*)((char*)dk + sums);
    return true;
  }
};

}  // namespace

static int32_t backward_task(const Attention& a, const Gradients& t, const Part& part) {
  int64_t d = a.head_dim, all_keys = part.key_end - part.key_begin, row0 = part.queries.row0;
  int32_t compute = a.compute, dtype = a.dtype, error;
  Workspace w;
  if (!w.allocate(a, all_keys)) return MR_ERR_MEMORY;
  int64_t first_row = (row0 + part.key_begin) * a.kv_width() + part.kv_head * d;  // of this task's keys, in elements
  const void *k = at(t.k, dtype, first_row), *v = at(t.v, dtype, first_row);
  if (a.prefix_is_packed()) {
    pack_b(compute, 1, all_keys, d, k, a.kv_width(), dtype, w.packed_keys);
    pack_b(compute, 1, all_keys, d, v, a.kv_width(), dtype, w.packed_values);
  }
  if (part.want_dk_dv) {
    memset(w.dk, 0, (size_t)(all_keys * d) * 4);
    memset(w.dv, 0, (size_t)(all_keys * d) * 4);
  }

  for (int64_t query = part.queries.begin; query < part.queries.end; query += QUERY_BLOCK) {
    int64_t rows = part.queries.end - query < QUERY_BLOCK ? part.queries.end - query : QUERY_BLOCK;
    int64_t first_key = a.first_key_of_block(query), last_key = query + rows;
    if (first_key < part.key_begin) first_key = part.key_begin;
    if (last_key > part.key_end) last_key = part.key_end;
    if (first_key >= last_key) continue;
    int64_t keys = last_key - first_key, offset = first_key - part.key_begin;
    const char *block_keys = w.packed_keys, *block_values = w.packed_values;
    if (a.prefix_is_packed()) {
      int64_t skip = offset > 0 ? pack_b_bytes(compute, offset, d) : 0;
      block_keys += skip, block_values += skip;
    } else {
      pack_b(compute, 1, keys, d, at(k, dtype, offset * a.kv_width()), a.kv_width(), dtype, w.packed_keys);
      pack_b(compute, 1, keys, d, at(v, dtype, offset * a.kv_width()), a.kv_width(), dtype, w.packed_values);
    }
    if (part.want_dq) pack_b(compute, 0, d, keys, at(k, dtype, offset * a.kv_width()), a.kv_width(), dtype, w.packed_rows);

    for (int64_t g = 0; g < a.group(); g++) {
      int64_t head = part.kv_head * a.group() + g, row = row0 + query, from = row * a.q_width() + head * d;
      const void *q = at(t.q, dtype, from), *o = at(t.o, dtype, from), *d_o = at(t.d_o, dtype, from);
      float lse[QUERY_BLOCK], dots[QUERY_BLOCK];
      for (int64_t i = 0; i < rows; i++) lse[i] = t.lse[(row + i) * a.heads + head];
      with_storage(dtype, [&](auto* type) { row_dots(rows, d, as(type, d_o), as(type, o), a.q_width(), dots); });

      error = gemm_packed(compute, 0, rows, keys, d, a.scale, q, a.q_width(), dtype, block_keys, w.scores, w.ld, 0);
      if (error) return error;
      error = gemm_packed(compute, 0, rows, keys, d, 1.0f, d_o, a.q_width(), dtype, block_values, w.dp, w.ld, 0);
      if (error) return error;
      score_gradients(a, w.scores, w.dp, w.ld, rows, query, first_key, keys, part.queries.visible, lse, dots);
      if (part.want_dk_dv) {
        error = gemm_serial(compute, 1, 0, keys, d, rows, 1.0f, w.scores, w.ld, MR_F32, d_o, a.q_width(), dtype, w.dv + offset * d,
                            d, 1);
        if (error) return error;
        error = gemm_serial(compute, 1, 0, keys, d, rows, 1.0f, w.dp, w.ld, MR_F32, q, a.q_width(), dtype, w.dk + offset * d, d, 1);
        if (error) return error;
      }
      if (part.want_dq) {
        error = gemm_packed(compute, 0, rows, d, keys, 1.0f, w.dp, w.ld, MR_F32, w.packed_rows, w.dq, d, 0);
        if (error) return error;
        write_rows(rows, d, w.dq, d, nullptr, dtype, at(t.dq, dtype, from), a.q_width());
      }
    }
  }
  if (part.want_dk_dv) {
    write_rows(all_keys, d, w.dk, d, nullptr, dtype, at(t.dk, dtype, first_row), a.kv_width());
    write_rows(all_keys, d, w.dv, d, nullptr, dtype, at(t.dv, dtype, first_row), a.kv_width());
  }
  return MR_OK;
}

// One task per (sequence, kv head).
static void whole_sequences(mr_stream* s, const Attention& a, const Gradients& t, Failure* failure) {
  parallel(s, count_spans(a, INT64_MAX) * a.kv_heads, [&](int64_t task) {
    int64_t length;
    Span all = find_span(a, INT64_MAX, task / a.kv_heads, &length);
    failure->note(backward_task(a, t, {all, 0, length, task % a.kv_heads, true, true}));
  });
}

// Two tasks per (chunk of a sequence, kv head): the dQ of its queries, and the dK and dV of its keys.
static void cut_sequences(mr_stream* s, const Attention& a, const Gradients& t, Failure* failure) {
  parallel(s, count_spans(a, CHUNK) * a.kv_heads * 2, [&](int64_t task) {
    int64_t length, kv_head = task / 2 % a.kv_heads;
    Span chunk = find_span(a, CHUNK, task / 2 / a.kv_heads, &length);
    if (task % 2 == 0) {
      failure->note(backward_task(a, t, {chunk, a.first_key_of_block(chunk.begin), chunk.end, kv_head, true, false}));
    } else {
      // a chunk is a multiple of the block, so the blocks are those of the whole sequence
      Span later = {chunk.row0, chunk.begin, length, chunk.visible};
      failure->note(backward_task(a, t, {later, chunk.begin, chunk.end, kv_head, false, true}));
    }
  });
}
static_assert(CHUNK % QUERY_BLOCK == 0 && CHUNK % KEY_ALIGN == 0, "chunks must begin with a block of queries and of keys");

int32_t attention_backward(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                           const int32_t* cu_seqlens, const int32_t* visible, int64_t heads, int64_t kv_heads, int64_t head_dim,
                           float scale, int64_t window, const void* q, const void* k, const void* v, const void* o,
                           const float* lse, const void* d_o, void* dq, void* dk, void* dv) {
  Attention a = {compute, dtype, tokens, sequences, cu_seqlens, heads, kv_heads, head_dim, scale, window, visible};
  int32_t error = check_attention("attention_backward", a);
  if (error) return error;
  int64_t spans = count_spans(a, INT64_MAX);
  MR_REQUIRE(spans == 0 || (q && k && v && o && lse && d_o && dq && dk && dv), "attention_backward: a pointer is NULL");
  Gradients t = {q, k, v, o, lse, d_o, dq, dk, dv};
  Failure failure;
  if (2 * spans * kv_heads <= s->threads && count_spans(a, CHUNK) > spans)
    cut_sequences(s, a, t, &failure);
  else
    whole_sequences(s, a, t, &failure);
  return failure.code ? fail(failure.code, "attention_backward: no memory for a block of scores") : MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
