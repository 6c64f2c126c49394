// gemm_few.cu: products in 16 bits where one operand has at most 8 rows and both are contiguous along k: x W^T of decoding (few tokens) and
// x A^T of a small rank. They take as long as it takes to read the large operand once.
//
// A warp makes COLS outputs for each of the few rows, by itself: its lanes cut K into packs of 8, lane t taking packs t, t + 32, ...,
// then the lanes' sums. A read of the large operand takes most of a microsecond, whatever its size, so a lane has AHEAD packs of it
// on their way at once, and nothing in between waits for other warps. The few rows are small enough for the first-level cache.
//
// Several products of the same few rows are one launch: their columns follow each other in the grid. Of a gated unit a warp has the
// same column of both. An output's sum depends on k alone.
#include "gated.h"
#include "gemm.h"

namespace mr {
namespace {

constexpr int WARPS = 4, THREADS = WARPS * WARP;

// What is fetched before there is anything to multiply with: by as many blocks as find a place at once, so many elements of a row, a
// sector of 32 bytes a lane.
constexpr unsigned FETCHING_BLOCKS = 1024;
constexpr int64_t FETCHED = 8192, SECTOR = 16;

// One of the products: its large operand and where its outputs go.
struct Many {
  Operand x;
  Output out;
  int64_t few_stride, many_stride;  // element (row of few, row of many) of the product is at row * few_stride + col * many_stride
  int64_t first_block;
};
struct FewProducts {
  Operand few;
  int64_t k;
  Many many[MOST_PRODUCTS];  // those beyond the last one begin after the grid
  // of a gated unit, whose gate and up are the first two: y = act(gate) * up, stored as they are
  int32_t kind;
  void* y;
};

struct Shared {
  CodeBook book;
};

template <class T>
__device__ __forceinline__ void load_8(const Operand& x, const CodeBook& book, int64_t row, int64_t k, int count, float (&y)[8]) {
  Raw raw = fetch(x, row, k, row < x.rows ? count : 0);
  raw.low = narrow<T>(x.storage, raw, book);
  widen(own_storage<T>(), raw, book, y);
}

// Two elements of a word of T.
__device__ __forceinline__ float2 widen_pair(bf16*, uint32_t w) {
  return make_float2(__uint_as_float(w << 16), __uint_as_float(w & 0xffff0000u));
}
__device__ __forceinline__ float2 widen_pair(f16*, uint32_t w) {
  return make_float2(to_float(f16{(uint16_t)w}), to_float(f16{(uint16_t)(w >> 16)}));
}
template <class T>
__device__ __forceinline__ void widen_8(const uint4& raw, float (&y)[8]) {
  const uint32_t w[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
  for (int j = 0; j < 4; j++) {
    float2 pair = widen_pair(static_cast<T*>(nullptr), w[j]);
    y[2 * j] = pair.x, y[2 * j + 1] = pair.y;
  }
}
// The same eight of an operand that is stored as T or in fp32, in whole packs at multiples of 16 bytes.
template <class T>
__device__ __forceinline__ void load_whole(const Operand& x, int64_t row, int64_t k, float (&y)[8]) {
  int64_t i = row * x.ld + k;
  if (x.storage == own_storage<T>()) {
    widen_8<T>(*reinterpret_cast<const uint4*>(static_cast<const T*>(x.data) + i), y);
    return;
  }
  const float4* p = reinterpret_cast<const float4*>(static_cast<const float*>(x.data) + i);
  float4 low = p[0], high = p[1];
  const float w[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
  for (int j = 0; j < 8; j++) y[j] = to_float(from_float<T>(w[j]));
}

template <int COLS, int FEW>
__device__ __forceinline__ void add_products(const float (&w)[COLS][8], const float (&x)[8], int row, float (&sum)[COLS][FEW]) {
#pragma unroll
  for (int e = 0; e < 8; e++)
#pragma unroll
    for (int j = 0; j < COLS; j++) sum[j][row] = fmaf(x[e], w[j][e], sum[j][row]);
}

// FEW >= few.rows rows by COLS columns a warp. WHOLE: many is stored as T, few as T or in fp32, all in whole packs at multiples of
// 16 bytes. GATED: the two columns are one of gate and one of up.
template <class T, int FEW, int COLS, bool WHOLE, bool GATED>
__global__ void __launch_bounds__(THREADS, 5) few_kernel(const __grid_constant__ FewProducts p) {
  constexpr int AHEAD = 8 / COLS / (FEW > 4 ? 2 : 1);
  constexpr int64_t STEP = WARP * 8;
  static_assert(!GATED || COLS == 2, "a column of each");
  int part = 0;
#pragma unroll
  for (int i = 1; i < MOST_PRODUCTS && !GATED; i++) part += blockIdx.x >= p.many[i].first_block;
  const Many& many = p.many[part];
  const Operand& few = p.few;
  int warp = (int)threadIdx.x / WARP, lane = (int)threadIdx.x % WARP;
  int64_t col0 = ((blockIdx.x - many.first_block) * WARPS + warp) * (GATED ? 1 : COLS);
  auto matrix_of = [&](int j) -> const Operand& { return GATED ? p.many[j].x : many.x; };
  auto column_of = [&](int j) { return GATED ? col0 : col0 + j; };
  auto row_of = [&](int j) {
    const Operand& x = matrix_of(j);
    return static_cast<const T*>(x.data) + min(column_of(j), x.rows - 1) * x.ld;
  };
  // frozen weights, mostly: on their way while the kernels before still make the few rows
  admit_next_kernel();
  if (WHOLE && blockIdx.x < FETCHING_BLOCKS) {
#pragma unroll
    for (int j = 0; j < COLS; j++) {
      const T* row = row_of(j);
      for (int64_t at = lane * SECTOR; at < min(p.k, FETCHED); at += WARP * SECTOR) fetch_ahead(row + at);
    }
  }
  wait_for_kernels();
  CodeBook* book = nullptr;
  if (!WHOLE) {
    book = &shared_memory<Shared>().book;
    fill_book(*book, many.x);  // at most one operand is stored in four bits
    if (few.storage == STORED_FOUR_BIT) fill_book(*book, few);
    __syncthreads();
  }
  if (col0 >= many.x.rows) return;

  // lane i * COLS + j hands over output (i, j)
  int64_t col = column_of(lane % COLS), at_out = lane / COLS * many.few_stride + col * many.many_stride;
  bool hands_over = lane / COLS < few.rows && col < many.x.rows;
  float joins = hands_over && !GATED ? joined(many.out, at_out) : 0.0f;
  float sum[COLS][FEW];
#pragma unroll
  for (int j = 0; j < COLS; j++)
#pragma unroll
    for (int i = 0; i < FEW; i++) sum[j][i] = 0.0f;
  if (WHOLE) {
    const T* row[COLS];
#pragma unroll
    for (int j = 0; j < COLS; j++) row[j] = row_of(j);
    for (int64_t first = lane * 8; first < p.k; first += STEP * AHEAD) {
      uint4 raw[AHEAD][COLS];
#pragma unroll
      for (int u = 0; u < AHEAD; u++)
#pragma unroll
        for (int j = 0; j < COLS; j++)
          raw[u][j] = first + u * STEP < p.k ? *reinterpret_cast<const uint4*>(row[j] + first + u * STEP) : make_uint4(0, 0, 0, 0);
#pragma unroll
      for (int u = 0; u < AHEAD; u++) {
        int64_t at = first + u * STEP;
        if (at >= p.k) break;
        float w[COLS][8];
#pragma unroll
        for (int j = 0; j < COLS; j++) widen_8<T>(raw[u][j], w[j]);
#pragma unroll
        for (int i = 0; i < FEW; i++) {
          if (i >= few.rows) break;
          float x[8];
          load_whole<T>(few, i, at, x);
          add_products(w, x, i, sum);
        }
      }
    }
  } else {
    for (int64_t at = lane * 8; at < p.k; at += STEP) {
      int count = (int)min((int64_t)8, p.k - at);
      float w[COLS][8];
#pragma unroll
      for (int j = 0; j < COLS; j++) load_8<T>(matrix_of(j), *book, column_of(j), at, count, w[j]);
#pragma unroll
      for (int i = 0; i < FEW; i++) {
        float x[8];
        load_8<T>(few, *book, i, at, count, x);
        add_products(w, x, i, sum);
      }
    }
  }
  float total = 0.0f;
#pragma unroll
  for (int i = 0; i < FEW; i++)
#pragma unroll
    for (int j = 0; j < COLS; j++) {
      float all = warp_sum(sum[j][i]);
      if (lane == i * COLS + j) total = all;
    }
  if (GATED) {
    int32_t dtype = many.out.dtype;
    float value = rounded_as(dtype, total), other = __shfl_xor_sync(ALL_LANES, value, 1);
    if (!hands_over) return;
    store_as(p.many[lane % 2].out.c, dtype, at_out, value);
    if (lane % 2 != 0) return;
    store_as(p.y, dtype, at_out, (p.kind == MR_GATE_SILU ? Silu::value(value) : Gelu::value(value)) * other);
    return;
  }
  if (hands_over) put(many.out, at_out, total, joins);
}

// Columns of all products up to which a warp has one: fewer warps than that leave the memory's latency open.
constexpr int64_t NARROW = 2048;

// Whether rows are whole packs of `pack` elements at multiples of 16 bytes.
bool in_whole_packs(const Operand& x, int64_t k, int64_t pack) {
  return k % 8 == 0 && x.ld % pack == 0 && reinterpret_cast<uintptr_t>(x.data) % 16 == 0;
}

// A launch of `count` products.
struct Plan {
  FewProducts p;
  bool whole;
  int64_t columns;  // of all products
};
Plan plan_products(const Product* products, int count) {
  const Product& first = products[0];
  bool few_a = first.m <= 8;
  Plan plan = {};
  FewProducts& p = plan.p;
  p.few = few_a ? first.a : first.b;
  p.k = first.k;
  int32_t own = storage_of(first.compute);
  plan.whole =
      (p.few.storage == own && in_whole_packs(p.few, p.k, 8)) || (p.few.storage == STORED_F32 && in_whole_packs(p.few, p.k, 4));
  for (int i = 0; i < count; i++) {
    Many& many = p.many[i];
    many.x = few_a ? products[i].b : products[i].a;
    many.out = output_of(products[i]);
    many.few_stride = few_a ? products[i].ldc : 1;
    many.many_stride = few_a ? 1 : products[i].ldc;
    plan.whole = plan.whole && many.x.storage == own && in_whole_packs(many.x, p.k, 8);
    plan.columns += many.x.rows;
  }
  return plan;
}

int32_t start_blocks(mr_stream* s, const char* op, void (*kernel)(const FewProducts), int64_t blocks, const Plan& plan) {
  return launch_early(s, op, kernel, dim3((unsigned)blocks), dim3(THREADS), (int64_t)(plan.whole ? 0 : sizeof(Shared)), plan.p);
}

// body(FEW) as a type. fp16, which is rare, has one kernel for all: an output's sum is the same.
template <class T, class Body>
int32_t with_few(int64_t rows, Body body) {
  if constexpr (std::is_same<T, bf16>::value) {
    if (rows == 1) return body(std::integral_constant<int, 1>{});
    if (rows <= 4) return body(std::integral_constant<int, 4>{});
  }
  return body(std::integral_constant<int, 8>{});
}

template <class T>
int32_t run(mr_stream* s, const char* op, const Product* products, int count) {
  Plan plan = plan_products(products, count);
  int64_t width = plan.whole && plan.columns <= NARROW ? 1 : 2, blocks = 0;
  for (int i = 0; i < MOST_PRODUCTS; i++) {
    plan.p.many[i].first_block = blocks;
    blocks += divide_up(plan.p.many[i].x.rows, WARPS * width);
  }
  return with_few<T>(plan.p.few.rows, [&](auto few) {
    constexpr int FEW = decltype(few)::value;
    auto kernel = !plan.whole  ? few_kernel<T, FEW, 2, false, false>
                  : width == 1 ? few_kernel<T, FEW, 1, true, false>
                               : few_kernel<T, FEW, 2, true, false>;
    return start_blocks(s, op, kernel, blocks, plan);
  });
}

}  // namespace

int32_t gemm_few(mr_stream* s, const char* op, const Product* p, int count) {
  return p->compute == MR_BF16 ? run<bf16>(s, op, p, count) : run<f16>(s, op, p, count);
}

bool takes_gated(const Product* p) { return p->compute == MR_BF16 && p->m <= 8 && takes_few(*p) && plan_products(p, 2).whole; }

int32_t gemm_few_gated(mr_stream* s, const char* op, const Product* p, int32_t kind, void* y) {
  Plan plan = plan_products(p, 2);
  plan.p.kind = kind;
  plan.p.y = y;
  return with_few<bf16>(plan.p.few.rows, [&](auto few) {
    return start_blocks(s, op, few_kernel<bf16, decltype(few)::value, 2, true, true>, divide_up(p->n, WARPS), plan);
  });
}

}  // namespace mr
