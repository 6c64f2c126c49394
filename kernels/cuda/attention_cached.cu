// attention_cached.cu: attention of new tokens to those before them, whose keys and values lie in a cache.
//
// How many there are (`past`) is read on the device alone and no grid depends on it, so a recorded graph of launches stays
// right as a cache fills.
#include "attention.h"

using namespace mr;

extern "C" {

MR_API int32_t mr_attention_cached(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                   const int32_t* cu_seqlens, const int32_t* cache_rows, const int32_t* past, int64_t heads,
                                   int64_t kv_heads, int64_t head_dim, float scale, int64_t window, const void* q,
                                   const void* k_cache, const void* v_cache, void* o) {
  Attention a = {compute, dtype, tokens, sequences, cu_seqlens, nullptr, heads, kv_heads, head_dim, scale, window, past, cache_rows};
  MR_TRY(check_attention("attention_cached", a));
  MR_REQUIRE(sequences == 0 || (cache_rows && past), "attention_cached: cache_rows or past is NULL");
  MR_REQUIRE(tokens == 0 || (q && k_cache && v_cache && o), "attention_cached: a pointer is NULL");
  return tokens == 0 ? MR_OK : attend(s, "attention_cached", a, q, k_cache, v_cache, o, nullptr);
}

}  // extern "C"
