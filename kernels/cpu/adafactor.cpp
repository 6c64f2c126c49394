// adafactor.cpp: one step of transformers' Adafactor. Every mean and norm is summed in double: over a row in sixteen
// lanes, over a column from the first row to the last, over rows in order. The elementwise part rounds to fp32 where the
// peer's torch calls do.
#include "op.h"

namespace mr {
namespace MR_PATH {

// Columns whose sums one task keeps: a few vectors, so that a row of them is one cache line or more.
constexpr int64_t COLUMN_BLOCK = 64;

// What the phases share; rows and cols are 1 and n for a parameter that is not factored.
struct Step {
  int64_t rows, cols;
  const float* grad;
  const float* row;
  const float* column;
  float scale, row_mean;
  bool factored;

  // g / sqrt(second moment) of sixteen elements of row r from column c on
  template <class Lanes>
  inline __attribute__((always_inline)) V16 update(int64_t r, int64_t c, V16 row_factor, Lanes lanes) const {
    V16 g = load(grad + r * cols + c, lanes) * splat(scale);
    V16 factor = splat(1.0f) / sqrt(load(column + c, lanes));
    return factored ? row_factor * factor * g : factor * g;
  }
  inline __attribute__((always_inline)) V16 row_factor(int64_t r) const {
    return factored ? splat(1.0f) / sqrt(splat(row[r] / row_mean)) : splat(1.0f);
  }
};

static double fold(double* lane) {
  for (int half = LANES / 2; half >= 1; half /= 2)
    for (int j = 0; j < half; j++) lane[j] = lane[j] + lane[j + half];
  return lane[0];
}

// Sum of value(c, lanes) over [begin, end), lane by lane in double. Lanes past the end are left out.
template <class Value>
static double sum_lanes(int64_t begin, int64_t end, Value value) {
  double lane[LANES] = {};
  each_vector(begin, end, [&](int64_t c, auto lanes) {
    float x[LANES];
    store(x, value(c, lanes));
    int n = end - c < LANES ? (int)(end - c) : LANES;
    for (int j = 0; j < n; j++) lane[j] = lane[j] + (double)x[j];
  });
  return fold(lane);
}

// Sum of squares over [begin, end); the square of an fp32 number is exact in double.
template <class Value>
static double sum_squares_lanes(int64_t begin, int64_t end, Value value) {
  double lane[LANES] = {};
  each_vector(begin, end, [&](int64_t c, auto lanes) {
    float x[LANES];
    store(x, value(c, lanes));
    int n = end - c < LANES ? (int)(end - c) : LANES;
    for (int j = 0; j < n; j++) lane[j] = lane[j] + (double)x[j] * (double)x[j];
  });
  return fold(lane);
}

// How [rows, cols] is handed out: whole rows, or chunks of the only one.
struct Parts {
  int64_t rows, cols, chunk;  // chunk of columns
  int64_t per_row() const { return (cols + chunk - 1) / chunk; }
  int64_t count() const { return rows * per_row(); }
};

// body(part, row, first column, past the last column), parts in any order
template <class Body>
static void each_part(mr_stream* s, const Parts& parts, Body body) {
  int64_t per_row = parts.per_row(), together = ELEMENTWISE_CHUNK / (parts.cols < parts.chunk ? parts.cols : parts.chunk);
  parallel_chunks(s, parts.count(), together > 1 ? together : 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; part++) {
      int64_t r = part / per_row, c = part % per_row * parts.chunk;
      body(part, r, c, c + parts.chunk < parts.cols ? c + parts.chunk : parts.cols);
    }
  });
}

