// test_rms_norm.cpp: RMSNorm and its gradients against double; in bf16 the normalised value is rounded before the
// weight, but not before 1 + weight.
#include "op_check.h"

using namespace op_check;

namespace {

const float EPS = 1e-6f;

double stored(double x, int32_t dtype) {
  return dtype == MR_F32 ? x : (double)narrow_to_float(dtype, float_to_narrow(dtype, (float)x));
}

const int32_t KINDS[] = {MR_NORM_SCALE, MR_NORM_OFFSET};

// The normalised value as the weight meets it, and what multiplies it.
double met(double n, int32_t kind, int32_t dtype) { return kind == MR_NORM_SCALE ? stored(n, dtype) : n; }
double factor(float w, int32_t kind) { return kind == MR_NORM_SCALE ? (double)w : 1.0 + (double)w; }

struct Shape {
  int64_t rows, cols;
};
const Shape SHAPES[] = {{0, 8}, {1, 1}, {3, 15}, {5, 16}, {600, 32}, {7, 130}, {33, 1000}};

}  // namespace

TEST(rms_norm_forward) {
  for (Shape shape : SHAPES)
    for (int32_t dtype : STORAGE) for (int32_t kind : KINDS) {
      int64_t rows = shape.rows, cols = shape.cols;
      Buffer x(dtype, numbers(rows * cols, 1, 5)), w(numbers(cols, 2, 2));
      Doubles y_expected, rstd_expected;
      for (int64_t r = 0; r < rows; r++) {
        double squares = 0;
        for (int64_t c = 0; c < cols; c++) squares += (double)x[r * cols + c] * x[r * cols + c];
        double rstd = 1 / sqrt(squares / (double)cols + (double)EPS);
        rstd_expected.push_back(rstd);
        for (int64_t c = 0; c < cols; c++) y_expected.push_back(met(x[r * cols + c] * rstd, kind, dtype) * factor(w[c], kind));
      }
      Buffers y = same_bits("rms_norm_forward", {Buffer::unset(dtype, rows * cols), Buffer::unset(MR_F32, rows)},
                            [&](mr_stream* s, Buffers& out) {
                              return mr_rms_norm_forward(s, dtype, kind, rows, cols, EPS, x.data(), w.f32(), out[0].data(),
                                                         out[1].f32());
                            });
      // a value next to a rounding border of bf16 may go either way: one spacing
      near("y", y[0], y_expected, 4e-7 + 3 * storage_error(dtype), kind == MR_NORM_OFFSET ? 1e-7 : 0);
      near("rstd", y[1], rstd_expected, 3e-7, 0);
    }
}

TEST(rms_norm_rounds_before_the_weight) {
  // 1 + 2^-8 + a little normalises to itself (rstd = 1 within a few ulp of other columns); the weight 256 shows where
  // the rounding happened: rounded first gives 256 * 1.0078125 or 256, never 257.x
  Stream s;
  const int64_t cols = 256;
  Floats x((size_t)cols, 1.0f);
  x[0] = 1.00390625f * 1.5f;
  Buffer in(MR_BF16, x), y = Buffer::unset(MR_BF16, cols);
  Floats w((size_t)cols, 3.0f);
  float rstd;
  CHECK(mr_rms_norm_forward(s, MR_BF16, MR_NORM_SCALE, 1, cols, EPS, in.data(), w.data(), y.data(), &rstd) == MR_OK);
  for (int64_t c = 0; c < cols; c++) {
    float normalised = bf16_to_float(float_to_bf16(in[c] * rstd));
    CHECK(y[c] == bf16_to_float(float_to_bf16(normalised * 3.0f)));
  }
  // 1 + weight meets the value that is not rounded
  CHECK(mr_rms_norm_forward(s, MR_BF16, MR_NORM_OFFSET, 1, cols, EPS, in.data(), w.data(), y.data(), &rstd) == MR_OK);
  for (int64_t c = 0; c < cols; c++) CHECK(y[c] == bf16_to_float(float_to_bf16(in[c] * rstd * 4.0f)));
}

