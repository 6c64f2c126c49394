// reductions.cu: sum and sum of squares in double. Blocks add up what lies a grid apart, threads what lies a block apart; one
// block then adds the sums of the blocks. How many blocks there are depends on n alone.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 256;
constexpr int64_t CHUNK = THREADS * Pack<float>::N * 2;  // elements a block takes at a time
constexpr int64_t MAX_BLOCKS = 1024;

struct Shared {
  double sums[THREADS / WARP];
};

__global__ void sum_kernel(bool squares, int64_t n, const float* x, double* sums) {
  Shared& shared = shared_memory<Shared>();
  constexpr int N = Pack<float>::N;
  double sum = 0;
  for (int64_t chunk = (int64_t)blockIdx.x * CHUNK; chunk < n; chunk += (int64_t)gridDim.x * CHUNK) {
    int64_t i = chunk + threadIdx.x * N;
    Pack<float> first = load_pack(x, i, n), second = load_pack(x, i + THREADS * N, n);
    double each[2 * N];
    for (int j = 0; j < N; j++) {
      each[j] = first.x[j];
      each[j + N] = second.x[j];
    }
    for (int j = 0; j < 2 * N; j++)
      if (squares) each[j] *= each[j];  // exact: 24 + 24 bits
    for (int half = N; half > 0; half /= 2)
      for (int j = 0; j < half; j++) each[j] += each[j + half];
    sum += each[0];
  }
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void fold_kernel(int64_t blocks, const double* sums, double* out) {
  Shared& shared = shared_memory<Shared>();
  double sum = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += THREADS) sum += sums[i];
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x == 0) out[0] = sum;
}

int32_t sum_of(const char* op, mr_stream* s, bool squares, int64_t n, const float* x, double* out) {
  MR_REQUIRE(n >= 0, "%s: n is %lld", op, (long long)n);
  MR_REQUIRE(out && (n == 0 || x), "%s: x and out must not be NULL", op);
  int64_t blocks = divide_up(n, CHUNK) < MAX_BLOCKS ? divide_up(n, CHUNK) : MAX_BLOCKS;
  if (blocks <= 1) return launch(s, op, sum_kernel, dim3(1), dim3(THREADS), sizeof(Shared), squares, n, x, out);
  double* sums = static_cast<double*>(workspace(s, blocks * (int64_t)sizeof(double)));
  if (sums == nullptr) return MR_ERR_MEMORY;
  MR_TRY(launch(s, op, sum_kernel, dim3((unsigned)blocks), dim3(THREADS), sizeof(Shared), squares, n, x, sums));
  return launch(s, op, fold_kernel, dim3(1), dim3(THREADS), sizeof(Shared), blocks, sums, out);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_sum(mr_stream* s, int64_t n, const float* x, double* out) { return sum_of("sum", s, false, n, x, out); }

MR_API int32_t mr_sum_squares(mr_stream* s, int64_t n, const float* x, double* out) {
  return sum_of("sum_squares", s, true, n, x, out);
}

}  // extern "C"
