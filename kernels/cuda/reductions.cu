// reductions.cu: sum and sum of squares in double. Blocks add up elements a grid apart, threads elements a block apart; one
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

// Blocks that an array of n elements takes.
__host__ __device__ __forceinline__ int64_t blocks_of(int64_t n) {
  int64_t chunks = divide_up(n, CHUNK);
  return chunks < 1 ? 1 : chunks < MAX_BLOCKS ? chunks : MAX_BLOCKS;
}

// What one of `blocks` blocks adds up, handed to all its threads.
__device__ __forceinline__ double block_part(bool squares, int64_t n, const float* x, int64_t blocks, Shared& shared) {
  constexpr int N = Pack<float>::N;
  double sum = 0;
  for (int64_t chunk = (int64_t)blockIdx.x * CHUNK; chunk < n; chunk += blocks * CHUNK) {
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
  return block_sum<THREADS>(sum, shared.sums);
}

__global__ void sum_kernel(int64_t n, const float* x, double* sums) {
  double sum = block_part(false, n, x, gridDim.x, shared_memory<Shared>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void fold_kernel(int64_t blocks, const double* sums, double* out) {
  Shared& shared = shared_memory<Shared>();
  double sum = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += THREADS) sum += sums[i];
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x == 0) out[0] = sum;
}

// The same for arrays blockIdx.y, whose addresses and sizes are in `spans`: each is cut as it is by itself. sums [gridDim.y, gridDim.x].
__global__ void sum_each_kernel(const int64_t* spans, double* sums) {
  const int64_t* span = spans + 2 * (int64_t)blockIdx.y;
  int64_t n = span[1], blocks = blocks_of(n);
  if (blockIdx.x >= blocks) return;
  double sum = block_part(true, n, reinterpret_cast<const float*>(span[0]), blocks, shared_memory<Shared>());
  if (threadIdx.x == 0) sums[blockIdx.y * (int64_t)gridDim.x + blockIdx.x] = sum;
}

__global__ void fold_each_kernel(const int64_t* spans, int64_t stride, const double* sums, double* out) {
  Shared& shared = shared_memory<Shared>();
  int64_t blocks = blocks_of(spans[2 * (int64_t)blockIdx.x + 1]);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += THREADS) sum += sums[blockIdx.x * stride + i];
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_sum(mr_stream* s, int64_t n, const float* x, double* out) {
  MR_REQUIRE(n >= 0, "sum: n is %lld", (long long)n);
  MR_REQUIRE(out && (n == 0 || x), "sum: x and out must not be NULL");
  int64_t blocks = blocks_of(n);
  if (blocks == 1) return launch(s, "sum", sum_kernel, dim3(1), dim3(THREADS), sizeof(Shared), n, x, out);
  double* sums = static_cast<double*>(workspace(s, blocks * (int64_t)sizeof(double)));
  if (sums == nullptr) return MR_ERR_MEMORY;
  MR_TRY(launch(s, "sum", sum_kernel, dim3((unsigned)blocks), dim3(THREADS), sizeof(Shared), n, x, sums));
  return launch(s, "sum", fold_kernel, dim3(1), dim3(THREADS), sizeof(Shared), blocks, sums, out);
}

MR_API int32_t mr_sum_squares_each(mr_stream* s, int64_t count, int64_t largest, const int64_t* spans, double* out) {
  const char* op = "sum_squares_each";
  MR_REQUIRE(count >= 0 && largest >= 0, "%s: count %lld, largest %lld", op, (long long)count, (long long)largest);
  MR_REQUIRE(count == 0 || (spans && out), "%s: spans and out must not be NULL", op);
  int64_t blocks = blocks_of(largest), room = WORKSPACE_LIMIT / (blocks * (int64_t)sizeof(double));
  constexpr int64_t MOST = 65535;  // blocks along y
  int64_t batch = room < MOST ? room : MOST;
  for (int64_t first = 0; first < count; first += batch) {
    int64_t arrays = count - first < batch ? count - first : batch;
    double* sums = static_cast<double*>(workspace(s, arrays * blocks * (int64_t)sizeof(double)));
    if (sums == nullptr) return MR_ERR_MEMORY;
    MR_TRY(launch(s, op, sum_each_kernel, dim3((unsigned)blocks, (unsigned)arrays), dim3(THREADS), sizeof(Shared),
                  spans + 2 * first, sums));
    MR_TRY(launch(s, op, fold_each_kernel, dim3((unsigned)arrays), dim3(THREADS), sizeof(Shared), spans + 2 * first, blocks, sums,
                  out + first));
  }
  return MR_OK;
}

}  // extern "C"
