// gemm_fp32.cu: products in fp32: on the fp32 units, not as three products of tf32 halves on the tensor cores.
//
// fp32 results are what everything else is compared with, so they are the bits that the CPU defines (cpu/gemm_kernel.h): K in
// blocks that depend on K alone, within one a chain of fmas in k order for each output, block sums combined as
// c = fma(alpha, sum, c). Tensor cores add the products of one instruction in an order of their own and cut off what does not fit,
// which no choice of ours makes equal. The price: 67 TFLOP/s at most on an H100 and 20 on an A100, where 3xTF32 may reach 100 and 50;
// on sm_86 and sm_89 it is none. Training on a GPU runs in 16 bits.
//
// A thread has TM x TN outputs of a tile of 16 TM x 16 TN; tiles of both operands pass through shared memory as [k][row], the next
// ones on their way in registers. Where there are few tiles, each K block is a block's own, and a second pass combines them.
#include "gemm.h"

namespace mr {
namespace {

constexpr int THREADS = 256, DEPTH = 16;

// cpu/gemm_kernel.h
constexpr int64_t KC = 384;
int64_t k_block(int64_t k) { return divide_up(divide_up(k, divide_up(k, KC)), 16) * 16; }

template <int ROWS>
struct Tile {
  float x[DEPTH][ROWS + 4];  // 4: rows stay aligned to 16 bytes and neighbouring ones begin in other banks
};
template <int BM, int BN>
struct Shared {
  Tile<BM> a[2];
  Tile<BN> b[2];
  CodeBook book;
};

// Elements a thread brings of a tile of ROWS x DEPTH: neighbouring threads take neighbouring addresses.
template <int ROWS>
struct Part {
  static constexpr int EACH = ROWS * DEPTH / THREADS;
  static __device__ __forceinline__ void place(bool along_k, int i, int* row, int* k) {
    int e = (int)threadIdx.x + i * THREADS;
    *row = along_k ? e / DEPTH : e % ROWS;
    *k = along_k ? e % DEPTH : e / ROWS;
  }
};

// What is rare is called: written out for every element of a thread, it made most of a kernel's code.

// An element that is not stored in fp32.
__device__ MR_CALLED float restored(const Operand& x, const CodeBook& book, int64_t row, int64_t k) {
  int64_t line = x.along_k ? row : k, at = x.along_k ? k : row, i = line * x.ld + at;
  if (x.storage != STORED_FOUR_BIT) return load_as_float(x.data, x.storage == STORED_BF16 ? MR_BF16 : MR_F16, i);
  uint8_t pair = static_cast<const uint8_t*>(x.data)[i / 2];
  return book.value[i % 2 == 0 ? pair >> 4 : pair & 15] * scale_at(x, line, at);
}

__device__ MR_CALLED float load_other(const Output& out, int64_t i) { return load_as_float(out.c, out.dtype, i); }
__device__ MR_CALLED void store_other(const Output& out, int64_t i, float x) { store_as(out.c, out.dtype, i, x); }

template <int ROWS>
__device__ __forceinline__ void fetch_tile(const Operand& x, const CodeBook& book, int64_t row0, int64_t k0, int64_t k_end,
                                           float (&held)[Part<ROWS>::EACH]) {
  const float* data = static_cast<const float*>(x.data);
  int64_t row_stride = x.along_k ? x.ld : 1, k_stride = x.along_k ? 1 : x.ld;
#pragma unroll
  for (int i = 0; i < Part<ROWS>::EACH; i++) {
    int row, k;
    Part<ROWS>::place(x.along_k, i, &row, &k);
    held[i] = 0.0f;
    if (row0 + row >= x.rows || k0 + k >= k_end) continue;
    if (x.storage == STORED_F32)
      held[i] = data[(row0 + row) * row_stride + (k0 + k) * k_stride];
    else
      held[i] = restored(x, book, row0 + row, k0 + k);
  }
}
template <int ROWS>
__device__ __forceinline__ void put_tile(bool along_k, const float (&held)[Part<ROWS>::EACH], Tile<ROWS>& tile) {
#pragma unroll
  for (int i = 0; i < Part<ROWS>::EACH; i++) {
    int row, k;
    Part<ROWS>::place(along_k, i, &row, &k);
    tile.x[k][row] = held[i];
  }
}
// N values of a tile's row; by four where there are four.
template <int N>
__device__ __forceinline__ void take(const float* from, float (&to)[N]) {
  if (N % 4 == 0) {
#pragma unroll
    for (int i = 0; i < N; i += 4) {
      float4 v = *reinterpret_cast<const float4*>(from + i % N);
      to[i] = v.x, to[(i + 1) % N] = v.y, to[(i + 2) % N] = v.z, to[(i + 3) % N] = v.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < N; i++) to[i] = from[i];
  }
}

// Tile blockIdx.x; with `partial`, K block blockIdx.y alone, its sums to partial[blockIdx.y].
template <int TM, int TN>
__global__ void __launch_bounds__(THREADS)
    fp32_kernel(const __grid_constant__ Operand a, const __grid_constant__ Operand b, int64_t k, int64_t block,
                const __grid_constant__ Output out, float* partial) {
  constexpr int BM = 16 * TM, BN = 16 * TN;
  auto& shared = shared_memory<Shared<BM, BN>>();
  int64_t tile_m, tile_n;
  tile_at(blockIdx.x, divide_up(out.m, BM), divide_up(out.n, BN), &tile_m, &tile_n);
  int64_t row0 = tile_m * BM, col0 = tile_n * BN;
  int ty = (int)threadIdx.x / 16, tx = (int)threadIdx.x % 16;
  fill_book(shared.book, b);
  __syncthreads();

  int64_t k_begin = partial ? blockIdx.y * block : 0, k_last = partial ? min(k, k_begin + block) : k;
  // columns of a thread: 4 neighbours, then the next 4 half a tile on, so that a warp's reads cover a row of banks
  constexpr int GROUP = TN < 4 ? TN : 4, GROUP_M = TM < 4 ? TM : 4;
  float carry[TM][TN], sum[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) carry[i][j] = 0.0f, sum[i][j] = 0.0f;
  auto row_of = [&](int i) { return row0 + i / GROUP_M * 16 * GROUP_M + ty * GROUP_M + i % GROUP_M; };
  auto col_of = [&](int j) { return col0 + j / GROUP * 16 * GROUP + tx * GROUP + j % GROUP; };
  if (!partial && out.accumulate) {
#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
      for (int j = 0; j < TN; j++)
        if (row_of(i) < out.m && col_of(j) < out.n)
          carry[i][j] = out.dtype == MR_F32 ? static_cast<const float*>(out.c)[row_of(i) * out.ldc + col_of(j)]
                                            : load_other(out, row_of(i) * out.ldc + col_of(j));
  }

  float held_a[Part<BM>::EACH], held_b[Part<BN>::EACH];
  // a K block is a multiple of DEPTH, so a step is within one block
  fetch_tile<BM>(a, shared.book, row0, k_begin, k_last, held_a);
  fetch_tile<BN>(b, shared.book, col0, k_begin, k_last, held_b);
  int64_t next_block = k_begin + block;
  bool first = !out.accumulate;
  int buffer = 0;
  for (int64_t k0 = k_begin; k0 < k_last; k0 += DEPTH, buffer ^= 1) {
    put_tile<BM>(a.along_k, held_a, shared.a[buffer]);
    put_tile<BN>(b.along_k, held_b, shared.b[buffer]);
    __syncthreads();
    if (k0 + DEPTH < k_last) {
      fetch_tile<BM>(a, shared.book, row0, k0 + DEPTH, k_last, held_a);
      fetch_tile<BN>(b, shared.book, col0, k0 + DEPTH, k_last, held_b);
    }
    int depth = (int)min((int64_t)DEPTH, k_last - k0);  // no zeros are added: -0 + 0 is another number
    for (int kk = 0; kk < depth; kk++) {
      float x[TM], y[TN];
#pragma unroll
      for (int i = 0; i < TM; i += GROUP_M) {
        float part[GROUP_M];
        take<GROUP_M>(&shared.a[buffer].x[kk][i * 16 + ty * GROUP_M], part);
#pragma unroll
        for (int l = 0; l < GROUP_M; l++) x[i + l] = part[l];
      }
#pragma unroll
      for (int j = 0; j < TN; j += GROUP) {
        float part[GROUP];
        take<GROUP>(&shared.b[buffer].x[kk][j * 16 + tx * GROUP], part);
#pragma unroll
        for (int l = 0; l < GROUP; l++) y[j + l] = part[l];
      }
#pragma unroll
      for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) sum[i][j] = fmaf(x[i], y[j], sum[i][j]);
    }
    if (!partial && (k0 + DEPTH >= next_block || k0 + DEPTH >= k_last)) {
#pragma unroll
      for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) {
          carry[i][j] = first ? out.alpha * sum[i][j] : fmaf(out.alpha, sum[i][j], carry[i][j]);
          sum[i][j] = 0.0f;
        }
      first = false;
      next_block += block;
    }
  }
  float* to = partial ? partial + (int64_t)blockIdx.y * out.m * out.n : static_cast<float*>(out.c);
  int64_t stride = partial ? out.n : out.ldc;
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) {
      int64_t row = row_of(i), col = col_of(j), at = row * stride + col;
      if (row >= out.m || col >= out.n) continue;
      if (partial)
        to[at] = sum[i][j];
      else if (out.dtype == MR_F32)
        to[at] = carry[i][j];
      else
        store_other(out, at, carry[i][j]);
    }
}

