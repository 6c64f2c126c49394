// test_reductions.cpp: sum and sum of squares in double, in the order the header states.
#include "op_check.h"

using namespace op_check;

namespace {
// Chunks of 4096, sixteen lanes each, folded by halves, chunks in order.
double ordered_sum(const Floats& x, bool squares) {
  double total = 0;
  for (size_t begin = 0; begin < x.size(); begin += 4096) {
    double lane[16] = {};
    for (size_t i = begin; i < x.size() && i < begin + 4096; i++)
      lane[(i - begin) % 16] += squares ? (double)x[i] * (double)x[i] : (double)x[i];
    for (int half = 8; half >= 1; half /= 2)
      for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    total += lane[0];
  }
  return total;
}
}  // namespace

TEST(sums) {
  for (int64_t n : {0, 1, 15, 16, 4095, 4096, 4097, 200003}) {
    Floats x = numbers(n, 1, 1000);
    Buffer in(x);
    each_stream([&](mr_stream* s, const std::string& where) {
      double sum = NAN, squares = NAN;
      CHECK(mr_sum(s, n, in.f32(), &sum) == MR_OK && mr_sum_squares(s, n, in.f32(), &squares) == MR_OK);
      CHECK_MSG(sum == ordered_sum(x, false), "%s: sum of %lld is %.17g", where.c_str(), (long long)n, sum);
      CHECK_MSG(squares == ordered_sum(x, true), "%s: squares of %lld are %.17g", where.c_str(), (long long)n, squares);
    });
  }
}

TEST(sums_of_several) {
  Floats a = numbers(5001, 1, 1000), b = numbers(7, 2, 1000);
  Buffer in_a(a), in_b(b);
  const int64_t spans[] = {(int64_t)in_a.f32(), 5001, (int64_t)in_b.f32(), 7, (int64_t)in_b.f32(), 0};
  each_stream([&](mr_stream* s, const std::string& where) {
    double each[3] = {NAN, NAN, NAN}, alone[3] = {NAN, NAN, NAN};
    CHECK(mr_sum_squares_each(s, 3, 5001, spans, each) == MR_OK);
    for (int i = 0; i < 3; i++) CHECK(mr_sum_squares(s, spans[2 * i + 1], (const float*)spans[2 * i], alone + i) == MR_OK);
    for (int i = 0; i < 3; i++) CHECK_MSG(each[i] == alone[i], "%s: %.17g and %.17g", where.c_str(), each[i], alone[i]);
  });
}

TEST(sums_refuse) {
  Stream s;
  float x[4] = {};
  double out;
  const int64_t span[] = {(int64_t)x, 4};
  refused(mr_sum_squares_each(s, -1, 4, span, &out), "sum_squares_each");
  refused(mr_sum_squares_each(s, 1, 4, nullptr, &out), "sum_squares_each");
  refused(mr_sum_squares_each(s, 1, 3, span, &out), "sum_squares_each");
  refused(mr_sum(s, -1, x, &out), "sum");
  refused(mr_sum(s, 4, nullptr, &out), "sum");
  refused(mr_sum_squares(s, 4, x, nullptr), "sum_squares");
}
