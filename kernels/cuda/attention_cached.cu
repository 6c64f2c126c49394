// attention_cached.cu: attention of new tokens to those before them, whose keys and values are cached.
//
// How many there are (`past`) is read on the device alone and no grid depends on it, so a recorded graph of launches stays
// right as a cache fills.
//
// A few new tokens with many keys each (decode_kernel, after Flash-Decoding, Dao et al. 2023) are a matter of reading the
// cache once at full speed: the query heads of a kv head make up the rows of one product, keys are dealt out to `splits`
// blocks, in a block to its warps, each of which has a softmax and sums of its own. Those are put together in order: by the
// block for its warps, by combine_kernel for the blocks. In fp32 (decode_fp32_kernel) a block has one head of one token and no
// product of matrices.
#include "attention_tiles.h"

namespace mr {
namespace {

constexpr int ROWS = 16;  // (token, head of the group) pairs of a block; one in fp32
constexpr int MOST_SPLITS = 64;
// Keys are split for as many blocks: one on each multiprocessor of the largest GPUs, whose tiles under way are more than the memory's
// latency asks for; in fp32, with no tiles under way, two. Numbers, so that the same shapes have the same bits everywhere.
constexpr int64_t ENOUGH_BLOCKS = 132, ENOUGH_FP32_BLOCKS = 264;

// A warp has 16 keys of a tile. The tiles that are under way (STAGES - 1 of 32 KB or 16 KB) hide the memory's latency.
template <int DIM>
struct Tiling {
  static constexpr int WARPS = DIM <= 128 ? 4 : 2;
  static constexpr int THREADS = WARPS * WARP;
  static constexpr int KEYS = 16 * WARPS;
  static constexpr int STAGES = DIM <= 64 ? 4 : 3;
};

template <class C, int DIM>
struct Shared {
  union {
    struct {
      C k[Tiling<DIM>::STAGES][Tiling<DIM>::KEYS * DIM], v[Tiling<DIM>::STAGES][Tiling<DIM>::KEYS * DIM];
    };
    tiles::Staging<DIM> sums[Tiling<DIM>::WARPS];  // when the last keys are done with
  };
  float largest[Tiling<DIM>::WARPS][ROWS], total[Tiling<DIM>::WARPS][ROWS];
};

// What a block knows of a row: its largest score, in units of ln 2 but in fp32, and the sum relative to it.
struct __align__(8) Part {
  float largest;
  float total;
};
// Of all blocks, where keys are split: [splits, blocks x, kv_heads, rows of a block], sums with head_dim columns.
struct Parts {
  Part* rows;
  float* sums;
};
template <int BLOCK_ROWS = ROWS>
__device__ __forceinline__ int64_t part_of(int64_t split, int row) {
  return ((split * gridDim.x + blockIdx.x) * gridDim.y + blockIdx.y) * BLOCK_ROWS + row;
}

// Tiles of KEYS keys that a block goes over: its share of those between the first key that the span's queries see and the last.
struct Share {
  int first_key, begin, end, blocks;  // blocks: how many have any
};
__device__ __forceinline__ Share share_of(const Attention& a, const Span& span, int keys, int splits, int split) {
  int first = first_key(a, span.begin) / keys * keys;
  int tiles = (span.end - first + keys - 1) / keys, each = (tiles + splits - 1) / splits;
  return {first, min(split * each, tiles), min((split + 1) * each, tiles), (tiles + each - 1) / each};
}

// Where row `item` of the sequence's pairs begins in q and o.
__device__ __forceinline__ int64_t first_of_item(const Attention& a, const Span& span, int64_t kv_head, int item) {
  int group = (int)a.group();
  int64_t row = span.q_row0 + span.begin - span.item / group + item / group;  // the span begins at position begin with `item`
  return row * a.q_width() + (kv_head * group + item % group) * a.head_dim;
}

template <class C, int DIM>
__global__ void __launch_bounds__(Tiling<DIM>::THREADS)
    decode_kernel(Attention a, bool whole, int splits, const void* q, const void* k, const void* v, void* o, Parts parts) {
  using namespace tiles;
  constexpr int WARPS = Tiling<DIM>::WARPS, THREADS = Tiling<DIM>::THREADS, KEYS = Tiling<DIM>::KEYS, STAGES = Tiling<DIM>::STAGES;
  Shared<C, DIM>& shared = shared_memory<Shared<C, DIM>>();
  follow_kernels();
  Span span;
  if (!find_span<false>(a, ROWS, blockIdx.x, &span, (int)a.group())) return;
  int64_t kv_head = blockIdx.y, kv_width = a.kv_width();
  int64_t k_first = span.k_row0 * kv_width + kv_head * a.head_dim;
  int warp = warp_of_thread(), lane = lane_of_thread(), g = lane / 4, t = lane % 4, group = (int)a.group();
  Share share = share_of(a, span, KEYS, splits, (int)blockIdx.z);
  if (share.begin >= share.end) return;

  auto load_keys = [&](int tile) {
    if (tile < share.end) {
      int key = share.first_key + tile * KEYS, stage = tile % STAGES;
      int64_t first = k_first + key * kv_width;
      load_tile<KEYS, DIM, THREADS>(a, whole, k, first, kv_width, span.end - key, shared.k[stage], (int)opaque(threadIdx.x));
      load_tile<KEYS, DIM, THREADS>(a, whole, v, first, kv_width, span.end - key, shared.v[stage], (int)opaque(threadIdx.x));
    }
    commit_copies();
  };
  for (int n = 0; n < STAGES - 1; n++) load_keys(share.begin + n);

  // Queries pass through the stage that no keys are on their way to; every warp keeps all of them.
  C* staged = shared.k[(share.begin + STAGES - 1) % STAGES];
  MR_NO_UNROLL
  for (int e = (int)threadIdx.x; e < ROWS * (DIM / 8); e += THREADS) {
    int r = e / (DIM / 8), column = e % (DIM / 8) * 8;
    C* to = chunk_at<DIM>(staged, r, column / 8);
    int64_t from = first_of_item(a, span, kv_head, span.item + (r < span.items ? r : 0)) + column;
    if (whole) {
      bool there = r < span.items && column < a.head_dim;
      *reinterpret_cast<uint4*>(to) =
          there ? *reinterpret_cast<const uint4*>(static_cast<const C*>(q) + from) : make_uint4(0, 0, 0, 0);
      continue;
    }
    MR_NO_UNROLL
    for (int j = 0; j < 8; j++)
      to[j] = from_float<C>(r < span.items && column + j < a.head_dim ? element(q, a.dtype, from + j) : 0.0f);
  }
  __syncthreads();
  uint32_t queries[DIM / 16][4], from_q = lane_of_rows<DIM>(staged);
  MR_UNROLL
  for (int step = 0; step < DIM / 16; step++) load_matrices<false>(queries[step], from_q ^ 32 * step);
  int position[2];  // of rows g and g + 8
  MR_UNROLL
  for (int half = 0; half < 2; half++)
    position[half] = g + 8 * half < span.items ? span.begin + (span.item % group + g + 8 * half) / group : span.end - 1;

  float sum[1][DIM / 8][4] = {};
  Softmax softmax = empty_softmax();
  float scale = a.scale * LOG2_E;
  for (int tile = share.begin; tile < share.end; tile++) {
    wait_copies<STAGES - 2>();
    __syncthreads();
    load_keys(tile + STAGES - 1);
    int stage = tile % STAGES, key = share.first_key + tile * KEYS + warp * 16;  // the warp's first
    float s[1][2][4] = {};
    uint32_t from_k = lane_of_columns<DIM>(shared.k[stage] + warp * 16 * DIM);
    MR_UNROLL
    for (int step = 0; step < DIM / 16; step++) {
      uint32_t b[2][2];
      two_fragments<false>(b, from_k ^ 32 * step);
      multiply_16<C>(s[0][0], queries[step], b[0]);
      multiply_16<C>(s[0][1], queries[step], b[1]);
    }
    MR_UNROLL
    for (int n = 0; n < 2; n++) MR_UNROLL
    for (int i = 0; i < 4; i++) {
      int place = key + 8 * n + 2 * t + i % 2, one = position[i / 2];
      bool seen = place <= one && place >= first_key(a, one);
      s[0][n][i] = seen ? s[0][n][i] : -INFINITY;
    }
    softmax_step<DIM>(s[0], scale, softmax, sum[0]);
    accumulate<DIM>(s, shared.v[stage], warp * 16, sum);
  }
  finish_softmax(softmax);

  __syncthreads();
  MR_UNROLL
  for (int half = 0; half < 2; half++) {
    int r = g + 8 * half;
    MR_UNROLL
    for (int n = 0; n < DIM / 8; n++)
      *reinterpret_cast<float2*>(&shared.sums[warp].x[r][8 * n + 2 * t]) =
          make_float2(sum[0][n][2 * half], sum[0][n][2 * half + 1]);
    if (t == 0) {
      shared.largest[warp][r] = softmax.largest[half] * (__uint_as_float(opaque(__float_as_uint(a.scale))) * LOG2_E);
      shared.total[warp][r] = softmax.total[half];
    }
  }
  __syncthreads();
  for (int r = warp; r < span.items; r += WARPS) {
    float largest = -INFINITY, total = 0.0f, factor[WARPS];
    MR_UNROLL
    for (int w = 0; w < WARPS; w++) largest = fmaxf(largest, shared.largest[w][r]);
    MR_UNROLL
    for (int w = 0; w < WARPS; w++) {
      // a part of the keys of which the row sees none
      factor[w] = shared.largest[w][r] == -INFINITY ? 0.0f : exp2_flushed(shared.largest[w][r] - largest);
      total = fmaf(shared.total[w][r], factor[w], total);
    }
    int64_t first = first_of_item(a, span, kv_head, span.item + r), part = part_of(blockIdx.z, r);
    for (int c = lane; c < a.head_dim; c += WARP) {
      float x = 0.0f;
      MR_UNROLL
      for (int w = 0; w < WARPS; w++) x = fmaf(shared.sums[w].x[r][c], factor[w], x);
      if (splits > 1)
        parts.sums[part * a.head_dim + c] = x;
      else
        put(o, a.dtype, first + c, x / total);
    }
    if (splits > 1 && lane == 0) parts.rows[part] = {largest, total};
  }
}

constexpr int COMBINE_THREADS = 128;

// In fp32 a block has one row, and a warp of it every fourth of its keys; a lane has every 32nd column.
constexpr int FP32_WARPS = 4;
constexpr int FP32_COLUMNS = 8;  // of a lane: heads of up to 256
constexpr int FP32_KEYS = 32;

struct Fp32Shared {
  float sums[FP32_WARPS][FP32_COLUMNS * WARP], largest[FP32_WARPS], total[FP32_WARPS];
};

__global__ void __launch_bounds__(FP32_WARPS* WARP)
    decode_fp32_kernel(Attention a, int splits, const void* q, const void* k, const void* v, void* o, Parts parts) {
  Fp32Shared& shared = shared_memory<Fp32Shared>();
  follow_kernels();
  Span span;
  if (!find_span<false>(a, 1, blockIdx.x, &span, (int)a.group())) return;
  Share share = share_of(a, span, FP32_KEYS, splits, (int)blockIdx.z);
  if (share.begin >= share.end) return;
  int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
  int64_t first = first_of_item(a, span, blockIdx.y, span.item);
  float query[FP32_COLUMNS], sum[FP32_COLUMNS] = {}, largest = -INFINITY, total = 0.0f;
  MR_UNROLL
  for (int j = 0; j < FP32_COLUMNS; j++) {
    int c = lane + WARP * j;
    query[j] = c < a.head_dim ? element(q, a.dtype, first + c) * a.scale : 0.0f;
  }
  int begin = max(share.first_key + share.begin * FP32_KEYS, first_key(a, span.begin));
  int end = min(share.first_key + share.end * FP32_KEYS, span.end);
  for (int key = begin + warp; key < end; key += FP32_WARPS) {
    int64_t at = (span.k_row0 + key) * a.kv_width() + blockIdx.y * a.head_dim;
    float score = 0.0f, value[FP32_COLUMNS];
    MR_UNROLL
    for (int j = 0; j < FP32_COLUMNS; j++) {
      int c = lane + WARP * j;
      value[j] = c < a.head_dim ? element(v, a.dtype, at + c) : 0.0f;
      score = fmaf(query[j], c < a.head_dim ? element(k, a.dtype, at + c) : 0.0f, score);
    }
    score = warp_sum(score);
    float best = fmaxf(largest, score), scaled = expf(largest - best), e = expf(score - best);
    largest = best;
    total = fmaf(total, scaled, e);
    MR_UNROLL
    for (int j = 0; j < FP32_COLUMNS; j++) sum[j] = fmaf(sum[j], scaled, e * value[j]);
  }
  MR_UNROLL
  for (int j = 0; j < FP32_COLUMNS; j++) shared.sums[warp][lane + WARP * j] = sum[j];
  if (lane == 0) shared.largest[warp] = largest, shared.total[warp] = total;
  __syncthreads();

  float factor[FP32_WARPS];
  largest = -INFINITY, total = 0.0f;
  for (int w = 0; w < FP32_WARPS; w++) largest = fmaxf(largest, shared.largest[w]);
  for (int w = 0; w < FP32_WARPS; w++) {
    factor[w] = shared.largest[w] == -INFINITY ? 0.0f : expf(shared.largest[w] - largest);
    total = fmaf(shared.total[w], factor[w], total);
  }
  int64_t part = part_of<1>(blockIdx.z, 0);
  for (int c = (int)threadIdx.x; c < a.head_dim; c += FP32_WARPS * WARP) {
    float x = 0.0f;
    for (int w = 0; w < FP32_WARPS; w++) x = fmaf(shared.sums[w][c], factor[w], x);
    if (splits > 1)
      parts.sums[part * a.head_dim + c] = x;
    else
      put(o, a.dtype, first + c, x / total);
  }
  if (splits > 1 && threadIdx.x == 0) parts.rows[part] = {largest, total};
}

// A block a row: the blocks' parts of it, one after the other.
template <int BLOCK_ROWS>
__global__ void combine_kernel(Attention a, int keys, int splits, Parts parts, void* o) {
  constexpr bool IN_FP32 = BLOCK_ROWS == 1;
  follow_kernels();
  Span span;
  int row = (int)blockIdx.z;
  if (!find_span<false>(a, BLOCK_ROWS, blockIdx.x, &span, (int)a.group()) || row >= span.items) return;
  int blocks = share_of(a, span, keys, splits, 0).blocks;
  int64_t first = first_of_item(a, span, blockIdx.y, span.item + row);
  float largest = -INFINITY;
  for (int b = 0; b < blocks; b++) largest = fmaxf(largest, parts.rows[part_of<BLOCK_ROWS>(b, row)].largest);
  for (int64_t c = threadIdx.x; c < a.head_dim; c += COMBINE_THREADS) {
    float x = 0.0f, total = 0.0f;
    for (int b = 0; b < blocks; b++) {
      int64_t part = part_of<BLOCK_ROWS>(b, row);
      Part mine = parts.rows[part];
      float less = mine.largest - largest, factor = IN_FP32 ? expf(less) : exp2_flushed(less);
      if (mine.largest == -INFINITY) factor = 0.0f;  // none of the block's keys is one that the row sees
      total = fmaf(mine.total, factor, total);
      x = fmaf(parts.sums[part * a.head_dim + c], factor, x);
    }
    put(o, a.dtype, first + c, x / total);
  }
}

// A launch whose blocks have `rows` rows each: how many spans and splits, and memory for the parts.
struct Decoding {
  int64_t spans, splits;
  Parts parts;
};
int32_t plan_decoding(mr_stream* s, const Attention& a, int64_t rows, int64_t enough, Decoding* plan) {
  int64_t spans = spans_at_most(a, rows, a.group());
  // blocks with something to do, unless many sequences are empty
  int64_t busy = a.kv_heads * (a.tokens * a.group() > a.sequences * rows ? divide_up(a.tokens * a.group(), rows) : a.sequences);
  int64_t split_bytes = spans * a.kv_heads * rows * (a.head_dim * 4 + (int64_t)sizeof(Part));
  int64_t splits = enough / (busy > 0 ? busy : 1);  // below two, a second kernel would cost more than it saves
  if (splits > MOST_SPLITS) splits = MOST_SPLITS;
  if (splits > WORKSPACE_LIMIT / split_bytes) splits = WORKSPACE_LIMIT / split_bytes;
  if (splits < 1) splits = 1;
  *plan = {spans, splits, {nullptr, nullptr}};
  if (splits == 1) return MR_OK;
  plan->parts.rows = static_cast<Part*>(workspace(s, splits * split_bytes));
  if (plan->parts.rows == nullptr) return MR_ERR_MEMORY;
  plan->parts.sums = reinterpret_cast<float*>(plan->parts.rows + splits * spans * a.kv_heads * rows);
  return MR_OK;
}

template <int BLOCK_ROWS>
int32_t combine(mr_stream* s, const char* op, const Attention& a, const Decoding& plan, int keys, void* o) {
  if (plan.splits == 1) return MR_OK;
  return launch_early(s, op, combine_kernel<BLOCK_ROWS>, dim3((unsigned)plan.spans, (unsigned)a.kv_heads, BLOCK_ROWS),
                      dim3(COMBINE_THREADS), 0, a, keys, (int)plan.splits, plan.parts, o);
}

template <class C, int DIM>
int32_t decode(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o) {
  Decoding plan;
  MR_TRY(plan_decoding(s, a, ROWS, ENOUGH_BLOCKS, &plan));
  static_assert(sizeof(Shared<C, DIM>) <= tiles::SHARED_LIMIT);
  MR_TRY(launch_early(s, op, decode_kernel<C, DIM>, dim3((unsigned)plan.spans, (unsigned)a.kv_heads, (unsigned)plan.splits),
                      dim3(Tiling<DIM>::THREADS), sizeof(Shared<C, DIM>), a, tiles::copies_whole(a, q, k, v), (int)plan.splits, q,
                      k, v, o, plan.parts));
  return combine<ROWS>(s, op, a, plan, Tiling<DIM>::KEYS, o);
}

int32_t decode_fp32(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o) {
  Decoding plan;
  MR_TRY(plan_decoding(s, a, 1, ENOUGH_FP32_BLOCKS, &plan));
  MR_TRY(launch_early(s, op, decode_fp32_kernel, dim3((unsigned)plan.spans, (unsigned)a.kv_heads, (unsigned)plan.splits),
                      dim3(FP32_WARPS * WARP), sizeof(Fp32Shared), a, (int)plan.splits, q, k, v, o, plan.parts));
  return combine<1>(s, op, a, plan, FP32_KEYS, o);
}

// New tokens of a sequence, on average, up to which their keys are read together rather than by tiles of queries.
constexpr int64_t FEW = 8;

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_attention_cached(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                   const int32_t* cu_seqlens, const int32_t* cache_rows, const int32_t* past, int64_t heads,
                                   int64_t kv_heads, int64_t head_dim, float scale, int64_t window, const void* q,
                                   const void* k_cache, const void* v_cache, void* o) {
  Attention a = {compute,  dtype,    tokens, sequences, cu_seqlens, nullptr,   heads,
                 kv_heads, head_dim, scale,  window,    past,       cache_rows};
  MR_TRY(check_attention("attention_cached", a));
  MR_REQUIRE(sequences == 0 || (cache_rows && past), "attention_cached: cache_rows or past is NULL");
  MR_REQUIRE(tokens == 0 || (q && k_cache && v_cache && o), "attention_cached: a pointer is NULL");
  if (tokens == 0) return MR_OK;
  const char* op = "attention_cached";
  if (head_dim > FP32_COLUMNS * WARP || tokens > FEW * sequences) return attend(s, op, a, q, k_cache, v_cache, o, nullptr);
  if (compute == MR_F32) return decode_fp32(s, op, a, q, k_cache, v_cache, o);
  return tiles::with_tiles(a, [&](auto* type, auto width) {
    return decode<std::remove_pointer_t<decltype(type)>, decltype(width)::value>(s, op, a, q, k_cache, v_cache, o);
  });
}

}  // extern "C"
