// adafactor.cu: one step of transformers' Adafactor. Every mean and norm is summed in double, in two stages that depend on the
// shape alone; the elementwise part rounds to fp32 where cpu/adafactor.cpp does.
#include "device.h"

namespace mr {
namespace {

constexpr int THREADS = 256;
constexpr int N = Pack<float>::N;
constexpr int64_t MAX_PARTIAL = 1024;    // blocks of a sum over everything
constexpr int64_t SLAB_ROWS = 64;        // least rows of which a thread sums one column
constexpr int64_t SLAB_LIMIT = 4 << 20;  // sums of slabs of columns in the workspace

struct Shared {
  double sums[THREADS / WARP];
};

// At the start of the workspace: what the stages hand on.
struct Scalars {
  float rate, row_mean, divisor, decay;
};

struct Step {
  int64_t rows, cols;  // 1 and n where the moment is not factored
  float *param, *m, *row, *column;
  const float* grad;
  double step_size, eps2, clip, weight_decay;
  float scale, tiny, keep1, mix1, keep2, mix2;
  bool factored;
  Scalars* scalars;
  double* partial;  // [MAX_PARTIAL]
  double* slabs;    // [number of slabs, cols]
};

// What is squared, or averaged, as it comes out of memory: g^2 + eps1.
__device__ __forceinline__ float squared(const Step& k, float grad) {
  float g = grad * k.scale;
  return g * g + k.tiny;
}

// Row and column of a flat element.
struct Place {
  int64_t r, c;
};
__device__ __forceinline__ Place place_of(const Step& k, int64_t i) {
  if (!k.factored) return {0, i};
  if (i <= UINT32_MAX && k.cols <= UINT32_MAX) {  // a tenth of the instructions
    uint32_t r = (uint32_t)i / (uint32_t)k.cols;
    return {r, i - (int64_t)r * k.cols};
  }
  return {i / k.cols, i % k.cols};
}

// g / sqrt(second moment) of up to N flat elements from i on.
__device__ __forceinline__ Pack<float> update(const Step& k, float row_mean, int64_t i, int64_t n) {
  Pack<float> u = load_pack(k.grad, i, n);
  Place at = place_of(k, i);
  float row_factor = k.factored ? 1.0f / sqrtf(k.row[at.r] / row_mean) : 1.0f;
  for (int j = 0; j < N && i + j < n; j++) {
    float factor = 1.0f / sqrtf(k.column[at.c]), g = u.x[j] * k.scale;
    u.x[j] = k.factored ? row_factor * factor * g : factor * g;
    if (++at.c == k.cols && i + j + 1 < n) {
      at.c = 0;
      at.r++;
      row_factor = k.factored ? 1.0f / sqrtf(k.row[at.r] / row_mean) : 1.0f;
    }
  }
  return u;
}

enum Summed { PARAMETER, ROW_MOMENTS, UPDATE };

// partial[b] = sum over elements a grid apart: squares of the parameter or of its update, or the moments of the rows.
template <int SUMMED>
__global__ void partial_kernel(Step k, int64_t n) {
  Shared& shared = shared_memory<Shared>();
  float row_mean = SUMMED == UPDATE && k.factored ? k.scalars->row_mean : 0.0f;
  double sum = 0;
  for (int64_t i = global_thread() * N; i < n; i += (int64_t)gridDim.x * THREADS * N) {
    Pack<float> x = SUMMED == PARAMETER     ? load_pack(k.param, i, n)
                    : SUMMED == ROW_MOMENTS ? load_pack(k.row, i, n)
                                            : update(k, row_mean, i, n);
    for (int j = 0; j < N; j++)
      if (i + j < n) sum += SUMMED == ROW_MOMENTS ? (double)x.x[j] : (double)x.x[j] * (double)x.x[j];
  }
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x == 0) k.partial[blockIdx.x] = sum;
}

// One block: the scalar that the sum was for.
template <int SUMMED>
__global__ void scalar_kernel(Step k, int64_t blocks) {
  Shared& shared = shared_memory<Shared>();
  double sum = 0;
  for (int64_t i = threadIdx.x; i < blocks; i += THREADS) sum += k.partial[i];
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x != 0) return;
  double n = (double)(k.rows * k.cols);
  if (SUMMED == ROW_MOMENTS) {
    k.scalars->row_mean = (float)(sum / (double)k.rows);
    return;
  }
  double rms = (double)(float)((double)(float)sqrt(sum) / sqrt(n));
  if (SUMMED == PARAMETER) {
    double lr = k.step_size * (rms > k.eps2 ? rms : k.eps2);
    k.scalars->rate = (float)lr;
    k.scalars->decay = (float)(-k.weight_decay * lr);
  } else {
    float ratio = (float)rms / (float)k.clip;
    k.scalars->divisor = ratio > 1.0f ? ratio : 1.0f;
  }
}

