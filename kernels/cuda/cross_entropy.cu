// cross_entropy.cu: -log softmax at the label and its gradient, one block a row, for vocabularies up to hundreds of thousands.
//
// The logits are read twice: once for the maximum and the sum of exponentials at the same time (the sum is scaled anew when a
// larger element turns up), and once for the gradient, which may take the logits' place. No row has to fit anywhere.
#include "device.h"

namespace mr {
namespace {

constexpr int NARROW = 64, WIDE = 512;  // threads of a block, for few and for many classes
constexpr int N = Pack<float>::N;
// Packs a thread takes at a time: that many loads are under way, and that many elements are summed in fp32 before the total
// moves on in double.
constexpr int PACKS = 4;

template <int THREADS>
struct Shared {
  float maxima[THREADS / WARP];
  double sums[THREADS / WARP];
};

// Sum of exp(x - largest) over what a thread has seen.
struct Online {
  float largest;
  double sum;
};

template <int THREADS>
__device__ __forceinline__ Online add_up(const float* x, int64_t classes) {
  Online seen = {-INFINITY, 0};
  for (int64_t begin = threadIdx.x * N; begin < classes; begin += THREADS * N * PACKS) {
    Pack<float> packs[PACKS];
    MR_UNROLL
    for (int k = 0; k < PACKS; k++) packs[k] = load_pack(x, begin + k * THREADS * N, classes);
    float largest = -INFINITY;
    MR_UNROLL
    for (int k = 0; k < PACKS; k++)
      for (int j = 0; j < N; j++) {
        if (begin + k * THREADS * N + j >= classes) packs[k].x[j] = -INFINITY;
        largest = fmaxf(largest, packs[k].x[j]);
      }
    if (largest > seen.largest) {
      seen.sum *= exp((double)seen.largest - (double)largest);
      seen.largest = largest;
    }
    float sum = 0;
    MR_UNROLL
    for (int k = 0; k < PACKS; k++)
      for (int j = 0; j < N; j++)
        if (packs[k].x[j] != -INFINITY) sum += expf(packs[k].x[j] - seen.largest);
    seen.sum += (double)sum;
  }
  return seen;
}

template <int THREADS>
__global__ void __launch_bounds__(THREADS, 2)
    cross_entropy_kernel(int64_t classes, const float* logits, int64_t ld, const int32_t* labels, int32_t ignore_index,
                         float grad_scale, float* loss, float* dlogits, bool accumulate, Fault* fault) {
  Shared<THREADS>& shared = shared_memory<Shared<THREADS>>();
  int64_t row = blockIdx.x;
  const float* x = logits + row * ld;
  float* d = dlogits == nullptr ? nullptr : dlogits + row * ld;
  int32_t label = labels[row];
  bool valid = label >= 0 && label < classes;
  if (label == ignore_index || !valid) {
    if (threadIdx.x == 0) {
      loss[row] = 0;
      if (label != ignore_index) report(fault, FAULT_LABEL, row, label);
    }
    if (d == nullptr || accumulate) return;
    Pack<float> zero = {};
    for (int64_t c = threadIdx.x * N; c < classes; c += THREADS * N) store_pack(d, c, classes, zero);
    return;
  }
  double own = x[label];  // before anything is written: d may be x
  Online seen = add_up<THREADS>(x, classes);
  float largest = block_max<THREADS>(seen.largest, shared.maxima);
  double total = block_sum<THREADS>(seen.sum * exp((double)seen.largest - (double)largest), shared.sums);
  if (threadIdx.x == 0) loss[row] = (float)(log(total) + ((double)largest - own));
  if (d == nullptr) return;
  float factor = (float)((double)grad_scale / total);
  for (int64_t begin = threadIdx.x * N; begin < classes; begin += THREADS * N * PACKS) {
    Pack<float> packs[PACKS], before[PACKS];
    MR_UNROLL
    for (int k = 0; k < PACKS; k++) {
      packs[k] = load_pack(x, begin + k * THREADS * N, classes);
      if (accumulate) before[k] = load_pack(d, begin + k * THREADS * N, classes);
    }
    MR_UNROLL
    for (int k = 0; k < PACKS; k++) {
      int64_t c = begin + k * THREADS * N;
      for (int j = 0; j < N; j++) {
        float e = expf(packs[k].x[j] - largest);
        packs[k].x[j] = accumulate ? fmaf(e, factor, before[k].x[j]) : e * factor;
        if (c + j == label) {
          float at_label = (float)((double)grad_scale * (exp(own - (double)largest) / total - 1));
          packs[k].x[j] = accumulate ? before[k].x[j] + at_label : at_label;
        }
      }
      store_pack(d, c, classes, packs[k]);
    }
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_cross_entropy(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                                int32_t ignore_index, float grad_scale, float* loss, float* dlogits, int32_t accumulate) {
  MR_REQUIRE(rows >= 0 && classes >= 1 && ld >= classes, "cross_entropy: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(rows == 0 || (logits && labels && loss), "cross_entropy: logits, labels and loss must not be NULL");
  MR_REQUIRE(rows == 0 || !accumulate || dlogits != logits, "cross_entropy: dlogits cannot accumulate into the logits themselves");
  if (classes <= NARROW * N * PACKS)
    return launch(s, "cross_entropy", cross_entropy_kernel<NARROW>, dim3((unsigned)rows), dim3(NARROW), sizeof(Shared<NARROW>),
                  classes, logits, ld, labels, ignore_index, grad_scale, loss, dlogits, accumulate != 0, s->fault);
  return launch(s, "cross_entropy", cross_entropy_kernel<WIDE>, dim3((unsigned)rows), dim3(WIDE), sizeof(Shared<WIDE>), classes,
                logits, ld, labels, ignore_index, grad_scale, loss, dlogits, accumulate != 0, s->fault);
}

}  // extern "C"
