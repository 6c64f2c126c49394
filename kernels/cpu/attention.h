// attention.h: what attention's forward and backward share: the shape, the walk over sequences, argument checks.
//
// Both work on blocks of QUERY_BLOCK queries of one head against all the keys these may see, so that memory is a block
// times the keys, never tokens times tokens. The scores of a block are stored row by row: S [rows, keys].
#pragma once

#include "gemm_kernel.h"
#include "gemm_serial.h"
#include "op.h"

namespace mr {
namespace MR_PATH {

// Half of a block's square on the diagonal is computed and thrown away, so blocks are small; a product of 32 rows still
// keeps the fma units busy.
constexpr int64_t QUERY_BLOCK = 32;
// The first key of a block under a window is rounded down to this, so that it begins a panel of packed keys on every
// path (and products have the same depth on every path).
constexpr int64_t KEY_ALIGN = 32;
static_assert(KEY_ALIGN % NR == 0 && QUERY_BLOCK % KEY_ALIGN == 0, "blocks must begin and end at panels of packed keys");
// Queries (and keys, in the backward) of one task where a sequence is cut: long enough to pay for packing its keys
// again.
constexpr int64_t CHUNK = 256;

namespace {  // members need internal linkage as much as functions do

struct Attention {
  int32_t compute, dtype;
  int64_t tokens;
  int64_t sequences;
  const int32_t* cu_seqlens;  // [sequences + 1]
  int64_t heads, kv_heads, head_dim;
  float scale;
  int64_t window;
  const int32_t* visible = nullptr;  // [sequences]: keys of each that may be seen; NULL = all

  int64_t group() const { return heads / kv_heads; }  // query heads of one key-value head
  int64_t q_width() const { return heads * head_dim; }
  int64_t kv_width() const { return kv_heads * head_dim; }
  // The first key a query sees, and the first one of a block that begins with it.
  int64_t first_key(int64_t query) const { return window > 0 && query >= window ? query - window + 1 : 0; }
  int64_t first_key_of_block(int64_t query) const { return first_key(query) / KEY_ALIGN * KEY_ALIGN; }
  // A range of packed keys can be used without packing it again if it begins at a panel and ends at one, or with the
  // last key, and if the depth is one K block: blocks of queries and first keys are multiples of whole panels.
  bool prefix_is_packed() const { return head_dim <= KC; }
};

}  // namespace

// Part of one sequence: its first row in the pack, a range of positions in it, and how many of its keys may be seen.
struct Span {
  int64_t row0, begin, end, visible;
};

// All sequences are cut into spans of at most CHUNK positions, or not at all (chunk = INT64_MAX).
MR_INLINE int64_t spans_of(int64_t length, int64_t chunk) { return length / chunk + (length % chunk != 0); }
static inline int64_t count_spans(const Attention& a, int64_t chunk) {
  int64_t spans = 0;
  for (int64_t i = 0; i < a.sequences; i++) spans += spans_of(a.cu_seqlens[i + 1] - a.cu_seqlens[i], chunk);
  return spans;
}
static inline Span find_span(const Attention& a, int64_t chunk, int64_t index, int64_t* length) {
  for (int64_t i = 0;; i++) {
    *length = a.cu_seqlens[i + 1] - a.cu_seqlens[i];
    int64_t spans = spans_of(*length, chunk);
    if (index < spans) {
      int64_t begin = index > 0 ? index * chunk : 0;
      return {a.cu_seqlens[i], begin, *length - begin < chunk ? *length : begin + chunk, a.visible ? a.visible[i] : *length};
    }
    index -= spans;
  }
}

MR_INLINE const void* at(const void* p, int32_t dtype, int64_t element) { return (const char*)p + element * dtype_bytes(dtype); }
MR_INLINE void* at(void* p, int32_t dtype, int64_t element) { return (char*)p + element * dtype_bytes(dtype); }

MR_INLINE int64_t align64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

// y[r, :] = x[r, :] * factor[r] into the storage type; factor may be NULL (1).
static inline void write_rows(int64_t rows, int64_t cols, const float* x, int64_t ldx, const float* factor, int32_t dtype, void* y,
                              int64_t ldy) {
  for (int64_t r = 0; r < rows; r++) {
    V16 f = splat(factor ? factor[r] : 1.0f);
    const float* in = x + r * ldx;
    with_storage(dtype, [=](auto* type) {
      auto* out = as(type, y) + r * ldy;
      each_vector(0, cols, [=](int64_t c, auto lanes) { store(out + c, load(in + c, lanes) * f, lanes); });
    });
  }
}

static inline int32_t check_attention(const char* op, const Attention& a) {
  MR_REQUIRE(is_activation(a.compute), "%s: compute %d is not f32, bf16 or f16", op, a.compute);
  MR_REQUIRE(is_activation(a.dtype), "%s: dtype %d is not f32, bf16 or f16", op, a.dtype);
  MR_REQUIRE(a.heads >= 1 && a.kv_heads >= 1 && a.heads % a.kv_heads == 0 && a.head_dim >= 1,
             "%s: %lld heads, %lld kv_heads, head_dim %lld", op, (long long)a.heads, (long long)a.kv_heads, (long long)a.head_dim);
  MR_REQUIRE(a.sequences >= 0 && a.window >= 0, "%s: sequences %lld, window %lld", op, (long long)a.sequences, (long long)a.window);
  MR_REQUIRE(a.sequences == 0 || (a.cu_seqlens && a.cu_seqlens[0] == 0), "%s: cu_seqlens must begin with 0", op);
  for (int64_t i = 0; i < a.sequences; i++)
    MR_REQUIRE(a.cu_seqlens[i] <= a.cu_seqlens[i + 1], "%s: cu_seqlens[%lld] = %d is above its successor %d", op, (long long)i,
               a.cu_seqlens[i], a.cu_seqlens[i + 1]);
  MR_REQUIRE(a.tokens == (a.sequences > 0 ? a.cu_seqlens[a.sequences] : 0), "%s: %lld tokens, and cu_seqlens ends with %d", op,
             (long long)a.tokens, a.sequences > 0 ? a.cu_seqlens[a.sequences] : 0);
  MR_REQUIRE(!a.visible || a.window == 0, "%s: visible keys and a window exclude each other", op);
  for (int64_t i = 0; a.visible && i < a.sequences; i++)
    MR_REQUIRE(a.visible[i] >= 1, "%s: visible[%lld] is %d, and a query must see a key", op, (long long)i, a.visible[i]);
  return MR_OK;
}

// Tasks report a failure here; the op then fails on its caller's thread, whose mr_last_error is the one to be read.
namespace {
struct Failure {
  int32_t code = MR_OK;
  void note(int32_t error) {
    if (error) __atomic_store_n(&code, error, __ATOMIC_RELAXED);
  }
};
}  // namespace

}  // namespace MR_PATH
}  // namespace mr
