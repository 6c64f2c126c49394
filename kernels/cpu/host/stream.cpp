// stream.cpp: streams, and the text of the last error.
#include "../stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dispatch.h"

namespace mr {

static thread_local char last_error[512] = "";

int32_t fail(int32_t code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  return code;
}

}  // namespace mr

using mr::fail;

extern "C" {

MR_API const char* mr_last_error(void) { return mr::last_error; }

MR_API mr_stream* mr_stream_create(int32_t device, int32_t threads, int32_t isa) {
  if (device != 0) return fail(MR_ERR_ARGUMENT, "mr_stream_create: there is no CPU device %d", device), nullptr;
  if (threads < 0 || threads > 1024)
    return fail(MR_ERR_ARGUMENT, "mr_stream_create: %d threads; 0 (all cores) to 1024 are possible", threads), nullptr;
  int32_t best = mr_cpu_best_isa();
  if (isa == -1) isa = best;
  const mr::Ops* ops = isa <= best ? mr::path_ops(isa) : nullptr;
  if (ops == nullptr) return fail(MR_ERR_ARGUMENT, "mr_stream_create: this CPU does not run isa %d", isa), nullptr;
  if (threads == 0) threads = mr_cpu_count();
  mr_stream* s = static_cast<mr_stream*>(calloc(1, sizeof(mr_stream)));
  if (s == nullptr) return fail(MR_ERR_MEMORY, "mr_stream_create: no memory"), nullptr;
  s->ops = ops;
  s->isa = isa;
  s->threads = threads;
  s->pool = mr::pool_create(threads);
  if (s->pool == nullptr) {
    free(s);
    return fail(MR_ERR_MEMORY, "mr_stream_create: cannot start %d threads", threads), nullptr;
  }
  return s;
}

MR_API void mr_stream_destroy(mr_stream* s) {
  if (s == nullptr) return;
  mr::pool_destroy(s->pool);
  for (int slot = 0; slot < mr::SCRATCH_SLOTS; slot++) mr::scratch_free(s->shared[slot], s->shared_bytes[slot]);
  free(s);
}

MR_API int32_t mr_stream_synchronize(mr_stream* s) {
  if (s == nullptr) return fail(MR_ERR_ARGUMENT, "mr_stream_synchronize: the stream is NULL");
  return MR_OK;  // every CPU op has finished when it returns
}

// Every path is tested on the machine that runs it.
MR_API const char* mr_family_name(int32_t) { return nullptr; }
MR_API const char* mr_family_setting(int32_t) { return ""; }
MR_API int32_t mr_family_state(mr_stream*, int32_t) { return MR_FAMILY_OFF; }

MR_API int32_t mr_stream_isa(mr_stream* s) { return s == nullptr ? -1 : s->isa; }
MR_API int32_t mr_stream_threads(mr_stream* s) { return s == nullptr ? 0 : s->threads; }

}  // extern "C"
