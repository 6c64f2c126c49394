// test_quantize_4bit.cpp: NF4 and FP4 against bitsandbytes' rule written out, at odd sizes and at every decision bound,
// and back again into every type.
#include <algorithm>

#include "op_check.h"

using namespace op_check;

namespace {

const float NF4[16] = {-1.0f,
                       -0.6961928009986877f,
                       -0.5250730514526367f,
                       -0.39491748809814453f,
                       -0.28444138169288635f,
                       -0.18477343022823334f,
                       -0.09105003625154495f,
                       0.0f,
                       0.07958029955625534f,
                       0.16093020141124725f,
                       0.24611230194568634f,
                       0.33791524171829224f,
                       0.44070982933044434f,
                       0.5626170039176941f,
                       0.7229568362236023f,
                       1.0f};
const float FP4[16] = {0.0f,
                       0.0052083334885537624f,
                       0.6666666865348816f,
                       1.0f,
                       0.3333333432674408f,
                       0.5f,
                       0.1666666716337204f,
                       0.25f,
                       0.0f,
                       -0.0052083334885537624f,
                       -0.6666666865348816f,
                       -1.0f,
                       -0.3333333432674408f,
                       -0.5f,
                       -0.1666666716337204f,
                       -0.25f};
// ascending values
const uint8_t FP4_ORDER[16] = {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3};

const float* code_of(int32_t kind) { return kind == MR_NF4 ? NF4 : FP4; }

// The bucket between midpoints, a value on a midpoint in the lower one.
uint8_t nearest(int32_t kind, float scaled) {
  int place = 0;
  for (int i = 0; i < 15; i++) {
    float a = kind == MR_NF4 ? NF4[i] : FP4[FP4_ORDER[i]], b = kind == MR_NF4 ? NF4[i + 1] : FP4[FP4_ORDER[i + 1]];
    place += (a + b) / 2 < scaled;
  }
  return kind == MR_NF4 ? (uint8_t)place : FP4_ORDER[place];
}

struct Packed {
  std::vector<uint8_t> bytes;
  Floats absmax;
};
Packed reference(int32_t kind, int64_t blocksize, const Buffer& x) {
  Packed p;
  int64_t n = x.size();
  p.bytes.resize((size_t)(n + 1) / 2);
  for (int64_t begin = 0; begin < n; begin += blocksize) {
    int64_t end = std::min(begin + blocksize, n);
    float largest = 0;
    for (int64_t i = begin; i < end; i++) largest = fmaxf(largest, fabsf(x[i]));
    float divisor = fmaxf(largest, 1e-38f), reciprocal = 1 / divisor;
    bool whole = end - begin == blocksize;
    p.absmax.push_back(whole ? largest : divisor);
    for (int64_t i = begin; i < end; i++) {
      uint8_t code = nearest(kind, whole ? x[i] * reciprocal : x[i] / divisor);
      p.bytes[(size_t)i / 2] |= (uint8_t)(i % 2 ? code : code << 4);
    }
  }
  if (n % 2) p.bytes.back() |= nearest(kind, 0);
  return p;
}

}  // namespace

TEST(quantize_4bit) {
  for (int32_t kind : {MR_NF4, MR_FP4})
    for (int64_t blocksize : {64, 1, 7, 4096})
      for (int64_t n : {0, 1, 2, 63, 64, 65, 1000, 40003})
        for (int32_t dtype : STORAGE) {
          Floats values = numbers(n, 1, 0.05f);
          for (int64_t i = 128; i < n && i < 192; i++) values[(size_t)i] = 0;  // a block of zeros
          Buffer x(dtype, values);
          Packed expected = reference(kind, blocksize, x);
          each_stream([&](mr_stream* s, const std::string& where) {
            std::vector<uint8_t> bytes(expected.bytes.size(), 0xcc);
            Floats absmax(expected.absmax.size(), NAN);
            int32_t error = mr_quantize_4bit(s, kind, n, blocksize, dtype, x.data(), n ? bytes.data() : (uint8_t*)1,
                                             n ? absmax.data() : (float*)4);
            CHECK(error == MR_OK);
            CHECK_MSG(bytes == expected.bytes && absmax == expected.absmax, "%s: kind %d, n %lld, blocksize %lld, %s",
                      where.c_str(), kind, (long long)n, (long long)blocksize, dtype_name(dtype));
          });
        }
}

