// quantize_8bit.cu: bitsandbytes' quantize_blockwise with a sorted 256-entry map, as cpu/quantize_8bit.cpp: the nearest entry, the
// lower one on ties.
#include "blockwise.h"
#include "code_map.h"

namespace mr {
namespace {

constexpr int N = 4;
static_assert(CODES <= ELEMENT_THREADS, "a thread fills an entry");

__device__ __forceinline__ bool whole_word(const uint8_t* codes, int64_t i, int64_t n) {
  return i + N <= n && reinterpret_cast<uintptr_t>(codes) % 4 == 0;
}

__global__ void quantize_kernel(Blocks blocks, float offset, const float* map, const float* x, uint8_t* codes) {
  CodeTable& bounds = shared_memory<CodeTable>();
  fill_bounds(bounds, map);
  __syncthreads();
  int64_t i = first_element<N>(), n = blocks.n;
  if (i >= n) return;
  Pack<float> v = load_pack(x, i, n);
  Scaler by = scaler_of(blocks, i);
  uint32_t word = 0;
  for (int j = 0; j < N && i + j < n; j++) {
    if (i + j >= by.end) by = scaler_of(blocks, i + j);
    word |= (uint32_t)nearest_code(bounds, scaled(by, v.x[j] - offset)) << j * 8;
  }
  if (whole_word(codes, i, n))
    *reinterpret_cast<uint32_t*>(codes + i) = word;
  else
    for (int j = 0; j < N && i + j < n; j++) codes[i + j] = (uint8_t)(word >> j * 8);
}

__global__ void dequantize_kernel(Blocks blocks, float offset, const float* map, const uint8_t* codes, float* y) {
  CodeTable& table = shared_memory<CodeTable>();
  fill_values(table, map);
  __syncthreads();
  int64_t i = first_element<N>(), n = blocks.n;
  if (i >= n) return;
  uint32_t word = 0;
  if (whole_word(codes, i, n))
    word = *reinterpret_cast<const uint32_t*>(codes + i);
  else
    for (int j = 0; j < N && i + j < n; j++) word |= (uint32_t)codes[i + j] << j * 8;
  Pack<float> v;
  for (int j = 0; j < N; j++) {
    float scale = i + j < n ? blocks.absmax[block_of(blocks, i + j)] : 0;
    float product = table.entry[word >> j * 8 & 255] * scale;  // rounded before the offset is added
    v.x[j] = product + offset;
  }
  store_pack(y, i, n, v);
}

int32_t check_blocks(const char* op, int64_t n, int64_t blocksize, const void* map, const void* x, const void* codes,
                     const void* absmax) {
  MR_REQUIRE(n >= 0 && blocksize >= 1, "%s: n %lld, blocksize %lld", op, (long long)n, (long long)blocksize);
  MR_REQUIRE(n == 0 || (map && x && codes && absmax), "%s: a pointer is NULL", op);
  return MR_OK;
}

dim3 grid_of(int64_t n) { return dim3((unsigned)divide_up(n, ELEMENT_THREADS * N)); }

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_quantize_8bit(mr_stream* s, int64_t n, int64_t blocksize, float offset, const float* map, const float* x,
                                uint8_t* codes, float* absmax) {
  MR_TRY(check_blocks("quantize_8bit", n, blocksize, map, x, codes, absmax));
  MR_TRY(find_absmax(s, "quantize_8bit", n, blocksize, offset, x, absmax));
  return launch(s, "quantize_8bit", quantize_kernel, grid_of(n), dim3(ELEMENT_THREADS), sizeof(CodeTable),
                Blocks{n, blocksize, absmax}, offset, map, x, codes);
}

MR_API int32_t mr_dequantize_8bit(mr_stream* s, int64_t n, int64_t blocksize, float offset, const float* map, const uint8_t* codes,
                                  const float* absmax, float* y) {
  MR_TRY(check_blocks("dequantize_8bit", n, blocksize, map, y, codes, absmax));
  return launch(s, "dequantize_8bit", dequantize_kernel, grid_of(n), dim3(ELEMENT_THREADS), sizeof(CodeTable),
                Blocks{n, blocksize, absmax}, offset, map, codes, y);
}

}  // extern "C"
