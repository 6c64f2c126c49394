// test_attention.cpp: bits of attention: whatever the threads, whatever follows, cached or not. The values are the self-test's.
#include "op_check.h"

using namespace op_check;

namespace {

struct Case {
  std::vector<int32_t> cu_seqlens;
  int64_t heads, kv_heads, head_dim, window;
  int64_t tokens() const { return cu_seqlens.back(); }
  int64_t sequences() const { return (int64_t)cu_seqlens.size() - 1; }
  float scale() const { return (float)(1 / sqrt((double)head_dim)); }
};

int32_t run(mr_stream* s, const Case& c, int32_t compute, int32_t dtype, const Buffer& q, const Buffer& k, const Buffer& v,
            const Buffer& d_o, Buffers& out) {
  int32_t error =
      mr_attention_forward(s, compute, dtype, c.tokens(), c.sequences(), c.cu_seqlens.data(), nullptr, c.heads, c.kv_heads,
                           c.head_dim, c.scale(), c.window, q.data(), k.data(), v.data(), out[0].data(), out[1].f32());
  if (error) return error;
  return mr_attention_backward(s, compute, dtype, c.tokens(), c.sequences(), c.cu_seqlens.data(), nullptr, c.heads, c.kv_heads,
                               c.head_dim, c.scale(), c.window, q.data(), k.data(), v.data(), out[0].data(), out[1].f32(),
                               d_o.data(), out[2].data(), out[3].data(), out[4].data());
}

Buffers unset(const Case& c, int32_t dtype) {
  int64_t qn = c.tokens() * c.heads * c.head_dim, kn = c.tokens() * c.kv_heads * c.head_dim;
  return {Buffer::unset(dtype, qn), Buffer::unset(MR_F32, c.tokens() * c.heads), Buffer::unset(dtype, qn), Buffer::unset(dtype, kn),
          Buffer::unset(dtype, kn)};
}

const Case CASES[] = {
    {{0}, 2, 1, 8, 0},                 // nothing at all
    {{0, 0, 1, 1}, 2, 1, 16, 0},       // empty sequences and a single token
    {{0, 5, 5, 70, 71}, 4, 2, 32, 0},  // ragged, grouped
    {{0, 65, 130}, 3, 3, 20, 0},       // a block and one row; a head size of no vector
    {{0, 33}, 6, 1, 1, 0},             // one-dimensional heads
    {{0, 300}, 2, 1, 32, 0},           // beyond one chunk: cut with 3 threads
    {{0, 129, 270}, 1, 1, 17, 0},      //
    {{0, 300}, 1, 1, 16, 1},           // a window of the query itself
    {{0, 10, 290}, 2, 2, 24, 50},      // a window within a block's reach
    {{0, 600}, 1, 1, 8, 300},          // a window across chunks
    {{0, 70}, 2, 1, 400, 0},           // heads deeper than a K block
    {{0, 100}, 1, 1, 400, 33},         //
};

}  // namespace

// With many threads for few heads the backward takes other tasks; their bits must be those of one thread.
TEST(attention_backward_cut) {
  for (const Case& c : CASES) {
    int64_t t = c.tokens(), qn = t * c.heads * c.head_dim, kn = t * c.kv_heads * c.head_dim;
    Buffer q(numbers(qn, 1, 2)), k(numbers(kn, 2, 2)), v(numbers(kn, 3)), d_o(numbers(qn, 4));
    Buffers one = unset(c, MR_F32), many = one;
    Stream s;
    CHECK(run(s, c, MR_F32, MR_F32, q, k, v, d_o, one) == MR_OK);
    mr_stream* wide = mr_stream_create(0, 16, -1);
    CHECK(run(wide, c, MR_F32, MR_F32, q, k, v, d_o, many) == MR_OK);
    mr_stream_destroy(wide);
    for (size_t i = 0; i < one.size(); i++) CHECK(one[i] == many[i]);
  }
}

// bf16 storage with fp32 compute rounds the fp32 result once, at the end.
TEST(attention_bf16_storage_rounds_once) {
  Case c = {{0, 40, 140}, 4, 2, 32, 0};
  int64_t t = c.tokens(), qn = t * c.heads * c.head_dim, kn = t * c.kv_heads * c.head_dim;
  Buffer q(MR_BF16, numbers(qn, 1, 2)), k(MR_BF16, numbers(kn, 2, 2)), v(MR_BF16, numbers(kn, 3)), d_o(MR_BF16, numbers(qn, 4));
  auto widened = [](const Buffer& x) {
    Floats y;
    for (int64_t i = 0; i < x.size(); i++) y.push_back(x[i]);
    return Buffer(y);
  };
  Stream s;
  Buffers narrow = unset(c, MR_BF16), wide = unset(c, MR_F32);
  CHECK(run(s, c, MR_F32, MR_BF16, q, k, v, d_o, narrow) == MR_OK);
  CHECK(run(s, c, MR_F32, MR_F32, widened(q), widened(k), widened(v), widened(d_o), wide) == MR_OK);
  for (int64_t i = 0; i < qn; i++) CHECK(narrow[0][i] == bf16_to_float(float_to_bf16(wide[0][i])));
  CHECK(narrow[1] == wide[1]);
  for (int64_t i = 0; i < kn; i++) CHECK(narrow[4][i] == bf16_to_float(float_to_bf16(wide[4][i])));  // dv has no share in o
}

