// dice_loss.cu: self-adjusting soft Dice (Li et al. 2020) and its gradient, in double: a classifier has tens of classes. The
// formulas are cpu/dice_loss.cpp's. Probabilities, and numerator and denominator of every group, pass through the workspace.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 128;

struct Shared {
  double sums[THREADS / WARP];
};

struct Problem {
  int64_t rows, classes, groups, ld;
  const float* logits;
  const int32_t* labels;
  double exponent, smooth;
  bool by_class;
  // p[r, c] = softmax, q = 1 - p; numerator and denominator of each group's Dice term
  double *p, *q, *numerator, *denominator;
};

// What a probability contributes: its weight w and the slope dw/dp. q = 1 - p without cancellation.
struct Weight {
  double w, slope;
};
__device__ __forceinline__ Weight weigh(double p, double q, double exponent) {
  if (exponent == 0) return {p, 1};
  if (exponent == 1) return {q * p, q - p};
  if (!(q > 0)) return {0, 0};  // the slope may be infinite at p = 1, but the softmax's own slope is 0 there
  double factor = pow(q, exponent);
  return {factor * p, factor - exponent * p * (factor / q)};
}

// One warp a row. Of the largest elements the first is left out of `others`: its 1 - p must not be a difference.
__global__ void softmax_kernel(Problem of, Fault* fault) {
  int64_t row = global_thread() / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= of.rows) return;
  const float* x = of.logits + row * of.ld;
  double *p = of.p + row * of.classes, *q = of.q + row * of.classes;
  float mine = -INFINITY;
  for (int64_t c = lane; c < of.classes; c += WARP) mine = fmaxf(mine, x[c]);
  double largest = warp_max(mine);
  int64_t top = of.classes;
  for (int64_t c = of.classes - 1 - lane; c >= 0; c -= WARP)
    if (x[c] == largest) top = c;
  for (int bits = WARP / 2; bits > 0; bits /= 2) top = min(top, __shfl_xor_sync(ALL_LANES, top, bits));
  double others = 0;
  for (int64_t c = lane; c < of.classes; c += WARP)
    if (c != top) others += exp((double)x[c] - largest);
  others = warp_sum(others);
  double total = 1 + others;
  for (int64_t c = lane; c < of.classes; c += WARP) {
    p[c] = exp((double)x[c] - largest) / total;
    q[c] = c == top ? others / total : 1 - p[c];
  }
  int32_t label = of.labels[row];
  if (lane == 0 && (label < 0 || label >= of.classes)) report(fault, FAULT_LABEL, row, label);
}

// One block a group: the classes of a row, or the rows of a class.
__global__ void group_kernel(Problem of) {
  Shared& shared = shared_memory<Shared>();
  int64_t g = blockIdx.x;
  double overlap = 0, weights = 0, labelled = 0;
  for (int64_t k = threadIdx.x; k < (of.by_class ? of.rows : of.classes); k += THREADS) {
    int64_t r = of.by_class ? k : g, c = of.by_class ? g : k;
    double w = weigh(of.p[r * of.classes + c], of.q[r * of.classes + c], of.exponent).w;
    weights += w;
    if (of.labels[r] == c) {
      overlap += w;
      labelled += 1;
    }
  }
  overlap = block_sum<THREADS>(overlap, shared.sums);
  weights = block_sum<THREADS>(weights, shared.sums);
  labelled = block_sum<THREADS>(labelled, shared.sums);
  if (threadIdx.x != 0) return;
  of.numerator[g] = 2 * overlap + of.smooth;
  of.denominator[g] = weights + labelled + of.smooth;
}

// One block.
__global__ void loss_kernel(Problem of, float* loss) {
  Shared& shared = shared_memory<Shared>();
  double total = 0;
  // nothing predicted, nothing labelled and no smoothing: 0/0 counts as a perfect score
  for (int64_t g = threadIdx.x; g < of.groups; g += THREADS)
    total += of.denominator[g] > 0 ? 1 - of.numerator[g] / of.denominator[g] : 0;
  total = block_sum<THREADS>(total, shared.sums);
  if (threadIdx.x == 0) loss[0] = (float)(total / (double)of.groups);
}

