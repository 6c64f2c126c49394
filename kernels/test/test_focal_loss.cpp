// test_focal_loss.cpp: the focal loss against long double, from pt near 0 to pt within 1e-30 of 1, and gamma from 0
// upwards.
#include "op_check.h"

using namespace op_check;

namespace {

// The loss and its gradient in long double; 1 - pt from the other classes.
void reference(const float* x, int64_t classes, int32_t label, double gamma, double alpha, double* loss,
               double* gradient) {
  long double largest = x[0], others = 0, own;
  for (int64_t c = 1; c < classes; c++) largest = fmaxl(largest, x[c]);
  for (int64_t c = 0; c < classes; c++)
    if (c != label) others += expl(x[c] - largest);
  own = expl(x[label] - largest);
  long double total = own + others, pt = own / total, q = others / total;
  long double log_pt = q < 0.5L ? log1pl(-q) : x[label] - largest - logl(total);
  long double focus = alpha * (gamma == 0 ? 1.0L : powl(q, gamma));
  *loss = (double)(-focus * log_pt);
  long double factor = focus * (gamma * pt * (q > 0 ? log_pt / q : -1.0L) - 1);
  for (int64_t c = 0; c < classes; c++) {
    long double p = expl(x[c] - largest) / total;
    gradient[c] = (double)(factor * (c == label ? q : -p));
  }
}

}  // namespace

TEST(focal_loss) {
  for (int64_t classes : {1, 2, 17, 82})
    for (float gamma : {0.0f, 0.5f, 1.0f, 2.0f, 3.7f}) {
      int64_t rows = 40, ld = classes + 2;
      Floats logits = numbers(rows * ld, 1, 4);
      std::vector<int32_t> labels;
      check::Random random{2};
      for (int64_t r = 0; r < rows; r++) {
        labels.push_back((int32_t)random.below(classes));
        // confident rows, right and wrong, up to where 1 - pt leaves fp32
        if (r % 2) logits[(size_t)(r * ld + labels.back())] += (float)(r % 4 == 1 ? 2 * r : -2 * r);
      }
      Doubles loss((size_t)rows), gradient((size_t)(rows * classes));
      for (int64_t r = 0; r < rows; r++) {
        reference(logits.data() + r * ld, classes, labels[(size_t)r], gamma, 0.75, &loss[(size_t)r],
                  &gradient[(size_t)(r * classes)]);
        for (int64_t c = 0; c < classes; c++) gradient[(size_t)(r * classes + c)] *= 0.125;
      }
      Buffer x(logits), before(numbers(rows * ld, 3));
      for (int accumulate : {0, 1}) {
        Buffers y = same_bits("focal_loss",
                              {Buffer::unset(MR_F32, rows), accumulate ? before : Buffer::unset(MR_F32, rows * ld)},
                              [&](mr_stream* s, Buffers& out) {
                                return mr_focal_loss(s, rows, classes, x.f32(), ld, labels.data(), gamma, 0.75f, 0.125f,
                                                     out[0].f32(), out[1].f32(), accumulate);
                              });
        near("loss", y[0], loss, 2e-7, 1e-44);
        Doubles expected = gradient;
        Floats flat;
        for (int64_t r = 0; r < rows; r++)
          for (int64_t c = 0; c < classes; c++) {
            flat.push_back(y[1][r * ld + c]);
            if (accumulate) expected[(size_t)(r * classes + c)] += before[r * ld + c];
          }
        near("dlogits", Buffer(flat), expected, 2e-7, accumulate ? 1e-7 : 1e-44);
      }
    }
}

TEST(focal_loss_at_certainty) {
  Stream s;
  float x[] = {1000, -1000, -1000, 1000}, loss[2], d[4];
  int32_t labels[] = {0, 0};
  for (float gamma : {0.0f, 0.5f, 2.0f}) {
    CHECK(mr_focal_loss(s, 2, 2, x, 2, labels, gamma, 1, 1, loss, d, 0) == MR_OK);
    CHECK(loss[0] == 0 && d[0] == 0 && d[1] == 0);
    CHECK(loss[1] == 2000 && d[2] == -1 && d[3] == 1);
  }
  // over the logits
  CHECK(mr_focal_loss(s, 2, 2, x, 2, labels, 2, 1, 1, loss, x, 0) == MR_OK);
  CHECK(memcmp(x, d, sizeof x) == 0);
}

TEST(focal_loss_refuse) {
  Stream s;
  float x[4] = {}, loss[2];
  int32_t labels[] = {0, 2}, ignored[] = {-100, 0};
  refused(mr_focal_loss(s, 2, 2, x, 2, labels, 2, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 2, 2, x, 2, ignored, 2, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 1, 2, x, 2, labels, -1, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 1, 2, x, 1, labels, 2, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 1, 2, x, 2, labels, 2, 1, 1, loss, x, 1), "focal_loss");
}
