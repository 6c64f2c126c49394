// gemm_wgmma.cu: products in 16 bits on compute capability 9.0: wgmma fed by the tensor memory accelerator.
//
// A block of three warpgroups stays on its multiprocessor and takes one tile 128 x BN of the product after another. The first
// warpgroup brings tiles of A and B, 64 deep, into a ring of stages; each of the other two multiplies 64 of the rows with all BN
// columns. Two barriers a stage hand it over: `full` when its bytes are there, `empty` when all consumers' products have read it.
// While a tile's sums are written the first stages of the next one arrive.
//
// Tensor cores idle while a tile's sums leave the registers, so results of the compute type leave them as they are stored: each
// warp rounds 16 rows x 64 columns at a time into a box in shared memory, TMA takes it from there while the next one, or the next
// tile, is made. fp32 results and parts of K are stored as they are held in registers; others (odd strides) go through Patch.
//
// Operands of the compute type with rows at multiples of 16 bytes are copied by TMA, one thread asking; others (fp32 weights, four bits,
// odd strides) are read, converted and stored in the same arrangement by all 128 threads of the first warpgroup. The products are the same
// instructions in the same order, so the bits are the same.
//
// A low-rank update is the first steps of the same ring: its sums are multiplied by the update's factor before those
// of A B are added.
//
// MEDREPRO_CUDA_GEMM=sm80 in the environment takes gemm_mma.cu instead, for a comparison on one card.
#include "gemm_tiles.h"

namespace mr {
namespace {

constexpr int THREADS = 3 * WARPGROUP;
constexpr int CONSUMER_WARPS = 8;
// A block owns what it was launched with, 65536 / 384 = 168 a thread in eights; setmaxnreg.inc blocks until
// enough registers are released.
constexpr int PRODUCER_REGISTERS = 88, CONSUMER_REGISTERS = 208;
static_assert(PRODUCER_REGISTERS + 2 * CONSUMER_REGISTERS <= 3 * (65536 / THREADS / 8 * 8), "more registers than the block has");

// What leaves one warp: two boxes of 16 rows x 64 columns in turn, arranged as load_tile does; or a patch.
union __align__(1024) Leaving {
  uint16_t box[2][16 * 64];
  Patch<16, 64> patch;
};

template <int BN, bool A_ALONG_K, bool B_ALONG_K>
struct Shared {
  static constexpr int STAGES = BN == 256 ? 4 : 6;
  Tile<BM, A_ALONG_K> a[STAGES];
  Tile<BN, B_ALONG_K> b[STAGES];
  Leaving leaving[CONSUMER_WARPS];
  uint64_t full[STAGES], empty[STAGES];
  CodeBook book;
};

// One operand's tile at (row0, k0) by the threads of the first warpgroup, through registers.
template <class T, int ROWS, bool ALONG_K>
__device__ __forceinline__ void convert_tile(const Operand& x, const CodeBook& book, int64_t row0, int64_t k0, int64_t k_end,
                                             Tile<ROWS, ALONG_K>& tile) {
  constexpr int AT_ONCE = 4;
#pragma unroll 1
  for (int first = (int)threadIdx.x; first < Tile<ROWS, ALONG_K>::CHUNKS; first += AT_ONCE * WARPGROUP) {
    Raw raw[AT_ONCE];
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      int e = first + i * WARPGROUP, line = e / 8, c = e % 8;  // line: a row, or 64 rows of one k
      int64_t row = row0 + (ALONG_K ? line : line / DEPTH * 64 + c * 8), k = k0 + (ALONG_K ? c * 8 : line % DEPTH);
      int64_t left = ALONG_K ? k_end - k : x.rows - row;
      bool there = ALONG_K ? row < x.rows : k < k_end;
      int count = !there || left <= 0 ? 0 : left >= 8 ? 8 : (int)left;
      raw[i] = fetch(x, ALONG_K ? row : k, ALONG_K ? k : row, count);
    }
#pragma unroll
    for (int i = 0; i < AT_ONCE; i++) {
      int e = first + i * WARPGROUP, line = e / 8, c = e % 8;
      *reinterpret_cast<uint4*>(tile.x + line * 64 + (c ^ (line & 7)) * 8) = narrow<T>(x.storage, raw[i], book);
    }
  }
}

// Eight 16-byte pieces a row of the 16 x 64 elements of C at (row0, col0), four a lane; zeros beyond C. Pieces are whole: n and ldc are
// multiples of 8.
struct Before {
  uint4 piece[4];
};
__device__ __forceinline__ Before fetch_before(const Output& out, int64_t row0, int64_t col0) {
  Before before;
  int lane = (int)threadIdx.x % WARP;
  int64_t row = row0 + lane / 8, col = col0 + lane % 8 * 8;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    before.piece[i] = make_uint4(0, 0, 0, 0);
    if (row + 4 * i < out.m && col < out.n)
      before.piece[i] = *reinterpret_cast<const uint4*>(static_cast<const uint16_t*>(out.c) + (row + 4 * i) * out.ldc + col);
  }
  return before;
}

