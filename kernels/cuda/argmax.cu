// argmax.cu: the index of the largest element of each row, the lowest index on ties; one block a row. A NaN never wins.
#include "device.h"

namespace mr {
namespace {

constexpr int NARROW = 32, WIDE = 1024;  // threads of a block, for few and for many columns
constexpr int AHEAD = 4;                 // packs of a thread on their way at once: a vocabulary is a third of a megabyte or more
constexpr int32_t NOWHERE = INT32_MAX;   // the index before anything was seen

struct Best {
  float value;
  int32_t index;
};

__device__ __forceinline__ Best better(Best a, Best b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

template <int THREADS>
struct Shared {
  Best of_warps[THREADS / WARP];
};

template <int THREADS>
__global__ void argmax_kernel(int64_t cols, const float* x, int64_t ld, int32_t* out) {
  Shared<THREADS>& shared = shared_memory<Shared<THREADS>>();
  constexpr int N = Pack<float>::N;
  const float* row = x + (int64_t)blockIdx.x * ld;
  Best best = {-INFINITY, NOWHERE};
  for (int64_t first = threadIdx.x * N; first < cols; first += THREADS * N * AHEAD) {
    Pack<float> packs[AHEAD];
    MR_UNROLL
    for (int i = 0; i < AHEAD; i++) packs[i] = load_pack(row, first + i * THREADS * N, cols);
    MR_UNROLL
    for (int i = 0; i < AHEAD; i++) MR_UNROLL
    for (int j = 0; j < N; j++) {
      int64_t c = first + i * THREADS * N + j;
      if (c < cols) best = better(best, Best{packs[i].x[j], (int32_t)c});
    }
  }
  for (int bits = WARP / 2; bits > 0; bits /= 2) {
    Best other;
    other.value = __shfl_xor_sync(ALL_LANES, best.value, bits);
    other.index = __shfl_xor_sync(ALL_LANES, best.index, bits);
    best = better(best, other);
  }
  if (threadIdx.x % WARP == 0) shared.of_warps[threadIdx.x / WARP] = best;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 1; w < THREADS / WARP; w++) best = better(best, shared.of_warps[w]);
  out[blockIdx.x] = best.index == NOWHERE ? 0 : best.index;  // NOWHERE: a row of nothing but NaN
}

template <int THREADS>
int32_t argmax(mr_stream* s, int64_t rows, int64_t cols, const float* x, int64_t ld, int32_t* out) {
  return launch(s, "argmax_rows", argmax_kernel<THREADS>, dim3((unsigned)rows), dim3(THREADS), sizeof(Shared<THREADS>), cols, x, ld,
                out);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_argmax_rows(mr_stream* s, int64_t rows, int64_t cols, const float* x, int64_t ld, int32_t* out) {
  MR_REQUIRE(rows >= 0 && cols >= 1 && cols <= INT32_MAX && ld >= cols, "argmax_rows: rows %lld, cols %lld, ld %lld",
             (long long)rows, (long long)cols, (long long)ld);
  MR_REQUIRE(rows == 0 || (x && out), "argmax_rows: x and out must not be NULL");
  return cols <= 512 ? argmax<NARROW>(s, rows, cols, x, ld, out) : argmax<WIDE>(s, rows, cols, x, ld, out);
}

}  // extern "C"
