// gemm.h: what the kernels of matrix products share: the problem, operands of any storage on their way to a tile, the order of
// tiles, sums over parts of K.
#pragma once

#include "device.h"
#include "quantize_4bit.h"

namespace mr {

// How an operand's elements are stored. FOUR_BIT: two to a byte, the even element in the high half, with one scale a block.
enum Storage { STORED_F32 = 0, STORED_BF16 = 1, STORED_F16 = 2, STORED_FOUR_BIT = 3 };

// op(A) or op(B) seen as `rows` x k (for B, rows are columns of the product).
struct Operand {
  const void* data;
  int64_t ld;  // elements from one stored row to the next
  int64_t rows;
  bool along_k;     // stored [rows, k]; otherwise [k, rows]
  int32_t storage;  // Storage
  // of STORED_FOUR_BIT
  const float* absmax;
  int64_t blocks;  // of a stored row
  int32_t blocksize;
  int32_t block_shift;  // log2 of it, or -1 when it is no power of two
  int32_t kind;
};

struct Product {
  int32_t compute;
  int64_t m, n, k;
  float alpha;
  Operand a, b;
  void* c;
  int64_t ldc;
  int32_t c_dtype;
  bool accumulate;
  // + update * u v, of depth `rank`; none where rank is 0. u and v are stored along k where a and b are.
  Operand u, v;
  int64_t rank;
  float update;
  int64_t reserved;  // bytes at the beginning of the workspace that hold arranged operands
  // R, stored as C is, that the product joins once it is rounded: R + C; NULL without
  const void* residual;
};

inline int32_t storage_of(int32_t dtype) { return dtype == MR_F32 ? STORED_F32 : dtype == MR_BF16 ? STORED_BF16 : STORED_F16; }
// Whether rows of 16-bit elements of the type of `compute` begin at multiples of 16 bytes.
inline bool copies_by_16(const Operand& x, int32_t compute) {
  return compute != MR_F32 && x.storage == storage_of(compute) && reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.ld % 8 == 0;
}

// Every one of these computes the whole product. What an output's sum looks like depends on m, n, k, layout and `compute` alone,
// never on addresses, strides or storage.
int32_t gemm_fp32(mr_stream* s, const char* op, const Product& p);
// 16-bit compute.
// `count` products of the same A, at most MOST_PRODUCTS, in one launch; more than one only where A is the operand of few rows.
constexpr int MOST_PRODUCTS = 3;
int32_t gemm_few(mr_stream* s, const char* op, const Product* p, int count);  // takes_few(p)
// p[0] and p[1] of the same A and shape, and y = act(p[0].c) * p[1].c, stored like these, in one launch where takes_gated(p); kind:
// mr_gate.
bool takes_gated(const Product* p);
int32_t gemm_few_gated(mr_stream* s, const char* op, const Product* p, int32_t kind, void* y);
int32_t gemm_mma(mr_stream* s, const char* op, const Product& p);
int32_t gemm_wgmma(mr_stream* s, const char* op, const Product& p);  // compute capability 9.0
int32_t gemm_thin(mr_stream* s, const char* op, const Product& p);   // is_thin(p), compute capability 9.0
// Whether the kernels for the shape take the update of p into the same pass.
bool takes_update(const Product& p);
// Whether one operand has so few rows, of elements along k, that reading the other takes all the time.
bool takes_few(const Product& p);
// The kernel for a shape.
int32_t multiply(mr_stream* s, const char* op, const Product& p);

// Makes *x a copy of an operand, k deep, in workspace: of the type `compute`, times `factor`, along k or not, with rows at multiples of 16
// bytes. It stays as it is when it is in four bits or there is no room; the copy's bits are those that the kernels would convert to.
int32_t arrange(mr_stream* s, const char* op, int32_t compute, int64_t k, bool along_k, float factor, int64_t* reserved,
                Operand* x);

// A stored matrix of rows x cols with row stride ld is possible: no overflow of its size in bytes.
inline bool is_matrix(int64_t rows, int64_t cols, int64_t ld) {
  int64_t elements;
  return ld >= cols && !__builtin_mul_overflow(rows, ld, &elements) && elements < INT64_MAX / 8;
}

// ---- parts of K ------------------------------------------------------------------------------------------------------

// Streaming multiprocessors that a split aims to keep busy: a number of ours and not the device's, since it is a part of the
// order of sums. Emulated products are small, and still reach every kernel.
#ifdef MR_EMULATED
constexpr int64_t AIMED_MULTIPROCESSORS = 4;
#else
constexpr int64_t AIMED_MULTIPROCESSORS = 132;
#endif

// Bytes of workspace for the sums of parts, and for arranged operands.
constexpr int64_t PARTS_LIMIT = 48 << 20, ARRANGED_LIMIT = WORKSPACE_LIMIT - PARTS_LIMIT;

// Into how many parts K is cut, each `depth` deep but the last one; workspace holds the sums of all.
struct Split {
  int64_t parts, depth;
};
// `tiles` tiles of a product whose K goes in steps of `step`.
inline Split split_k(const Product& p, int64_t tiles, int64_t step) {
  int64_t steps = divide_up(p.k, step), parts = 1;
  if (tiles < AIMED_MULTIPROCESSORS) {
    parts = 2 * AIMED_MULTIPROCESSORS / tiles;
    parts = parts < steps / 4 ? parts : steps / 4;  // four steps at least: below, the second pass costs more than it saves
    int64_t room = PARTS_LIMIT / (p.m * p.n * 4);
    parts = parts < room ? parts : room;
    if (parts < 1) parts = 1;
  }
  int64_t depth = divide_up(steps, parts) * step;
  return {divide_up(p.k, depth), depth};
}

// The same for a thin product, whose large operand is read in tiles of 128 x 64: so that all multiprocessors read it, two tiles at a time.
inline bool is_thin(const Product& p) {
  int64_t small = p.m < p.n ? p.m : p.n, large = p.m < p.n ? p.n : p.m;
  return p.compute == MR_BF16 && p.rank == 0 && small <= 64 && large >= 128 && p.k >= 64 && (p.a.along_k || !p.b.along_k);
}
inline Split split_thin(const Product& p) {
  constexpr int64_t ROWS = 128, STEP = 64, AT_ONCE = 2 * AIMED_MULTIPROCESSORS, BEGIN = 6;  // what a block costs besides its steps
  int64_t tiles = divide_up(p.m > p.n ? p.m : p.n, ROWS), steps = divide_up(p.k, STEP);
  int64_t room = PARTS_LIMIT / (p.m * p.n * 4), most = steps / 4 < room ? steps / 4 : room;
  int64_t least = INT64_MAX, best = steps;
  for (int64_t cuts = 1; cuts == 1 || (cuts <= most && cuts <= 64); cuts++) {
    int64_t depth = divide_up(steps, cuts), rounds = divide_up(tiles * divide_up(steps, depth), AT_ONCE);
    int64_t cost = rounds * (depth + BEGIN) + cuts / 4;
    if (cost < least) least = cost, best = depth;
  }
  return {divide_up(steps, best), best * STEP};
}

// Address of `parts` matrices of sums; NULL without memory.
inline float* parts_in_workspace(mr_stream* s, const Product& p, int64_t parts) {
  void* begin = workspace(s, p.reserved + parts * p.m * p.n * 4);
  return begin == nullptr ? nullptr : reinterpret_cast<float*>(static_cast<char*>(begin) + p.reserved);
}

// c[row, col] (+)= alpha * (partial[0] + partial[1] + ...) of `parts` matrices [m, n] in workspace.
int32_t add_parts(mr_stream* s, const char* op, const Product& p, const float* partial, int64_t parts);

// ---- in kernels ----------------------------------------------------------------------------------------------------

// The tiles of a product in an order that keeps what neighbouring blocks read in the second-level cache: bands of 16 rows of tiles,
// column by column. 132 blocks at once then read 2048 rows of A and, in tiles of 128 x 256, 2112 of B: the least there is.
__device__ __forceinline__ void tile_at(int64_t i, int64_t tiles_m, int64_t tiles_n, int64_t* tile_m, int64_t* tile_n) {
  constexpr int64_t BAND = 16;
  int64_t band = i / (BAND * tiles_n), within = i % (BAND * tiles_n);
  int64_t height = min(BAND, tiles_m - band * BAND);
  *tile_m = band * BAND + within % height;
  *tile_n = within / height;
}

__device__ __forceinline__ float load_as_float(const void* p, int32_t dtype, int64_t i) {
  if (dtype == MR_BF16) return to_float(static_cast<const bf16*>(p)[i]);
  if (dtype == MR_F16) return to_float(static_cast<const f16*>(p)[i]);
  return static_cast<const float*>(p)[i];
}
__device__ __forceinline__ void store_as(void* p, int32_t dtype, int64_t i, float x) {
  if (dtype == MR_BF16)
    static_cast<bf16*>(p)[i] = from_float<bf16>(x);
  else if (dtype == MR_F16)
    static_cast<f16*>(p)[i] = from_float<f16>(x);
  else
    static_cast<float*>(p)[i] = x;
}

// The code book of an operand that has one; a barrier must follow.
__device__ __forceinline__ void fill_book(CodeBook& book, const Operand& x) {
  if (x.storage == STORED_FOUR_BIT) fill_book(book, x.kind);
}

// The scale of element `at` of stored row `row`: divisions are dear, and blocks are nearly always a power of two.
__device__ __forceinline__ float scale_at(const Operand& x, int64_t row, int64_t at) {
  int64_t block = x.block_shift >= 0 ? at >> x.block_shift : at / x.blocksize;
  return x.absmax[row * x.blocks + block];
}

// Eight elements that follow each other in memory, as they were read.
struct Raw {
  uint4 low, high;  // fp32: 4 and 4; 16 bits: low alone; 4 bits: low.x, and the scale's bits in low.y
};
// Elements `at` .. at + count - 1 of stored row `row`; zeros after them. at is a multiple of 8, count <= 8.
__device__ __forceinline__ Raw fetch(const Operand& x, int64_t row, int64_t at, int count) {
  Raw raw = {};
  if (count <= 0) return raw;
  int64_t i = row * x.ld + at;
  if (x.storage == STORED_FOUR_BIT) {
    // rows are whole blocks of at least 32 elements, so packs are whole and of one block; the memory of the codes is aligned to
    // no more than bytes
    const uint8_t* p = static_cast<const uint8_t*>(x.data) + i / 2;
    if (reinterpret_cast<uintptr_t>(p) % 4 == 0)
      raw.low.x = *reinterpret_cast<const uint32_t*>(p);
    else
      raw.low.x = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    raw.low.y = __float_as_uint(scale_at(x, row, at));
    return raw;
  }
  if (x.storage == STORED_F32) {
    const float* p = static_cast<const float*>(x.data) + i;
    if (count == 8 && reinterpret_cast<uintptr_t>(p) % 16 == 0) {
      raw.low = *reinterpret_cast<const uint4*>(p);
      raw.high = *reinterpret_cast<const uint4*>(p + 4);
      return raw;
    }
    uint32_t w[8];
#pragma unroll
    for (int j = 0; j < 8; j++) w[j] = j < count ? __float_as_uint(p[j]) : 0;
    raw.low = make_uint4(w[0], w[1], w[2], w[3]);
    raw.high = make_uint4(w[4], w[5], w[6], w[7]);
    return raw;
  }
  const uint16_t* p = static_cast<const uint16_t*>(x.data) + i;
  if (count == 8 && reinterpret_cast<uintptr_t>(p) % 16 == 0) {
    raw.low = *reinterpret_cast<const uint4*>(p);
    return raw;
  }
  uint32_t w[4];
#pragma unroll
  for (int j = 0; j < 4; j++) w[j] = (2 * j < count ? p[2 * j] : 0u) | (2 * j + 1 < count ? (uint32_t)p[2 * j + 1] << 16 : 0u);
  raw.low = make_uint4(w[0], w[1], w[2], w[3]);
  return raw;
}
__device__ __forceinline__ void widen(int32_t storage, const Raw& raw, const CodeBook& book, float (&y)[8]) {
  const uint32_t w[8] = {raw.low.x, raw.low.y, raw.low.z, raw.low.w, raw.high.x, raw.high.y, raw.high.z, raw.high.w};
#pragma unroll
  for (int j = 0; j < 8; j++) {
    if (storage == STORED_F32)
      y[j] = __uint_as_float(w[j]);
    else if (storage == STORED_BF16)
      y[j] = to_float(bf16{(uint16_t)(w[j / 2] >> (j % 2 * 16))});
    else if (storage == STORED_F16)
      y[j] = to_float(f16{(uint16_t)(w[j / 2] >> (j % 2 * 16))});
    else
      y[j] = book.value[w[0] >> ((j ^ 1) * 4) & 15] * __uint_as_float(w[1]);
  }
}
template <class T>
__device__ __forceinline__ constexpr int32_t own_storage();
template <>
__device__ __forceinline__ constexpr int32_t own_storage<bf16>() {
  return STORED_BF16;
}
template <>
__device__ __forceinline__ constexpr int32_t own_storage<f16>() {
  return STORED_F16;
}
// The same eight as T.
template <class T>
__device__ __forceinline__ uint4 narrow(int32_t storage, const Raw& raw, const CodeBook& book) {
  if (storage == own_storage<T>()) return raw.low;
  float y[8];
  widen(storage, raw, book, y);
  uint32_t w[4];
#pragma unroll
  for (int j = 0; j < 4; j++) w[j] = from_float<T>(y[2 * j]).bits | (uint32_t)from_float<T>(y[2 * j + 1]).bits << 16;
  return make_uint4(w[0], w[1], w[2], w[3]);
}

// Where sums go: c (+)= alpha * sum, or residual + alpha * sum rounded.
struct Output {
  void* c;
  const void* residual;
  int64_t ldc, m, n;
  float alpha;
  int32_t dtype;
  bool accumulate, pairs;  // pairs: (row, even column) begins at a multiple of two elements
};
inline Output output_of(const Product& p) {
  int64_t pair = p.c_dtype == MR_F32 ? 8 : 4;
  bool pairs = reinterpret_cast<uintptr_t>(p.c) % (uintptr_t)pair == 0 && p.ldc % 2 == 0;
  return {p.c, p.residual, p.ldc, p.m, p.n, p.alpha, p.c_dtype, p.accumulate, pairs};
}
// What the sum of element i joins, which may be read long before there is a sum.
__device__ __forceinline__ float joined(const Output& out, int64_t i) {
  if (out.residual != nullptr) return load_as_float(out.residual, out.dtype, i);
  return out.accumulate ? load_as_float(out.c, out.dtype, i) : 0.0f;
}
__device__ __forceinline__ float rounded_as(int32_t dtype, float x) {
  if (dtype == MR_BF16) return to_float(from_float<bf16>(x));
  return dtype == MR_F16 ? to_float(from_float<f16>(x)) : x;
}
__device__ __forceinline__ void put(const Output& out, int64_t i, float sum, float joins) {
  float x = out.accumulate ? fmaf(out.alpha, sum, joins) : out.alpha * sum;
  if (out.residual != nullptr) x = rounded_as(out.dtype, x) + joins;
  store_as(out.c, out.dtype, i, x);
}
__device__ __forceinline__ void put(const Output& out, int64_t i, float sum) { put(out, i, sum, joined(out, i)); }
// Columns col and col + 1 of a row, as far as they exist.
__device__ __forceinline__ float2 load_pair(const Output& out, int64_t row, int64_t col) {
  float2 v = make_float2(0.0f, 0.0f);
  if (row >= out.m || col >= out.n) return v;
  int64_t i = row * out.ldc + col;
  if (out.pairs && col + 1 < out.n) {
    if (out.dtype == MR_F32) return *reinterpret_cast<const float2*>(static_cast<const float*>(out.c) + i);
    uint32_t both = *reinterpret_cast<const uint32_t*>(static_cast<const uint16_t*>(out.c) + i);
    uint16_t low = (uint16_t)both, high = (uint16_t)(both >> 16);
    return out.dtype == MR_BF16 ? make_float2(to_float(bf16{low}), to_float(bf16{high}))
                                : make_float2(to_float(f16{low}), to_float(f16{high}));
  }
  v.x = load_as_float(out.c, out.dtype, i);
  if (col + 1 < out.n) v.y = load_as_float(out.c, out.dtype, i + 1);
  return v;
}
__device__ __forceinline__ void store_pair(const Output& out, int64_t row, int64_t col, float2 v) {
  if (row >= out.m || col >= out.n) return;
  int64_t i = row * out.ldc + col;
  if (out.pairs && col + 1 < out.n) {
    if (out.dtype == MR_F32) {
      *reinterpret_cast<float2*>(static_cast<float*>(out.c) + i) = v;
    } else {
      uint32_t low = out.dtype == MR_BF16 ? from_float<bf16>(v.x).bits : from_float<f16>(v.x).bits;
      uint32_t high = out.dtype == MR_BF16 ? from_float<bf16>(v.y).bits : from_float<f16>(v.y).bits;
      *reinterpret_cast<uint32_t*>(static_cast<uint16_t*>(out.c) + i) = low | high << 16;
    }
    return;
  }
  store_as(out.c, out.dtype, i, v.x);
  if (col + 1 < out.n) store_as(out.c, out.dtype, i + 1, v.y);
}

// A part of the product that one warp holds, on its way from fragments to whole rows: in shared memory, swizzled so that neither way
// accesses a bank twice.
template <int ROWS, int COLS>
struct Patch {
  float x[ROWS * COLS];
  __device__ __forceinline__ float2* pair(int row, int col) {
    return reinterpret_cast<float2*>(x + row * COLS + (col ^ (row & 3) * 8));
  }
  // Fragments as mma leaves them: rows 16 i + lane / 4 and 8 more, columns 8 j + lane % 4 * 2.
  __device__ __forceinline__ void put(int i, int j, const float* d) {
    int lane = (int)threadIdx.x % WARP, row = 16 * i + lane / 4, col = 8 * j + lane % 4 * 2;
    *pair(row, col) = make_float2(d[0], d[1]);
    *pair(row + 8, col) = make_float2(d[2], d[3]);
  }
  // out (+)= alpha * patch at (row0, col0). Neighbouring lanes write neighbouring columns; what is added to is read for several rows
  // at once.
  __device__ __forceinline__ void write(const Output& out, int64_t row0, int64_t col0) {
    constexpr int LANES_A_ROW = COLS / 2, ROWS_AT_ONCE = WARP / LANES_A_ROW, AHEAD = 4;
    int lane = (int)threadIdx.x % WARP, col = lane % LANES_A_ROW * 2;
    __syncwarp();
#pragma unroll 1
    for (int first = lane / LANES_A_ROW; first < ROWS; first += ROWS_AT_ONCE * AHEAD) {
      float2 v[AHEAD];
#pragma unroll
      for (int i = 0; i < AHEAD; i++) {
        v[i] = make_float2(0.0f, 0.0f);
        if (out.accumulate) v[i] = load_pair(out, row0 + first + i * ROWS_AT_ONCE, col0 + col);
      }
#pragma unroll
      for (int i = 0; i < AHEAD; i++) {
        int row = first + i * ROWS_AT_ONCE;
        float2 sum = *pair(row, col);
        v[i] = out.accumulate ? make_float2(fmaf(out.alpha, sum.x, v[i].x), fmaf(out.alpha, sum.y, v[i].y))
                              : make_float2(out.alpha * sum.x, out.alpha * sum.y);
        store_pair(out, row0 + row, col0 + col, v[i]);
      }
    }
    __syncwarp();
  }
};

}  // namespace mr
