// embedding.cpp: rows of a table by token id, and the gradient of the table.
#include "op.h"

namespace mr {
namespace MR_PATH {

// The columns one task of the backward owns: it walks all tokens in order, so the sums have one order for any thread
// count.
static constexpr int64_t COLUMN_BLOCK = 128;

static int32_t check_ids(const char* op, int64_t tokens, int64_t vocab, const int32_t* ids) {
  for (int64_t t = 0; t < tokens; t++)
    MR_REQUIRE(ids[t] >= 0 && ids[t] < vocab, "%s: ids[%lld] is %d, outside [0, %lld)", op, (long long)t, ids[t], (long long)vocab);
  return MR_OK;
}

template <class X, class Y>
static void forward_typed(mr_stream* s, int64_t tokens, int64_t hidden, const X* table, const int32_t* ids, Y* y) {
  parallel_chunks(s, tokens, rows_per_task(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; t++) {
      const X* row = table + ids[t] * hidden;
      Y* out = y + t * hidden;
      each_vector(0, hidden, [=](int64_t c, auto lanes) { store(out + c, load(row + c, lanes), lanes); });
    }
  });
}

template <class T>
static void backward_typed(mr_stream* s, int64_t tokens, int64_t hidden, int64_t padding, const int32_t* ids, const T* dy,
                           float* dtable) {
  parallel_chunks(s, hidden, COLUMN_BLOCK, [=](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < tokens; t++) {
      if (ids[t] == padding) continue;
      const T* d = dy + t * hidden;
      float* out = dtable + ids[t] * hidden;
      each_vector(begin, end, [=](int64_t c, auto lanes) { store(out + c, load(out + c, lanes) + load(d + c, lanes), lanes); });
    }
  });
}

int32_t embedding_forward(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int32_t table_dtype, const void* table,
                          const int32_t* ids, int32_t y_dtype, void* y) {
  MR_REQUIRE(is_activation(table_dtype), "embedding_forward: table dtype %d is not f32, bf16 or f16", table_dtype);
  MR_REQUIRE(is_activation(y_dtype), "embedding_forward: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_REQUIRE(tokens >= 0 && vocab >= 0 && hidden >= 0, "embedding_forward: tokens %lld, vocab %lld, hidden %lld", (long long)tokens,
             (long long)vocab, (long long)hidden);
  MR_REQUIRE(tokens == 0 || (table && ids && y), "embedding_forward: table, ids and y must not be NULL");
  int32_t error = check_ids("embedding_forward", tokens, vocab, ids);
  if (error) return error;
  with_storage(table_dtype, [=](auto* from) {
    with_storage(y_dtype, [=](auto* to) { forward_typed(s, tokens, hidden, as(from, table), ids, as(to, y)); });
  });
  return MR_OK;
}

int32_t embedding_backward(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int64_t padding, const int32_t* ids,
                           int32_t dy_dtype, const void* dy, float* dtable) {
  MR_REQUIRE(is_activation(dy_dtype), "embedding_backward: dy dtype %d is not f32, bf16 or f16", dy_dtype);
  MR_REQUIRE(tokens >= 0 && vocab >= 0 && hidden >= 0, "embedding_backward: tokens %lld, vocab %lld, hidden %lld",
             (long long)tokens, (long long)vocab, (long long)hidden);
  MR_REQUIRE(tokens == 0 || (ids && dy && dtable), "embedding_backward: ids, dy and dtable must not be NULL");
  int32_t error = check_ids("embedding_backward", tokens, vocab, ids);
  if (error) return error;
  with_storage(dy_dtype, [=](auto* type) { backward_typed(s, tokens, hidden, padding, ids, as(type, dy), dtable); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