int32_t adafactor(mr_stream* s, int64_t rows, int64_t cols, float* param, const float* grad, float* m, float* row, float* column,
                  double step_size, double beta1, double beta2, double eps1, double eps2, double clip, double weight_decay,
                  double grad_scale) {
  MR_REQUIRE(rows >= 0 && cols >= 0, "adafactor: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows * cols == 0 || (param && grad && column), "adafactor: param, grad and column must not be NULL");
  MR_REQUIRE(clip > 0, "adafactor: clip is %g, not positive", clip);
  if (rows * cols == 0) return MR_OK;
  bool factored = row != nullptr;
  if (!factored) cols *= rows, rows = 1;
  int64_t n = rows * cols;
  Parts parts{rows, cols, ELEMENTWISE_CHUNK};
  double* partial = (double*)shared_scratch(s, SCRATCH_TILE_0, parts.count() * (int64_t)sizeof(double));
  if (!partial) return fail(MR_ERR_MEMORY, "adafactor: no memory for %lld partial sums", (long long)parts.count());
  // partial sums in order
  auto total = [&] {
    double sum = 0;
    for (int64_t i = 0; i < parts.count(); i++) sum += partial[i];
    return sum;
  };
  V16 scale = splat((float)grad_scale), tiny = splat((float)eps1);
  V16 keep = splat((float)beta2), mix = splat((float)(1 - beta2));

  double lr = step_size;
  if (eps2 >= 0) {
    each_part(s, parts, [=](int64_t part, int64_t r, int64_t begin, int64_t end) {
      const float* p = param + r * cols;
      partial[part] = sum_squares_lanes(begin, end, [=](int64_t c, auto lanes) { return load(p + c, lanes); });
    });
    double rms = (double)(float)((double)(float)__builtin_sqrt(total()) / __builtin_sqrt((double)n));
    lr *= rms > eps2 ? rms : eps2;
  }

  float row_mean = 0;
  if (factored) {
    each_part(s, parts, [=](int64_t part, int64_t r, int64_t begin, int64_t end) {
      partial[part] = sum_lanes(begin, end, [=](int64_t c, auto lanes) {
        V16 g = load(grad + r * cols + c, lanes) * scale;
        return g * g + tiny;
      });
    });
    int64_t per_row = parts.per_row();
    double of_rows = 0;
    for (int64_t r = 0; r < rows; r++) {
      double sum = 0;
      for (int64_t i = 0; i < per_row; i++) sum += partial[r * per_row + i];
      float mean = (float)(sum / (double)cols);
      row[r] = fma1((float)(1 - beta2), mean, row[r] * (float)beta2);
      of_rows += (double)row[r];
    }
    row_mean = (float)(of_rows / (double)rows);
    parallel_chunks(s, cols, COLUMN_BLOCK, [=](int64_t begin, int64_t end) {
      double sum[COLUMN_BLOCK] = {};
      for (int64_t r = 0; r < rows; r++)
        each_vector(begin, end, [&](int64_t c, auto lanes) {
          V16 g = load(grad + r * cols + c, lanes) * scale;
          float x[LANES];
          store(x, g * g + tiny);
          for (int j = 0; j < LANES; j++) sum[c - begin + j] = sum[c - begin + j] + (double)x[j];
        });
      for (int64_t c = begin; c < end; c++) {
        float mean = (float)(sum[c - begin] / (double)rows);
        column[c] = fma1((float)(1 - beta2), mean, column[c] * (float)beta2);
      }
    });
  } else {
    elementwise(s, n, [=](int64_t i, auto lanes) {
      V16 g = load(grad + i, lanes) * scale;
      store(column + i, fma(mix, g * g + tiny, load(column + i, lanes) * keep), lanes);
    });
  }

  Step step{rows, cols, grad, row, column, (float)grad_scale, row_mean, factored};
  each_part(s, parts, [=](int64_t part, int64_t r, int64_t begin, int64_t end) {
    V16 row_factor = step.row_factor(r);
    partial[part] = sum_squares_lanes(begin, end, [=](int64_t c, auto lanes) { return step.update(r, c, row_factor, lanes); });
  });
  float rms = (float)((double)(float)__builtin_sqrt(total()) / __builtin_sqrt((double)n));
  float ratio = rms / (float)clip;
  V16 divisor = splat(ratio > 1.0f ? ratio : 1.0f), rate = splat((float)lr);
  V16 decay = splat((float)(-weight_decay * lr)), keep1 = splat((float)beta1), mix1 = splat((float)(1 - beta1));
  bool decays = weight_decay != 0;
  each_part(s, parts, [=](int64_t, int64_t r, int64_t begin, int64_t end) {
    V16 row_factor = step.row_factor(r);
    each_vector(begin, end, [=](int64_t c, auto lanes) {
      int64_t i = r * cols + c;
      V16 change = step.update(r, c, row_factor, lanes) / divisor * rate;
      if (m) {
        change = fma(mix1, change, load(m + i, lanes) * keep1);
        store(m + i, change, lanes);
      }
      V16 p = load(param + i, lanes);
      if (decays) p = fma(decay, p, p);
      store(param + i, p - change, lanes);
    });
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
