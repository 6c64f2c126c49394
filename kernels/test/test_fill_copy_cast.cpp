// test_fill_copy_cast.cpp: fill, copy and cast; the fp16 conversions against rounding done in double, for every fp16.
#include "op_check.h"

using namespace op_check;

TEST(cast_every_half) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); i++) halves[i] = (uint16_t)i;
  each_stream([&](mr_stream* s, const std::string& where) {
    Floats wide(65536);
    std::vector<uint16_t> back(65536);
    CHECK(mr_cast(s, MR_F16, MR_F32, 65536, halves.data(), wide.data()) == MR_OK);
    CHECK(mr_cast(s, MR_F32, MR_F16, 65536, wide.data(), back.data()) == MR_OK);
    for (int i = 0; i < 65536; i++) {
      double v = half_value((uint16_t)i);
      CHECK_MSG(isnan(v) ? isnan(wide[i]) : (double)wide[i] == v && !signbit(wide[i]) == !(i >> 15),
                "%s: half %04x is %g", where.c_str(), i, (double)wide[i]);
      int quiet = isnan(v) ? i | 0x200 : i;
      CHECK_MSG(back[i] == quiet, "%s: half %04x came back as %04x", where.c_str(), i, back[i]);
    }
  });
}

TEST(cast_to_half_rounds_to_even) {
  check::Random random{7};
  Floats x;
  for (int i = 0; i < 100003; i++) {
    float v = random.symmetric() * (float)ldexp(1, (int)random.below(60) - 40);
    x.push_back(v);
  }
  // the middle of two neighbouring halves, and the floats around it
  for (int h = 0; h < 0x7c00; h += 7) {
    float middle = (float)((half_value((uint16_t)h) + half_value((uint16_t)(h + 1 < 0x7c00 ? h + 1 : h))) / 2);
    for (float v : {middle, nextafterf(middle, 0), nextafterf(middle, 1e9f)}) x.push_back(v);
  }
  for (float v : {65504.0f, 65519.9f, 65520.0f, 1e9f, INFINITY, -INFINITY, 0.0f, -0.0f, 1e-45f, 2.9802322e-8f})
    x.push_back(v);
  each_stream([&](mr_stream* s, const std::string& where) {
    std::vector<uint16_t> y(x.size());
    CHECK(mr_cast(s, MR_F32, MR_F16, (int64_t)x.size(), x.data(), y.data()) == MR_OK);
    for (size_t i = 0; i < x.size(); i++)
      CHECK_MSG(y[i] == half_bits(x[i]), "%s: %a became %04x, expected %04x", where.c_str(), (double)x[i], y[i],
                half_bits(x[i]));
  });
}

TEST(cast_bf16) {
  for (int64_t n : awkward_sizes()) {
    Floats x = numbers(n, 3, 100);
    if (n > 20) x[5] = NAN, x[6] = INFINITY, x[7] = -INFINITY, x[8] = 1e-40f, x[9] = 3.4e38f, x[10] = -0.0f;
    Buffer in(x), expected(MR_BF16, x);
    Buffers y = same_bits("cast to bf16", {Buffer::unset(MR_BF16, n)}, [&](mr_stream* s, Buffers& out) {
      return mr_cast(s, MR_F32, MR_BF16, n, in.data(), out[0].data());
    });
    CHECK(y[0] == expected);
    Buffers wide = same_bits("cast from bf16", {Buffer::unset(MR_F32, n)}, [&](mr_stream* s, Buffers& out) {
      return mr_cast(s, MR_BF16, MR_F32, n, expected.data(), out[0].data());
    });
    for (int64_t i = 0; i < n; i++) CHECK(isnan(x[(size_t)i]) ? isnan(wide[0][i]) : wide[0][i] == expected[i]);
    // bf16 -> fp16 -> fp32 equals bf16 -> fp32 -> fp16 -> fp32
    Stream s;
    std::vector<uint16_t> direct((size_t)n), around((size_t)n);
    CHECK(mr_cast(s, MR_BF16, MR_F16, n, expected.data(), n ? direct.data() : (void*)1) == MR_OK);
    CHECK(mr_cast(s, MR_F32, MR_F16, n, wide[0].data(), n ? around.data() : (void*)1) == MR_OK);
    CHECK(direct == around);
  }
}

TEST(fill_and_copy) {
  for (int64_t n : awkward_sizes())
    for (int32_t dtype : STORAGE) {
      Buffers y = same_bits("fill", {Buffer::unset(dtype, n)},
                            [&](mr_stream* s, Buffers& out) { return mr_fill(s, dtype, n, -1.5f, out[0].data()); });
      for (int64_t i = 0; i < n; i++) CHECK(y[0][i] == -1.5f);
      Buffer x(dtype, numbers(n, 5));
      Buffers z = same_bits("copy", {Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
        return mr_copy(s, n * (dtype == MR_F32 ? 4 : 2), x.data(), out[0].data());
      });
      CHECK(z[0] == x);
    }
  Stream s;
  uint16_t halves[3];
  CHECK(mr_fill(s, MR_F16, 3, 1.0f, halves) == MR_OK);
  CHECK(halves[0] == 0x3c00 && halves[2] == 0x3c00);
}

TEST(fill_copy_cast_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_fill(s, MR_I32, 4, 0, x), "fill");
  refused(mr_fill(s, MR_F32, -1, 0, x), "fill");
  refused(mr_fill(s, MR_F32, 4, 0, nullptr), "fill");
  refused(mr_copy(s, -1, x, x), "copy");
  refused(mr_copy(s, 4, nullptr, x), "copy");
  refused(mr_cast(s, MR_U8, MR_F32, 4, x, x), "cast");
  refused(mr_cast(s, MR_F32, 17, 4, x, x), "cast");
  refused(mr_cast(s, MR_F32, MR_F32, 4, x, nullptr), "cast");
}
