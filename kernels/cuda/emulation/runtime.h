// runtime.h: what the scheduler (runtime.cpp) and the checks (checks.cpp) of the emulation know of each other.
#pragma once

#include <stdint.h>

namespace emulation {

// When an access happened, seen from its block: an access is ordered after another one of the block when a barrier of both is
// between them.
struct Moment {
  uint32_t launch;
  uint32_t block;           // 1-based in the launch
  uint32_t block_barriers;  // that the block has passed
  uint32_t warp_barriers;   // that the warp has passed
  uint16_t warp;
  uint16_t thread;
};

constexpr int64_t STACK = 256 << 10;

// What a check needs to know of the running thread.
struct Here {
  bool running;       // a kernel runs, and not the host
  const Moment* now;  // only while `running`
  const char* stack;  // STACK bytes that are its own
  const char* own;    // the kernel's arguments and the slots of `exchange`, too, need no check
  const char* own_end;
};
extern Here here;
inline bool own_memory(const char* p) {
  return (uintptr_t)p - (uintptr_t)here.stack < (uintptr_t)STACK || (p >= here.own && p < here.own_end);
}

// Whether kernels before this one may still write what the running thread sees, and read what it writes.
bool others_run();

// Ends the launch with one line; does not return while a kernel runs.
void fail_launch(const char* format, ...) __attribute__((format(printf, 1, 2)));

// Memory that kernels may use. Shared memory starts each block uninitialised.
void add_memory(void* p, int64_t bytes, bool shared);
void remove_memory(void* p);
// The host wrote or reads device memory: false when it is not within one allocation.
bool host_wrote(void* p, int64_t bytes);
// Whether all of it has been written.
bool initialised(const void* p, int64_t bytes);
// A late copy is issued for these bytes; it is carried out.
void copy_leaves(void* to, int64_t bytes);
void copy_arrives(void* to, int64_t bytes);
bool within_memory(const void* p, int64_t bytes);

// ---- the asynchronous proxy: copies of tiles and products of a warpgroup, which see ordinary stores only after a fence ----

// How many fences each thread of the block has executed.
extern uint32_t fences_of[1024];
// A copy writes shared memory (arrived: has written it); what becomes of it no barrier of ours orders.
void async_write(void* p, int64_t bytes, bool arrived);
// A copy or a product reads shared memory: written, arrived, published.
void async_read(const void* p, int64_t bytes, const char* what);
// Shared memory that a copy still reads: no other access is allowed.
void lend(const void* p, int64_t bytes, bool lent);
// The running thread ends: with nothing left that it had to wait for.
void end_thread();

}  // namespace emulation