// The moments of a row: one block each.
__global__ void row_kernel(Step k) {
  Shared& shared = shared_memory<Shared>();
  int64_t r = blockIdx.x;
  const float* grad = k.grad + r * k.cols;
  double sum = 0;
  for (int64_t c = threadIdx.x * N; c < k.cols; c += THREADS * N) {
    Pack<float> g = load_pack(grad, c, k.cols);
    for (int j = 0; j < N; j++)
      if (c + j < k.cols) sum += (double)squared(k, g.x[j]);
  }
  sum = block_sum<THREADS>(sum, shared.sums);
  if (threadIdx.x == 0) k.row[r] = fmaf(k.mix2, (float)(sum / (double)k.cols), k.row[r] * k.keep2);
}

__device__ __forceinline__ void put_column(const Step& k, int64_t c, double sum) {
  k.column[c] = fmaf(k.mix2, (float)(sum / (double)k.rows), k.column[c] * k.keep2);
}

// A thread sums one column of a slab of rows; the moment itself where one slab is all.
__global__ void slab_kernel(Step k, int64_t slab_rows) {
  int64_t c = global_thread();
  if (c >= k.cols) return;
  int64_t begin = blockIdx.y * slab_rows, end = begin + slab_rows < k.rows ? begin + slab_rows : k.rows;
  double sum = 0;
  for (int64_t r = begin; r < end; r++) sum += (double)squared(k, k.grad[r * k.cols + c]);
  if (gridDim.y == 1)
    put_column(k, c, sum);
  else
    k.slabs[blockIdx.y * k.cols + c] = sum;
}

// The moment of a column from its slabs, first to last.
__global__ void column_kernel(Step k, int64_t slabs) {
  int64_t c = global_thread();
  if (c >= k.cols) return;
  double sum = 0;
  for (int64_t i = 0; i < slabs; i++) sum += k.slabs[i * k.cols + c];
  put_column(k, c, sum);
}

// The moment of every element, where it is not factored.
__global__ void plain_kernel(Step k, int64_t n) {
  int64_t i = global_thread() * N;
  if (i >= n) return;
  Pack<float> g = load_pack(k.grad, i, n), moment = load_pack(k.column, i, n);
  for (int j = 0; j < N; j++) moment.x[j] = fmaf(k.mix2, squared(k, g.x[j]), moment.x[j] * k.keep2);
  store_pack(k.column, i, n, moment);
}

__global__ void apply_kernel(Step k, int64_t n) {
  int64_t i = global_thread() * N;
  if (i >= n) return;
  bool scaled = k.eps2 >= 0;
  float rate = scaled ? k.scalars->rate : (float)k.step_size;
  float decay = scaled ? k.scalars->decay : (float)(-k.weight_decay * k.step_size);
  float divisor = k.scalars->divisor;
  Pack<float> change = update(k, k.factored ? k.scalars->row_mean : 0.0f, i, n);
  for (int j = 0; j < N; j++) change.x[j] = change.x[j] / divisor * rate;
  if (k.m != nullptr) {
    Pack<float> m = load_pack(k.m, i, n);
    for (int j = 0; j < N; j++) change.x[j] = fmaf(k.mix1, change.x[j], m.x[j] * k.keep1);
    store_pack(k.m, i, n, change);
  }
  Pack<float> p = load_pack(k.param, i, n);
  for (int j = 0; j < N; j++) {
    if (k.weight_decay != 0) p.x[j] = fmaf(decay, p.x[j], p.x[j]);
    p.x[j] -= change.x[j];
  }
  store_pack(k.param, i, n, p);
}

