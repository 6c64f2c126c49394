// test_cross_entropy.cpp: loss and gradient against double, small and real vocabularies, in place and accumulating.
#include "op_check.h"

using namespace op_check;

namespace {

struct Case {
  int64_t rows, classes, ld;
  float scale;  // of the logits
};
const Case CASES[] = {{0, 4, 4, 1},    {1, 1, 1, 1},        {5, 2, 3, 100},        {7, 82, 82, 5},
                      {40, 33, 48, 5}, {3, 5000, 5003, 20}, {2, 151936, 151936, 8}};

struct Expected {
  Doubles loss, gradient;
};
Expected reference(const Case& c, const Buffer& x, const std::vector<int32_t>& labels, double grad_scale) {
  Expected e;
  for (int64_t r = 0; r < c.rows; r++) {
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < c.classes; j++) largest = fmax(largest, x[r * c.ld + j]);
    for (int64_t j = 0; j < c.classes; j++) sum += ::exp(x[r * c.ld + j] - largest);
    int32_t label = labels[(size_t)r];
    bool ignored = label == -100;
    e.loss.push_back(ignored ? 0 : ::log(sum) + largest - x[r * c.ld + label]);
    for (int64_t j = 0; j < c.classes; j++)
      e.gradient.push_back(ignored ? 0 : grad_scale * (::exp(x[r * c.ld + j] - largest) / sum - (j == label)));
  }
  return e;
}

// The rows of a strided buffer without what lies between them.
Buffer rows_of(const Case& c, const Buffer& x) {
  Floats y;
  for (int64_t r = 0; r < c.rows; r++)
    for (int64_t j = 0; j < c.classes; j++) y.push_back(x[r * c.ld + j]);
  return Buffer(y);
}

// fp32 numbers that dtype has, next to those of x.
Buffer rounded(int32_t dtype, const Buffer& x) {
  Floats y;
  for (int64_t i = 0; i < x.size(); i++) y.push_back(narrow_to_float(dtype, float_to_narrow(dtype, x[i])));
  return Buffer(y);
}

}  // namespace

TEST(cross_entropy) {
  for (const Case& c : CASES) {
    check::Random random{3};
    std::vector<int32_t> labels;
    labels.reserve(1);  // not NULL without rows
    for (int64_t r = 0; r < c.rows; r++) labels.push_back(r % 5 == 3 ? -100 : (int32_t)random.below(c.classes));
    Buffer x(numbers(c.rows * c.ld, 1, c.scale));
    Expected e = reference(c, x, labels, 0.25);
    auto run = [&](mr_stream* s, const Buffer& logits, Buffer& loss, void* dlogits, int accumulate,
                   int32_t dtype = MR_F32) {
      return mr_cross_entropy(s, c.rows, c.classes, logits.f32(), c.ld, labels.data(), -100, 0.25f, loss.f32(), dtype,
                              dlogits, accumulate);
    };
    Buffers y = same_bits("cross_entropy", {Buffer::unset(MR_F32, c.rows), Buffer::unset(MR_F32, c.rows * c.ld)},
                          [&](mr_stream* s, Buffers& out) { return run(s, x, out[0], out[1].f32(), 0); });
    near("loss", y[0], e.loss, 3e-7, 2e-7);
    near("dlogits", rows_of(c, y[1]), e.gradient, 6e-7, 2e-8);
    for (int64_t r = 0; r < c.rows; r++)
      for (int64_t j = c.classes; j < c.ld; j++) CHECK(isnan(y[1][r * c.ld + j]));  // not written

    // no gradient wanted
    Buffers only = same_bits("cross_entropy, loss only", {Buffer::unset(MR_F32, c.rows)},
                             [&](mr_stream* s, Buffers& out) { return run(s, x, out[0], nullptr, 0); });
    CHECK(only[0] == y[0]);
    // over the logits
    Buffers over = same_bits("cross_entropy in place", {Buffer::unset(MR_F32, c.rows), x},
                             [&](mr_stream* s, Buffers& out) { return run(s, out[1], out[0], out[1].f32(), 0); });
    CHECK(over[0] == y[0] && rows_of(c, over[1]) == rows_of(c, y[1]));
    // added to what is there
    Buffer before(numbers(c.rows * c.ld, 2));
    Buffers sum = same_bits("cross_entropy accumulating", {Buffer::unset(MR_F32, c.rows), before},
                            [&](mr_stream* s, Buffers& out) { return run(s, x, out[0], out[1].f32(), 1); });
    Buffer flat = rows_of(c, before);
    for (int64_t i = 0; i < flat.size(); i++) e.gradient[(size_t)i] += flat[i];
    near("dlogits +=", rows_of(c, sum[1]), e.gradient, 3e-7, 1e-7);

    // in 16 bits: what fp32 rounds to
    for (int32_t dtype : {MR_BF16, MR_F16}) {
      Buffers narrow = same_bits("cross_entropy in 16 bits",
                                 {Buffer::unset(MR_F32, c.rows), Buffer::unset(dtype, c.rows * c.ld)},
                                 [&](mr_stream* s, Buffers& out) { return run(s, x, out[0], out[1].data(), 0, dtype); });
      CHECK(narrow[0] == y[0] && rows_of(c, narrow[1]) == rounded(dtype, rows_of(c, y[1])));
      for (int64_t r = 0; r < c.rows; r++)
        for (int64_t j = c.classes; j < c.ld; j++) CHECK(isnan(narrow[1][r * c.ld + j]));  // not written
      Buffer old(dtype, numbers(c.rows * c.ld, 2));
      Buffer old_wide = rounded(dtype, old);
      Buffers both = same_bits("cross_entropy adding in 16 bits", {Buffer::unset(MR_F32, c.rows), old},
                               [&](mr_stream* s, Buffers& out) { return run(s, x, out[0], out[1].data(), 1, dtype); });
      Buffers wide = same_bits("cross_entropy adding", {Buffer::unset(MR_F32, c.rows), old_wide},
                               [&](mr_stream* s, Buffers& out) { return run(s, x, out[0], out[1].data(), 1); });
      CHECK(rows_of(c, both[1]) == rounded(dtype, rows_of(c, wide[1])));
    }
  }
}

TEST(cross_entropy_extremes) {
  Stream s;
  float x[] = {-INFINITY, 3, -200, 1e30f, 0, -1e30f};
  int32_t labels[] = {1, 0};
  float loss[2], d[6];
  CHECK(mr_cross_entropy(s, 2, 3, x, 3, labels, -100, 1, loss, MR_F32, d, 0) == MR_OK);
  CHECK(loss[0] == 0 && loss[1] == 0);
  for (float v : d) CHECK(fabsf(v) < 1e-30f);
  labels[0] = 0;
  CHECK(mr_cross_entropy(s, 1, 3, x, 3, labels, -100, 1, loss, MR_F32, d, 0) == MR_OK);
  CHECK(loss[0] == INFINITY && d[0] == -1 && d[1] == 1);
}

TEST(cross_entropy_refuse) {
  Stream s;
  float x[4] = {}, loss[2];
  int32_t labels[] = {0, 4}, negative[] = {-1, 0};
  refused(mr_cross_entropy(s, 2, 2, x, 2, labels, -100, 1, loss, MR_F32, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 2, 2, x, 2, negative, -100, 1, loss, MR_F32, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, loss, MR_F32, x, 1), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 4, x, 2, labels, -100, 1, loss, MR_F32, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, loss, MR_BF16, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, loss, MR_U8, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, nullptr, MR_F32, x, 0), "cross_entropy");
}
