// op.h: what every op file starts from: the stream, the vector type, argument checks and loops over vectors.
#pragma once

#include "half.h"
#include "stream.h"

// Refuses bad arguments with one line of text: MR_REQUIRE(n >= 0, "fill: n is %lld", (long long)n);
#define MR_REQUIRE(condition, ...) \
  if (!(condition)) return fail(MR_ERR_ARGUMENT, __VA_ARGS__)

namespace mr {
namespace MR_PATH {

// Elements per task of an elementwise op: 64 KB of fp32, enough work to be worth a hand-over to another thread.
constexpr int64_t ELEMENTWISE_CHUNK = 16384;

MR_INLINE bool is_activation(int32_t dtype) { return dtype == MR_F32 || dtype == MR_BF16 || dtype == MR_F16; }

// How many lanes of a vector a step works on: all of them, or the first n in the tail of an array. As types, so that
// the body of a loop compiles to unmasked loads and stores everywhere but in the tail.
struct AllLanes {};
struct FirstLanes {
  int n;
};
template <class T>
MR_INLINE V16 load(const T* p, AllLanes) {
  return load(p);
}
template <class T>
MR_INLINE V16 load(const T* p, FirstLanes lanes) {
  return load(p, lanes.n);
}
template <class T>
MR_INLINE void store(T* p, V16 a, AllLanes) {
  store(p, a);
}
template <class T>
MR_INLINE void store(T* p, V16 a, FirstLanes lanes) {
  store(p, a, lanes.n);
}

// body(i, lanes) for i = begin, begin + 16, ...
template <class Body>
MR_INLINE void each_vector(int64_t begin, int64_t end, Body body) {
  int64_t i = begin;
  for (; i + LANES <= end; i += LANES) body(i, AllLanes{});
  if (i < end) body(i, FirstLanes{(int)(end - i)});
}

// The same over [0, n) on the stream's threads.
template <class Body>
static inline void elementwise(mr_stream* s, int64_t n, Body body) {
  parallel_chunks(s, n, ELEMENTWISE_CHUNK, [&](int64_t begin, int64_t end) { each_vector(begin, end, body); });
}

// Rows handed out together: as many as make an elementwise chunk, so that short rows do not cost a task each.
static inline int64_t rows_per_task(int64_t cols) {
  int64_t rows = ELEMENTWISE_CHUNK / (cols > 0 ? cols : 1);
  return rows > 1 ? rows : 1;
}

}  // namespace MR_PATH
}  // namespace mr
