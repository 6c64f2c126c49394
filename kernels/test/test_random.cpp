// test_random.cpp: the Philox generator against its published test vectors, and the three ops made from it against the
// definitions in medrepro.h.
#include "op_check.h"

#define MR_PATH random_test
#include "../cpu/philox.h"

using namespace op_check;

namespace {

// Philox4x32-10, written from the paper.
struct Block {
  uint32_t w[4];
};
Block philox_reference(uint64_t counter, uint32_t k0, uint32_t k1) {
  Block c = {{(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0}};
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)0xd2511f53 * c.w[0], b = (uint64_t)0xcd9e8d57 * c.w[2];
    c = {{(uint32_t)(b >> 32) ^ c.w[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c.w[3] ^ k1, (uint32_t)a}};
    k0 += 0x9e3779b9, k1 += 0xbb67ae85;
  }
  return c;
}
uint32_t word(int64_t i, uint32_t k0, uint32_t k1) { return philox_reference((uint64_t)i / 4, k0, k1).w[i % 4]; }

}  // namespace

TEST(philox_known_answer) {
  Block b = philox_reference(0, 0, 0);
  CHECK(b.w[0] == 0x6627e8d5 && b.w[1] == 0xe169c58d && b.w[2] == 0xbc57ac4c && b.w[3] == 0x9b00dbd8);
  using namespace mr::random_test;
  PhiloxKey key = philox_key(0, 0);
  int32_t words[16];
  store_ints(words, philox(key, 0));
  CHECK((uint32_t)words[0] == 0x6627e8d5 && (uint32_t)words[3] == 0x9b00dbd8);
  PhiloxKey other = philox_key(0xdeadbeef, 42);
  store_ints(words, philox(other, 0xfffffffeull));  // the counter carries into its upper half
  for (int i = 0; i < 16; i++) CHECK((uint32_t)words[i] == word(4 * 0xfffffffell + i, 0xdeadbeef, 42));
}

TEST(dropout) {
  const float p = 0.1f;
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE)
      for (int accumulate : {0, 1})
        for (int64_t offset : {(int64_t)0, (int64_t)4 * 12345, (int64_t)1 << 36}) {
          Buffer x(dtype, numbers(n, 21)), before(dtype, numbers(n, 22));
          Doubles expected;
          for (int64_t i = 0; i < n; i++) {
            bool kept = (double)word(offset + i, 7, 9) >= (double)p * 4294967296.0;
            expected.push_back((kept ? (double)x[i] * (1 / (1 - p)) : 0) + (accumulate ? (double)before[i] : 0));
          }
          Buffers y =
              same_bits("dropout", {accumulate ? before : Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
                return mr_dropout(s, dtype, n, p, 7, 9, offset, x.data(), out[0].data(), accumulate);
              });
          near("dropout", y[0], expected, 3e-7 + storage_error(dtype), accumulate ? 1e-7 : 0);
        }
  // p = 0 keeps everything; x may be y; a dropped infinity is 0
  Stream s;
  Floats x = numbers(1000, 23), y = x;
  CHECK(mr_dropout(s, MR_F32, 1000, 0, 1, 2, 0, y.data(), y.data(), 0) == MR_OK);
  CHECK(x == y);
  Floats infinite(64, INFINITY);
  CHECK(mr_dropout(s, MR_F32, 64, 0.5f, 1, 2, 0, infinite.data(), infinite.data(), 0) == MR_OK);
  for (float v : infinite) CHECK(v == 0 || v == INFINITY);
}

TEST(uniform) {
  for (int64_t n : awkward_sizes()) {
    Doubles expected;
    for (int64_t i = 0; i < n; i++) expected.push_back(-0.25 + 0.75 * (word(i, 3, 4) >> 8) * 0x1p-24);
    Buffers y = same_bits("uniform", {Buffer::unset(MR_F32, n)}, [&](mr_stream* s, Buffers& out) {
      return mr_uniform(s, n, -0.25f, 0.5f, 3, 4, out[0].f32());
    });
    near("uniform", y[0], expected, 6e-8, 1e-8);
    for (int64_t i = 0; i < n; i++) CHECK(y[0][i] >= -0.25f && y[0][i] < 0.5f);
  }
  // a range in which rounding would reach the upper end
  Stream s;
  Floats y(1 << 16);
  CHECK(mr_uniform(s, 1 << 16, 1.0f, 1.0000001f, 5, 6, y.data()) == MR_OK);
  for (float v : y) CHECK(v == 1.0f);
  CHECK(mr_uniform(s, 1 << 16, -1.0f, 0.0f, 5, 6, y.data()) == MR_OK);
  for (float v : y) CHECK(v >= -1.0f && v < 0);
}

TEST(normal) {
  for (int64_t n : awkward_sizes()) {
    Doubles expected;
    for (int64_t i = 0; i < n; i++) {
      double u = ((word(i & ~1ll, 3, 4) >> 8) + 1) * 0x1p-24,
             turn = 6.283185307179586477 * (word(i | 1, 3, 4) >> 8) * 0x1p-24;
      expected.push_back(0.5 + 2 * sqrt(-2 * ::log(u)) * (i % 2 ? sin(turn) : cos(turn)));
    }
    Buffers y = same_bits("normal", {Buffer::unset(MR_F32, n)},
                          [&](mr_stream* s, Buffers& out) { return mr_normal(s, n, 0.5f, 2.0f, 3, 4, out[0].f32()); });
    near("normal", y[0], expected, 2e-7, 1e-6);
  }
  Stream s;
  Floats y(1 << 20);
  CHECK(mr_normal(s, 1 << 20, 0, 1, 8, 9, y.data()) == MR_OK);
  double mean = 0, square = 0, fourth = 0;
  for (float v : y) mean += v, square += (double)v * v, fourth += (double)v * v * v * v;
  mean /= 1 << 20, square /= 1 << 20, fourth /= 1 << 20;
  CHECK_MSG(fabs(mean) < 0.005 && fabs(square - 1) < 0.007 && fabs(fourth - 3) < 0.05, "moments %g %g %g", mean, square,
            fourth);
}

TEST(random_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_dropout(s, MR_F32, 4, 1.0f, 0, 0, 0, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, -0.1f, 0, 0, 0, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, NAN, 0, 0, 0, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, 0.5f, 0, 0, 2, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, 0.5f, 0, 0, 0, nullptr, x, 0), "dropout");
  refused(mr_uniform(s, 4, 1, 1, 0, 0, x), "uniform");
  refused(mr_uniform(s, 4, 0, INFINITY, 0, 0, x), "uniform");
  refused(mr_normal(s, 4, 0, -1, 0, 0, x), "normal");
  refused(mr_normal(s, -1, 0, 1, 0, 0, x), "normal");
}
