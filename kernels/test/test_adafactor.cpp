// test_adafactor.cpp: three steps of Adafactor against the formulas in double, and equal bits on every path and thread
// count, factored and not, with and without momentum.
#include "op_check.h"

using namespace op_check;

namespace {

double rms(const Doubles& x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return sqrt(sum / (double)x.size());
}

struct Shape {
  int64_t rows, cols;
  bool factored, momentum;
};

}  // namespace

TEST(adafactor) {
  const double step_size = 0.01, beta1 = 0.9, eps1 = 1e-30, eps2 = 1e-3, clip = 1, decay = 0.01, scale = 0.37;
  const Shape shapes[] = {{1, 1, true, false},    {3, 5, true, true},       {70, 65, true, false},
                          {2, 16500, true, true}, {1, 17, false, false},    {1, 20003, false, true},
                          {300, 64, true, false}, {17, 1, true, false}};
  for (const Shape& shape : shapes) {
    int64_t rows = shape.rows, cols = shape.cols, n = rows * cols;
    Floats p0 = numbers(n, 1), zero((size_t)n, 0.0f);
    Doubles p(p0.begin(), p0.end()), m((size_t)n, 0.0), row((size_t)rows, 0.0);
    Doubles column((size_t)(shape.factored ? cols : n), 0.0);
    std::vector<Floats> gradients;
    for (int t = 1; t <= 3; t++) {
      gradients.push_back(numbers(n, 10 + (uint64_t)t, 0.1f));
      double beta2 = 1 - pow(t, -0.8), lr = step_size * fmax(eps2, rms(p));
      Doubles squares, update;
      for (float g : gradients.back()) squares.push_back((double)g * scale * (double)g * scale + eps1);
      for (size_t i = 0; i < column.size(); i++) {
        double value = 0;
        if (shape.factored)
          for (size_t r = 0; r < (size_t)rows; r++) value += squares[r * (size_t)cols + i] / (double)rows;
        else
          value = squares[i];
        column[i] = beta2 * column[i] + (1 - beta2) * value;
      }
      double mean = 0;
      for (size_t r = 0; r < (size_t)rows; r++) {
        double value = 0;
        for (size_t c = 0; c < (size_t)cols; c++) value += squares[r * (size_t)cols + c] / (double)cols;
        row[r] = beta2 * row[r] + (1 - beta2) * value;
        mean += row[r] / (double)rows;
      }
      for (size_t i = 0; i < (size_t)n; i++) {
        double moment = shape.factored ? row[i / (size_t)cols] / mean * column[i % (size_t)cols] : column[i];
        update.push_back(gradients.back()[i] * scale / sqrt(moment));
      }
      double divisor = fmax(1, rms(update) / clip);
      for (size_t i = 0; i < (size_t)n; i++) {
        double change = update[i] / divisor * lr;
        if (shape.momentum) change = m[i] = beta1 * m[i] + (1 - beta1) * change;
        p[i] -= decay * lr * p[i] + change;
      }
    }
    Buffer rows0(Floats((size_t)rows, 0.0f)), columns0(Floats(column.size(), 0.0f));
    Buffers y = same_bits("adafactor", {Buffer(p0), Buffer(zero), rows0, columns0}, [&](mr_stream* s, Buffers& out) {
      for (int t = 1; t <= 3; t++) {
        Buffer g(gradients[(size_t)t - 1]);
        int32_t error = mr_adafactor(s, rows, cols, out[0].f32(), g.f32(), shape.momentum ? out[1].f32() : nullptr,
                                     shape.factored ? out[2].f32() : nullptr, out[3].f32(), step_size, beta1,
                                     1 - pow(t, -0.8), eps1, eps2, clip, decay, scale);
        if (error) return error;
      }
      return (int32_t)MR_OK;
    });
    near("param", y[0], p, 1e-6, 1e-6);
    if (shape.momentum) near("m", y[1], m, 2e-6, 1e-9);
    near("column", y[3], column, 2e-6, 1e-12);
  }
}

TEST(adafactor_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_adafactor(s, 2, 2, x, x, x, x, nullptr, 1e-3, 0.9, 0.9, 1e-30, 1e-3, 1, 0, 1), "adafactor");
  refused(mr_adafactor(s, 2, -2, x, x, x, x, x, 1e-3, 0.9, 0.9, 1e-30, 1e-3, 1, 0, 1), "adafactor");
  refused(mr_adafactor(s, 2, 2, x, x, x, x, x, 1e-3, 0.9, 0.9, 1e-30, 1e-3, 0, 0, 1), "adafactor");
}
