// focal_loss.cpp: alpha * (1 - pt)^gamma * -log pt (Lin et al. 2017) over softmax probabilities, and its gradient.
//
// A classifier has tens of classes, so everything is in double. 1 - pt is the sum of the other classes' probabilities,
// which keeps its relative precision when pt is near 1: that is where the focal factor does its work.
//
// With q = 1 - pt:  dL/dz_j = A (onehot_j - p_j),  A = alpha q^gamma (gamma pt (log pt) / q - 1).
#include "op.h"

namespace mr {
namespace MR_PATH {

static int32_t check_rows(int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                          const float* loss) {
  MR_REQUIRE(rows >= 0 && classes >= 1 && ld >= classes, "focal_loss: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(rows == 0 || (logits && labels && loss), "focal_loss: logits, labels and loss must not be NULL");
  for (int64_t r = 0; r < rows; r++)
    MR_REQUIRE(labels[r] >= 0 && labels[r] < classes, "focal_loss: labels[%lld] is %d, outside [0, %lld)", (long long)r, labels[r],
               (long long)classes);
  return MR_OK;
}

// log(1 - q) for q in [0, 1]; log(1 - q) / q -> -1 as q -> 0.
static double log_one_minus(double q, double one_minus_q) {
  return q < 1e-5 ? -q * (1 + q * (0.5 + q * (1.0 / 3))) : mr_log(one_minus_q);
}

static double power(double q, double gamma) {
  if (gamma == 0) return 1;
  if (gamma == 1) return q;
  if (gamma == 2) return q * q;
  return q > 0 ? mr_pow(q, gamma) : 0;
}

int32_t focal_loss(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels, float gamma,
                   float alpha, float grad_scale, float* loss, float* dlogits, int32_t accumulate) {
  int32_t error = check_rows(rows, classes, logits, ld, labels, loss);
  if (error) return error;
  MR_REQUIRE(gamma >= 0, "focal_loss: gamma is %g", (double)gamma);
  MR_REQUIRE(rows == 0 || !accumulate || dlogits != logits, "focal_loss: dlogits cannot accumulate into the logits themselves");
  parallel(s, rows, [=](int64_t r) {
    const float* x = logits + r * ld;
    int32_t label = labels[r];
    double largest = x[0];
    for (int64_t c = 1; c < classes; c++) largest = x[c] > largest ? x[c] : largest;
    double others = 0;
    for (int64_t c = 0; c < classes; c++)
      if (c != label) others += mr_exp((double)x[c] - largest);
    double own = mr_exp((double)x[label] - largest), total = own + others;
    double pt = own / total, q = others / total;
    double log_pt = q < 0.5 ? log_one_minus(q, pt) : ((double)x[label] - largest) - mr_log(total);
    double focus = (double)alpha * power(q, (double)gamma);
    loss[r] = (float)(-focus * log_pt);
    if (!dlogits) return;
    float* d = dlogits + r * ld;
    double slope = q > 0 ? log_pt / q : -1;
    double factor = (double)grad_scale * focus * ((double)gamma * pt * slope - 1);
    for (int64_t c = 0; c < classes; c++) {
      double toward = c == label ? q : -(mr_exp((double)x[c] - largest) / total);
      float g = (float)(factor * toward);
      d[c] = accumulate ? d[c] + g : g;
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