TEST(rms_norm_backward) {
  for (Shape shape : SHAPES)
    for (int32_t dtype : STORAGE)
      for (int32_t kind : KINDS) for (int accumulate : {0, 1}) {
        int64_t rows = shape.rows, cols = shape.cols;
        Buffer x(dtype, numbers(rows * cols, 1, 5)), dy(dtype, numbers(rows * cols, 3)), w(numbers(cols, 2, 2));
        Buffer before(dtype, numbers(rows * cols, 4)), dw_before(numbers(cols, 5));
        Floats rstd;
        Doubles dx, dw;
        for (int64_t c = 0; c < cols; c++) dw.push_back(dw_before[c]);
        for (int64_t r = 0; r < rows; r++) {
          double squares = 0, dot = 0;
          for (int64_t c = 0; c < cols; c++) squares += (double)x[r * cols + c] * x[r * cols + c];
          rstd.push_back((float)(1 / sqrt(squares / (double)cols + (double)EPS)));
          double scale = rstd.back();
          for (int64_t c = 0; c < cols; c++) dot += (double)dy[r * cols + c] * factor(w[c], kind) * x[r * cols + c] * scale;
          for (int64_t c = 0; c < cols; c++) {
            double n = x[r * cols + c] * scale, g = (double)dy[r * cols + c] * factor(w[c], kind);
            dx.push_back(scale * (g - n * dot / (double)cols) + (accumulate ? (double)before[r * cols + c] : 0));
            dw[(size_t)c] += dy[r * cols + c] * met((float)n, kind, dtype);
          }
        }
        Buffer scales(rstd);
        Buffers y = same_bits("rms_norm_backward", {accumulate ? before : Buffer::unset(dtype, rows * cols), dw_before},
                              [&](mr_stream* s, Buffers& out) {
                                return mr_rms_norm_backward(s, dtype, kind, rows, cols, dy.data(), x.data(), w.f32(),
                                                            scales.f32(), out[0].data(), accumulate, out[1].f32());
                              });
        near("dx", y[0], dx, 1e-6 + storage_error(dtype), 3e-6);
        near("dw", y[1], dw, 2e-6 + storage_error(dtype) / 4, (double)rows * (1e-6 + storage_error(dtype) / 4));
        // a frozen weight; dx over dy
        if (!accumulate) {
          Buffers frozen = same_bits("rms_norm_backward over dy", {dy}, [&](mr_stream* s, Buffers& out) {
            return mr_rms_norm_backward(s, dtype, kind, rows, cols, out[0].data(), x.data(), w.f32(), scales.f32(),
                                        out[0].data(), 0, nullptr);
          });
          CHECK(frozen[0] == y[0]);
        }
      }
}

TEST(rms_norm_refuse) {
  Stream s;
  float x[4] = {};
  refused(mr_rms_norm_forward(s, MR_F32, 2, 2, 2, EPS, x, x, x, x), "rms_norm_forward");
  refused(mr_rms_norm_backward(s, MR_F32, -1, 2, 2, x, x, x, x, x, 0, x), "rms_norm_backward");
  refused(mr_rms_norm_forward(s, MR_F64, 0, 2, 2, EPS, x, x, x, x), "rms_norm_forward");
  refused(mr_rms_norm_forward(s, MR_F32, 0, 2, 0, EPS, x, x, x, x), "rms_norm_forward");
  refused(mr_rms_norm_forward(s, MR_F32, 0, 2, 2, EPS, x, nullptr, x, x), "rms_norm_forward");
  refused(mr_rms_norm_backward(s, MR_F32, 0, -2, 2, x, x, x, x, x, 0, x), "rms_norm_backward");
  refused(mr_rms_norm_backward(s, MR_F32, 0, 2, 2, x, x, x, nullptr, x, 0, x), "rms_norm_backward");
}
