// gemm_tiles.h: tiles of an operand as the tensor memory accelerator brings them and wgmma reads them.
#pragma once

#include "gemm.h"
#include "hopper.h"

namespace mr {

// Rows of A's tile, and how deep both are.
constexpr int BM = 128, DEPTH = 64;

// The elements of an operand in one stage: along k, rows of 64 k; otherwise for every 64 rows a box of 64 k.
template <int ROWS, bool ALONG_K>
struct Tile {
  static constexpr int BYTES = ROWS * DEPTH * 2;
  static constexpr int CHUNKS = ROWS * DEPTH / 8;
  __align__(1024) uint16_t x[ROWS * DEPTH];

  // what to add to `x` for wgmma's 16 k number k16 of the rows from `row` (a multiple of 64) on
  __device__ __forceinline__ uint64_t descriptor(int row, int k16) const {
    if (ALONG_K) return matrix_descriptor(x + row * DEPTH + k16 * 16, 16, 1024);
    return matrix_descriptor(x + row * DEPTH + k16 * 16 * 64, DEPTH * 128, 1024);
  }
};

// One operand's tile at (row0, k0) by TMA: by one thread.
template <int ROWS, bool ALONG_K>
__device__ __forceinline__ void copy_tile(const CUtensorMap& map, int64_t row0, int64_t k0, Tile<ROWS, ALONG_K>& tile,
                                          uint64_t* full) {
  if (ALONG_K) {
    load_tile(tile.x, map, k0, row0, full);
  } else {
#pragma unroll
    for (int box = 0; box < ROWS / 64; box++) load_tile(tile.x + box * 64 * DEPTH, map, row0 + box * 64, k0, full);
  }
}

// The map of an operand's tiles of `rows` rows; the operand is of the type `compute`, k deep.
inline int32_t describe(const Operand& x, int32_t compute, int64_t k, int rows, CUtensorMap* map, const char* op) {
  if (x.along_k) return describe_tiles(map, compute, x.data, k, x.rows, x.ld, rows, op);
  return describe_tiles(map, compute, x.data, x.rows, k, x.ld, DEPTH, op);
}

}  // namespace mr