// Rounds 16 x 64 sums of a warp, columns 8j in sum[4j], into a box: alpha * sum, or that added to `before`.
template <class T, bool ADDS>
__device__ __forceinline__ void fill_box(uint16_t* box, const float* sum, float alpha, const Before& before) {
  int lane = (int)threadIdx.x % WARP;
  if (ADDS) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int row = lane / 8 + 4 * i;
      *reinterpret_cast<uint4*>(box + row * 64 + (lane % 8 ^ row % 8) * 8) = before.piece[i];
    }
    __syncwarp();
  }
  int row = lane % 16;
#pragma unroll
  for (int j = 0; j < 8; j += 2) {
    // 8 rows of columns 8j, the 8 rows below, and the same of columns 8(j + 1)
    uint32_t address = shared_address(box + row * 64 + ((j + lane / 16) ^ row % 8) * 8), pairs[4] = {};
    if (ADDS) load_matrices<false>(pairs, address);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      float low = sum[4 * j + 2 * i], high = sum[4 * j + 2 * i + 1];
      float old_low = ADDS ? to_float(T{(uint16_t)pairs[i]}) : 0.0f,
            old_high = ADDS ? to_float(T{(uint16_t)(pairs[i] >> 16)}) : 0.0f;
      pairs[i] =
          ADDS ? pack_pair<T>(fmaf(alpha, low, old_low), fmaf(alpha, high, old_high)) : pack_pair<T>(alpha * low, alpha * high);
    }
    store_matrices(address, pairs);
  }
}

// fp32 results of a warp's 16 rows straight from the registers: four neighbouring lanes write 32 bytes of a row, which is what memory
// moves at once. n is even, and pairs are aligned.
template <int BN, bool ADDS>
__device__ __forceinline__ void write_pairs(const Output& out, int64_t row0, int64_t col0, const float (&sum)[BN / 2]) {
  constexpr int AT_ONCE = 8;
  int lane = (int)threadIdx.x % WARP;
  int64_t col = col0 + lane % 4 * 2;
  int columns = (int)min(out.n - col, (int64_t)BN);
#pragma unroll
  for (int h = 0; h < 2; h++) {
    int64_t row = row0 + lane / 4 + 8 * h;
    float* at = static_cast<float*>(out.c) + row * out.ldc + col;
    int there = row < out.m ? columns : 0;
#pragma unroll
    for (int first = 0; first < BN / 8; first += AT_ONCE) {
      float2 v[AT_ONCE];
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++)
        v[i] = ADDS && 8 * (first + i) < there ? *reinterpret_cast<const float2*>(at + 8 * (first + i)) : make_float2(0.0f, 0.0f);
#pragma unroll
      for (int i = 0; i < AT_ONCE; i++) {
        float x = sum[4 * (first + i) + 2 * h], y = sum[4 * (first + i) + 2 * h + 1];
        v[i] =
            ADDS ? make_float2(fmaf(out.alpha, x, v[i].x), fmaf(out.alpha, y, v[i].y)) : make_float2(out.alpha * x, out.alpha * y);
        if (8 * (first + i) < there) *reinterpret_cast<float2*>(at + 8 * (first + i)) = v[i];
      }
    }
  }
}

struct Work {
  int64_t tiles_m, tiles_n, tiles, items, depth;
};
// Where item i begins: which tile, which part of K.
__device__ __forceinline__ void work_at(const Work& work, int64_t i, int64_t k, int64_t* tile_m, int64_t* tile_n, int64_t* part,
                                        int64_t* k_begin, int64_t* k_end) {
  tile_at(i % work.tiles, work.tiles_m, work.tiles_n, tile_m, tile_n);
  *part = i / work.tiles;
  *k_begin = *part * work.depth;
  *k_end = min(k, *k_begin + work.depth);
}

