// stream.h: what every op file shares: the stream (a thread pool and a chosen path), parallel loops, scratch, errors.
//
// Each op file `<op>.cpp` holds `namespace mr { namespace MR_PATH { int32_t <op>(mr_stream* s, ...) } }` with the signature of
// mr_<op> in medrepro.h, and is compiled once per path (MR_PATH = portable, avx2, avx512, avx512bf16). dispatch.cpp
// exports mr_<op> and forwards to the stream's path. Op files use no standard containers or algorithms: their inline
// bodies would be shared between paths by the linker.
#pragma once

#include <stdint.h>

#include "../medrepro.h"
#include "../medrepro_host.h"

namespace mr {

struct Ops;  // one function pointer per op: dispatch.inc, generated
class Pool;  // pool.cpp

// Records one line for mr_last_error and returns code. printf-style.
int32_t fail(int32_t code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Runs body(context, task) for task = 0..tasks-1 on the stream's threads; tasks are handed out in order, and which thread
// runs which task must not change a result. The caller takes part; returns when all are done.
void run_tasks(mr_stream* s, int64_t tasks, void (*body)(void* context, int64_t task), void* context);

// Scratch that belongs to the calling thread and stays allocated: at least bytes long, 64-byte aligned. Each slot is one
// buffer; a second request for the same slot may move it. nullptr when memory is short.
enum ScratchSlot { SCRATCH_PACK_A, SCRATCH_PACK_B, SCRATCH_PACK_C, SCRATCH_TILE_0, SCRATCH_TILE_1, SCRATCH_TILE_2, SCRATCH_SLOTS };
void* scratch(int slot, int64_t bytes);
// Scratch shared by all threads of the stream during one op; obtain it before run_tasks.
void* shared_scratch(mr_stream* s, int slot, int64_t bytes);

}  // namespace mr

struct mr_stream {
  const mr::Ops* ops;
  mr::Pool* pool;
  int32_t isa;
  int32_t threads;
  void* shared[mr::SCRATCH_SLOTS];
  int64_t shared_bytes[mr::SCRATCH_SLOTS];
};

namespace mr {
namespace MR_PATH {

// parallel(s, tasks, [&](int64_t task) { ... })
template <class Body>
static inline void parallel(mr_stream* s, int64_t tasks, Body body) {
  auto run = [](void* context, int64_t task) { (*static_cast<Body*>(context))(task); };
  run_tasks(s, tasks, run, &body);
}

// Splits [0, n) into chunks of a fixed size (never of n/threads: chunk borders must not depend on the thread count).
template <class Body>
static inline void parallel_chunks(mr_stream* s, int64_t n, int64_t chunk, Body body) {
  int64_t tasks = (n + chunk - 1) / chunk;
  parallel(s, tasks, [&](int64_t task) {
    int64_t begin = task * chunk;
    int64_t end = begin + chunk < n ? begin + chunk : n;
    body(begin, end);
  });
}

}  // namespace MR_PATH
}  // namespace mr
