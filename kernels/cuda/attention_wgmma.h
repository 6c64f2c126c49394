// attention_wgmma.h: products of attention by warpgroups (compute capability 9.0): tiles of 64 rows in shared memory as
// tiles::load_tile<..., BOXED> leaves them, and the sums of 64 rows in the registers of a warpgroup.
//
// A warp has of its warpgroup's sums the 16 rows from 16 * (warp % 4) on, in the fragments of attention_tiles.h.
#pragma once

#include "attention_tiles.h"
#include "hopper.h"

namespace mr {

// Of attend, and of attention_backward's gradients: for shapes that wgmma_takes.
int32_t attend_wgmma(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o,
                     float* lse);

// Beyond 128 columns a warpgroup's sums leave no registers for the scores: such heads stay with mma.sync.
inline bool wgmma_takes(const mr_stream* s, const Attention& a) {
  return s->wgmma_attention && tiles::has_tiles(a) && a.head_dim <= 128;
}

namespace wgmma {

constexpr int ROWS = 64;   // of a tile, and of a warpgroup
constexpr int GROUPS = 2;  // warpgroups a block
constexpr int THREADS = GROUPS * WARPGROUP;
constexpr int64_t SHARED_OF_MULTIPROCESSOR = 228 << 10;  // of which each block takes 1 KB more than it asks for

// body(C*, DIM) as tiles::with_tiles, without the width that wgmma does not take.
template <class Body>
inline int32_t with_tiles(const Attention& a, Body body) {
  auto width = [&](auto* type) {
    if (a.head_dim <= 64) return body(type, std::integral_constant<int, 64>());
    return body(type, std::integral_constant<int, 128>());
  };
  return a.compute == MR_BF16 ? width(static_cast<bf16*>(nullptr)) : width(static_cast<f16*>(nullptr));
}

// How a kernel whose warpgroups own queries divides them: where two heads read the same keys, a block takes 64 queries of both, so that
// each warpgroup has as many keys to see; otherwise 128 queries of one.
struct Division {
  bool pairs;
  int span;     // queries of a block
  int columns;  // blocks with the same queries
};
inline Division divide_queries(const Attention& a) {
  bool pairs = a.group() % 2 == 0;
  return {pairs, pairs ? ROWS : GROUPS * ROWS, (int)(pairs ? a.heads / 2 : a.heads)};
}
// Blocks take the first spans of all sequences in turn, then the second ones and so on, each with all its columns. Where sequences are
// equally long, those that take longest begin first and no multiprocessor ends long after the others.
inline int64_t blocks_of(const Attention& a, int span, int64_t columns) {
  return divide_up(spans_at_most(a, span), a.sequences) * a.sequences * columns;
}
__device__ __forceinline__ int64_t span_of_block(const Attention& a, int columns) {
  unsigned sequences = (unsigned)a.sequences, index = blockIdx.x / columns, count = gridDim.x / columns;
  return index % sequences * (count / sequences) + index / sequences;
}

// s [64, 64] = x [64, DIM] times y [64, DIM] transposed, as a part of the open group of products.
template <int DIM, class C>
__device__ __forceinline__ void product(const C* x, const C* y, float (&s)[ROWS / 8][4]) {
  MR_UNROLL
  for (int k16 = 0; k16 < DIM / 16; k16++) {
    int at = k16 / 4 * ROWS * 64 + k16 % 4 * 16;
    multiply_warpgroup<C, ROWS, true, true>(reinterpret_cast<float(&)[ROWS / 2]>(s), matrix_descriptor(x + at, 16, 1024),
                                            matrix_descriptor(y + at, 16, 1024), k16 > 0);
  }
}

// sum [64, DIM] += p [64, 64] times y [64, DIM], as a part of the open group of products.
template <int DIM, class C>
__device__ __forceinline__ void accumulate(const uint32_t (&p)[ROWS / 16][4], const C* y, float (&sum)[DIM / 8][4]) {
  MR_UNROLL
  for (int k16 = 0; k16 < ROWS / 16; k16++)
    multiply_warpgroup<C, DIM, false>(reinterpret_cast<float(&)[DIM / 2]>(sum), p[k16],
                                      matrix_descriptor(y + k16 * 16 * 64, ROWS * 128, 1024));
}

template <class C>
__device__ __forceinline__ void as_fragments(const float (&s)[ROWS / 8][4], uint32_t (&p)[ROWS / 16][4]) {
  MR_UNROLL
  for (int k16 = 0; k16 < ROWS / 16; k16++) tiles::as_fragment<C>(s, k16, p[k16]);
}

template <int COUNT>
__device__ __forceinline__ void pin(float (&sum)[COUNT][4]) {
  mr::pin(reinterpret_cast<float(&)[4 * COUNT]>(sum));
}

// The copies that this thread waited for are seen by the block's products after the next barrier.
__device__ __forceinline__ void receive_copies() {
  wait_copies<0>();
  publish_stores();
  __syncthreads();
}

}  // namespace wgmma
}  // namespace mr
