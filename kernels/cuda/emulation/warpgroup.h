// warpgroup.h: what the instructions of compute capability 9.0 that hopper.h wraps do: barriers in shared memory (mbarrier), copies of
// tiles described by a tensor map (TMA), products of a warpgroup (wgmma).
//
// Everything asynchronous happens as late as it may: a tile arrives when somebody waits for its barrier, having been NaN since the copy
// began; a product reads its operands when its warp waits for its group. So a thread that waits for too little, or frees
// a stage too early, computes with NaN. A tile that is stored is read as late, and must not be touched before.
#pragma once

#include <cuda_runtime.h>

// Stands in for the driver's type: a matrix of `lines` rows of `inner` 16-bit elements and the box that one copy moves.
struct CUtensorMap {
  const void* base;
  int64_t inner, lines, line_bytes;
  int32_t box_inner, box_lines;
};

namespace emulation {

// What the driver would not encode, in words; nullptr when it would.
const char* refused(const CUtensorMap& map);

void barrier_init(uint64_t* barrier, int arrivals);
// One arrival that also announces bytes of copies.
void barrier_arrive(uint64_t* barrier, int bytes);
// Returns when the phase of this parity is over.
void barrier_wait(uint64_t* barrier, uint32_t parity);

// The box at (inner, line) to shared memory, zeros where it leaves the matrix, rows of 128 bytes swizzled by their address.
void tensor_copy(void* to, const CUtensorMap* map, int64_t inner, int64_t line, uint64_t* barrier);

// The way back, read at the wait.
void tensor_store(const CUtensorMap* map, int64_t inner, int64_t line, const void* from);
void commit_stores();
void wait_stores(int pending);
// What the running thread has stored so far is seen by copies and products.
void publish_stores();
// stmatrix, four matrices.
void store_matrices(uint32_t address, const uint32_t* d);

// setmaxnreg: from the pool of what the block was launched with.
void set_registers(int count, bool takes);

struct WarpgroupProduct {
  float* sums;    // of this thread: [columns / 2]
  int columns;    // n of m64nNk16
  uint64_t a, b;  // matrix descriptors
  bool a_along_k, b_along_k;
  bool adds;  // to the sums, or begins them
  float (*value)(uint16_t bits);
  // where the left operand is in registers: what the four lanes of the thread's rows hold of it, [lane][register]
  bool from_registers = false;
  uint32_t left[4][4] = {};
};
void warpgroup_fence();
void warpgroup_multiply(const WarpgroupProduct& product);
// With the left operand in registers; those are read now, as registers are not checked.
void warpgroup_multiply(WarpgroupProduct product, const uint32_t (&a)[4]);
void warpgroup_commit();
void warpgroup_wait(int pending);

}  // namespace emulation
