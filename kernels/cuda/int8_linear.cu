// int8_linear.cu: mr_int8_linear: the product of LLM.int8 (Dettmers et al. 2022) from codes of both operands.
//
// The sums are integers and exact (mma.sync on signed bytes); the rest is the arithmetic of cpu/int8.cpp in its order, so results are
// the CPU's bits. A block makes a tile of 64 x 64, 64 codes deep at a time, through a ring of stages as gemm_mma.cu does; where rows
// do not begin at multiples of 16 bytes the codes are copied one by one. The columns with outliers follow, 16 at a time, from shared memory.
#include "int8_groups.h"

namespace mr {
namespace {

constexpr int THREADS = 128, TILE = 64, DEPTH = 64, STAGES = 4, OUTLIERS = 16;
constexpr int CHUNKS = DEPTH / 16;
constexpr int64_t MAX_INPUTS = 131072;
// cpu/int8.cpp
constexpr float PRODUCT_SCALE = 6.200124e-05f, CODE_SCALE = 7.874015718698502e-3f;

struct Shared {
  struct Codes {
    uint8_t x[TILE * DEPTH];
    // chunks of 16 codes, swizzled so that eight neighbouring rows are in different banks
    __device__ __forceinline__ uint8_t* chunk(int row, int c) { return x + row * DEPTH + (c ^ (row >> 1 & 3)) * 16; }
  };
  Codes x[STAGES], w[STAGES];
  float x_outliers[TILE][OUTLIERS + 1], w_outliers[TILE][OUTLIERS + 1];  // 1: rows begin in different banks
};

__device__ __forceinline__ void bring(const uint8_t* codes, int64_t rows, int64_t inputs, int64_t row0, int64_t k0, bool copies,
                                      Shared::Codes& to) {
#pragma unroll
  for (int i = 0; i < TILE * CHUNKS / THREADS; i++) {
    int e = (int)threadIdx.x + i * THREADS, row = e / CHUNKS, c = e % CHUNKS;
    int64_t left = row0 + row < rows ? inputs - (k0 + c * 16) : 0;
    int count = left <= 0 ? 0 : left >= 16 ? 16 : (int)left;
    const uint8_t* from = codes + (count > 0 ? (row0 + row) * inputs + k0 + c * 16 : 0);
    if (copies) {
      copy_async_16(to.chunk(row, c), from, count);
    } else {
      uint8_t* at = to.chunk(row, c);
      for (int j = 0; j < 16; j++) at[j] = j < count ? from[j] : (uint8_t)0;
    }
  }
}

template <class T>
__global__ void __launch_bounds__(THREADS)
    linear_kernel(int64_t rows, int64_t outputs, int64_t inputs, const uint8_t* x_codes, const float* x_absmax, Groups groups,
                  const int32_t* lists, const T* x, const uint8_t* w_codes, const float* w_absmax, T* y, bool copies_x,
                  bool copies_w) {
  auto& shared = shared_memory<Shared>();
  int64_t row_tiles = divide_up(rows, TILE);
  int64_t row0 = blockIdx.x % row_tiles * TILE, col0 = blockIdx.x / row_tiles * TILE;
  int steps = (int)divide_up(inputs, DEPTH);
  int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
  int warp_m = warp / 2 * 32, warp_n = warp % 2 * 32;
  auto begin = [&](int step) {
    int64_t k0 = (int64_t)step * DEPTH;
    bring(x_codes, rows, inputs, row0, k0, copies_x, shared.x[step % STAGES]);
    bring(w_codes, outputs, inputs, col0, k0, copies_w, shared.w[step % STAGES]);
  };
  int32_t sum[2][4][4] = {};
  for (int step = 0; step < STAGES - 1; step++) {
    if (step < steps) begin(step);
    commit_copies();
  }
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    wait_copies<STAGES - 2>();
    __syncthreads();
    if (step + STAGES - 1 < steps) begin(step + STAGES - 1);
    commit_copies();
    Shared::Codes &a = shared.x[step % STAGES], &b = shared.w[step % STAGES];
    int r = lane % 8, j = lane / 8;
#pragma unroll
    for (int k32 = 0; k32 < DEPTH / 32; k32++) {
      uint32_t left[2][4], right[4][2];
#pragma unroll
      for (int i = 0; i < 2; i++) load_matrices<false>(left[i], a.chunk(warp_m + 16 * i + r + (j & 1) * 8, k32 * 2 + j / 2));
#pragma unroll
      for (int i = 0; i < 4; i += 2) {
        uint32_t both[4];
        load_matrices<false>(both, b.chunk(warp_n + 8 * i + r + j / 2 * 8, k32 * 2 + (j & 1)));
        right[i][0] = both[0], right[i][1] = both[1], right[i + 1][0] = both[2], right[i + 1][1] = both[3];
      }
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int l = 0; l < 4; l++) multiply_int8(sum[i][l], left[i], right[l]);
    }
  }

