// reductions.cpp: sum and sum of squares in double, in one order: chunks of 4096 elements, sixteen lanes each, folded
// by halves, chunks added from first to last.
#include "op.h"

namespace mr {
namespace MR_PATH {

static constexpr int64_t SUM_CHUNK = 4096;

// The compiler turns the lane loop into vector instructions; it may not reorder the sums.
template <class Term>
static double sum_chunk(const float* x, int64_t n, Term term) {
  double lane[LANES] = {};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int j = 0; j < LANES; j++) lane[j] = lane[j] + term((double)x[i + j]);
  for (int j = 0; i + j < n; j++) lane[j] = lane[j] + term((double)x[i + j]);
  for (int half = LANES / 2; half >= 1; half /= 2)
    for (int j = 0; j < half; j++) lane[j] = lane[j] + lane[j + half];
  return lane[0];
}

template <class Term>
static int32_t sum_of(const char* op, mr_stream* s, int64_t n, const float* x, double* out, Term term) {
  MR_REQUIRE(n >= 0, "%s: n is %lld", op, (long long)n);
  MR_REQUIRE(out && (n == 0 || x), "%s: x and out must not be NULL", op);
  int64_t chunks = (n + SUM_CHUNK - 1) / SUM_CHUNK;
  double* partial = (double*)shared_scratch(s, SCRATCH_TILE_0, (chunks + 1) * (int64_t)sizeof(double));
  if (!partial) return fail(MR_ERR_MEMORY, "%s: no memory for %lld partial sums", op, (long long)chunks);
  parallel_chunks(s, chunks, 8, [=](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; c++) {
      int64_t first = c * SUM_CHUNK;
      partial[c] = sum_chunk(x + first, n - first < SUM_CHUNK ? n - first : SUM_CHUNK, term);
    }
  });
  double total = 0;
  for (int64_t c = 0; c < chunks; c++) total += partial[c];
  out[0] = total;
  return MR_OK;
}

int32_t sum(mr_stream* s, int64_t n, const float* x, double* out) {
  return sum_of("sum", s, n, x, out, [](double v) { return v; });
}

int32_t sum_squares_each(mr_stream* s, int64_t count, int64_t largest, const int64_t* spans, double* out) {
  MR_REQUIRE(count >= 0 && largest >= 0, "sum_squares_each: count %lld, largest %lld", (long long)count, (long long)largest);
  MR_REQUIRE(count == 0 || (spans && out), "sum_squares_each: spans and out must not be NULL");
  for (int64_t i = 0; i < count; i++) {
    int64_t n = spans[2 * i + 1];
    MR_REQUIRE(n <= largest, "sum_squares_each: array %lld has %lld elements", (long long)i, (long long)n);
    const float* x = (const float*)spans[2 * i];
    int32_t code = sum_of("sum_squares_each", s, n, x, out + i, [](double v) { return v * v; });  // exact: 24 + 24 bits
    if (code != MR_OK) return code;
  }
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