template <int SUMMED>
int32_t sum_up(mr_stream* s, const Step& k, int64_t n) {
  int64_t wanted = divide_up(n, THREADS * N * 2), blocks = wanted < MAX_PARTIAL ? wanted : MAX_PARTIAL;
  MR_TRY(launch(s, "adafactor", partial_kernel<SUMMED>, dim3((unsigned)blocks), dim3(THREADS), sizeof(Shared), k, n));
  return launch(s, "adafactor", scalar_kernel<SUMMED>, dim3(1), dim3(THREADS), sizeof(Shared), k, blocks);
}

int32_t factored_moments(mr_stream* s, const Step& k) {
  MR_TRY(launch(s, "adafactor", row_kernel, dim3((unsigned)k.rows), dim3(THREADS), sizeof(Shared), k));
  MR_TRY(sum_up<ROW_MOMENTS>(s, k, k.rows));
  int64_t most = SLAB_LIMIT / k.cols < MAX_PARTIAL ? SLAB_LIMIT / k.cols : MAX_PARTIAL;
  int64_t wanted = divide_up(k.rows, SLAB_ROWS), slabs = wanted < most ? wanted : most > 1 ? most : 1;
  int64_t slab_rows = divide_up(k.rows, slabs);
  slabs = divide_up(k.rows, slab_rows);
  unsigned columns = (unsigned)divide_up(k.cols, THREADS);
  MR_TRY(launch(s, "adafactor", slab_kernel, dim3(columns, (unsigned)slabs), dim3(THREADS), 0, k, slab_rows));
  if (slabs == 1) return MR_OK;
  return launch(s, "adafactor", column_kernel, dim3(columns), dim3(THREADS), 0, k, slabs);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_adafactor(mr_stream* s, int64_t rows, int64_t cols, float* param, const float* grad, float* m, float* row,
                            float* column, double step_size, double beta1, double beta2, double eps1, double eps2, double clip,
                            double weight_decay, double grad_scale) {
  MR_REQUIRE(rows >= 0 && cols >= 0, "adafactor: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows * cols == 0 || (param && grad && column), "adafactor: param, grad and column must not be NULL");
  MR_REQUIRE(clip > 0, "adafactor: clip is %g, not positive", clip);
  if (rows * cols == 0) return MR_OK;
  bool factored = row != nullptr;
  int64_t n = rows * cols;
  if (!factored) {
    rows = 1;
    cols = n;
  }
  int64_t doubles = MAX_PARTIAL + (factored ? SLAB_LIMIT : 0);
  char* room = static_cast<char*>(workspace(s, 256 + doubles * (int64_t)sizeof(double)));
  if (room == nullptr) return MR_ERR_MEMORY;
  double* partial = reinterpret_cast<double*>(room + 256);
  Step k = {rows,
            cols,
            param,
            m,
            row,
            column,
            grad,
            step_size,
            eps2,
            clip,
            weight_decay,
            (float)grad_scale,
            (float)eps1,
            (float)beta1,
            (float)(1 - beta1),
            (float)beta2,
            (float)(1 - beta2),
            factored,
            reinterpret_cast<Scalars*>(room),
            partial,
            partial + MAX_PARTIAL};
  dim3 blocks((unsigned)divide_up(n, THREADS * N)), threads(THREADS);
  if (eps2 >= 0) MR_TRY(sum_up<PARAMETER>(s, k, n));
  if (factored)
    MR_TRY(factored_moments(s, k));
  else
    MR_TRY(launch(s, "adafactor", plain_kernel, blocks, threads, 0, k, n));
  MR_TRY(sum_up<UPDATE>(s, k, n));
  return launch(s, "adafactor", apply_kernel, blocks, threads, 0, k, n);
}

}  // extern "C"
