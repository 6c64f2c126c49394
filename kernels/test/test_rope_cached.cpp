// test_rope_cached.cpp: queries and keys made ready and stored, with the bits of the separate ops.
#include "op_check.h"

using namespace op_check;

TEST(rope_cached) {
  const int64_t max_position = 20, tokens = 5, heads = 4, kv_heads = 2, rows = 9;
  const std::vector<int32_t> positions = {3, 0, 19, 7, 7}, places = {8, 0, 3, 5, 1};
  for (int64_t head_dim : {2, 20, 64, 128})
    for (int32_t dtype : STORAGE)
      for (int32_t kind : {MR_NORM_SCALE, MR_NORM_OFFSET})
        for (bool normed : {true, false}) {
          Buffer co(numbers(max_position * head_dim / 2, 1)), si(numbers(max_position * head_dim / 2, 2));
          Buffer wq(numbers(head_dim, 3)), wk(numbers(head_dim, 4));
          int64_t width = kv_heads * head_dim;
          Buffer q(dtype, numbers(tokens * heads * head_dim, 5)), k(dtype, numbers(tokens * width, 6));
          Buffer v(dtype, numbers(tokens * width, 7));
          Buffer kept(dtype, numbers(rows * width, 8));
          Buffers together = same_bits("rope_cached", {q, k, kept, kept}, [&](mr_stream* s, Buffers& out) {
            return mr_rope_cached(s, dtype, kind, tokens, heads, kv_heads, head_dim, 1e-6f, out[0].data(),
                                  normed ? wq.f32() : nullptr, out[1].data(), normed ? wk.f32() : nullptr, v.data(), co.f32(),
                                  si.f32(), positions.data(), places.data(), out[2].data(), out[3].data());
          });
          Buffers apart = same_bits("the separate ops", {q, k, kept, kept}, [&](mr_stream* s, Buffers& out) {
            Buffer rstd = Buffer::unset(MR_F32, tokens * heads);
            int32_t code = MR_OK;
            for (int i = 0; i < 2 && code == MR_OK; i++) {
              int64_t count = i == 0 ? heads : kv_heads;
              if (normed)
                code = mr_rms_norm_forward(s, dtype, kind, tokens * count, head_dim, 1e-6f, out[(size_t)i].data(),
                                           (i == 0 ? wq : wk).f32(), out[(size_t)i].data(), rstd.f32());
              if (code == MR_OK)
                code = mr_rope(s, dtype, tokens, count, head_dim, out[(size_t)i].data(), co.f32(), si.f32(), positions.data(), 0,
                               out[(size_t)i].data());
            }
            if (code == MR_OK) code = mr_scatter_rows(s, dtype, tokens, width, out[1].data(), places.data(), out[2].data());
            return code != MR_OK ? code : mr_scatter_rows(s, dtype, tokens, width, v.data(), places.data(), out[3].data());
          });
          for (size_t i = 0; i < 4; i++) CHECK(together[i] == apart[i]);
        }
}

TEST(rope_cached_refuse) {
  Stream s;
  float x[8] = {};
  int32_t good[] = {0}, bad[] = {-1};
  auto call = [&](int64_t heads, int64_t head_dim, const int32_t* positions, const int32_t* places) {
    return mr_rope_cached(s, MR_F32, MR_NORM_SCALE, 1, heads, 1, head_dim, 1e-6f, x, nullptr, x, nullptr, x, x, x, positions,
                          places, x, x);
  };
  refused(call(0, 2, good, good), "rope_cached");
  refused(call(1, 8194, good, good), "rope_cached");
  refused(call(1, 2, bad, good), "rope");
  refused(call(1, 2, good, bad), "scatter_rows");
}
