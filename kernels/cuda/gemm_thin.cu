// gemm_thin.cu: products in bf16 on compute capability 9.0 where one side has at most 64 rows: x A^T, dy B and the gradients of LoRA's
// factors, and x W^T of up to 64 tokens. They take as long as it takes to read the large operand once.
//
// The large operand is wgmma's A, 128 rows a block, whichever side of the product it is; the small one is its B, 16, 32 or 64 columns,
// arranged along k in workspace first. One warp asks TMA for tiles, 64 deep, into a ring; two warpgroups multiply 64 rows each.
// Two blocks share a multiprocessor: while one begins or ends, the other reads. K is cut so that all of them have work; the sums of its
// parts are added in order by a second kernel.
#include "gemm_tiles.h"

namespace mr {
namespace {

constexpr int CONSUMERS = 2 * WARPGROUP, THREADS = CONSUMERS + WARP;

template <int BN, bool ALONG_K>
struct Ring {
  // what two blocks' shared memory holds
  static constexpr int STAGES = BN == 64 ? 4 : 5;
  Tile<BM, ALONG_K> a[STAGES];
  Tile<BN, true> b[STAGES];
  uint64_t full[STAGES], empty[STAGES];
};

// Rows [128 blockIdx.x, + 128) of the large operand, part blockIdx.y of K. The sum of (row of large, row of small) belongs to element
// row * row_stride + col * col_stride of out, or of partial's matrix blockIdx.y.
template <int BN, bool ALONG_K>
__global__ void __launch_bounds__(THREADS, 2)
    thin_kernel(const __grid_constant__ CUtensorMap map_large, const __grid_constant__ CUtensorMap map_small, int64_t rows,
                int64_t cols, int64_t k, int64_t depth, int64_t row_stride, int64_t col_stride, Output out, float* partial) {
#ifdef MR_HOPPER
  constexpr int STAGES = Ring<BN, ALONG_K>::STAGES;
  auto& shared = shared_memory<Ring<BN, ALONG_K>>();
  int64_t row0 = (int64_t)blockIdx.x * BM, k_begin = (int64_t)blockIdx.y * depth;
  int steps = (int)divide_up(min(k, k_begin + depth) - k_begin, DEPTH);
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      init_barrier(&shared.full[i], 1);
      init_barrier(&shared.empty[i], CONSUMERS / WARP);
    }
    publish_barriers();
  }
  __syncthreads();
  int stage = 0;
  uint32_t phase = 0;
  auto next_stage = [&] {
    if (++stage == STAGES) stage = 0, phase ^= 1;
  };

  int lane = (int)threadIdx.x % WARP;
  if (threadIdx.x >= CONSUMERS) {
    if (lane != 0) return;
    prefetch_map(map_large);
    prefetch_map(map_small);
#pragma unroll 1
    for (int step = 0; step < steps; step++, next_stage()) {
      wait_barrier(&shared.empty[stage], phase ^ 1);  // passes at once in the first round
      uint64_t* full = &shared.full[stage];
      arrive_expecting(full, Tile<BM, ALONG_K>::BYTES + Tile<BN, true>::BYTES);
      copy_tile(map_large, row0, k_begin + (int64_t)step * DEPTH, shared.a[stage], full);
      copy_tile(map_small, 0, k_begin + (int64_t)step * DEPTH, shared.b[stage], full);
    }
    return;
  }

  int group = (int)threadIdx.x / WARPGROUP * 64, warp = (int)threadIdx.x % WARPGROUP / WARP;
  float sum[BN / 2];
#pragma unroll
  for (int e = 0; e < BN / 2; e++) sum[e] = 0.0f;
  int previous = -1;  // the stage whose products may still be running
#pragma unroll 1
  for (int step = 0; step < steps; step++, next_stage()) {
    wait_barrier(&shared.full[stage], phase);
    begin_products();
#pragma unroll
    for (int k16 = 0; k16 < DEPTH / 16; k16++)
      multiply_warpgroup<bf16, BN, ALONG_K, true>(sum, shared.a[stage].descriptor(group, k16), shared.b[stage].descriptor(0, k16),
                                                  true);
    commit_products();
    wait_products<1>();
    __syncwarp();
    if (previous >= 0 && lane == 0) arrive(&shared.empty[previous]);
    previous = stage;
  }
  wait_products<0>();
  pin(sum);

  float* part = partial == nullptr ? nullptr : partial + (int64_t)blockIdx.y * rows * cols;
#pragma unroll
  for (int e = 0; e < BN / 2; e++) {
    int64_t row = row0 + group + warp * 16 + lane / 4 + e / 2 % 2 * 8, col = e / 4 * 8 + lane % 4 * 2 + e % 2;
    if (row >= rows || col >= cols) continue;
    int64_t i = row * row_stride + col * col_stride;
    if (part != nullptr)
      part[i] = sum[e];
    else
      put(out, i, sum[e]);
  }
#endif
}

template <int BN, bool ALONG_K>
int32_t run(mr_stream* s, const char* op, const Product& p, const Operand& large, const Operand& small) {
  CUtensorMap map_large = {}, map_small = {};
  MR_TRY(describe(large, p.compute, p.k, BM, &map_large, op));
  MR_TRY(describe(small, p.compute, p.k, BN, &map_small, op));
  Split split = split_thin(p);
  float* partial = nullptr;
  if (split.parts > 1) {
    partial = parts_in_workspace(s, p, split.parts);
    if (partial == nullptr) return MR_ERR_MEMORY;
  }
  int64_t ld = partial ? p.n : p.ldc;
  bool is_a = p.m > p.n;
  dim3 grid((unsigned)divide_up(large.rows, BM), (unsigned)split.parts);
  MR_TRY(launch(s, op, thin_kernel<BN, ALONG_K>, grid, dim3(THREADS), (int64_t)sizeof(Ring<BN, ALONG_K>), map_large, map_small,
                large.rows, small.rows, p.k, split.depth, is_a ? ld : 1, is_a ? 1 : ld, output_of(p), partial));
  return partial ? add_parts(s, op, p, partial, split.parts) : MR_OK;
}

}  // namespace

int32_t gemm_thin(mr_stream* s, const char* op, const Product& given) {
  Product p = given;
  const Operand& large = p.m > p.n ? p.a : p.b;
  Operand small = p.m > p.n ? p.b : p.a;
  if (!small.along_k || !copies_by_16(small, p.compute)) {
    MR_TRY(arrange(s, op, p.compute, p.k, true, 1.0f, &p.reserved, &small));
    if (!copies_by_16(small, p.compute)) return gemm_mma(s, op, given);
  }
  if (small.rows <= 16) return large.along_k ? run<16, true>(s, op, p, large, small) : run<16, false>(s, op, p, large, small);
  if (small.rows <= 32) return large.along_k ? run<32, true>(s, op, p, large, small) : run<32, false>(s, op, p, large, small);
  return large.along_k ? run<64, true>(s, op, p, large, small) : run<64, false>(s, op, p, large, small);
}

}  // namespace mr
