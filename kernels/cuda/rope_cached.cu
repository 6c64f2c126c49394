// rope_cached.cu: new tokens' queries and keys normed and rotated, their keys and values put into the cache, in one launch. The bits
// are those of rms_norm.cu, rope.cu and gather_rows.cu one after the other.
#include "rows.h"

namespace mr {
namespace {

// What happens to the heads of q or k.
template <class T>
struct Heads {
  T* x;
  const float* w;  // NULL: not normed
  int64_t count;
};
struct Rotation {
  const float *cosines, *sines;
  const int32_t *positions, *places;
};

// A row is a head of a token: of q, then k, then v. What a head is after its norm is kept in shared memory, where its first half is combined with its
// second one.
template <class T>
__global__ void rope_cached_kernel(bool offset, int64_t rows, int64_t dim, float eps, Heads<T> q, Heads<T> k, const T* v,
                                   Rotation rotation, T* k_cache, T* v_cache, Fault* fault) {
  constexpr int N = Pack<T>::N;
  RowShared& shared = shared_memory<RowShared>();
  float* normed = reinterpret_cast<float*>(&shared + 1) + threadIdx.y * dim;
  follow_kernels();
  int64_t row = own_row(), each = q.count + 2 * k.count, token = row / each, head = row % each;
  bool mine = row < rows, of_q = head < q.count, of_v = head >= q.count + k.count;
  const Heads<T>& heads = of_q ? q : k;
  head -= of_q ? 0 : of_v ? q.count + k.count : q.count;
  int64_t first = (token * heads.count + head) * dim, place = 0;
  if (mine && !of_q) {
    place = rotation.places[token];
    if (place < 0) {
      if (threadIdx.x == 0 && head == 0) report(fault, FAULT_ROW, token, (int32_t)place);
      mine = false;
    }
  }
  int64_t stored = (place * k.count + head) * dim;
  const T* x = of_v ? v + first : heads.x + first;
  bool rotates = mine && !of_v, norms = rotates && heads.w != nullptr;

  float squares = 0;
  for (int64_t c = threadIdx.x * N; mine && c < dim; c += blockDim.x * N) {
    Pack<T> pack = load_pack(x, c, dim);
    for (int j = 0; j < N; j++) {
      squares = fmaf(pack.x[j], pack.x[j], squares);
      if (c + j < dim) normed[c + j] = pack.x[j];
    }
    if (of_v) store_pack(v_cache + stored, c, dim, pack);
  }
  float scale = 1.0f / sqrtf(row_sum(squares, shared) / (float)dim + eps);
  for (int64_t c = threadIdx.x * N; norms && c < dim; c += blockDim.x * N) {
    Values<N> weight = load_values<N>(heads.w, c, dim);
    for (int j = 0; j < N; j++)
      if (c + j < dim) {
        float n = normed[c + j] * scale;
        normed[c + j] = to_float(from_float<T>(offset ? n * (1.0f + weight.x[j]) : to_float(from_float<T>(n)) * weight.x[j]));
      }
  }
  __syncthreads();
  int64_t half = dim / 2;
  int64_t position = rotates ? rotation.positions[token] : 0;
  T* y = heads.x + first;
  for (int64_t c = threadIdx.x * N; rotates && c < half; c += blockDim.x * N) {
    Values<N> co = load_values<N>(rotation.cosines + position * half, c, half);
    Values<N> si = load_values<N>(rotation.sines + position * half, c, half);
    Pack<T> a, b;
    for (int j = 0; j < N; j++) {
      bool there = c + j < half;
      float left = there ? normed[c + j] : 0.0f, right = there ? normed[half + c + j] : 0.0f;
      a.x[j] = fmaf(left, co.x[j], 0.0f - right * si.x[j]);
      b.x[j] = fmaf(right, co.x[j], left * si.x[j]);
    }
    store_pack(y, c, half, a);
    store_pack(y + half, c, half, b);
    if (of_q) continue;
    store_pack(k_cache + stored, c, half, a);
    store_pack(k_cache + stored + half, c, half, b);
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_rope_cached(mr_stream* s, int32_t dtype, int32_t kind, int64_t tokens, int64_t heads, int64_t kv_heads,
                              int64_t head_dim, float eps, void* q, const float* wq, void* k, const float* wk, const void* v,
                              const float* cos_table, const float* sin_table, const int32_t* positions, const int32_t* places,
                              void* k_cache, void* v_cache) {
  MR_REQUIRE(is_activation(dtype), "rope_cached: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rope_cached: kind %d", kind);
  MR_REQUIRE(tokens >= 0 && heads >= 1 && kv_heads >= 1, "rope_cached: tokens %lld, heads %lld, kv_heads %lld", (long long)tokens,
             (long long)heads, (long long)kv_heads);
  MR_REQUIRE(head_dim >= 2 && head_dim <= 8192 && head_dim % 2 == 0, "rope_cached: head_dim %lld", (long long)head_dim);
  MR_REQUIRE(tokens == 0 || (q && k && v && cos_table && sin_table && positions && places && k_cache && v_cache),
             "rope_cached: a pointer is NULL");
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    int64_t rows = tokens * (heads + 2 * kv_heads);
    dim3 block = row_block(head_dim, Pack<T>::N);
    int64_t shared = (int64_t)sizeof(RowShared) + block.y * head_dim * 4;
    return launch_early(s, "rope_cached", rope_cached_kernel<T>, row_grid(rows, block), block, shared, kind == MR_NORM_OFFSET, rows,
                        head_dim, eps, Heads<T>{as(type, q), wq, heads}, Heads<T>{as(type, k), wk, kv_heads}, as(type, v),
                        Rotation{cos_table, sin_table, positions, places}, as(type, k_cache), as(type, v_cache), s->fault);
  });
}

}  // extern "C"