// dL/dp of one element, times the number of groups.
__device__ __forceinline__ double probability_gradient(const Problem& of, int64_t r, int64_t c) {
  int64_t g = of.by_class ? c : r;
  double n = of.numerator[g], d = of.denominator[g];
  if (!(d > 0)) return 0;
  double weight = (n - (of.labels[r] == c ? 2 * d : 0)) / (d * d);
  return weight * weigh(of.p[r * of.classes + c], of.q[r * of.classes + c], of.exponent).slope;
}

// One warp a row.
__global__ void gradient_kernel(Problem of, double grad_scale, float* dlogits, bool accumulate) {
  int64_t row = global_thread() / WARP;
  int lane = threadIdx.x % WARP;
  if (row >= of.rows) return;
  const double* p = of.p + row * of.classes;
  float* d = dlogits + row * of.ld;
  double mean = 0;  // sum_k g_k p_k
  for (int64_t c = lane; c < of.classes; c += WARP) mean += probability_gradient(of, row, c) * p[c];
  mean = warp_sum(mean);
  double factor = grad_scale / (double)of.groups;
  for (int64_t c = lane; c < of.classes; c += WARP) {
    float v = (float)(factor * p[c] * (probability_gradient(of, row, c) - mean));
    d[c] = accumulate ? d[c] + v : v;
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_dice_loss(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                            float exponent, float smooth, int32_t reduction, float grad_scale, float* loss, float* dlogits,
                            int32_t accumulate) {
  MR_REQUIRE(rows >= 1 && classes >= 1 && ld >= classes, "dice_loss: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(logits && labels && loss, "dice_loss: logits, labels and loss must not be NULL");
  MR_REQUIRE(exponent >= 0 && smooth >= 0, "dice_loss: exponent %g, smooth %g", (double)exponent, (double)smooth);
  MR_REQUIRE(reduction == MR_DICE_EXAMPLE || reduction == MR_DICE_CLASS, "dice_loss: reduction is %d", reduction);
  MR_REQUIRE(!accumulate || dlogits != logits, "dice_loss: dlogits cannot accumulate into the logits themselves");
  bool by_class = reduction == MR_DICE_CLASS;
  int64_t groups = by_class ? classes : rows, elements = rows * classes;
  int64_t bytes = (2 * elements + 2 * groups) * (int64_t)sizeof(double);
  MR_REQUIRE(bytes <= WORKSPACE_LIMIT, "dice_loss: %lld rows of %lld classes are more than the workspace holds", (long long)rows,
             (long long)classes);
  double* p = static_cast<double*>(workspace(s, bytes));
  if (p == nullptr) return MR_ERR_MEMORY;
  double *q = p + elements, *numerator = q + elements, *denominator = numerator + groups;
  Problem problem = {rows, classes, groups, ld, logits, labels, exponent, smooth, by_class, p, q, numerator, denominator};
  dim3 warp_a_row((unsigned)divide_up(rows, THREADS / WARP)), threads(THREADS);
  MR_TRY(launch(s, "dice_loss", softmax_kernel, warp_a_row, threads, 0, problem, s->fault));
  MR_TRY(launch(s, "dice_loss", group_kernel, dim3((unsigned)groups), threads, sizeof(Shared), problem));
  MR_TRY(launch(s, "dice_loss", loss_kernel, dim3(1), threads, sizeof(Shared), problem, loss));
  if (dlogits == nullptr) return MR_OK;
  return launch(s, "dice_loss", gradient_kernel, warp_a_row, threads, 0, problem, grad_scale, dlogits, accumulate != 0);
}

}  // extern "C"
