// test_int8.cpp: LLM.int8 against its definition in scalar arithmetic, to the bit on every path.
#include <algorithm>

#include "op_check.h"

using namespace op_check;

namespace {

// IEEE fp16 and back by its definition: the nearest multiple of the spacing at that magnitude, ties to even.
float half(float x) {
  if (x == 0 || x != x) return x;
  int e;
  frexp(x, &e);
  double spacing = ldexp(1, std::max(e - 11, -24));
  double rounded = nearbyint(x / spacing) * spacing;
  return fabs(rounded) >= 65520 ? (float)copysign(INFINITY, x) : (float)rounded;
}
float store(int32_t dtype, float x) {
  return dtype == MR_F32 ? x : narrow_to_float(dtype, float_to_narrow(dtype, x));
}

struct Rows {
  std::vector<int8_t> codes;
  Floats absmax;
  std::vector<int32_t> outliers;  // 1 + cols
};

Rows quantise(const Buffer& x, int64_t rows, int64_t cols, float threshold) {
  Rows q{std::vector<int8_t>((size_t)(rows * cols)), Floats((size_t)rows), {0}};
  bool split = threshold > 0;
  auto at = [&](int64_t r, int64_t c) { return half(x[r * cols + c]); };
  std::vector<bool> outlier((size_t)cols);
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < cols; c++)
      if (split && fabsf(at(r, c)) >= threshold) outlier[(size_t)c] = true;
  for (int64_t c = 0; c < cols; c++)
    if (outlier[(size_t)c]) q.outliers.push_back((int32_t)c);
  q.outliers[0] = (int32_t)q.outliers.size() - 1;
  q.outliers.resize((size_t)cols + 1, -1);
  for (int64_t r = 0; r < rows; r++) {
    float largest = 0;
    for (int64_t c = 0; c < cols; c++)
      if (!(split && fabsf(at(r, c)) >= threshold)) largest = fmaxf(largest, fabsf(at(r, c)));
    q.absmax[(size_t)r] = largest;
    float factor = 127.0f * (1.0f / largest);
    for (int64_t c = 0; c < cols; c++) {
      float v = at(r, c) * factor;
      q.codes[(size_t)(r * cols + c)] = outlier[(size_t)c] || largest == 0 ? 0 : (int8_t)nearbyintf(v);
    }
  }
  return q;
}

// x with a row of zeros, a tiny one, and outliers in two columns.
Floats activations(int64_t rows, int64_t cols) {
  Floats x = numbers(rows * cols, 7, 2);
  for (int64_t c = 0; c < cols; c++) {
    if (rows > 2) x[(size_t)(cols + c)] = 0;
    if (rows > 3) x[(size_t)(2 * cols + c)] *= 1e-6f;
  }
  x[(size_t)(cols / 2)] = 7;
  if (rows > 4) x[(size_t)(4 * cols + cols - 1)] = -6;
  return x;
}

