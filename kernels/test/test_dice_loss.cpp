// test_dice_loss.cpp: the Dice loss against its definition in double, its gradient against central differences of that.
#include "op_check.h"

using namespace op_check;

namespace {

double reference(const Doubles& x, int64_t rows, int64_t classes, const std::vector<int32_t>& labels, double exponent,
                 double smooth, int32_t reduction) {
  Doubles w;
  for (int64_t r = 0; r < rows; r++) {
    const double* row = x.data() + r * classes;
    double largest = row[0], sum = 0;
    for (int64_t c = 1; c < classes; c++) largest = fmax(largest, row[c]);
    for (int64_t c = 0; c < classes; c++) sum += ::exp(row[c] - largest);
    for (int64_t c = 0; c < classes; c++) {
      double p = ::exp(row[c] - largest) / sum;
      w.push_back((exponent == 0 ? 1 : pow(1 - p, exponent)) * p);
    }
  }
  int64_t groups = reduction == MR_DICE_CLASS ? classes : rows;
  double total = 0;
  for (int64_t g = 0; g < groups; g++) {
    double overlap = 0, weights = 0, ones = 0;
    for (int64_t r = 0; r < rows; r++)
      for (int64_t c = 0; c < classes; c++) {
        if ((reduction == MR_DICE_CLASS ? c : r) != g) continue;
        bool y = labels[(size_t)r] == c;
        overlap += w[(size_t)(r * classes + c)] * y, weights += w[(size_t)(r * classes + c)], ones += y;
      }
    total += 1 - (2 * overlap + smooth) / (weights + ones + smooth);
  }
  return total / (double)groups;
}

}  // namespace

TEST(dice_loss) {
  for (int64_t classes : {2, 5, 19})
    for (float exponent : {0.0f, 0.5f, 1.0f, 2.3f})
      for (float smooth : {0.0f, 1.0f})
        for (int32_t reduction : {MR_DICE_EXAMPLE, MR_DICE_CLASS}) {
          int64_t rows = 9, ld = classes + 1;
          Buffer x(numbers(rows * ld, 1, 3)), before(numbers(rows * ld, 3));
          std::vector<int32_t> labels;
          check::Random random{2};
          for (int64_t r = 0; r < rows; r++) labels.push_back((int32_t)random.below(classes));
          Doubles flat;
          for (int64_t r = 0; r < rows; r++)
            for (int64_t c = 0; c < classes; c++) flat.push_back(x[r * ld + c]);
          double loss = reference(flat, rows, classes, labels, exponent, smooth, reduction);
          Doubles gradient;
          for (size_t i = 0; i < flat.size(); i++) {
            Doubles up = flat, down = flat;
            up[i] += 1e-5, down[i] -= 1e-5;
            gradient.push_back(0.5 *
                               (reference(up, rows, classes, labels, exponent, smooth, reduction) -
                                reference(down, rows, classes, labels, exponent, smooth, reduction)) /
                               2e-5);
          }
          for (int accumulate : {0, 1}) {
            Buffers y = same_bits("dice_loss",
                                  {Buffer::unset(MR_F32, 1), accumulate ? before : Buffer::unset(MR_F32, rows * ld)},
                                  [&](mr_stream* s, Buffers& out) {
                                    return mr_dice_loss(s, rows, classes, x.f32(), ld, labels.data(), exponent, smooth,
                                                        reduction, 0.5f, out[0].f32(), out[1].f32(), accumulate);
                                  });
            near("loss", y[0], {loss}, 1e-7, 0);
            Floats actual;
            Doubles expected = gradient;
            for (int64_t r = 0; r < rows; r++)
              for (int64_t c = 0; c < classes; c++) {
                actual.push_back(y[1][r * ld + c]);
                if (accumulate) expected[(size_t)(r * classes + c)] += before[r * ld + c];
              }
            near("dlogits", Buffer(actual), expected, 1e-6, accumulate ? 1e-7 : 1e-9);
          }
        }
}

TEST(dice_loss_at_certainty) {
  // a probability of exactly 1: the slope of (1-p)^0.5 is infinite there, the gradient is not
  Stream s;
  float x[] = {500, -500, 500, -500}, d[4], loss;
  int32_t labels[] = {0, 1};
  for (float exponent : {0.0f, 0.5f, 1.0f, 2.0f})
    for (int32_t reduction : {MR_DICE_EXAMPLE, MR_DICE_CLASS}) {
      CHECK(mr_dice_loss(s, 2, 2, x, 2, labels, exponent, 1, reduction, 1, &loss, d, 0) == MR_OK);
      CHECK(loss >= 0 && loss <= 1);
      for (float v : d) CHECK(v == 0);
    }
  CHECK(mr_dice_loss(s, 2, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 0) == MR_OK);  // over the logits
  for (float v : x) CHECK(v == 0);
}

TEST(dice_loss_refuse) {
  Stream s;
  float x[4] = {}, loss;
  int32_t labels[] = {0, 2};
  refused(mr_dice_loss(s, 2, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 1, 2, x, 2, labels, -1, 1, MR_DICE_CLASS, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 1, 2, x, 2, labels, 1, 1, 2, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 0, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 1, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 1), "dice_loss");
}
