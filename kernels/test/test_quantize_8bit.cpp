// test_quantize_8bit.cpp: blockwise 8-bit codes against the nearest entry found by trying all of them, and back.
#include "code_maps.h"

using namespace op_check;

TEST(quantize_8bit) {
  Floats map = signed_map();
  CHECK(map.size() == 256);
  const float offset = 0.3f;
  for (int64_t blocksize : {256, 1, 7})
    for (int64_t n : {0, 1, 255, 256, 257, 5000, 20011}) {
      Buffer x(numbers(n, 1));
      std::vector<uint8_t> codes;
      Floats absmax, restored;
      for (int64_t begin = 0; begin < n; begin += blocksize) {
        int64_t end = std::min(begin + blocksize, n);
        float largest = 0;
        for (int64_t i = begin; i < end; i++) largest = fmaxf(largest, fabsf(x[i] - offset));
        float divisor = fmaxf(largest, 1e-38f), reciprocal = 1 / divisor;
        bool whole = end - begin == blocksize;
        absmax.push_back(whole ? largest : divisor);
        for (int64_t i = begin; i < end; i++) {
          volatile float shifted = x[i] - offset;
          float scaled = whole ? shifted * reciprocal : shifted / divisor;
          int code = 0;
          while (code < 255 && (map[(size_t)code] + map[(size_t)code + 1]) / 2 < scaled) code++;
          codes.push_back((uint8_t)code);
          volatile float product = map[(size_t)code] * absmax.back();
          restored.push_back(product + offset);
        }
      }
      each_stream([&](mr_stream* s, const std::string& where) {
        std::vector<uint8_t> c((size_t)n + 1);
        Floats a(absmax.size() + 1), y((size_t)n + 1);
        CHECK(mr_quantize_8bit(s, n, blocksize, offset, map.data(), x.f32(), c.data(), a.data()) == MR_OK);
        CHECK(mr_dequantize_8bit(s, n, blocksize, offset, map.data(), c.data(), a.data(), y.data()) == MR_OK);
        c.pop_back(), a.pop_back(), y.pop_back();
        CHECK_MSG(c == codes && a == absmax && y == restored, "%s: n %lld, blocksize %lld", where.c_str(), (long long)n,
                  (long long)blocksize);
      });
    }
}

TEST(quantize_8bit_ties) {
  Floats map = signed_map(), x = {1.0f};
  for (size_t i = 0; i + 1 < map.size(); i++) x.push_back((map[i] + map[i + 1]) / 2);  // 256 values, absmax 1
  Stream s;
  std::vector<uint8_t> codes(256);
  float absmax;
  CHECK(mr_quantize_8bit(s, 256, 256, 0, map.data(), x.data(), codes.data(), &absmax) == MR_OK);
  CHECK(absmax == 1 && codes[0] == 255);
  for (int i = 0; i < 255; i++)
    CHECK_MSG(codes[(size_t)i + 1] == i, "the middle of %d and its successor became %d", i, codes[(size_t)i + 1]);
}

TEST(quantize_8bit_refuse) {
  Stream s;
  Floats map = signed_map();
  float x[4] = {}, absmax;
  uint8_t codes[4] = {};
  refused(mr_quantize_8bit(s, 4, 0, 0, map.data(), x, codes, &absmax), "quantize_8bit");
  refused(mr_quantize_8bit(s, 4, 256, 0, nullptr, x, codes, &absmax), "quantize_8bit");
  refused(mr_dequantize_8bit(s, -1, 256, 0, map.data(), codes, &absmax, x), "dequantize_8bit");
  refused(mr_dequantize_8bit(s, 4, 256, 0, map.data(), codes, nullptr, x), "dequantize_8bit");
  std::swap(map[3], map[200]);
  refused(mr_quantize_8bit(s, 4, 256, 0, map.data(), x, codes, &absmax), "quantize_8bit");
}
