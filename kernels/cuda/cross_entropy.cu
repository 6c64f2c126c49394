// cross_entropy.cu: -log softmax at the label and its gradient, one block a row, for vocabularies up to hundreds of thousands.
//
// The logits are read twice: once for the maximum and the sum of exponentials at the same time (the sum is rescaled when a
// larger element is found), and once, backwards, for the gradient, which may take the logits' place: what of a row was read last is
// still in the cache, where neither this second reading nor what is written takes its place. No row has to fit anywhere.
#include "rows.h"

namespace mr {
namespace {

constexpr int NARROW = 64, WIDE = 512;  // threads of a block, for few and for many classes
constexpr int N = Pack<float>::N;
// Packs a thread takes at a time: that many loads are under way, and that many elements are summed in fp32 before the total
// moves on in double.
constexpr int PACKS = 4;

// Elements that the threads of a block take at a time, and the distance from a thread's first to the end of its last.
template <int THREADS>
// clang-format off
constexpr int64_t TILE = (int64_t)THREADS * N * PACKS;
// clang-format on
template <int THREADS>
constexpr int64_t SPAN = TILE<THREADS> - (int64_t)(THREADS - 1) * N;

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

// A thread's packs of a tile, -infinity beyond the end. Whole: there is no such end, and all are loaded at once. Last: nobody
// reads them again.
template <int THREADS, bool LAST>
__device__ __forceinline__ void load_tile(Pack<float> (&packs)[PACKS], const float* x, int64_t begin, int64_t classes, bool whole) {
  if (whole) {
    MR_UNROLL
    for (int k = 0; k < PACKS; k++) {
      const uint4* p = reinterpret_cast<const uint4*>(x + begin + k * THREADS * N);
      packs[k] = unpack(RawPack<float>{LAST ? __ldcs(p) : *p});
    }
    return;
  }
  MR_UNROLL
  for (int k = 0; k < PACKS; k++) {
    int64_t c = begin + k * THREADS * N;
    packs[k] = load_pack(x, c, classes);
    for (int j = 0; j < N; j++)
      if (c + j >= classes) packs[k].x[j] = -INFINITY;
  }
}

template <int THREADS>
__device__ __forceinline__ Online add_up(const float* x, int64_t classes) {
  Online seen = {-INFINITY, 0};
  bool aligned = aligned_16(x);
  for (int64_t begin = threadIdx.x * N; begin < classes; begin += TILE<THREADS>) {
    Pack<float> packs[PACKS];
    load_tile<THREADS, false>(packs, x, begin, classes, aligned && begin + SPAN<THREADS> <= classes);
    float largest = -INFINITY;
    MR_UNROLL
    for (int k = 0; k < PACKS; k++)
      for (int j = 0; j < N; j++) largest = fmaxf(largest, packs[k].x[j]);
    if (largest > seen.largest) {
      seen.sum *= exp((double)seen.largest - (double)largest);
      seen.largest = largest;
    }
    float shift = seen.largest == -INFINITY ? 0.0f : seen.largest, sum = 0;
    MR_UNROLL
    for (int k = 0; k < PACKS; k++)
      for (int j = 0; j < N; j++) sum += expf(packs[k].x[j] - shift);
    seen.sum += (double)sum;
  }
  return seen;
}

// Four elements at once, rounded to D; p is a multiple of what they take.
__device__ __forceinline__ void store_four(float* p, const Pack<float>& four) {
  __stcs(reinterpret_cast<uint4*>(p), packed(four).words);
}
template <class D>
__device__ __forceinline__ void store_four(D* p, const Pack<float>& four) {
  __stcs(reinterpret_cast<uint2*>(p), make_uint2(pack_pair<D>(four.x[0], four.x[1]), pack_pair<D>(four.x[2], four.x[3])));
}

template <int THREADS, class D>
__global__ void __launch_bounds__(THREADS, 2)
    cross_entropy_kernel(int64_t classes, const float* logits, int64_t ld, const int32_t* labels, int32_t ignore_index,
                         float grad_scale, float* loss, D* dlogits, bool accumulate, Fault* fault) {
  Shared<THREADS>& shared = shared_memory<Shared<THREADS>>();
  int64_t row = blockIdx.x;
  const float* x = logits + row * ld;
  D* d = dlogits == nullptr ? nullptr : dlogits + row * ld;
  int32_t label = labels[row];
  bool valid = label >= 0 && label < classes;
  if (label == ignore_index || !valid) {
    if (threadIdx.x == 0) {
      loss[row] = 0;
      if (label != ignore_index) report(fault, FAULT_LABEL, row, label);
    }
    if (d == nullptr || accumulate) return;
    Pack<D> zero = {};
    for (int64_t c = threadIdx.x * Pack<D>::N; c < classes; c += THREADS * Pack<D>::N) store_pack(d, c, classes, zero);
    return;
  }
  double own = x[label];  // before anything is written: d may be x
  Online seen = add_up<THREADS>(x, classes);
  float largest = block_max<THREADS>(seen.largest, shared.maxima);
  double total = block_sum<THREADS>(seen.sum * exp((double)seen.largest - (double)largest), shared.sums);
  if (threadIdx.x == 0) loss[row] = (float)(log(total) + ((double)largest - own));
  if (d == nullptr) return;
  float factor = (float)((double)grad_scale / total), at_label = 0;
  if (label / N % THREADS == (int)threadIdx.x) at_label = (float)((double)grad_scale * (exp(own - (double)largest) / total - 1));
  bool aligned = aligned_16(x) && reinterpret_cast<uintptr_t>(d) % (N * sizeof(D)) == 0;
  for (int64_t tile = (classes - 1) / TILE<THREADS>; tile >= 0; tile--) {
    int64_t begin = tile * TILE<THREADS> + threadIdx.x * N;
    bool whole = aligned && begin + SPAN<THREADS> <= classes;
    Pack<float> packs[PACKS];
    load_tile<THREADS, true>(packs, x, begin, classes, whole);
    MR_UNROLL
    for (int k = 0; k < PACKS; k++) {
      int64_t c = begin + k * THREADS * N;
      for (int j = 0; j < N; j++) packs[k].x[j] = expf(packs[k].x[j] - largest);
      if (accumulate)
        for (int j = 0; j < N; j++) packs[k].x[j] = fmaf(packs[k].x[j], factor, c + j < classes ? load(d, c + j) : 0.0f);
      else
        for (int j = 0; j < N; j++) packs[k].x[j] *= factor;
      if (label - c >= 0 && label - c < N)
        for (int j = 0; j < N; j++)
          if (c + j == label) packs[k].x[j] = accumulate ? load(d, label) + at_label : at_label;
      if (whole)
        store_four(d + c, packs[k]);
      else
        for (int j = 0; j < N; j++)
          if (c + j < classes) store(d, c + j, packs[k].x[j]);
    }
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_cross_entropy(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                                int32_t ignore_index, float grad_scale, float* loss, int32_t dlogits_dtype, void* dlogits,
                                int32_t accumulate) {
  MR_REQUIRE(rows >= 0 && classes >= 1 && ld >= classes, "cross_entropy: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(is_activation(dlogits_dtype), "cross_entropy: dlogits_dtype %d is not f32, bf16 or f16", dlogits_dtype);
  MR_REQUIRE(rows == 0 || (logits && labels && loss), "cross_entropy: logits, labels and loss must not be NULL");
  MR_REQUIRE(rows == 0 || dlogits != logits || (!accumulate && dlogits_dtype == MR_F32),
             "cross_entropy: dlogits cannot accumulate into the logits themselves, nor take their place in 16 bits");
  return with_storage(dlogits_dtype, [=](auto* type) {
    using D = std::remove_pointer_t<decltype(type)>;
    bool narrow = classes <= TILE<NARROW>;
    auto kernel = narrow ? cross_entropy_kernel<NARROW, D> : cross_entropy_kernel<WIDE, D>;
    return launch(s, "cross_entropy", kernel, dim3((unsigned)rows), dim3(narrow ? NARROW : WIDE),
                  narrow ? sizeof(Shared<NARROW>) : sizeof(Shared<WIDE>), classes, logits, ld, labels, ignore_index, grad_scale,
                  loss, as(type, dlogits), accumulate != 0, s->fault);
  });
}

}  // extern "C"