template <class T, int BN, bool A_ALONG_K, bool B_ALONG_K>
__global__ void __launch_bounds__(THREADS, 1)
    wgmma_kernel(const __grid_constant__ CUtensorMap map_a, const __grid_constant__ CUtensorMap map_b,
                 const __grid_constant__ CUtensorMap map_u, const __grid_constant__ CUtensorMap map_v,
                 const __grid_constant__ CUtensorMap map_c, const __grid_constant__ Operand a, const __grid_constant__ Operand b,
                 const __grid_constant__ Operand u, const __grid_constant__ Operand v, bool copies_a, bool copies_b, bool copies_u,
                 bool copies_v, bool copies_c, int64_t k, int64_t rank, float factor, Work work, Output out, float* partial) {
#ifdef MR_HOPPER
  typedef Shared<BN, A_ALONG_K, B_ALONG_K> Ring;
  constexpr int STAGES = Ring::STAGES;
  auto& shared = shared_memory<Ring>();
  // without an update copies_u and copies_v are true
  const bool all_copied = copies_a && copies_b && copies_u && copies_v;
  fill_book(shared.book, b);
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) {
      init_barrier(&shared.full[i], all_copied ? 1 : WARPGROUP);
      init_barrier(&shared.empty[i], CONSUMER_WARPS);
    }
    publish_barriers();
  }
  __syncthreads();
  int stage = 0;
  uint32_t phase = 0;
  auto next_stage = [&] {
    if (++stage == STAGES) stage = 0, phase ^= 1;
  };

  if (threadIdx.x < WARPGROUP) {
    give_registers<PRODUCER_REGISTERS>();
    if (threadIdx.x == 0) {
      if (copies_a) prefetch_map(map_a);
      if (copies_b) prefetch_map(map_b);
      if (rank > 0 && copies_u) prefetch_map(map_u);
      if (rank > 0 && copies_v) prefetch_map(map_v);
      if (copies_c) prefetch_map(map_c);
    }
    if (!all_copied || threadIdx.x == 0) {
      for (int64_t i = blockIdx.x; i < work.items; i += gridDim.x) {
        int64_t tile_m, tile_n, part, k_begin, k_end;
        work_at(work, i, k, &tile_m, &tile_n, &part, &k_begin, &k_end);
        int64_t first = divide_up(rank, DEPTH), steps = first + divide_up(k_end - k_begin, DEPTH);
#pragma unroll 1
        for (int64_t step = 0; step < steps; step++, next_stage()) {
          bool joins = step < first;
          int64_t k0 = joins ? step * DEPTH : k_begin + (step - first) * DEPTH, end = joins ? rank : k_end;
          bool copies_x = joins ? copies_u : copies_a, copies_y = joins ? copies_v : copies_b;
          wait_barrier(&shared.empty[stage], phase ^ 1);  // passes at once in the first round
          uint64_t* full = &shared.full[stage];
          if (threadIdx.x == 0) {
            if (all_copied) arrive_expecting(full, Tile<BM, A_ALONG_K>::BYTES + Tile<BN, B_ALONG_K>::BYTES);
            if (copies_x) {
              if (joins)
                copy_tile(map_u, tile_m * BM, k0, shared.a[stage], full);
              else
                copy_tile(map_a, tile_m * BM, k0, shared.a[stage], full);
            }
            if (copies_y) {
              if (joins)
                copy_tile(map_v, tile_n * BN, k0, shared.b[stage], full);
              else
                copy_tile(map_b, tile_n * BN, k0, shared.b[stage], full);
            }
          }
          if (all_copied) continue;
          if (!copies_x) convert_tile<T>(joins ? u : a, shared.book, tile_m * BM, k0, end, shared.a[stage]);
          if (!copies_y) convert_tile<T>(joins ? v : b, shared.book, tile_n * BN, k0, end, shared.b[stage]);
          publish_stores();
          int bytes = (copies_x ? Tile<BM, A_ALONG_K>::BYTES : 0) + (copies_y ? Tile<BN, B_ALONG_K>::BYTES : 0);
          if (threadIdx.x == 0 && bytes > 0)
            arrive_expecting(full, bytes);
          else
            arrive(full);
        }
      }
    }
  } else {
    take_registers<CONSUMER_REGISTERS>();
    int row_of_group = ((int)threadIdx.x / WARPGROUP - 1) * 64, warp = (int)threadIdx.x % WARPGROUP / WARP;
    int lane = (int)threadIdx.x % WARP;
    for (int64_t i = blockIdx.x; i < work.items; i += gridDim.x) {
      int64_t tile_m, tile_n, part, k_begin, k_end;
      work_at(work, i, k, &tile_m, &tile_n, &part, &k_begin, &k_end);
      float sum[BN / 2];
#pragma unroll
      for (int e = 0; e < BN / 2; e++) sum[e] = 0.0f;
      int previous = -1;  // the stage whose products may still be running
      int64_t first = divide_up(rank, DEPTH), steps = first + divide_up(k_end - k_begin, DEPTH);
#pragma unroll 1
      for (int64_t step = 0; step < steps; step++, next_stage()) {
        wait_barrier(&shared.full[stage], phase);
        if (first > 0 && step == first && factor != 1.0f) {
          wait_products<0>();
          pin(sum);
#pragma unroll
          for (int e = 0; e < BN / 2; e++) sum[e] *= factor;
          pin(sum);
        }
        begin_products();
#pragma unroll
        for (int k16 = 0; k16 < DEPTH / 16; k16++)
          multiply_warpgroup<T, BN, A_ALONG_K, B_ALONG_K>(sum, shared.a[stage].descriptor(row_of_group, k16),
                                                          shared.b[stage].descriptor(0, k16), true);
        commit_products();
        wait_products<1>();
        __syncwarp();
        if (previous >= 0 && lane == 0) arrive(&shared.empty[previous]);
        previous = stage;
      }
      int64_t row0 = tile_m * BM + row_of_group + warp * 16, col0 = tile_n * BN;
      Before before;
      if (copies_c && out.accumulate) before = fetch_before(out, row0, col0);
      wait_products<0>();
      pin(sum);
      __syncwarp();
      if (lane == 0) arrive(&shared.empty[previous]);

      Leaving& leaving = shared.leaving[row_of_group / 16 + warp];
      if (copies_c) {
#pragma unroll
        for (int j = 0; j < BN / 8; j += 8) {
          uint16_t* box = leaving.box[j / 8 % 2];
          if (lane == 0) wait_stores<1>();  // the box is free
          __syncwarp();
          if (out.accumulate) {
            fill_box<T, true>(box, sum + 4 * j, out.alpha, before);
            if (j + 8 < BN / 8) before = fetch_before(out, row0, col0 + 8 * (j + 8));
          } else {
            fill_box<T, false>(box, sum + 4 * j, out.alpha, before);
          }
          publish_stores();
          __syncwarp();
          if (lane == 0) {
            store_tile(map_c, col0 + 8 * j, row0, box);
            commit_stores();
          }
        }
        continue;
      }
      Output to = out;
      if (partial) {  // a product of its own, without gaps
        to.c = partial + part * out.m * out.n;
        to.ldc = out.n, to.dtype = MR_F32, to.alpha = 1.0f, to.accumulate = false;
        to.pairs = out.n % 2 == 0;
      }
      if (to.dtype == MR_F32 && to.pairs && to.n % 2 == 0) {
        if (to.accumulate)
          write_pairs<BN, true>(to, row0, col0, sum);
        else
          write_pairs<BN, false>(to, row0, col0, sum);
        continue;
      }
#pragma unroll
      for (int j = 0; j < BN / 8; j += 8) {
#pragma unroll
        for (int l = 0; l < 8; l++) leaving.patch.put(0, l, sum + 4 * (j + l));
        leaving.patch.write(to, row0, col0 + 8 * j);
      }
    }
    if (lane == 0) wait_stores<0>();
  }
