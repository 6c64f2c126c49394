// attention_tiles.h: products of attention on tensor cores: tiles of 16-bit rows in shared memory, and the fragments of them that a
// warp multiplies (ptx.h).
//
// A tile has DIM columns, 64, 128 or 256: head_dim and then zeros. C is the compute type, bf16 or f16; what is stored in
// another type, or not aligned, is converted on the way into shared memory.
#pragma once

#include "attention.h"

namespace mr {
namespace tiles {

constexpr float LOG2_E = 1.44269504088896340736f;
constexpr float LN_2 = 0.693147180559945309417f;
// What a block may have of shared memory on every GPU the kernels are for; 80 and 90 have more and take two blocks.
constexpr int64_t SHARED_LIMIT = 99 << 10;

// Whether head_dim is one that tiles are made for, and how wide they are then.
inline bool has_tiles(const Attention& a) { return a.compute != MR_F32 && a.head_dim <= 256; }

// body(C*, DIM) for the compute type and the width of tiles: integral_constant<int, DIM>.
template <class Body>
inline int32_t with_tiles(const Attention& a, Body body) {
  auto width = [&](auto* type) {
    if (a.head_dim <= 64) return body(type, std::integral_constant<int, 64>());
    if (a.head_dim <= 128) return body(type, std::integral_constant<int, 128>());
    return body(type, std::integral_constant<int, 256>());
  };
  return a.compute == MR_BF16 ? width(static_cast<bf16*>(nullptr)) : width(static_cast<f16*>(nullptr));
}

// Whether rows can be copied as they are, 16 bytes at a time: they are stored in the compute type and begin at such addresses.
template <class... Pointers>
inline bool copies_whole(const Attention& a, Pointers... pointers) {
  return a.dtype == a.compute && a.head_dim % 8 == 0 && (... && (reinterpret_cast<uintptr_t>(pointers) % 16 == 0));
}

// Chunk `chunk` (16 bytes) of a row. The chunks of a row change places with the row, so that one chunk of eight rows, which
// ldmatrix reads at once, spans all banks.
template <int DIM, class C>
__device__ __forceinline__ C* chunk_at(C* tile, int row, int chunk) {
  return tile + row * DIM + (chunk ^ (row & 7)) * 8;
}

// The same in a tile of ROWS rows as wgmma reads it: boxes of 64 columns, one after the other.
template <int ROWS, class C>
__device__ __forceinline__ C* boxed_chunk_at(C* tile, int row, int chunk) {
  return tile + chunk / 8 * ROWS * 64 + row * 64 + (chunk % 8 ^ (row & 7)) * 8;
}

// tile[r] = row r of those that begin at element `first` and are `stride` apart, for r < count; zeros in the other rows and
// beyond head_dim. Where `whole`, by copies that the caller commits and waits for. THREADS threads take part; `thread` is the
// calling one's number, which a caller short of registers makes opaque. With BOXED the tile is arranged for wgmma.
template <int ROWS, int DIM, int THREADS, bool BOXED = false, class C>
__device__ __forceinline__ void load_tile(const Attention& a, bool whole, const void* p, int64_t first, int64_t stride, int count,
                                          C* tile, int thread = (int)threadIdx.x) {
  constexpr int CHUNKS = DIM / 8, STEP = THREADS / CHUNKS;  // rows that the threads copy at once
  static_assert(ROWS % STEP == 0 && STEP * CHUNKS == THREADS && (STEP & (STEP - 1)) == 0, "every thread has as many chunks");
  auto place = [&](int row, int chunk) { return BOXED ? boxed_chunk_at<ROWS>(tile, row, chunk) : chunk_at<DIM>(tile, row, chunk); };
  int row = thread / CHUNKS, column = thread % CHUNKS * 8;
  int64_t at = first + row * stride + column;
  if (whole) {
    // one pointer that moves on, rather than one for each row: registers are scarce here
    const C* from = static_cast<const C*>(p) + at;
    bool inside = column < a.head_dim;
    uint32_t to = opaque(shared_address(place(row, column / 8)));
    MR_UNROLL
    for (int r = 0; r < ROWS; r += STEP) {
      bool there = inside && row + r < count;
      copy_async_16((to ^ 16 * (r & 7)) + (BOXED ? 128 : 2 * DIM) * r, there ? from : static_cast<const C*>(p), there ? 16 : 0);
      from += STEP * stride;
    }
    return;
  }
  MR_NO_UNROLL
  for (int r = 0; r < ROWS; r += STEP, at += STEP * stride) {
    C* to = place(row + r, column / 8);
    MR_NO_UNROLL
    for (int j = 0; j < 8; j++) {
      bool there = row + r < count && column + j < a.head_dim;
      to[j] = from_float<C>(there ? element(p, a.dtype, at + j) : 0.0f);
    }
  }
}

__device__ __forceinline__ int lane_of_thread() { return (int)threadIdx.x % WARP; }
__device__ __forceinline__ int warp_of_thread() { return (int)threadIdx.x / WARP; }

// Where a lane finds its part of the first fragments of a tile that begins at a multiple of its row's bytes. With the lane's
// address at hand, 32*step ^ it is that of columns 16*step.., and 2*DIM*row + it that of the rows from `row` on, a multiple of 8.
// Left operands, and right ones of which the rows are summed over:
template <int DIM, class C>
__device__ __forceinline__ uint32_t lane_of_rows(C* tile) {
  int lane = lane_of_thread();
  return opaque(shared_address(chunk_at<DIM>(tile, lane % 16, lane / 16)));
}
// Right operands of which the columns are summed over:
template <int DIM, class C>
__device__ __forceinline__ uint32_t lane_of_columns(C* tile) {
  int lane = lane_of_thread();
  return opaque(shared_address(chunk_at<DIM>(tile, lane / 16 * 8 + lane % 8, lane / 8 % 2)));
}
// Two fragments b at a lane's address: the next eight columns of the right operand follow on the first eight.
template <bool TRANSPOSED>
__device__ __forceinline__ void two_fragments(uint32_t (&f)[2][2], uint32_t address) {
  uint32_t four[4];
  load_matrices<TRANSPOSED>(four, address);
  f[0][0] = four[0], f[0][1] = four[1], f[1][0] = four[2], f[1][1] = four[3];
}

// s [16 M, 8 N] = rows row.. of x times the first 8 N rows of y, transposed.
template <int DIM, int M, int N, class C>
__device__ __forceinline__ void product(C* x, int row, C* y, float (&s)[M][N][4]) {
  MR_UNROLL
  for (int m = 0; m < M; m++) MR_UNROLL
  for (int n = 0; n < N; n++) MR_UNROLL
  for (int i = 0; i < 4; i++) s[m][n][i] = 0.0f;
  uint32_t from_x = lane_of_rows<DIM>(x + row * DIM), from_y = lane_of_columns<DIM>(y);
  MR_UNROLL
  for (int step = 0; step < DIM / 16; step++) {
    uint32_t a[M][4];
    MR_UNROLL
    for (int m = 0; m < M; m++) load_matrices<false>(a[m], (from_x ^ 32 * step) + 16 * m * 2 * DIM);
    MR_UNROLL
    for (int n = 0; n < N; n += 2) {
      uint32_t b[2][2];
      two_fragments<false>(b, (from_y ^ 32 * step) + 8 * n * 2 * DIM);
      MR_UNROLL
      for (int m = 0; m < M; m++) {
        multiply_16<C>(s[m][n], a[m], b[0]);
        multiply_16<C>(s[m][n + 1], a[m], b[1]);
      }
    }
  }
}

// What product() left, as the left operand of the next product: step k has columns 16 k.. of it, rounded to C.
template <class C, int N>
__device__ __forceinline__ void as_fragment(const float (&s)[N][4], int k, uint32_t (&a)[4]) {
  a[0] = pack_pair<C>(s[2 * k][0], s[2 * k][1]);
  a[1] = pack_pair<C>(s[2 * k][2], s[2 * k][3]);
  a[2] = pack_pair<C>(s[2 * k + 1][0], s[2 * k + 1][1]);
  a[3] = pack_pair<C>(s[2 * k + 1][2], s[2 * k + 1][3]);
}

// sum [16 M, DIM] += p [16 M, 8 N] times rows row.. of y.
template <int DIM, int M, int N, class C>
__device__ __forceinline__ void accumulate(const float (&p)[M][N][4], C* y, int row, float (&sum)[M][DIM / 8][4]) {
  uint32_t from_y = lane_of_rows<DIM>(y + row * DIM);
  MR_UNROLL
  for (int k = 0; k < N / 2; k++) {
    uint32_t a[M][4];
    MR_UNROLL
    for (int m = 0; m < M; m++) as_fragment<C>(p[m], k, a[m]);
    MR_UNROLL
    for (int c = 0; c < DIM / 16; c++) {
      uint32_t b[2][2];
      two_fragments<true>(b, (from_y ^ 32 * c) + 16 * k * 2 * DIM);
      MR_UNROLL
      for (int m = 0; m < M; m++) {
        multiply_16<C>(sum[m][2 * c], a[m], b[0]);
        multiply_16<C>(sum[m][2 * c + 1], a[m], b[1]);
      }
    }
  }
}

// Where a warp's results are rearranged from fragments into rows: 16 of them, begun 32 bytes apart so that no two lanes access one bank.
template <int DIM>
struct Staging {
  float x[16][DIM + 8];
};

// Rows of a warp's sum [16, DIM], times factor[0] (rows g) and factor[1] (rows g + 8): row r < count to element first + r*stride.
template <int DIM, class C>
__device__ __forceinline__ void write(const Attention& a, bool whole, const float (&sum)[DIM / 8][4], const float (&factor)[2],
                                      Staging<DIM>& staging, void* p, int64_t first, int64_t stride, int count) {
  int lane = lane_of_thread(), g = lane / 4, t = lane % 4;
  __syncwarp();
  MR_UNROLL
  for (int n = 0; n < DIM / 8; n++) MR_UNROLL
  for (int half = 0; half < 2; half++)
    *reinterpret_cast<float2*>(&staging.x[g + 8 * half][8 * n + 2 * t]) =
        make_float2(sum[n][2 * half] * factor[half], sum[n][2 * half + 1] * factor[half]);
  __syncwarp();
  constexpr int CHUNKS = DIM / 8, STEP = WARP / CHUNKS > 0 ? WARP / CHUNKS : 1;
  static_assert(WARP % CHUNKS == 0 && 16 % STEP == 0, "a warp takes whole rows");
  int column = lane % CHUNKS * 8;
  int64_t at = first + lane / CHUNKS * stride + column;
  MR_NO_UNROLL
  for (int r = lane / CHUNKS; r < count && r < 16; r += STEP, at += STEP * stride) {
    if (column >= a.head_dim) break;
    if (whole) {
      const float4* from = reinterpret_cast<const float4*>(&staging.x[r][column]);
      float4 low = from[0], high = from[1];
      *reinterpret_cast<uint4*>(static_cast<C*>(p) + at) = make_uint4(pack_pair<C>(low.x, low.y), pack_pair<C>(low.z, low.w),
                                                                      pack_pair<C>(high.x, high.y), pack_pair<C>(high.z, high.w));
    } else {
      MR_NO_UNROLL
      for (int j = 0; j < 8 && column + j < a.head_dim; j++) put(p, a.dtype, at + j, staging.x[r][column + j]);
    }
  }
}

// Online softmax of a warp's rows: the largest product so far and the sum of exponentials relative to it, of which each of a row's
// four lanes has its own part.
struct Softmax {
  float largest[2], total[2];
};
__device__ __forceinline__ Softmax empty_softmax() { return {{-INFINITY, -INFINITY}, {0.0f, 0.0f}}; }

// Products [16, 8 N] of queries and keys, -inf where a key is not seen -> probabilities relative to the largest so far; scales
// `sum` down to it. A score, in units of ln 2, is a product times `scale` > 0: one fma takes both the factor and the difference.
template <int DIM, int N>
__device__ __forceinline__ void softmax_step(float (&s)[N][4], float scale, Softmax& state, float (&sum)[DIM / 8][4]) {
  MR_UNROLL
  for (int half = 0; half < 2; half++) {
    float best = state.largest[half];
    MR_UNROLL
    for (int n = 0; n < N; n++) best = fmaxf(best, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
    best = fmaxf(best, __shfl_xor_sync(ALL_LANES, best, 1));
    best = fmaxf(best, __shfl_xor_sync(ALL_LANES, best, 2));
    float shift = best == -INFINITY ? 0.0f : -best * scale;  // a row may see nothing of this tile and of those before
    float scaled = exp2_flushed(fmaf(state.largest[half], scale, shift)), total = 0.0f;
    state.largest[half] = best;
    MR_UNROLL
    for (int n = 0; n < N; n++) MR_UNROLL
    for (int i = 2 * half; i < 2 * half + 2; i++) {
      s[n][i] = exp2_flushed(fmaf(s[n][i], scale, shift));
      total += s[n][i];
    }
    state.total[half] = fmaf(state.total[half], scaled, total);
    MR_UNROLL
    for (int n = 0; n < DIM / 8; n++) sum[n][2 * half] *= scaled, sum[n][2 * half + 1] *= scaled;
  }
}
// Adds the four lanes' parts.
__device__ __forceinline__ void finish_softmax(Softmax& state) {
  MR_UNROLL
  for (int half = 0; half < 2; half++) {
    state.total[half] += __shfl_xor_sync(ALL_LANES, state.total[half], 1);
    state.total[half] += __shfl_xor_sync(ALL_LANES, state.total[half], 2);
  }
}

}  // namespace tiles
}  // namespace mr
