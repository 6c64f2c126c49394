// test_embedding.cpp: rows by token id, and the table's gradient summed in token order.
#include "op_check.h"

using namespace op_check;

namespace {
struct Ids {
  std::vector<int32_t> ids;
  Ids(int64_t n, int64_t vocab, uint64_t seed) {
    check::Random random{seed};
    for (int64_t i = 0; i < n; i++) ids.push_back((int32_t)random.below(vocab));
  }
  const int32_t* data() const { return ids.empty() ? (const int32_t*)4 : ids.data(); }
};
}  // namespace

TEST(embedding_forward) {
  for (int64_t tokens : {0, 1, 7, 300})
    for (int64_t hidden : {1, 17, 64, 259})
      for (int32_t table_dtype : STORAGE)
        for (int32_t dtype : STORAGE) {
          int64_t vocab = 11;
          Buffer table(table_dtype, numbers(vocab * hidden, 1));
          Ids ids(tokens, vocab, 2);
          Floats expected;
          for (int64_t t = 0; t < tokens; t++)
            for (int64_t c = 0; c < hidden; c++) expected.push_back(table[ids.ids[(size_t)t] * hidden + c]);
          Buffers y =
              same_bits("embedding_forward", {Buffer::unset(dtype, tokens * hidden)}, [&](mr_stream* s, Buffers& out) {
                return mr_embedding_forward(s, tokens, vocab, hidden, table_dtype, table.data(), ids.data(), dtype,
                                            out[0].data());
              });
          CHECK(y[0] == Buffer(dtype, expected));
        }
}

TEST(embedding_backward) {
  for (int64_t tokens : {0, 1, 7, 300})
    for (int64_t hidden : {1, 17, 259})
      for (int32_t dtype : STORAGE) {
        int64_t vocab = 5;  // few rows: many tokens meet in one
        Buffer dy(dtype, numbers(tokens * hidden, 3));
        Ids ids(tokens, vocab, 4);
        Floats table = numbers(vocab * hidden, 5);
        Floats expected = table;
        int64_t padding = tokens == 7 ? 2 : -1;
        for (int64_t t = 0; t < tokens; t++)
          for (int64_t c = 0; ids.ids[(size_t)t] != padding && c < hidden; c++)
            expected[(size_t)(ids.ids[(size_t)t] * hidden + c)] += dy[t * hidden + c];
        Buffers y = same_bits("embedding_backward", {Buffer(table)}, [&](mr_stream* s, Buffers& out) {
          return mr_embedding_backward(s, tokens, vocab, hidden, padding, ids.data(), dtype, dy.data(), out[0].f32());
        });
        CHECK(y[0] == Buffer(expected));  // in token order: the same bits
      }
}

TEST(embedding_refuse) {
  Stream s;
  float table[6] = {}, y[6];
  int32_t ids[] = {0, 3}, negative[] = {0, -1};
  refused(mr_embedding_forward(s, 2, 3, 2, MR_F32, table, ids, MR_F32, y), "embedding_forward");
  refused(mr_embedding_forward(s, 2, 3, 2, MR_F32, table, negative, MR_F32, y), "embedding_forward");
  refused(mr_embedding_forward(s, 1, 3, 2, MR_F64, table, ids, MR_F32, y), "embedding_forward");
  refused(mr_embedding_forward(s, 1, 3, 2, MR_F32, nullptr, ids, MR_F32, y), "embedding_forward");
  refused(mr_embedding_backward(s, 2, 3, 2, -1, ids, MR_F32, y, table), "embedding_backward");
  refused(mr_embedding_backward(s, -1, 3, 2, -1, ids, MR_F32, y, table), "embedding_backward");
}