// The blocks' sums, in the same chain.
__global__ void combine_kernel(int64_t count, const float* partial, int64_t parts, Output out) {
  int64_t i = global_thread();
  if (i >= count) return;
  int64_t at = i / out.n * out.ldc + i % out.n;
  float c = out.accumulate ? fmaf(out.alpha, partial[i], load_as_float(out.c, out.dtype, at)) : out.alpha * partial[i];
  for (int64_t part = 1; part < parts; part++) c = fmaf(out.alpha, partial[part * count + i], c);
  store_as(out.c, out.dtype, at, c);
}

template <int TM, int TN>
int32_t run(mr_stream* s, const char* op, const Product& p) {
  constexpr int BM = 16 * TM, BN = 16 * TN;
  int64_t tiles = divide_up(p.m, BM) * divide_up(p.n, BN), block = k_block(p.k), blocks = divide_up(p.k, block);
  bool split = blocks > 1 && tiles < AIMED_MULTIPROCESSORS && blocks * p.m * p.n * 4 <= WORKSPACE_LIMIT && blocks <= 65535;
  float* partial = nullptr;
  if (split) {
    partial = static_cast<float*>(workspace(s, blocks * p.m * p.n * 4));
    if (partial == nullptr) return MR_ERR_MEMORY;
  }
  MR_TRY(launch(s, op, fp32_kernel<TM, TN>, dim3((unsigned)tiles, split ? (unsigned)blocks : 1), dim3(THREADS),
                (int64_t)sizeof(Shared<BM, BN>), p.a, p.b, p.k, block, output_of(p), partial));
  if (!split) return MR_OK;
  return launch(s, op, combine_kernel, dim3((unsigned)divide_up(p.m * p.n, THREADS)), dim3(THREADS), 0, p.m * p.n, partial, blocks,
                output_of(p));
}

}  // namespace

int32_t gemm_fp32(mr_stream* s, const char* op, const Product& p) {
  if (p.m <= 16) return run<1, 4>(s, op, p);
  if (p.n <= 16) return run<4, 1>(s, op, p);
  if (divide_up(p.m, 128) * divide_up(p.n, 128) >= AIMED_MULTIPROCESSORS) return run<8, 8>(s, op, p);
  return run<4, 4>(s, op, p);
}

}  // namespace mr