#endif
}

template <class T, int BN>
int32_t run(mr_stream* s, const char* op, const Product& p, Split split) {
  Work work = {divide_up(p.m, BM), divide_up(p.n, BN), 0, 0, split.depth};
  work.tiles = work.tiles_m * work.tiles_n;
  work.items = work.tiles * split.parts;
  float* partial = nullptr;
  if (split.parts > 1) {
    partial = parts_in_workspace(s, p, split.parts);
    if (partial == nullptr) return MR_ERR_MEMORY;
  }
  bool copies_a = copies_by_16(p.a, p.compute), copies_b = copies_by_16(p.b, p.compute);
  CUtensorMap map_a = {}, map_b = {}, map_u = {}, map_v = {}, map_c = {};
  if (copies_a) MR_TRY(describe(p.a, p.compute, p.k, BM, &map_a, op));
  if (copies_b) MR_TRY(describe(p.b, p.compute, p.k, BN, &map_b, op));
  bool copies_u = p.rank == 0 || copies_by_16(p.u, p.compute), copies_v = p.rank == 0 || copies_by_16(p.v, p.compute);
  if (p.rank > 0 && copies_u) MR_TRY(describe(p.u, p.compute, p.rank, BM, &map_u, op));
  if (p.rank > 0 && copies_v) MR_TRY(describe(p.v, p.compute, p.rank, BN, &map_v, op));
  // in whole pieces of 16 bytes: a store clips at the edge of the matrix, but no finer than that
  bool copies_c =
      partial == nullptr && p.c_dtype == p.compute && reinterpret_cast<uintptr_t>(p.c) % 16 == 0 && p.ldc % 8 == 0 && p.n % 8 == 0;
  if (copies_c) MR_TRY(describe_tiles(&map_c, p.compute, p.c, p.n, p.m, p.ldc, 16, op));
  unsigned blocks = (unsigned)(work.items < s->multiprocessors ? work.items : s->multiprocessors);
  auto start = [&](auto kernel) {
    return launch(s, op, kernel, dim3(blocks), dim3(THREADS), (int64_t)sizeof(Shared<BN, true, true>), map_a, map_b, map_u, map_v,
                  map_c, p.a, p.b, p.u, p.v, copies_a, copies_b, copies_u, copies_v, copies_c, p.k, p.rank, p.update, work,
                  output_of(p), partial);
  };
  int32_t code;
  if (p.a.along_k)
    code = p.b.along_k ? start(wgmma_kernel<T, BN, true, true>) : start(wgmma_kernel<T, BN, true, false>);
  else
    code = start(wgmma_kernel<T, BN, false, false>);
  MR_TRY(code);
  return partial ? add_parts(s, op, p, partial, split.parts) : MR_OK;
}