void check_product(int32_t dtype, int64_t rows, int64_t out, int64_t in, float threshold) {
  Buffer x(dtype, activations(rows, in)), w(numbers(out * in, 9, 0.1f));
  Rows qx = quantise(x, rows, in, threshold), qw = quantise(w, out, in, 0);
  Buffer expected = Buffer::unset(dtype, 0);
  Floats values;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t o = 0; o < out; o++) {
      int64_t sum = 0;
      for (int64_t k = 0; k < in; k++) sum += qx.codes[(size_t)(r * in + k)] * qw.codes[(size_t)(o * in + k)];
      float scale = qx.absmax[(size_t)r] * qw.absmax[(size_t)o];
      float y = store(dtype, (float)sum * scale * 6.200124e-05f);
      for (int32_t i = 0; i < qx.outliers[0]; i++) {
        int32_t k = qx.outliers[(size_t)i + 1];
        float weight = (float)qw.codes[(size_t)(o * in + k)] * qw.absmax[(size_t)o] * 7.874015718698502e-3f;
        y = fmaf(x[r * in + k], store(dtype, weight), y);
      }
      values.push_back(y);
    }
  expected = Buffer(dtype, values);
  each_stream([&](mr_stream* s, const std::string& where) {
    std::vector<uint8_t> xc((size_t)(rows * in)), wc((size_t)(out * in));
    Floats xs((size_t)rows), ws((size_t)out);
    std::vector<int32_t> outliers((size_t)in + 1, -1);
    int32_t* list = threshold > 0 ? outliers.data() : nullptr;
    CHECK(mr_quantize_int8(s, rows, in, threshold, dtype, x.data(), xc.data(), xs.data(), 1, nullptr, list) == MR_OK);
    CHECK(mr_quantize_int8(s, out, in, 0, MR_F32, w.data(), wc.data(), ws.data(), 1, nullptr, nullptr) == MR_OK);
    CHECK_MSG(memcmp(xc.data(), qx.codes.data(), xc.size()) == 0, "%s: codes of x", where.c_str());
    CHECK_MSG(memcmp(wc.data(), qw.codes.data(), wc.size()) == 0, "%s: codes of w", where.c_str());
    CHECK_MSG(xs == qx.absmax && ws == qw.absmax, "%s: scales", where.c_str());
    if (list)
      CHECK_MSG(std::equal(outliers.begin(), outliers.begin() + outliers[0] + 1, qx.outliers.begin()),
                "%s: %d outlier columns, expected %d", where.c_str(), outliers[0], qx.outliers[0]);
    Buffer y = Buffer::unset(dtype, rows * out);
    CHECK(mr_int8_linear(s, rows, out, in, xc.data(), xs.data(), 1, nullptr, list, dtype, x.data(), wc.data(), ws.data(),
                         y.data()) == MR_OK);
    CHECK_MSG(y == expected, "%s: product of %lld x %lld x %lld, threshold %g, %s", where.c_str(), (long long)rows,
              (long long)out, (long long)in, (double)threshold, dtype_name(dtype));
    Buffer dense = Buffer::unset(dtype, out * in);
    CHECK(mr_dequantize_int8(s, out, in, wc.data(), ws.data(), dtype, dense.data()) == MR_OK);
    for (int64_t i = 0; i < out * in; i++) {
      float value = store(dtype, (float)qw.codes[(size_t)i] * (qw.absmax[(size_t)(i / in)] * 7.874015718698502e-3f));
      CHECK_MSG(dense[i] == value, "%s: dense[%lld] is %g", where.c_str(), (long long)i, (double)dense[i]);
    }
  });
}

}  // namespace

TEST(int8_linear) {
  for (int32_t dtype : STORAGE)
    for (float threshold : {0.0f, 6.0f, 0.5f}) {
      check_product(dtype, 1, 1, 1, threshold);
      check_product(dtype, 5, 17, 33, threshold);
      check_product(dtype, 35, 21, 100, threshold);
      check_product(dtype, 6, 40, 300, threshold);
    }
}

// Each group's codes, scales, list and products are those of the group alone.
TEST(int8_groups) {
  const int64_t rows = 75, in = 100, out = 21;
  for (int32_t dtype : STORAGE) {
    Buffer x(dtype, numbers(rows * in, 7, 4)), w(numbers(out * in, 9, 0.1f));
    std::vector<int32_t> ends = {0, 1, 2, 40, 43, 75};
    each_stream([&](mr_stream* s, const std::string& where) {
      std::vector<uint8_t> wc((size_t)(out * in)), together((size_t)(rows * in)), alone((size_t)(rows * in));
      Floats ws((size_t)out), xs((size_t)rows), own((size_t)rows);
      int64_t groups = (int64_t)ends.size() - 1;
      std::vector<int32_t> lists((size_t)(groups * (1 + in)), -1);
      CHECK(mr_quantize_int8(s, out, in, 0, MR_F32, w.data(), wc.data(), ws.data(), 1, nullptr, nullptr) == MR_OK);
      CHECK(mr_quantize_int8(s, rows, in, 6, dtype, x.data(), together.data(), xs.data(), groups, ends.data(),
                             lists.data()) == MR_OK);
      Buffer y = Buffer::unset(dtype, rows * out), expected = Buffer::unset(dtype, rows * out);
      CHECK(mr_int8_linear(s, rows, out, in, together.data(), xs.data(), groups, ends.data(), lists.data(), dtype, x.data(),
                           wc.data(), ws.data(), y.data()) == MR_OK);
      int64_t size = dtype == MR_F32 ? 4 : 2;
      for (int64_t g = 0; g < groups; g++) {
        int64_t first = ends[(size_t)g], n = ends[(size_t)g + 1] - first;
        const char* from = (const char*)x.data() + first * in * size;
        std::vector<int32_t> list((size_t)(1 + in), -1);
        CHECK(mr_quantize_int8(s, n, in, 6, dtype, from, alone.data() + first * in, own.data() + first, 1, nullptr,
                               list.data()) == MR_OK);
        CHECK(mr_int8_linear(s, n, out, in, alone.data() + first * in, own.data() + first, 1, nullptr, list.data(), dtype, from,
                             wc.data(), ws.data(), (char*)expected.data() + first * out * size) == MR_OK);
        CHECK_MSG(std::equal(list.begin(), list.begin() + 1 + list[0], lists.begin() + g * (1 + in)), "%s: list of group %lld",
                  where.c_str(), (long long)g);
      }
      CHECK_MSG(together == alone && xs == own, "%s: codes of groups, %s", where.c_str(), dtype_name(dtype));
      CHECK_MSG(y == expected, "%s: products of groups, %s", where.c_str(), dtype_name(dtype));
    });
  }
}