// Keys behind the visible ones: queries before them do not change, and the keys get no gradient; chunks and blocks cut
// as they do without. The values themselves are checked by the selftest and against torch.
TEST(attention_visible) {
  const int64_t d = 8, rows = 300;
  Floats fq = numbers(rows * d, 1, 2), fk = numbers(rows * d, 2, 2), fv = numbers(rows * d, 3), fo = numbers(rows * d, 4);
  for (int32_t seen : {1, 31, 32, 257, 300}) {
    int32_t cu[] = {0, (int32_t)rows}, visible[] = {seen};
    auto run_with = [&](const int32_t* limit) {
      Buffer q(fq), k(fk), v(fv), d_o(fo), unset = Buffer::unset(MR_F32, rows * d);
      Buffers start = {unset, Buffer::unset(MR_F32, rows), unset, unset, unset};
      return same_bits("attention_visible", start, [&](mr_stream* s, Buffers& out) {
        int32_t error = mr_attention_forward(s, MR_F32, MR_F32, rows, 1, cu, limit, 1, 1, d, 0.3f, 0, q.data(), k.data(), v.data(),
                                             out[0].data(), out[1].f32());
        if (error) return error;
        return mr_attention_backward(s, MR_F32, MR_F32, rows, 1, cu, limit, 1, 1, d, 0.3f, 0, q.data(), k.data(), v.data(),
                                     out[0].data(), out[1].f32(), d_o.data(), out[2].data(), out[3].data(), out[4].data());
      });
    };
    Buffers all = run_with(nullptr), some = run_with(visible);
    for (int64_t i = 0; i < seen * d; i++) CHECK(some[0][i] == all[0][i] && some[2][i] == all[2][i]);
    for (int64_t i = seen * d; i < rows * d; i++) CHECK(some[3][i] == 0 && some[4][i] == 0);
    if (seen == rows) CHECK(some == all);
    if (seen == 1)
      for (int64_t i = 0; i < rows * d; i++) CHECK(some[0][i] == fv[(size_t)(i % d)]);
  }
}

// Tokens that follow others have the bits they have with them: for every length of the past, in every precision, with
// sequences in any order in a cache with holes.
TEST(attention_cached_equals_forward) {
  for (const Case& c : CASES)
    for (int32_t dtype : {MR_F32, MR_BF16})
      for (int32_t compute : {MR_F32, MR_BF16}) {
        int64_t t = c.tokens(), qw = c.heads * c.head_dim, kw = c.kv_heads * c.head_dim;
        Floats fq = numbers(t * qw, 1, 2), fk = numbers(t * kw, 2, 2), fv = numbers(t * kw, 3);
        Buffer q(dtype, fq), k(dtype, fk), v(dtype, fv), whole = Buffer::unset(dtype, t * qw);
        Buffer lse = Buffer::unset(MR_F32, t * c.heads);
        Stream s;
        CHECK(mr_attention_forward(s, compute, dtype, c.tokens(), c.sequences(), c.cu_seqlens.data(), nullptr, c.heads, c.kv_heads,
                                   c.head_dim, c.scale(), c.window, q.data(), k.data(), v.data(), whole.data(),
                                   lse.f32()) == MR_OK);
        for (int64_t share = 0; share <= 4; share++) {
          std::vector<int32_t> cu = {0}, cache_rows, past;
          int64_t rows = 0;
          Floats new_q;
          for (int64_t i = c.sequences() - 1; i >= 0; i--) {  // the cache holds them in the other order, 3 rows apart
            cache_rows.insert(cache_rows.begin(), (int32_t)(rows + 3));
            rows += c.cu_seqlens[(size_t)i + 1] - c.cu_seqlens[(size_t)i] + 3;
          }
          Floats cache_k((size_t)(rows * kw), NAN), cache_v((size_t)(rows * kw), NAN);
          for (int64_t i = 0; i < c.sequences(); i++) {
            int32_t row0 = c.cu_seqlens[(size_t)i], length = c.cu_seqlens[(size_t)i + 1] - row0;
            int32_t before = share == 4 ? (length > 0 ? length - 1 : 0) : (int32_t)(length * share / 4);
            past.push_back(before);
            cu.push_back(cu.back() + length - before);
            std::copy(fk.begin() + row0 * kw, fk.begin() + (row0 + length) * kw, cache_k.begin() + cache_rows[(size_t)i] * kw);
            std::copy(fv.begin() + row0 * kw, fv.begin() + (row0 + length) * kw, cache_v.begin() + cache_rows[(size_t)i] * kw);
            new_q.insert(new_q.end(), fq.begin() + (row0 + before) * qw, fq.begin() + (row0 + length) * qw);
          }
          Buffer nq(dtype, new_q), ck(dtype, cache_k), cv(dtype, cache_v);
          auto check = [&](const Buffer& o) {
            for (int64_t i = 0; i < c.sequences(); i++)
              for (int64_t r = cu[(size_t)i]; r < cu[(size_t)i + 1]; r++)
                for (int64_t x = 0; x < qw; x++) {
                  float expected = whole[(c.cu_seqlens[(size_t)i] + past[(size_t)i] + r - cu[(size_t)i]) * qw + x];
                  CHECK_MSG(o[r * qw + x] == expected, "attention_cached [%lld, %lld]: %.9g, whole %.9g", (long long)r,
                            (long long)x, (double)o[r * qw + x], (double)expected);
                }
          };
          auto op = [&](mr_stream* stream, Buffers& out) {
            return mr_attention_cached(stream, compute, dtype, cu.back(), c.sequences(), cu.data(), cache_rows.data(), past.data(),
                                       c.heads, c.kv_heads, c.head_dim, c.scale(), c.window, nq.data(), ck.data(), cv.data(),
                                       out[0].data());
          };
          Buffers out = {Buffer::unset(dtype, cu.back() * qw)};
          if (compute == MR_F32) {
            check(same_bits("attention_cached", out, op)[0]);
          } else {
            CHECK(op(s, out) == MR_OK);
            check(out[0]);
          }
        }
      }
}
