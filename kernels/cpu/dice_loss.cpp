// dice_loss.cpp: self-adjusting soft Dice (Li et al. 2020, "Dice loss for data-imbalanced NLP tasks") over softmax
// probabilities p, with w = (1-p)^exponent * p and the one-hot label y:
//
//   1 - (2 sum(w y) + smooth) / (sum(w) + sum(y) + smooth)
//
// summed over the classes of an example and averaged over examples, or over the examples of a class and averaged over
// classes. A classifier has tens of classes, so everything is in double and the probabilities are kept in scratch.
//
// Gradient: with N and D the numerator and denominator, dL/dw_c = (N - 2 y_c D) / D^2, dw/dp = (1-p)^e - e p
// (1-p)^(e-1), and through the softmax dz_j = p_j (g_j - sum_k g_k p_k).
#include "op.h"

namespace mr {
namespace MR_PATH {

// What a probability contributes: its weight w and the slope dw/dp. q = 1 - p without cancellation.
struct Weight {
  double w, slope;
};
static Weight weigh(double p, double q, double exponent) {
  if (exponent == 0) return {p, 1};
  if (exponent == 1) return {q * p, q - p};
  if (!(q > 0)) return {0, 0};  // the slope may be infinite at p = 1, but the softmax's own slope is 0 there
  double factor = mr_pow(q, exponent);
  return {factor * p, factor - exponent * p * (factor / q)};
}

// p[c], q[c] = 1 - p[c] of one row.
static void softmax(const float* x, int64_t classes, double* p, double* q) {
  int64_t top = 0;
  for (int64_t c = 1; c < classes; c++) top = x[c] > x[top] ? c : top;
  double others = 0;  // all but the largest: 1 - p of the largest must not be a difference
  for (int64_t c = 0; c < classes; c++) {
    p[c] = mr_exp((double)x[c] - (double)x[top]);
    if (c != top) others += p[c];
  }
  double total = p[top] + others;
  for (int64_t c = 0; c < classes; c++) {
    p[c] /= total;
    q[c] = 1 - p[c];
  }
  q[top] = others / total;
}

// The scale of one Dice term's gradient: dL/dw = factor * (numerator - 2 y denominator) / denominator^2.
static double weight_gradient(double numerator, double denominator, bool is_label) {
  return (numerator - (is_label ? 2 * denominator : 0)) / (denominator * denominator);
}

int32_t dice_loss(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                  float exponent_, float smooth_, int32_t reduction, float grad_scale, float* loss, float* dlogits,
                  int32_t accumulate) {
  MR_REQUIRE(rows >= 1 && classes >= 1 && ld >= classes, "dice_loss: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(logits && labels && loss, "dice_loss: logits, labels and loss must not be NULL");
  MR_REQUIRE(exponent_ >= 0 && smooth_ >= 0, "dice_loss: exponent %g, smooth %g", (double)exponent_, (double)smooth_);
  MR_REQUIRE(reduction == MR_DICE_EXAMPLE || reduction == MR_DICE_CLASS, "dice_loss: reduction is %d", reduction);
  MR_REQUIRE(rows == 0 || !accumulate || dlogits != logits, "dice_loss: dlogits cannot accumulate into the logits themselves");
  for (int64_t r = 0; r < rows; r++)
    MR_REQUIRE(labels[r] >= 0 && labels[r] < classes, "dice_loss: labels[%lld] is %d, outside [0, %lld)", (long long)r, labels[r],
               (long long)classes);
  double exponent = exponent_, smooth = smooth_;
  bool by_class = reduction == MR_DICE_CLASS;
  int64_t groups = by_class ? classes : rows;
  // p and q of every row, then numerator and denominator of every group
  int64_t doubles = 2 * rows * classes + 2 * groups;
  double* p = (double*)shared_scratch(s, SCRATCH_TILE_0, doubles * (int64_t)sizeof(double));
  if (!p) return fail(MR_ERR_MEMORY, "dice_loss: no memory for %lld probabilities", (long long)(rows * classes));
  double *q = p + rows * classes, *numerator = q + rows * classes, *denominator = numerator + groups;

  parallel(s, rows, [=](int64_t r) { softmax(logits + r * ld, classes, p + r * classes, q + r * classes); });
  parallel(s, groups, [=](int64_t g) {
    double overlap = 0, weights = 0, labelled = 0;
    for (int64_t k = 0; k < (by_class ? rows : classes); k++) {
      int64_t r = by_class ? k : g, c = by_class ? g : k;
      double w = weigh(p[r * classes + c], q[r * classes + c], exponent).w;
      weights += w;
      if (labels[r] == c) overlap += w, labelled += 1;
    }
    numerator[g] = 2 * overlap + smooth;
    denominator[g] = weights + labelled + smooth;
  });
  double total = 0;
  // nothing predicted, nothing labelled and no smoothing: 0/0 counts as a perfect score
  for (int64_t g = 0; g < groups; g++) total += denominator[g] > 0 ? 1 - numerator[g] / denominator[g] : 0;
  loss[0] = (float)(total / (double)groups);
  if (!dlogits) return MR_OK;

  parallel(s, rows, [=](int64_t r) {
    const double *pr = p + r * classes, *qr = q + r * classes;
    float* d = dlogits + r * ld;
    double mean = 0;  // sum_k g_k p_k
    auto gradient = [=](int64_t c) {
      int64_t g = by_class ? c : r;
      if (!(denominator[g] > 0)) return 0.0;
      return weight_gradient(numerator[g], denominator[g], labels[r] == c) * weigh(pr[c], qr[c], exponent).slope;
    };
    for (int64_t c = 0; c < classes; c++) mean += gradient(c) * pr[c];
    double factor = (double)grad_scale / (double)groups;
    for (int64_t c = 0; c < classes; c++) {
      float v = (float)(factor * pr[c] * (gradient(c) - mean));
      d[c] = accumulate ? d[c] + v : v;
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
