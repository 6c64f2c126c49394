// rope_cached.cpp: new tokens' queries and keys normed and turned, their keys and values put into the cache: the separate ops one
// after the other.
#include "op.h"

namespace mr {
namespace MR_PATH {

int32_t rms_norm_forward(mr_stream*, int32_t, int32_t, int64_t, int64_t, float, const void*, const float*, void*, float*);
int32_t rope(mr_stream*, int32_t, int64_t, int64_t, int64_t, const void*, const float*, const float*, const int32_t*, int32_t, void*);
int32_t scatter_rows(mr_stream*, int32_t, int64_t, int64_t, const void*, const int32_t*, void*);

int32_t rope_cached(mr_stream* s, int32_t dtype, int32_t kind, int64_t tokens, int64_t heads, int64_t kv_heads,
                    int64_t head_dim, float eps, void* q, const float* wq, void* k, const float* wk, const void* v,
                    const float* cos_table, const float* sin_table, const int32_t* positions, const int32_t* places,
                    void* k_cache, void* v_cache) {
  MR_REQUIRE(tokens >= 0 && heads >= 1 && kv_heads >= 1, "rope_cached: tokens %lld, heads %lld, kv_heads %lld",
             (long long)tokens, (long long)heads, (long long)kv_heads);
  MR_REQUIRE(head_dim >= 2 && head_dim <= 8192, "rope_cached: head_dim %lld", (long long)head_dim);
  float* rstd = (float*)shared_scratch(s, SCRATCH_TILE_0, (tokens * (heads > kv_heads ? heads : kv_heads) + 1) * 4);
  if (rstd == nullptr) return fail(MR_ERR_MEMORY, "rope_cached: no memory for the norms");
  auto ready = [=](void* x, const float* w, int64_t count) {
    int32_t code = w == nullptr ? MR_OK : rms_norm_forward(s, dtype, kind, tokens * count, head_dim, eps, x, w, x, rstd);
    return code != MR_OK ? code : rope(s, dtype, tokens, count, head_dim, x, cos_table, sin_table, positions, 0, x);
  };
  int32_t code = ready(q, wq, heads);
  if (code == MR_OK) code = ready(k, wk, kv_heads);
  if (code == MR_OK) code = scatter_rows(s, dtype, tokens, kv_heads * head_dim, k, places, k_cache);
  if (code == MR_OK) code = scatter_rows(s, dtype, tokens, kv_heads * head_dim, v, places, v_cache);
  return code;
}

}  // namespace MR_PATH
}  // namespace mr
