// focal_loss.cu: alpha * (1 - pt)^gamma * -log pt (Lin et al. 2017) and its gradient, one warp a row, in double: a classifier has
// tens of classes. The formulas are cpu/focal_loss.cpp's.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 128;

// log(1 - q) for q in [0, 1]; log(1 - q) / q -> -1 as q -> 0.
__device__ __forceinline__ double log_one_minus(double q, double one_minus_q) {
  return q < 1e-5 ? -q * (1 + q * (0.5 + q * (1.0 / 3))) : log(one_minus_q);
}

__device__ __forceinline__ double power(double q, double gamma) {
  if (gamma == 0) return 1;
  if (gamma == 1) return q;
  if (gamma == 2) return q * q;
  return q > 0 ? pow(q, gamma) : 0;
}

__global__ void focal_kernel(int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels, double gamma,
                             double alpha, double grad_scale, float* loss, float* dlogits, bool accumulate, Fault* fault) {
  int64_t row = global_thread() / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= rows) return;
  const float* x = logits + row * ld;
  float* d = dlogits == nullptr ? nullptr : dlogits + row * ld;
  int32_t label = labels[row];
  if (label < 0 || label >= classes) {
    if (lane == 0) {
      loss[row] = 0;
      report(fault, FAULT_LABEL, row, label);
    }
    if (d == nullptr || accumulate) return;
    for (int64_t c = lane; c < classes; c += WARP) d[c] = 0;
    return;
  }
  float top = -INFINITY;
  for (int64_t c = lane; c < classes; c += WARP) top = fmaxf(top, x[c]);
  double largest = warp_max(top), others = 0;
  for (int64_t c = lane; c < classes; c += WARP)
    if (c != label) others += exp((double)x[c] - largest);
  others = warp_sum(others);
  double own = exp((double)x[label] - largest), total = own + others;
  double pt = own / total, q = others / total;
  double log_pt = q < 0.5 ? log_one_minus(q, pt) : ((double)x[label] - largest) - log(total);
  double focus = alpha * power(q, gamma);
  if (lane == 0) loss[row] = (float)(-focus * log_pt);
  if (d == nullptr) return;
  double slope = q > 0 ? log_pt / q : -1;
  double factor = grad_scale * focus * (gamma * pt * slope - 1);
  __syncwarp();  // d may be x, and every lane has read the label's
  for (int64_t c = lane; c < classes; c += WARP) {
    double toward = c == label ? q : -(exp((double)x[c] - largest) / total);
    float g = (float)(factor * toward);
    d[c] = accumulate ? d[c] + g : g;
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_focal_loss(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                             float gamma, float alpha, float grad_scale, float* loss, float* dlogits, int32_t accumulate) {
  MR_REQUIRE(rows >= 0 && classes >= 1 && ld >= classes, "focal_loss: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(rows == 0 || (logits && labels && loss), "focal_loss: logits, labels and loss must not be NULL");
  MR_REQUIRE(gamma >= 0, "focal_loss: gamma is %g", (double)gamma);
  MR_REQUIRE(rows == 0 || !accumulate || dlogits != logits, "focal_loss: dlogits cannot accumulate into the logits themselves");
  return launch(s, "focal_loss", focal_kernel, dim3((unsigned)divide_up(rows, THREADS / WARP)), dim3(THREADS), 0, rows, classes,
                logits, ld, labels, gamma, alpha, grad_scale, loss, dlogits, accumulate != 0, s->fault);
}

}  // extern "C"