// Around every bound: the float before it and the bound itself go down, the float after it goes up.
TEST(quantize_4bit_bounds) {
  for (int32_t kind : {MR_NF4, MR_FP4}) {
    Floats x = {1.0f, -0.0f};
    for (int i = 0; i < 15; i++) {
      float a = kind == MR_NF4 ? NF4[i] : FP4[FP4_ORDER[i]], b = kind == MR_NF4 ? NF4[i + 1] : FP4[FP4_ORDER[i + 1]];
      float bound = (a + b) / 2;
      for (float v : {bound, nextafterf(bound, -2), nextafterf(bound, 2)}) x.push_back(v);
    }
    while (x.size() < 64) x.push_back(0);
    Packed expected = reference(kind, 64, Buffer(x));
    each_stream([&](mr_stream* s, const std::string& where) {
      std::vector<uint8_t> bytes(32);
      float absmax;
      CHECK(mr_quantize_4bit(s, kind, 64, 64, MR_F32, x.data(), bytes.data(), &absmax) == MR_OK);
      CHECK_MSG(bytes == expected.bytes, "%s: kind %d", where.c_str(), kind);
    });
  }
}

TEST(dequantize_4bit) {
  for (int32_t kind : {MR_NF4, MR_FP4})
    for (int64_t blocksize : {64, 1, 7, 4096})
      for (int64_t n : {0, 1, 63, 64, 65, 1000, 40003}) {
        check::Random random{9};
        std::vector<uint8_t> bytes((size_t)(n + 1) / 2 + 1);
        for (uint8_t& b : bytes) b = (uint8_t)random.next();
        Floats absmax = numbers((n + blocksize - 1) / blocksize + 1, 2), expected;
        for (int64_t i = 0; i < n; i++) {
          uint8_t byte = bytes[(size_t)i / 2];
          expected.push_back(code_of(kind)[i % 2 ? byte & 15 : byte >> 4] * absmax[(size_t)(i / blocksize)]);
        }
        for (int32_t dtype : STORAGE) {
          Buffers y = same_bits("dequantize_4bit", {Buffer::unset(dtype, n)}, [&](mr_stream* s, Buffers& out) {
            return mr_dequantize_4bit(s, kind, n, blocksize, bytes.data(), absmax.data(), dtype, out[0].data());
          });
          CHECK(y[0] == Buffer(dtype, expected));
        }
        // fp16 as cast gives it
        Stream s;
        std::vector<uint16_t> half((size_t)n + 1), cast((size_t)n + 1);
        Buffer wide(expected);
        CHECK(mr_dequantize_4bit(s, kind, n, blocksize, bytes.data(), absmax.data(), MR_F16, half.data()) == MR_OK);
        CHECK(mr_cast(s, MR_F32, MR_F16, n, wide.data(), cast.data()) == MR_OK);
        CHECK(half == cast);
      }
}

TEST(quantize_4bit_refuse) {
  Stream s;
  float x[4] = {}, absmax;
  uint8_t packed[2];
  refused(mr_quantize_4bit(s, 2, 4, 64, MR_F32, x, packed, &absmax), "quantize_4bit");
  refused(mr_quantize_4bit(s, MR_NF4, 4, 0, MR_F32, x, packed, &absmax), "quantize_4bit");
  refused(mr_quantize_4bit(s, MR_NF4, 4, 64, MR_F64, x, packed, &absmax), "quantize_4bit");
  refused(mr_quantize_4bit(s, MR_NF4, 4, 64, MR_F32, nullptr, packed, &absmax), "quantize_4bit");
  refused(mr_dequantize_4bit(s, MR_NF4, -4, 64, packed, &absmax, MR_F32, x), "dequantize_4bit");
  refused(mr_dequantize_4bit(s, MR_NF4, 4, 64, packed, nullptr, MR_F32, x), "dequantize_4bit");
  refused(mr_dequantize_4bit(s, MR_NF4, 4, 64, packed, &absmax, MR_U8, x), "dequantize_4bit");
}