// How a product is cut: the width of its tiles and the parts of K, by what it should cost in units of 128 cycles of one block. A narrow
// tile's step takes 5, a wide one's 8: it reads a quarter less for the same products. Then the sums leave: in boxes, or as a part's, in
// fp32, for a second pass that has to be started and reads all of them.
struct Plan {
  bool wide;
  Split split;
};
Plan plan_product(const Product& p, bool may_be_wide) {
#ifdef MR_EMULATED
  constexpr int64_t SECOND_PASS = 0, PART_LEAVES = 10;  // small products are cut too
#else
  constexpr int64_t SECOND_PASS = 60, PART_LEAVES = 20;
#endif
  constexpr int64_t BOXES_LEAVE = 10, SUMS_A_UNIT = 28000;
  int64_t narrow = divide_up(p.m, BM) * divide_up(p.n, 128), wide = divide_up(p.m, BM) * divide_up(p.n, 256);
  int64_t steps = divide_up(p.k, DEPTH), most = 1;
  if (narrow < AIMED_MULTIPROCESSORS) {
    most = 2 * AIMED_MULTIPROCESSORS / narrow;
    most = most < steps / 4 ? most : steps / 4;  // four steps at least
    int64_t room = PARTS_LIMIT / (p.m * p.n * 4);
    most = most < room ? most : room;
  }
  Plan best = {};
  int64_t least = INT64_MAX;
  for (int64_t cuts = 1; cuts == 1 || cuts <= most; cuts++) {
    int64_t depth = divide_up(steps, cuts), parts = divide_up(steps, depth);
    int64_t leaves = parts > 1 ? PART_LEAVES : BOXES_LEAVE, after = parts > 1 ? SECOND_PASS + parts * p.m * p.n / SUMS_A_UNIT : 0;
    for (int is_wide = may_be_wide; is_wide >= 0; is_wide--) {
      int64_t rounds = divide_up((is_wide ? wide : narrow) * parts, AIMED_MULTIPROCESSORS);
      int64_t cost = rounds * (is_wide ? 8 * depth + 2 * leaves : 5 * depth + leaves) + after;
      if (cost < least) least = cost, best = {is_wide != 0, {parts, depth * DEPTH}};
    }
  }
  return best;
}

template <class T>
int32_t run(mr_stream* s, const char* op, const Product& p) {
  // fp16, which is rare, takes no wide ones: half the kernels to compile
  constexpr bool HAS_WIDE = std::is_same<T, bf16>::value;
  Plan plan = plan_product(p, HAS_WIDE);
  if constexpr (HAS_WIDE)
    if (plan.wide) return run<T, 256>(s, op, p, plan.split);
  return run<T, 128>(s, op, p, plan.split);
}

}  // namespace

int32_t gemm_wgmma(mr_stream* s, const char* op, const Product& p) {
  return p.compute == MR_BF16 ? run<bf16>(s, op, p) : run<f16>(s, op, p);
}

}  // namespace mr
