// gemm_mma.cu: products in 16 bits with mma.sync, on every card.
//
// A block of WARPS_M x WARPS_N warps makes a tile BM x BN of the product, K in steps of 32. Tiles of A and B are in a ring of STAGES
// stages in shared memory, in the order in which they are stored (along k, or along rows); ldmatrix takes fragments out, transposing
// where k is not the direction of storage. 16 bytes are a chunk; chunks are swizzled so that the eight rows of an 8x8 matrix are in
// different banks, and so do neighbouring chunks while they are written.
//
// Operands that are of the compute type, with rows at multiples of 16 bytes, are copied without passing registers (cp.async). Others
// (fp32 weights, four bits, odd strides) are read into registers before a step's products and converted and written after them;
// that takes the smaller tile, whose sums leave registers for it.
//
// A low-rank update is the first steps of the same ring: its sums are multiplied by the update's factor before those of A B are added.
#include "gemm.h"

namespace mr {
namespace {

constexpr int DEPTH = 32, STAGES = 4;

// One tile of ROWS x DEPTH 16-bit elements of an operand.
template <int ROWS, bool ALONG_K>
struct Tile {
  static constexpr int LINE = ALONG_K ? DEPTH : ROWS;  // elements that follow each other
  static constexpr int LINES = ALONG_K ? ROWS : DEPTH;
  static constexpr int CHUNKS = LINE / 8;  // of a line
  static constexpr int ALL = LINES * CHUNKS;
  uint16_t x[ROWS * DEPTH];

