// attention.h: what the attention kernels share: the shape, how a block finds its tokens, which keys a query sees, checks.
#pragma once

#include "device.h"

namespace mr {

struct Attention {
  int32_t compute, dtype;
  int64_t tokens, sequences;
  const int32_t* cu_seqlens;  // [sequences + 1]
  const int32_t* visible;     // [sequences]: keys of each that may be seen; NULL = all
  int64_t heads, kv_heads, head_dim;
  float scale;
  int64_t window;
  // [sequences] each, or NULL: tokens before the first query, and the row of the key at position 0
  const int32_t* past = nullptr;
  const int32_t* cache_rows = nullptr;

  __host__ __device__ int64_t group() const { return heads / kv_heads; }  // query heads of one key-value head
  __host__ __device__ int64_t q_width() const { return heads * head_dim; }
  __host__ __device__ int64_t kv_width() const { return kv_heads * head_dim; }
};

inline int32_t check_attention(const char* op, const Attention& a) {
  MR_REQUIRE(is_activation(a.compute), "%s: compute %d is not f32, bf16 or f16", op, a.compute);
  MR_REQUIRE(is_activation(a.dtype), "%s: dtype %d is not f32, bf16 or f16", op, a.dtype);
  MR_REQUIRE(a.heads >= 1 && a.kv_heads >= 1 && a.heads % a.kv_heads == 0 && a.head_dim >= 1,
             "%s: %lld heads, %lld kv_heads, head_dim %lld", op, (long long)a.heads, (long long)a.kv_heads, (long long)a.head_dim);
  MR_REQUIRE(a.heads <= 65535, "%s: %lld heads are more than a GPU's grid has rows", op, (long long)a.heads);
  MR_REQUIRE(a.sequences >= 0 && a.window >= 0, "%s: sequences %lld, window %lld", op, (long long)a.sequences, (long long)a.window);
  MR_REQUIRE(a.tokens >= 0 && (a.sequences == 0 ? a.tokens == 0 : a.cu_seqlens != nullptr),
             "%s: %lld tokens in %lld sequences, cu_seqlens %s", op, (long long)a.tokens, (long long)a.sequences,
             a.cu_seqlens ? "given" : "NULL");
  MR_REQUIRE(a.scale > 0.0f, "%s: scale %g is not above 0", op, (double)a.scale);
  MR_REQUIRE(!a.visible || a.window == 0, "%s: visible keys and a window exclude each other", op);
  return MR_OK;
}

// Queries of one sequence, or keys: positions [begin, end) of it. Position p is row q_row0 + p of q and o, and in row
// k_row0 + p of k and v. Keys from `visible` on are visible to no query; there are `length` positions.
struct Span {
  int64_t q_row0, k_row0;
  int begin, end, length, visible;
  int item, items;  // the first item of the span, counted from the sequence's first query, and how many there are
};

// Where the spans of at most `tile` items are numbered, those of sequence i begin at its first item / tile + i: that leaves every
// sequence room for its last, incomplete span, and is known without adding up what the sequences before it need. Of the numbers
// below this bound, which the host knows without their lengths, some belong to no span.
inline int64_t spans_at_most(const Attention& a, int64_t tile, int64_t each = 1) {
  return divide_up(a.tokens * each, tile) + a.sequences;
}

// The span numbered `index` of those of at most `tile` items, cut within each sequence, where a position holds `each` of them;
// false when there is none. All lanes of the warp call it and get the same. With LAST_FIRST the spans of a sequence count from
// its end: there queries have the most keys to see, and blocks that take long should start early.
template <bool LAST_FIRST>
__device__ __forceinline__ bool find_span(const Attention& a, int tile, int64_t index, Span* span, int each = 1) {
  auto first_span = [&](int sequence) { return (int64_t)a.cu_seqlens[sequence] * each / tile + sequence; };
  int lane = (int)(threadIdx.x % WARP);
  int i = 0, end = (int)a.sequences;  // the sequence is one of these; every step looks at 32 of them
  while (end - i > 1) {
    int step = (end - i + WARP - 1) / WARP, mine = i + lane * step;
    // the last of those that begin in time: the first always does
    int last = __popc(__ballot_sync(ALL_LANES, mine < end && first_span(mine) <= index)) - 1;
    i += last * step;
    end = min(end, i + step);
  }
  int first = a.cu_seqlens[i], count = a.cu_seqlens[i + 1] - first;
  int spans = (int)divide_up((int64_t)count * each, tile), place = (int)(index - first_span(i));
  if (place >= spans) return false;
  if (LAST_FIRST) place = spans - 1 - place;
  int past = a.past ? a.past[i] : 0;
  span->q_row0 = (int64_t)first - past;
  span->k_row0 = a.cache_rows ? a.cache_rows[i] : first;
  span->length = past + count;
  span->item = place * tile;
  span->items = min(tile, count * each - span->item);
  span->begin = past + span->item / each;
  span->end = past + (span->item + span->items - 1) / each + 1;
  span->visible = a.visible ? min(a.visible[i], span->length) : span->length;
  return true;
}

// The first key that a query sees.
__device__ __forceinline__ int first_key(const Attention& a, int query) {
  return a.window > 0 && query >= a.window ? query - (int)a.window + 1 : 0;
}
// Past the last query that sees a key, in a sequence of `length`.
__device__ __forceinline__ int end_of_queries(const Attention& a, int key, int length) {
  return a.window > 0 && a.window < length - key ? key + (int)a.window : length;
}

__device__ __forceinline__ float element(const void* p, int32_t dtype, int64_t i) {
  if (dtype == MR_BF16) return load(static_cast<const bf16*>(p), i);
  if (dtype == MR_F16) return load(static_cast<const f16*>(p), i);
  return load(static_cast<const float*>(p), i);
}
__device__ __forceinline__ void put(void* p, int32_t dtype, int64_t i, float x) {
  if (dtype == MR_BF16) return store(static_cast<bf16*>(p), i, x);
  if (dtype == MR_F16) return store(static_cast<f16*>(p), i, x);
  store(static_cast<float*>(p), i, x);
}

// o and lse (which may be NULL) of every query; the shape has been checked. In attention_forward.cu.
int32_t attend(mr_stream* s, const char* op, const Attention& a, const void* q, const void* k, const void* v, void* o, float* lse);

}  // namespace mr