  // element e of fragment (i, l): row and column within the tile
  auto row_of = [&](int i, int e) { return warp_m + 16 * i + lane / 4 + e / 2 * 8; };
  auto col_of = [&](int l, int e) { return warp_n + 8 * l + lane % 4 * 2 + e % 2; };
  float total[2][4][4];
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int l = 0; l < 4; l++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        int64_t row = row0 + row_of(i, e), col = col0 + col_of(l, e);
        float scale = row < rows && col < outputs ? x_absmax[row] * w_absmax[col] : 0.0f;
        total[i][l][e] = to_float(from_float<T>((float)sum[i][l][e] * scale * PRODUCT_SCALE));
      }
  // the groups that have a row in this tile, one after the other; only their own rows gain anything
  int64_t group = 0, last_group = -1;
  if (lists != nullptr) {
    group = groups.of(row0);
    last_group = groups.of(min(row0 + TILE, rows) - 1);
  }
  for (; group <= last_group; group++) {
    const int32_t* outliers = lists + group * (1 + inputs);
    int64_t begin_row = groups.ends ? groups.ends[group] - row0 : 0, end_row = groups.ends ? groups.ends[group + 1] - row0 : TILE;
    int32_t count = outliers[0];
    for (int32_t first = 0; first < count; first += OUTLIERS) {
      int n = min(count - first, (int32_t)OUTLIERS);
      __syncthreads();
      for (int e = (int)threadIdx.x; e < TILE * OUTLIERS; e += THREADS) {
        int line = e / OUTLIERS, i = e % OUTLIERS;
        if (i >= n) continue;
        int64_t column = outliers[1 + first + i], row = row0 + line, out = col0 + line;
        shared.x_outliers[line][i] = row < rows ? load(x, row * inputs + column) : 0.0f;
        float w = out < outputs ? (float)(int8_t)w_codes[out * inputs + column] * w_absmax[out] * CODE_SCALE : 0.0f;
        shared.w_outliers[line][i] = to_float(from_float<T>(w));
      }
      __syncthreads();
#pragma unroll 1
      for (int o = 0; o < n; o++)
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
          for (int l = 0; l < 4; l++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
              int row = row_of(i, e);
              float more = fmaf(shared.x_outliers[row][o], shared.w_outliers[col_of(l, e)][o], total[i][l][e]);
              total[i][l][e] = row >= begin_row && row < end_row ? more : total[i][l][e];
            }
    }
  }
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int l = 0; l < 4; l++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        int64_t row = row0 + row_of(i, e), col = col0 + col_of(l, e);
        if (row < rows && col < outputs) store(y, row * outputs + col, total[i][l][e]);
      }
}

bool copies(const void* codes, int64_t inputs) { return reinterpret_cast<uintptr_t>(codes) % 16 == 0 && inputs % 16 == 0; }

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_int8_linear(mr_stream* s, int64_t rows, int64_t outputs, int64_t inputs, const uint8_t* x_codes,
                              const float* x_absmax, int64_t groups, const int32_t* ends, const int32_t* outliers, int32_t dtype,
                              const void* x, const uint8_t* w_codes, const float* w_absmax, void* y) {
  MR_REQUIRE(is_activation(dtype), "int8_linear: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(rows >= 0 && outputs >= 0 && inputs >= 1 && inputs <= MAX_INPUTS, "int8_linear: rows %lld, outputs %lld, inputs %lld",
             (long long)rows, (long long)outputs, (long long)inputs);
  MR_REQUIRE(rows == 0 || outputs == 0 || (x_codes && x_absmax && x && w_codes && w_absmax && y), "int8_linear: a pointer is NULL");
  MR_REQUIRE(outliers == nullptr || (ends ? groups >= 0 : groups == 1), "int8_linear: %lld groups", (long long)groups);
  Groups own{groups, rows, ends};
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch(s, "int8_linear", linear_kernel<T>, dim3((unsigned)(divide_up(rows, TILE) * divide_up(outputs, TILE))),
                  dim3(THREADS), (int64_t)sizeof(Shared), rows, outputs, inputs, x_codes, x_absmax, own, outliers, as(type, x),
                  w_codes, w_absmax, as(type, y), copies(x_codes, inputs), copies(w_codes, inputs));
  });
}

}  // extern "C"
