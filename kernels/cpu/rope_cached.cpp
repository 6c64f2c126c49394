// rope_cached.cpp: queries and keys of new tokens normed and rotated by the separate ops, then keys and values stored in the cache.
#include "op.h"

namespace mr {
namespace MR_PATH {

int32_t rms_norm_forward(mr_stream*, int32_t, int32_t, int64_t, int64_t, float, const void*, const float*, void*, float*);
int32_t rope(mr_stream*, int32_t, int64_t, int64_t, int64_t, const void*, const float*, const float*, const int32_t*, int32_t,
             void*);

// Row t of x to row places[t] of the cache, `bytes` each.
static void store_rows(mr_stream* s, int64_t tokens, int64_t bytes, const void* x, const int32_t* places, void* cache) {
  const char* from = (const char*)x;
  char* to = (char*)cache;
  parallel_chunks(s, tokens, rows_per_task(bytes / 4), [=](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; t++) memcpy(to + places[t] * bytes, from + t * bytes, (size_t)bytes);
  });
}

int32_t rope_cached(mr_stream* s, int32_t dtype, int32_t kind, int64_t tokens, int64_t heads, int64_t kv_heads, int64_t head_dim,
                    float eps, void* q, const float* wq, void* k, const float* wk, const void* v, const float* cos_table,
                    const float* sin_table, const int32_t* positions, const int32_t* places, void* k_cache, void* v_cache) {
  MR_REQUIRE(tokens >= 0 && heads >= 1 && kv_heads >= 1, "rope_cached: tokens %lld, heads %lld, kv_heads %lld", (long long)tokens,
             (long long)heads, (long long)kv_heads);
  MR_REQUIRE(head_dim >= 2 && head_dim <= 8192, "rope_cached: head_dim %lld", (long long)head_dim);
  MR_REQUIRE(tokens == 0 || (v && places && k_cache && v_cache), "rope_cached: a pointer is NULL");
  for (int64_t t = 0; t < tokens; t++) MR_REQUIRE(places[t] >= 0, "rope_cached: places[%lld] is %d", (long long)t, places[t]);
  float* rstd = (float*)shared_scratch(s, SCRATCH_TILE_0, (tokens * (heads > kv_heads ? heads : kv_heads) + 1) * 4);
  if (rstd == nullptr) return fail(MR_ERR_MEMORY, "rope_cached: no memory for the norms");
  auto prepare = [=](void* x, const float* w, int64_t count) {
    int32_t code = w == nullptr ? MR_OK : rms_norm_forward(s, dtype, kind, tokens * count, head_dim, eps, x, w, x, rstd);
    return code != MR_OK ? code : rope(s, dtype, tokens, count, head_dim, x, cos_table, sin_table, positions, 0, x);
  };
  int32_t code = prepare(q, wq, heads);
  if (code == MR_OK) code = prepare(k, wk, kv_heads);
  if (code != MR_OK) return code;
  int64_t bytes = kv_heads * head_dim * (dtype == MR_F32 ? 4 : 2);
  store_rows(s, tokens, bytes, k, places, k_cache);
  store_rows(s, tokens, bytes, v, places, v_cache);
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
