// dispatch.h: what the once-only files share about paths and pools.
#pragma once

#include <stdint.h>

namespace mr {

struct Ops;
class Pool;

// The table of one path (mr_isa), nullptr when it was not compiled for this architecture.
const Ops* path_ops(int32_t isa);

// A pool of threads - 1 workers (the caller is the last one); nullptr when a thread cannot be started.
Pool* pool_create(int32_t threads);
void pool_destroy(Pool* pool);
void pool_run(Pool* pool, int64_t tasks, void (*body)(void* context, int64_t task), void* context);

// Memory for scratch: 64-byte aligned, huge pages when large. nullptr when there is none.
void* scratch_alloc(int64_t bytes);
void scratch_free(void* p, int64_t bytes);

}  // namespace mr
