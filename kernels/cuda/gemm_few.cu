// gemm_few.cu: products in 16 bits where one operand has at most 8 rows and both lie along k: x W^T of decoding (few tokens) and
// x A^T of a small rank. They take as long as it takes to read the large operand once.
//
// A block makes COLS outputs for each of the few rows: its threads cut K into packs of 8, thread t taking packs t, t + 128, ...; then
// then the threads' sums, through shared memory. So every block reads rows of the large operand in whole cache lines, and thousands of
// columns give enough blocks.
#include "gemm.h"

namespace mr {
namespace {

constexpr int THREADS = 128, WARPS = THREADS / WARP, COLS = 4;

struct Shared {
  CodeBook book;
  float sums[COLS * 8][WARPS * (WARP + 1)];  // of an output, the threads'; 1: four threads read one output's in different banks
};

template <class T>
__device__ __forceinline__ void load_8(const Operand& x, const CodeBook& book, int64_t row, int64_t k, int count, float (&y)[8]) {
  Raw raw = fetch(x, row, k, row < x.rows ? count : 0);
  raw.low = narrow<T>(x.storage, raw, book);
  widen(own_storage<T>(), raw, book, y);
}

// FEW >= few.rows rows by columns [blockIdx.x * COLS, + COLS) of many's. Element (row of few, row of many) of the product is at
// row * few_stride + col * many_stride of out.
template <class T, int FEW>
__global__ void __launch_bounds__(THREADS) few_kernel(Operand few, Operand many, int64_t k, Output out, int64_t few_stride,
                                                      int64_t many_stride) {
  auto& shared = shared_memory<Shared>();
  fill_book(shared.book, many);  // one operand at most lies in four bits
  if (few.storage == STORED_FOUR_BIT) fill_book(shared.book, few);
  __syncthreads();
  int64_t col0 = (int64_t)blockIdx.x * COLS;
  float sum[COLS][FEW];
#pragma unroll
  for (int j = 0; j < COLS; j++)
#pragma unroll
    for (int i = 0; i < FEW; i++) sum[j][i] = 0.0f;
  for (int64_t at = (int64_t)threadIdx.x * 8; at < k; at += THREADS * 8) {
    int count = (int)min((int64_t)8, k - at);
    float w[COLS][8];
#pragma unroll
    for (int j = 0; j < COLS; j++) load_8<T>(many, shared.book, col0 + j, at, count, w[j]);
#pragma unroll
    for (int i = 0; i < FEW; i++) {
      float x[8];
      load_8<T>(few, shared.book, i, at, count, x);
#pragma unroll
      for (int e = 0; e < 8; e++)
#pragma unroll
        for (int j = 0; j < COLS; j++) sum[j][i] = fmaf(x[e], w[j][e], sum[j][i]);
    }
  }
  int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
#pragma unroll
  for (int i = 0; i < FEW; i++)
#pragma unroll
    for (int j = 0; j < COLS; j++) shared.sums[i * COLS + j][warp * (WARP + 1) + lane] = sum[j][i];
  __syncthreads();
  // four threads an output: a quarter each
  int output = (int)threadIdx.x / WARPS, quarter = (int)threadIdx.x % WARPS;
  float total = 0.0f;
  if (output < COLS * FEW)
    for (int t = 0; t < WARP; t++) total += shared.sums[output][quarter * (WARP + 1) + t];
  total += __shfl_xor_sync(ALL_LANES, total, 1);
  total += __shfl_xor_sync(ALL_LANES, total, 2);
  int row = output / COLS;
  int64_t col = col0 + output % COLS;
  if (quarter == 0 && output < COLS * FEW && row < few.rows && col < many.rows)
    put(out, row * few_stride + col * many_stride, total);
}

template <class T>
int32_t run(mr_stream* s, const char* op, const Product& p) {
  bool few_a = p.m <= 8;
  const Operand &few = few_a ? p.a : p.b, &many = few_a ? p.b : p.a;
  int64_t few_stride = few_a ? p.ldc : 1, many_stride = few_a ? 1 : p.ldc;
  auto start = [&](auto kernel) {
    return launch(s, op, kernel, dim3((unsigned)divide_up(many.rows, COLS)), dim3(THREADS), (int64_t)sizeof(Shared), few, many, p.k,
                  output_of(p), few_stride, many_stride);
  };
  if (few.rows == 1) return start(few_kernel<T, 1>);
  if (few.rows <= 4) return start(few_kernel<T, 4>);
  return start(few_kernel<T, 8>);
}

}  // namespace

int32_t gemm_few(mr_stream* s, const char* op, const Product& p) {
  return p.compute == MR_BF16 ? run<bf16>(s, op, p) : run<f16>(s, op, p);
}

}  // namespace mr
