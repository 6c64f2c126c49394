// test_add_scale.cpp: add and scale, plain and accumulating, with y sharing a buffer with an operand.
#include "op_check.h"

using namespace op_check;

TEST(add) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE) {
      Buffer a(dtype, numbers(n, 1)), b(dtype, numbers(n, 2));
      Doubles expected;
      for (int64_t i = 0; i < n; i++) expected.push_back((double)a[i] + b[i]);
      Buffers y = same_bits("add", {Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
        return mr_add(s, dtype, n, a.data(), b.data(), out[0].data());
      });
      near("add", y[0], expected, 6e-8 + storage_error(dtype), 0);
      // in place
      Buffers z = same_bits("add in place", {a}, [&](mr_stream* s, Buffers& out) {
        return mr_add(s, dtype, n, out[0].data(), b.data(), out[0].data());
      });
      CHECK(z[0] == y[0]);
    }
}

TEST(scale) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE)
      for (int accumulate : {0, 1}) {
        Buffer x(dtype, numbers(n, 3)), before(dtype, numbers(n, 4));
        Doubles expected;
        for (int64_t i = 0; i < n; i++) expected.push_back(0.3f * (double)x[i] + (accumulate ? (double)before[i] : 0));
        Buffers y =
            same_bits("scale", {accumulate ? before : Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
              return mr_scale(s, dtype, n, 0.3f, x.data(), out[0].data(), accumulate);
            });
        near("scale", y[0], expected, 6e-8 + storage_error(dtype), 1e-9);
      }
}

TEST(add_scale_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_add(s, MR_F64, 4, x, x, x), "add");
  refused(mr_add(s, MR_F32, -4, x, x, x), "add");
  refused(mr_add(s, MR_F32, 4, nullptr, x, x), "add");
  refused(mr_scale(s, MR_F64, 4, 1, x, x, 0), "scale");
  refused(mr_scale(s, MR_F32, 4, 1, x, nullptr, 0), "scale");
}
