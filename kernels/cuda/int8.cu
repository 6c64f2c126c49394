// int8.cu: rows in 8 bits with one scale each, and back: LLM.int8 (Dettmers et al. 2022) as bitsandbytes computes it; the product
// is in int8_linear.cu.
//
// Outliers are few: the kernel that scales the rows marks their columns with integer flags, which any order of marking leaves the
// same; one block a group lists the marked columns in the flags' place, and a last kernel clears their codes.
#include "int8_groups.h"
#include "rows.h"

namespace mr {
namespace {

constexpr int N = 8;
constexpr float CODE_SCALE = 7.874015718698502e-3f;  // 1/127 in fp32

__device__ __forceinline__ float rounded_to_half(float x) { return to_float(from_float<f16>(x)); }
__device__ __forceinline__ int32_t magnitude_of(float x) { return __float_as_int(x) & 0x7fffffff; }
constexpr int32_t INFINITE = 0x7f800000;

// The eight codes of elements c .. c+7 of a row: at once where they are all there and aligned.
__device__ __forceinline__ bool whole_word(const uint8_t* row, int64_t c, int64_t cols) {
  return c + N <= cols && reinterpret_cast<uintptr_t>(row) % 8 == 0;
}

template <class T>
__global__ void quantize_kernel(int64_t rows, int64_t cols, float threshold, const T* x, uint8_t* codes, float* absmax,
                                Groups groups, int32_t* lists) {
  RowShared& shared = shared_memory<RowShared>();
  int64_t row = own_row();
  bool mine = row < rows, split = lists != nullptr;
  int32_t* flags = split && mine ? lists + groups.of(row) * (1 + cols) + 1 : nullptr;
  const T* in = x + row * cols;
  uint8_t* out = codes + row * cols;
  int32_t least = __float_as_int(threshold), most = 0;  // magnitudes compared as integers: a NaN is the largest and is not lost
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Values<N> v = load_values<N>(in, c, cols);
    for (int j = 0; j < N; j++) {
      int32_t magnitude = magnitude_of(rounded_to_half(v.x[j]));
      // NaN is no outlier: it spoils its row's absmax instead
      if (split && magnitude >= least && magnitude <= INFINITE) {
        atomicCAS(flags + c + j, 0, 1);
        magnitude = 0;
      }
      most = magnitude > most ? magnitude : most;
    }
  }
  float largest = __int_as_float(row_max(most, shared));
  // as torch divides a number by a tensor: the reciprocal, rounded, times the number
  float reciprocal = 1.0f / largest, factor = 127.0f * reciprocal;
  for (int64_t c = threadIdx.x * N; mine && c < cols; c += blockDim.x * N) {
    Values<N> v = load_values<N>(in, c, cols);
    uint32_t word[2] = {0, 0};
    for (int j = 0; j < N; j++) {
      float t = rounded_to_half(v.x[j]) * factor;
      // a row of zeros is 0 * inf, an outlier is beyond 127, and neither has a code; 1.5 * 2^23 rounds to even and leaves the
      // integer in the low bits
      if (!(fabsf(t) < 127.5f)) t = 0;
      word[j / 4] |= (__float_as_uint(t + 12582912.0f) & 0xff) << j % 4 * 8;
    }
    if (whole_word(out, c, cols))
      *reinterpret_cast<uint2*>(out + c) = make_uint2(word[0], word[1]);
    else
      for (int j = 0; j < N && c + j < cols; j++) out[c + j] = (uint8_t)(word[j / 4] >> j % 4 * 8);
  }
  if (mine && threadIdx.x == 0) absmax[row] = largest;
}

constexpr int LIST_THREADS = 1024;

struct ListShared {
  int32_t of_warp[LIST_THREADS / WARP];
};

// outliers[0] = how many flags are set, then where, ascending, then zeros. The flags are stored where the list will be, and no
// index overtakes one that is still to be read. One block a group.
__global__ void list_kernel(int64_t cols, int32_t* lists) {
  ListShared& shared = shared_memory<ListShared>();
  int32_t *outliers = lists + blockIdx.x * (1 + cols), *flags = outliers + 1;
  int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP, count = 0;
  for (int64_t begin = 0; begin < cols; begin += LIST_THREADS) {
    int64_t c = begin + threadIdx.x;
    bool set = c < cols && flags[c] != 0;
    uint32_t lanes = __ballot_sync(ALL_LANES, set);
    if (lane == 0) shared.of_warp[warp] = __popc(lanes);
    __syncthreads();
    int before = count + __popc(lanes & ((1u << lane) - 1));
    for (int w = 0; w < LIST_THREADS / WARP; w++) {
      if (w < warp) before += shared.of_warp[w];
      count += shared.of_warp[w];
    }
    if (set) outliers[1 + before] = (int32_t)c;
    __syncthreads();
  }
  if (threadIdx.x == 0) outliers[0] = count;
  for (int64_t i = count + threadIdx.x; i < cols; i += LIST_THREADS) outliers[1 + i] = 0;
}

__global__ void clear_kernel(int64_t rows, int64_t cols, Groups groups, const int32_t* lists, uint8_t* codes) {
  int64_t row = own_row();
  if (row >= rows) return;
  const int32_t* outliers = lists + groups.of(row) * (1 + cols);
  int32_t count = outliers[0];
  for (int32_t i = (int32_t)threadIdx.x; i < count; i += (int32_t)blockDim.x) codes[row * cols + outliers[1 + i]] = 0;
}

template <class T>
__global__ void dequantize_kernel(int64_t rows, int64_t cols, const uint8_t* codes, const float* absmax, T* y) {
  int64_t row = own_row();
  if (row >= rows) return;
  float scale = absmax[row] * CODE_SCALE;
  const uint8_t* in = codes + row * cols;
  for (int64_t c = threadIdx.x * N; c < cols; c += blockDim.x * N) {
    uint32_t word[2] = {0, 0};
    if (whole_word(in, c, cols)) {
      uint2 both = *reinterpret_cast<const uint2*>(in + c);
      word[0] = both.x;
      word[1] = both.y;
    } else {
      for (int j = 0; j < N && c + j < cols; j++) word[j / 4] |= (uint32_t)in[c + j] << j % 4 * 8;
    }
    Values<N> v;
    for (int j = 0; j < N; j++) v.x[j] = (float)(int8_t)(word[j / 4] >> j % 4 * 8 & 0xff) * scale;
    store_values(y + row * cols, c, cols, v);
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_quantize_int8(mr_stream* s, int64_t rows, int64_t cols, float threshold, int32_t x_dtype, const void* x,
                                uint8_t* codes, float* absmax, int64_t groups, const int32_t* ends, int32_t* outliers) {
  const char* op = "quantize_int8";
  MR_REQUIRE(is_activation(x_dtype), "quantize_int8: x dtype %d is not f32, bf16 or f16", x_dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "quantize_int8: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(outliers == nullptr || threshold > 0, "quantize_int8: outliers are looked for above %g", (double)threshold);
  MR_REQUIRE(rows == 0 || (x && codes && absmax), "quantize_int8: x, codes and absmax must not be NULL");
  MR_REQUIRE(outliers == nullptr || (ends ? groups >= 0 : groups == 1), "quantize_int8: %lld groups", (long long)groups);
  bool split = outliers != nullptr && groups > 0;
  Groups own{groups, rows, ends};
  if (split) MR_TRY(check(cudaMemsetAsync(outliers, 0, (size_t)(groups * (1 + cols)) * sizeof(int32_t), s->stream), op));
  dim3 block = row_block(cols, N);
  MR_TRY(with_storage(x_dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch(s, op, quantize_kernel<T>, row_grid(rows, block), block, sizeof(RowShared), rows, cols, threshold, as(type, x),
                  codes, absmax, own, split ? outliers : nullptr);
  }));
  if (!split) return MR_OK;
  MR_TRY(launch(s, op, list_kernel, dim3((unsigned)groups), dim3(LIST_THREADS), sizeof(ListShared), cols, outliers));
  dim3 few = row_block(8, 1);
  return launch(s, op, clear_kernel, row_grid(rows, few), few, 0, rows, cols, own, outliers, codes);
}

MR_API int32_t mr_dequantize_int8(mr_stream* s, int64_t rows, int64_t cols, const uint8_t* codes, const float* absmax,
                                  int32_t y_dtype, void* y) {
  MR_REQUIRE(is_activation(y_dtype), "dequantize_int8: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "dequantize_int8: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (codes && absmax && y), "dequantize_int8: codes, absmax and y must not be NULL");
  dim3 block = row_block(cols, N);
  return with_storage(y_dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch(s, "dequantize_int8", dequantize_kernel<T>, row_grid(rows, block), block, 0, rows, cols, codes, absmax,
                  as(type, y));
  });
}

}  // extern "C"