  __device__ __forceinline__ uint16_t* chunk(int line, int c) {
    int swizzled = ALONG_K ? c ^ (line >> 1 & 3) : c ^ (line & 7);
    return x + line * LINE + swizzled * 8;
  }
};

template <int BM, int BN, bool A_ALONG_K, bool B_ALONG_K>
struct Shared {
  union {
    struct {
      Tile<BM, A_ALONG_K> a[STAGES];
      Tile<BN, B_ALONG_K> b[STAGES];
    };
    Patch<32, 32> patch[8];  // one a warp, when the ring is done with
  };
  CodeBook book;
};

// Chunk i of this thread of the tile at (row0, k0): its line and place there, where it is stored, and how much of it exists.
struct Chunk {
  int line, c, count;
  int64_t stored_row, at;
};
template <class Tile, bool ALONG_K, int THREADS>
__device__ __forceinline__ Chunk chunk_of(const Operand& x, int i, int64_t row0, int64_t k0, int64_t k_end) {
  int e = (int)threadIdx.x + i * THREADS;
  Chunk chunk;
  chunk.line = e / Tile::CHUNKS, chunk.c = e % Tile::CHUNKS;
  int64_t row = row0 + (ALONG_K ? chunk.line : chunk.c * 8), k = k0 + (ALONG_K ? chunk.c * 8 : chunk.line);
  int64_t left = ALONG_K ? k_end - k : x.rows - row;
  bool there = ALONG_K ? row < x.rows : k < k_end;
  chunk.count = !there || left <= 0 ? 0 : left >= 8 ? 8 : (int)left;
  chunk.stored_row = ALONG_K ? row : k;
  chunk.at = ALONG_K ? k : row;
  return chunk;
}

template <class Tile, bool ALONG_K, int THREADS>
__device__ __forceinline__ void copy_tile(const Operand& x, int64_t row0, int64_t k0, int64_t k_end, Tile& tile) {
#pragma unroll
  for (int i = 0; i < Tile::ALL / THREADS; i++) {
    Chunk chunk = chunk_of<Tile, ALONG_K, THREADS>(x, i, row0, k0, k_end);
    const uint16_t* from = static_cast<const uint16_t*>(x.data);
    if (chunk.count > 0) from += chunk.stored_row * x.ld + chunk.at;
    copy_async_16(tile.chunk(chunk.line, chunk.c), from, 2 * chunk.count);
  }
}
template <class Tile, bool ALONG_K, int THREADS>
__device__ __forceinline__ void fetch_tile(const Operand& x, int64_t row0, int64_t k0, int64_t k_end,
                                           Raw (&held)[Tile::ALL / THREADS]) {
#pragma unroll
  for (int i = 0; i < Tile::ALL / THREADS; i++) {
    Chunk chunk = chunk_of<Tile, ALONG_K, THREADS>(x, i, row0, k0, k_end);
    held[i] = fetch(x, chunk.stored_row, chunk.at, chunk.count);
  }
}
template <class T, class Tile, bool ALONG_K, int THREADS>
__device__ __forceinline__ void put_tile(const Operand& x, const Raw (&held)[Tile::ALL / THREADS], const CodeBook& book,
                                         Tile& tile) {
#pragma unroll
  for (int i = 0; i < Tile::ALL / THREADS; i++) {
    int e = (int)threadIdx.x + i * THREADS;
    *reinterpret_cast<uint4*>(tile.chunk(e / Tile::CHUNKS, e % Tile::CHUNKS)) = narrow<T>(x.storage, held[i], book);
  }
}

// Fragments of 16 rows x 16 k of A at (row, 16 k16), and of two times 8 columns x 16 k of B.
template <bool ALONG_K, class Tile>
__device__ __forceinline__ void fragment_a(uint32_t (&d)[4], Tile& tile, int row, int k16) {
  int lane = (int)threadIdx.x % WARP, r = lane % 8, j = lane / 8;
  if (ALONG_K)
    load_matrices<false>(d, tile.chunk(row + r + (j & 1) * 8, k16 * 2 + j / 2));
  else
    load_matrices<true>(d, tile.chunk(k16 * 16 + r + j / 2 * 8, row / 8 + (j & 1)));
}
template <bool ALONG_K, class Tile>
__device__ __forceinline__ void fragment_b(uint32_t (&d)[4], Tile& tile, int col, int k16) {
  int lane = (int)threadIdx.x % WARP, r = lane % 8, j = lane / 8;
  if (ALONG_K)
    load_matrices<false>(d, tile.chunk(col + r + j / 2 * 8, k16 * 2 + (j & 1)));
  else
    load_matrices<true>(d, tile.chunk(k16 * 16 + r + (j & 1) * 8, col / 8 + j / 2));
}

// The low-rank part of a product.
struct Update {
  Operand u, v;
  int64_t rank;
  float factor;
  bool copies_u, copies_v;
};

// A function that is called: its code is longer than the rest of a kernel, and runs once a tile.
__device__ MR_CALLED void leave(Patch<32, 32>& patch, const Output& out, int64_t row0, int64_t col0) {
  patch.write(out, row0, col0);
}

// Tile blockIdx.x of the product, part blockIdx.y of K; with `partial` its sums to partial[blockIdx.y]. COPIES: both operands can be
// copied, and those of the update; otherwise copies_... say which.
template <class T, int WARPS_M, int WARPS_N, int FRAGMENTS_M, int FRAGMENTS_N, bool A_ALONG_K, bool B_ALONG_K, bool COPIES>
__global__ void __launch_bounds__(WARPS_M* WARPS_N* WARP, COPIES ? 2 : 3)
    mma_kernel(const __grid_constant__ Operand a, const __grid_constant__ Operand b, int64_t k, int64_t depth,
               const __grid_constant__ Update update, Output out, float* partial, bool copies_a, bool copies_b) {
  constexpr int THREADS = WARPS_M * WARPS_N * WARP, WM = FRAGMENTS_M * 16, WN = FRAGMENTS_N * 8;
  constexpr int BM = WARPS_M * WM, BN = WARPS_N * WN;
  typedef Tile<BM, A_ALONG_K> TileA;
  typedef Tile<BN, B_ALONG_K> TileB;
  auto& shared = shared_memory<Shared<BM, BN, A_ALONG_K, B_ALONG_K>>();
  int64_t tile_m, tile_n;
  tile_at(blockIdx.x, divide_up(out.m, BM), divide_up(out.n, BN), &tile_m, &tile_n);
  int64_t row0 = tile_m * BM, col0 = tile_n * BN;
  int64_t k_begin = (int64_t)blockIdx.y * depth, k_end = min(k, k_begin + depth);
  const int first = (int)divide_up(update.rank, DEPTH);  // steps of the update
  int steps = first + (int)divide_up(k_end - k_begin, DEPTH);
  int warp = (int)threadIdx.x / WARP, warp_m = warp / WARPS_N * WM, warp_n = warp % WARPS_N * WN;
  if (!COPIES) {
    fill_book(shared.book, b);
    __syncthreads();
  }

  constexpr int HELD_A = COPIES ? 1 : TileA::ALL / THREADS, HELD_B = COPIES ? 1 : TileB::ALL / THREADS;
  Raw held_a[HELD_A], held_b[HELD_B];
  auto begin = [&](int step) {
    bool joins = step < first;
    const Operand &x = joins ? update.u : a, &y = joins ? update.v : b;
    bool copies_x = COPIES || (joins ? update.copies_u : copies_a), copies_y = COPIES || (joins ? update.copies_v : copies_b);
    int64_t k0 = joins ? (int64_t)step * DEPTH : k_begin + (int64_t)(step - first) * DEPTH, end = joins ? update.rank : k_end;
    if (copies_x) copy_tile<TileA, A_ALONG_K, THREADS>(x, row0, k0, end, shared.a[step % STAGES]);
    if (copies_y) copy_tile<TileB, B_ALONG_K, THREADS>(y, col0, k0, end, shared.b[step % STAGES]);
    if constexpr (!COPIES) {
      if (!copies_x) fetch_tile<TileA, A_ALONG_K, THREADS>(x, row0, k0, end, held_a);
      if (!copies_y) fetch_tile<TileB, B_ALONG_K, THREADS>(y, col0, k0, end, held_b);
    }
  };
  auto finish = [&](int step) {
    if constexpr (!COPIES) {
      bool joins = step < first;
      const Operand &x = joins ? update.u : a, &y = joins ? update.v : b;
      bool copies_x = joins ? update.copies_u : copies_a, copies_y = joins ? update.copies_v : copies_b;
      if (!copies_x) put_tile<T, TileA, A_ALONG_K, THREADS>(x, held_a, shared.book, shared.a[step % STAGES]);
      if (!copies_y) put_tile<T, TileB, B_ALONG_K, THREADS>(y, held_b, shared.book, shared.b[step % STAGES]);
    }
  };

  float sum[FRAGMENTS_M][FRAGMENTS_N][4];
#pragma unroll
  for (int i = 0; i < FRAGMENTS_M; i++)
#pragma unroll
    for (int j = 0; j < FRAGMENTS_N; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) sum[i][j][e] = 0.0f;

#pragma unroll 1  // the first rounds only fill the ring: one loop, since loading a tile is long and inlined for every storage type
  for (int step = 1 - STAGES; step < steps; step++) {
    int ahead = step + STAGES - 1;
    if (step >= 0) {
      wait_copies<STAGES - 2>();
      __syncthreads();  // this step's tiles are there for all, and no thread reads the previous step's any more
    }
    if (ahead < steps) begin(ahead);
    commit_copies();
    TileA& tile_a = shared.a[step & (STAGES - 1)];
    TileB& tile_b = shared.b[step & (STAGES - 1)];
#pragma unroll
    for (int k16 = 0; k16 < (step < 0 ? 0 : DEPTH / 16); k16++) {
      uint32_t x[FRAGMENTS_M][4], y[FRAGMENTS_N][2];
#pragma unroll
      for (int i = 0; i < FRAGMENTS_M; i++) fragment_a<A_ALONG_K>(x[i], tile_a, warp_m + 16 * i, k16);
#pragma unroll
      for (int j = 0; j < FRAGMENTS_N; j += 2) {
        uint32_t both[4];
        fragment_b<B_ALONG_K>(both, tile_b, warp_n + 8 * j, k16);
        y[j][0] = both[0], y[j][1] = both[1], y[j + 1][0] = both[2], y[j + 1][1] = both[3];
      }
#pragma unroll
      for (int i = 0; i < FRAGMENTS_M; i++)
#pragma unroll
        for (int j = 0; j < FRAGMENTS_N; j++) multiply_16<T>(sum[i][j], x[i], y[j]);
    }
    if (ahead < steps) finish(ahead);
    if (step + 1 == first) {
#pragma unroll
      for (int i = 0; i < FRAGMENTS_M; i++)
#pragma unroll
        for (int j = 0; j < FRAGMENTS_N; j++)
#pragma unroll
          for (int e = 0; e < 4; e++) sum[i][j][e] *= update.factor;
    }
  }

  if (partial) {  // a product of its own, without gaps
    out.c = partial + (int64_t)blockIdx.y * out.m * out.n;
    out.ldc = out.n, out.dtype = MR_F32, out.alpha = 1.0f, out.accumulate = false;
    out.pairs = out.n % 2 == 0;
  }
  __syncthreads();  // the ring is free
  auto& patch = shared.patch[warp];
#pragma unroll
  for (int i = 0; i < FRAGMENTS_M; i += 2) {
#pragma unroll
    for (int j = 0; j < FRAGMENTS_N; j++) patch.put(0, j, sum[i][j]), patch.put(1, j, sum[i + 1][j]);
    leave(patch, out, row0 + warp_m + 16 * i, col0 + warp_n);
  }
}

template <class T, int WARPS_M, int WARPS_N, int FRAGMENTS_M, int FRAGMENTS_N, bool COPIES>
int32_t run(mr_stream* s, const char* op, const Product& p, Split split) {
  constexpr int BM = WARPS_M * FRAGMENTS_M * 16, BN = WARPS_N * FRAGMENTS_N * 8, THREADS = WARPS_M * WARPS_N * WARP;
  int64_t tiles = divide_up(p.m, BM) * divide_up(p.n, BN);
  float* partial = nullptr;
  if (split.parts > 1) {
    partial = parts_in_workspace(s, p, split.parts);
    if (partial == nullptr) return MR_ERR_MEMORY;
  }
  Update update = {p.u, p.v, p.rank, p.update, copies_by_16(p.u, p.compute), copies_by_16(p.v, p.compute)};
  auto start = [&](auto kernel) {
    return launch(s, op, kernel, dim3((unsigned)tiles, (unsigned)split.parts), dim3(THREADS),
                  (int64_t)sizeof(Shared<BM, BN, true, true>), p.a, p.b, p.k, split.depth, update, output_of(p), partial,
                  copies_by_16(p.a, p.compute), copies_by_16(p.b, p.compute));
  };
  int32_t code;
  if (p.a.along_k)
    code = p.b.along_k ? start(mma_kernel<T, WARPS_M, WARPS_N, FRAGMENTS_M, FRAGMENTS_N, true, true, COPIES>)
                       : start(mma_kernel<T, WARPS_M, WARPS_N, FRAGMENTS_M, FRAGMENTS_N, true, false, COPIES>);
  else if (!p.b.along_k)
    code = start(mma_kernel<T, WARPS_M, WARPS_N, FRAGMENTS_M, FRAGMENTS_N, false, false, COPIES>);
  else if constexpr (COPIES)
    code = fail(MR_ERR_INTERNAL, "%s: no kernel for this layout", op);
  else
    code = start(mma_kernel<T, WARPS_M, WARPS_N, FRAGMENTS_M, FRAGMENTS_N, false, true, COPIES>);
  MR_TRY(code);
  return partial ? add_parts(s, op, p, partial, split.parts) : MR_OK;
}

template <class T>
int32_t run(mr_stream* s, const char* op, const Product& p) {
  // The bits of an output are those of its chain of instructions over k, whatever tile it is in; only the split is part of it.
  int64_t large = divide_up(p.m, 128) * divide_up(p.n, 128), small = divide_up(p.m, 64) * divide_up(p.n, 64);
  bool copies = copies_by_16(p.a, p.compute) && copies_by_16(p.b, p.compute);
  if (p.rank > 0) copies = copies && copies_by_16(p.u, p.compute) && copies_by_16(p.v, p.compute);
  // two transposes at once, or fp16, are rare: no large kernels are compiled for them
  if (large >= AIMED_MULTIPROCESSORS) {
    Split whole = {1, divide_up(p.k, DEPTH) * DEPTH};
    if (is_thin(p)) whole = split_thin(p);
    if constexpr (std::is_same<T, bf16>::value)
      if (copies && (p.a.along_k || !p.b.along_k)) return run<T, 2, 4, 4, 4, true>(s, op, p, whole);
    return run<T, 2, 2, 2, 4, false>(s, op, p, whole);
  }
  return run<T, 2, 2, 2, 4, false>(s, op, p, is_thin(p) ? split_thin(p) : split_k(p, small, 2 * DEPTH));
}

}  // namespace

int32_t gemm_mma(mr_stream* s, const char* op, const Product& p) {
  return p.compute == MR_BF16 ? run<bf16>(s, op, p) : run<f16>(s, op, p);
}

}  // namespace mr