TEST(quantize_int8_rounds_to_even) {
  // absmax 127: the values are their own codes, and halves go to even
  Floats x = {127, 0.5f, 1.5f, -2.5f, 2.4f, -0.5f, 126.5f, -127};
  std::vector<int8_t> expected = {127, 0, 2, -2, 2, 0, 126, -127};
  each_stream([&](mr_stream* s, const std::string& where) {
    std::vector<uint8_t> codes(8);
    float absmax;
    CHECK(mr_quantize_int8(s, 1, 8, 0, MR_F32, x.data(), codes.data(), &absmax, 1, nullptr, nullptr) == MR_OK);
    CHECK_MSG(absmax == 127 && memcmp(codes.data(), expected.data(), 8) == 0, "%s", where.c_str());
  });
}

TEST(int8_linear_keeps_nan) {
  Floats x = numbers(2 * 40, 3), w = numbers(3 * 40, 4);
  x[45] = NAN;
  each_stream([&](mr_stream* s, const std::string& where) {
    std::vector<uint8_t> xc(80), wc(120);
    Floats xs(2), ws(3), y(6);
    std::vector<int32_t> outliers(41);
    CHECK(mr_quantize_int8(s, 2, 40, 6, MR_F32, x.data(), xc.data(), xs.data(), 1, nullptr, outliers.data()) == MR_OK);
    CHECK(mr_quantize_int8(s, 3, 40, 0, MR_F32, w.data(), wc.data(), ws.data(), 1, nullptr, nullptr) == MR_OK);
    CHECK(mr_int8_linear(s, 2, 3, 40, xc.data(), xs.data(), 1, nullptr, outliers.data(), MR_F32, x.data(), wc.data(), ws.data(),
                         y.data()) == MR_OK);
    CHECK_MSG(outliers[0] == 0 && y[0] == y[0] && y[3] != y[3] && y[5] != y[5], "%s", where.c_str());
  });
}

TEST(int8_refuse) {
  Stream s;
  float x[4] = {}, absmax[4];
  uint8_t codes[4] = {};
  int32_t outliers[5];
  refused(mr_quantize_int8(s, 1, 0, 0, MR_F32, x, codes, absmax, 1, nullptr, nullptr), "quantize_int8");
  refused(mr_quantize_int8(s, 1, 4, 0, MR_F32, x, codes, absmax, 1, nullptr, outliers), "quantize_int8");
  refused(mr_quantize_int8(s, 1, 4, 0, MR_U8, x, codes, absmax, 1, nullptr, nullptr), "quantize_int8");
  refused(mr_quantize_int8(s, 1, 4, 6, MR_F32, x, codes, absmax, 2, nullptr, outliers), "quantize_int8");
  refused(mr_dequantize_int8(s, 1, 4, codes, nullptr, MR_F32, x), "dequantize_int8");
  refused(mr_int8_linear(s, 1, 1, 131073, codes, absmax, 1, nullptr, nullptr, MR_F32, x, codes, absmax, x), "int8_linear");
  refused(mr_int8_linear(s, 1, 1, 4, codes, absmax, 1, nullptr, nullptr, MR_F32, x, nullptr, absmax, x), "int8_linear");
}
