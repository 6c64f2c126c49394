// embedding.cu: rows of a table by token id, and the gradient of the table.
//
// The gradient without atomics: the tokens are sorted by (id, token), which no two share, so the order is one; a row of the table
// then gets the sum over a run of sorted places. Places are summed in chunks: a run inside one chunk is added to the table at once;
// what a run has in each of several chunks goes to the workspace, and the chunk it begins in adds that up. Ids that repeat, as
// padding and chat templates make them, therefore cost no more than others.
#include "rows.h"

namespace mr {
namespace {

// ---- forward -------------------------------------------------------------------------------------------------------

constexpr int N = 8;  // columns of a thread at a time

// An id outside the vocabulary is reported when the stream is synchronised; its row becomes zeros.
template <class X, class Y>
__global__ void forward_kernel(int64_t tokens, int64_t vocab, int64_t hidden, const X* table, const int32_t* ids, Y* y,
                               Fault* fault) {
  int64_t t = own_row();
  if (t >= tokens) return;
  int64_t id = ids[t];
  bool known = id >= 0 && id < vocab;
  if (!known && threadIdx.x == 0) report(fault, FAULT_TOKEN_ID, t, (int32_t)id);
  for (int64_t c = threadIdx.x * N; c < hidden; c += blockDim.x * N) {
    Values<N> v;
    if (known)
      v = load_values<N>(table + id * hidden, c, hidden);
    else
      for (int j = 0; j < N; j++) v.x[j] = 0;
    store_values(y + t * hidden, c, hidden, v);
  }
}

// ---- sorting ---------------------------------------------------------------------------------------------------------

constexpr int SORT_THREADS = 512, TILE = 4096;
constexpr uint32_t NO_ID = 0xffffffffu;  // above every id: padding, an id that the vocabulary has not, or no token at all

__device__ __forceinline__ uint32_t id_of(uint64_t key) { return (uint32_t)(key >> 32); }
__device__ __forceinline__ int64_t token_of(uint64_t key) { return (int64_t)(uint32_t)key; }

struct SortShared {
  uint64_t key[TILE];
};

// keys[t] = (ids[t], t), ascending within each tile of `tile` tokens, a power of two: a bitonic network.
__global__ void sort_tiles_kernel(int64_t tokens, int64_t vocab, int64_t padding, int tile, const int32_t* ids, uint64_t* keys,
                                  Fault* fault) {
  SortShared& shared = shared_memory<SortShared>();
  int64_t begin = (int64_t)blockIdx.x * tile;
  for (int i = (int)threadIdx.x; i < tile; i += SORT_THREADS) {
    int64_t t = begin + i;
    uint32_t id = NO_ID;
    if (t < tokens) {
      int32_t given = ids[t];
      if (given >= 0 && given < vocab)
        id = given == padding ? NO_ID : (uint32_t)given;
      else
        report(fault, FAULT_TOKEN_ID, t, given);
    }
    shared.key[i] = (uint64_t)id << 32 | (uint32_t)t;
  }
  __syncthreads();
  for (int run = 2; run <= tile; run *= 2)
    for (int distance = run / 2; distance > 0; distance /= 2) {
      for (int pair = (int)threadIdx.x; pair < tile / 2; pair += SORT_THREADS) {
        int low = pair / distance * 2 * distance + pair % distance, high = low + distance;
        uint64_t a = shared.key[low], b = shared.key[high];
        if ((a > b) == ((low & run) == 0)) {
          shared.key[low] = b;
          shared.key[high] = a;
        }
      }
      __syncthreads();
    }
  for (int i = (int)threadIdx.x; i < tile; i += SORT_THREADS)
    if (begin + i < tokens) keys[begin + i] = shared.key[i];
}

// A key's place among all is the sum of its places in the tiles: keys differ.
__global__ void merge_tiles_kernel(int64_t tokens, int tile, const uint64_t* keys, uint64_t* sorted) {
  int64_t i = global_thread();
  if (i >= tokens) return;
  uint64_t key = keys[i];
  int64_t own = i / tile, place = i - own * tile;
  for (int64_t other = 0; other * tile < tokens; other++) {
    if (other == own) continue;
    int64_t low = other * tile, high = low + tile < tokens ? low + tile : tokens, begin = low;
    while (low < high) {
      int64_t middle = (low + high) / 2;
      if (keys[middle] < key)
        low = middle + 1;
      else
        high = middle;
    }
    place += low - begin;
  }
  sorted[place] = key;
}

// ---- sums over runs ----------------------------------------------------------------------------------------------------

constexpr int SUM_THREADS = 128;

// One chunk of places by SUM_THREADS packs of columns. partial [chunks, 2, hidden]: what the chunk has of a run that began before
// it, and of one that begins in it and continues after it.
template <class T>
__global__ void sum_chunks_kernel(int64_t tokens, int64_t hidden, int chunk, const uint64_t* sorted, const T* dy, float* dtable,
                                  float* partial) {
  constexpr int P = Pack<T>::N;
  int64_t c = ((int64_t)blockIdx.y * SUM_THREADS + threadIdx.x) * P;
  if (c >= hidden) return;
  int64_t begin = (int64_t)blockIdx.x * chunk, end = begin + chunk < tokens ? begin + chunk : tokens;
  uint32_t before = begin > 0 ? id_of(sorted[begin - 1]) : NO_ID, behind = end < tokens ? id_of(sorted[end]) : NO_ID;
  for (int64_t i = begin; i < end;) {
    uint32_t id = id_of(sorted[i]);
    if (id == NO_ID) return;
    bool head = i == begin && id == before;
    Values<P> sum;
    for (int j = 0; j < P; j++) sum.x[j] = 0;
    for (; i < end; i++) {
      uint64_t key = sorted[i];
      if (id_of(key) != id) break;
      Values<P> d = load_values<P>(dy + token_of(key) * hidden, c, hidden);
      for (int j = 0; j < P; j++) sum.x[j] += d.x[j];
    }
    bool tail = i == end && id == behind;
    float* to;
    if (head || tail) {
      to = partial + ((int64_t)blockIdx.x * 2 + (head ? 0 : 1)) * hidden;
    } else {
      to = dtable + (int64_t)id * hidden;
      Values<P> old = load_values<P>(to, c, hidden);
      for (int j = 0; j < P; j++) sum.x[j] += old.x[j];
    }
    store_values(to, c, hidden, sum);
  }
}

// The run that begins in a chunk and continues after it: the chunk's own part, then those of the chunks after it.
__global__ void sum_runs_kernel(int64_t tokens, int64_t hidden, int chunk, const uint64_t* sorted, const float* partial,
                                float* dtable) {
  constexpr int P = Pack<float>::N;
  int64_t c = ((int64_t)blockIdx.y * SUM_THREADS + threadIdx.x) * P;
  int64_t begin = (int64_t)blockIdx.x * chunk, next = begin + chunk;
  if (c >= hidden || next >= tokens) return;
  uint32_t id = id_of(sorted[next]);
  if (id == NO_ID || id_of(sorted[next - 1]) != id || (begin > 0 && id_of(sorted[begin - 1]) == id)) return;
  int64_t low = next, high = tokens;  // the first place after the run
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (id_of(sorted[middle]) <= id)
      low = middle + 1;
    else
      high = middle;
  }
  int64_t last = (low - 1) / chunk;
  Values<P> sum = load_values<P>(partial + ((int64_t)blockIdx.x * 2 + 1) * hidden, c, hidden);
  for (int64_t k = (int64_t)blockIdx.x + 1; k <= last; k++) {
    Values<P> part = load_values<P>(partial + k * 2 * hidden, c, hidden);
    for (int j = 0; j < P; j++) sum.x[j] += part.x[j];
  }
  float* to = dtable + (int64_t)id * hidden;
  Values<P> old = load_values<P>(to, c, hidden);
  for (int j = 0; j < P; j++) sum.x[j] += old.x[j];
  store_values(to, c, hidden, sum);
}

// ---- one batch of tokens -----------------------------------------------------------------------------------------------

constexpr int64_t BATCH = 1 << 20;     // tokens whose keys, twice, take a quarter of the workspace
constexpr int64_t PARTIAL = 32 << 20;  // bytes of it for the sums of chunks
static_assert(BATCH * 16 + PARTIAL <= WORKSPACE_LIMIT, "keys and sums fit");
constexpr int64_t LEAST_CHUNK = 32;

template <class T>
int32_t add_batch(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int64_t padding, const int32_t* ids, const T* dy,
                  float* dtable) {
  const char* op = "embedding_backward";
  int tile = 2;
  while (tile < TILE && tile < tokens) tile *= 2;
  int64_t chunk = LEAST_CHUNK, row_bytes = 2 * hidden * (int64_t)sizeof(float);
  while (chunk < tokens && divide_up(tokens, chunk) * row_bytes > PARTIAL) chunk *= 2;
  int64_t chunks = divide_up(tokens, chunk), keys_bytes = divide_up(tokens * 8, 256) * 256;
  unsigned char* room = static_cast<unsigned char*>(workspace(s, 2 * keys_bytes + chunks * row_bytes));
  if (room == nullptr) return MR_ERR_MEMORY;
  uint64_t* keys = reinterpret_cast<uint64_t*>(room);
  uint64_t* sorted = reinterpret_cast<uint64_t*>(room + keys_bytes);
  float* partial = reinterpret_cast<float*>(room + 2 * keys_bytes);
  MR_TRY(launch(s, op, sort_tiles_kernel, dim3((unsigned)divide_up(tokens, tile)), dim3(SORT_THREADS), sizeof(SortShared), tokens,
                vocab, padding, tile, ids, keys, s->fault));
  if (tokens <= tile)
    sorted = keys;
  else
    MR_TRY(launch(s, op, merge_tiles_kernel, dim3((unsigned)divide_up(tokens, SUM_THREADS)), dim3(SUM_THREADS), 0, tokens, tile,
                  keys, sorted));
  dim3 grid((unsigned)chunks, (unsigned)divide_up(hidden, SUM_THREADS * Pack<T>::N));
  MR_TRY(launch(s, op, sum_chunks_kernel<T>, grid, dim3(SUM_THREADS), 0, tokens, hidden, (int)chunk, sorted, dy, dtable, partial));
  if (chunks == 1) return MR_OK;
  grid.y = (unsigned)divide_up(hidden, SUM_THREADS * Pack<float>::N);
  return launch(s, op, sum_runs_kernel, grid, dim3(SUM_THREADS), 0, tokens, hidden, (int)chunk, sorted, partial, dtable);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_embedding_forward(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int32_t table_dtype,
                                    const void* table, const int32_t* ids, int32_t y_dtype, void* y) {
  MR_REQUIRE(is_activation(table_dtype), "embedding_forward: table dtype %d is not f32, bf16 or f16", table_dtype);
  MR_REQUIRE(is_activation(y_dtype), "embedding_forward: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_REQUIRE(tokens >= 0 && vocab >= 0 && hidden >= 0, "embedding_forward: tokens %lld, vocab %lld, hidden %lld", (long long)tokens,
             (long long)vocab, (long long)hidden);
  MR_REQUIRE(tokens == 0 || (table && ids && y), "embedding_forward: table, ids and y must not be NULL");
  dim3 block = row_block(hidden, N);
  return with_storage(table_dtype, [=](auto* from) {
    return with_storage(y_dtype, [=](auto* to) {
      using X = std::remove_pointer_t<decltype(from)>;
      using Y = std::remove_pointer_t<decltype(to)>;
      return launch(s, "embedding_forward", forward_kernel<X, Y>, row_grid(tokens, block), block, 0, tokens, vocab, hidden,
                    as(from, table), ids, as(to, y), s->fault);
    });
  });
}

MR_API int32_t mr_embedding_backward(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int64_t padding,
                                     const int32_t* ids, int32_t dy_dtype, const void* dy, float* dtable) {
  MR_REQUIRE(is_activation(dy_dtype), "embedding_backward: dy dtype %d is not f32, bf16 or f16", dy_dtype);
  MR_REQUIRE(tokens >= 0 && vocab >= 0 && hidden >= 0, "embedding_backward: tokens %lld, vocab %lld, hidden %lld",
             (long long)tokens, (long long)vocab, (long long)hidden);
  MR_REQUIRE(tokens == 0 || (ids && dy && dtable), "embedding_backward: ids, dy and dtable must not be NULL");
  return with_storage(dy_dtype, [=](auto* type) {
    for (int64_t t = 0; t < tokens && hidden > 0; t += BATCH) {
      int64_t count = tokens - t < BATCH ? tokens - t : BATCH;
      MR_TRY(add_batch(s, count, vocab, hidden, padding, ids + t, as(type, dy) + t * hidden, dtable));
    }
    return (int32_t)MR_OK;
  });
}

}  // extern "C"
