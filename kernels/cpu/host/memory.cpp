// memory.cpp: device memory (here: host pages), scratch, file mapping, peak memory.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../stream.h"
#include "dispatch.h"

namespace mr {

namespace {

constexpr int64_t PAGE = 4096;
constexpr int64_t HUGE_PAGE = 2 << 20;
constexpr int64_t LARGEST = (int64_t)1 << 46;  // beyond any machine; keeps the sums below from overflowing

int64_t whole_pages(int64_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

// Zero pages, reserved lazily. Large regions begin on a huge page and ask for them: a matrix walked by columns touches
// one 4 KiB page per row, and the TLB would not keep up.
void* map_pages(int64_t bytes) {
  int64_t size = whole_pages(bytes);
  int64_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
  void* p = mmap(nullptr, (size_t)(size + slack), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  if (slack == 0) return p;
  char* begin = static_cast<char*>(p);
  int64_t head = (HUGE_PAGE - (int64_t)((uintptr_t)p % HUGE_PAGE)) % HUGE_PAGE;
  if (head > 0) munmap(begin, (size_t)head);
  if (slack - head > 0) munmap(begin + head + size, (size_t)(slack - head));
  madvise(begin + head, (size_t)size, MADV_HUGEPAGE);
  return begin + head;
}

// Grows one buffer to at least bytes; the contents are not kept.
void* grow(void** buffer, int64_t* have, int64_t bytes) {
  if (bytes <= *have) return *buffer;
  scratch_free(*buffer, *have);
  int64_t want = whole_pages(bytes + bytes / 8);  // a little more, so that slowly growing requests settle
  *buffer = scratch_alloc(want);
  *have = *buffer == nullptr ? 0 : want;
  return *buffer;
}

// A thread's own buffers, given back when the thread ends.
struct ThreadScratch {
  void* buffer[SCRATCH_SLOTS] = {};
  int64_t bytes[SCRATCH_SLOTS] = {};
  ~ThreadScratch() {
    for (int slot = 0; slot < SCRATCH_SLOTS; slot++) scratch_free(buffer[slot], bytes[slot]);
  }
};
thread_local ThreadScratch thread_scratch;

}  // namespace

void* scratch_alloc(int64_t bytes) {
  if (bytes <= 0 || bytes > LARGEST) return nullptr;
  return map_pages(bytes);
}

void scratch_free(void* p, int64_t bytes) {
  if (p != nullptr) munmap(p, (size_t)whole_pages(bytes));
}

void* scratch(int slot, int64_t bytes) { return grow(&thread_scratch.buffer[slot], &thread_scratch.bytes[slot], bytes); }

void* shared_scratch(mr_stream* s, int slot, int64_t bytes) { return grow(&s->shared[slot], &s->shared_bytes[slot], bytes); }

}  // namespace mr

using mr::fail;

extern "C" {

MR_API void* mr_device_alloc(mr_stream* s, int64_t bytes) {
  if (s == nullptr) return fail(MR_ERR_ARGUMENT, "mr_device_alloc: the stream is NULL"), nullptr;
  if (bytes <= 0 || bytes > mr::LARGEST)
    return fail(MR_ERR_ARGUMENT, "mr_device_alloc: cannot allocate %lld bytes", (long long)bytes), nullptr;
  void* p = mr::map_pages(bytes);
  if (p == nullptr) fail(MR_ERR_MEMORY, "mr_device_alloc: no memory for %lld bytes", (long long)bytes);
  return p;
}

MR_API int32_t mr_device_free(mr_stream* s, void* p, int64_t bytes) {
  if (s == nullptr) return fail(MR_ERR_ARGUMENT, "mr_device_free: the stream is NULL");
  if (p == nullptr) return MR_OK;
  if (bytes <= 0 || bytes > mr::LARGEST)
    return fail(MR_ERR_ARGUMENT, "mr_device_free: %lld bytes is not the size of an allocation", (long long)bytes);
  if (munmap(p, (size_t)mr::whole_pages(bytes)) != 0) return fail(MR_ERR_ARGUMENT, "mr_device_free: %s", strerror(errno));
  return MR_OK;
}

static int32_t copy_bytes(mr_stream* s, const char* op, int64_t bytes, const void* from, void* to) {
  if (s == nullptr) return fail(MR_ERR_ARGUMENT, "%s: the stream is NULL", op);
  if (bytes < 0) return fail(MR_ERR_ARGUMENT, "%s: bytes is %lld", op, (long long)bytes);
  if (bytes == 0) return MR_OK;
  if (from == nullptr || to == nullptr) return fail(MR_ERR_ARGUMENT, "%s: a pointer is NULL", op);
  memmove(to, from, (size_t)bytes);
  return MR_OK;
}

MR_API const char* mr_device_name(mr_stream*) { return "this machine's processor"; }

MR_API double mr_device_free_memory(mr_stream*) { return (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE); }

MR_API void* mr_host_alloc(mr_stream* s, int64_t bytes) { return mr_device_alloc(s, bytes); }
MR_API int32_t mr_host_free(mr_stream* s, void* p, int64_t bytes) { return mr_device_free(s, p, bytes); }

MR_API int32_t mr_record_begin(mr_stream*) { return fail(MR_ERR_DEVICE, "mr_record_begin: the CPU records nothing"); }
MR_API void* mr_record_end(mr_stream*) { return fail(MR_ERR_DEVICE, "mr_record_end: the CPU records nothing"), nullptr; }
MR_API int32_t mr_replay(mr_stream*, void*) { return fail(MR_ERR_DEVICE, "mr_replay: the CPU records nothing"); }
MR_API int32_t mr_recording_free(mr_stream*, void*) { return MR_OK; }

MR_API int32_t mr_copy_to_device(mr_stream* s, int64_t bytes, const void* host, void* device) {
  return copy_bytes(s, "mr_copy_to_device", bytes, host, device);
}

MR_API int32_t mr_copy_to_host(mr_stream* s, int64_t bytes, const void* device, void* host) {
  return copy_bytes(s, "mr_copy_to_host", bytes, device, host);
}

MR_API void* mr_map_file(const char* path, int64_t* bytes) {
  if (path == nullptr || bytes == nullptr) return fail(MR_ERR_ARGUMENT, "mr_map_file: a pointer is NULL"), nullptr;
  bytes[0] = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // O_NONBLOCK: opening a named pipe must not hang
  if (file < 0) return fail(MR_ERR_IO, "%s: %s", path, strerror(errno)), nullptr;
  struct stat status;
  void* address = nullptr;
  if (fstat(file, &status) != 0) {
    fail(MR_ERR_IO, "%s: %s", path, strerror(errno));
  } else if (!S_ISREG(status.st_mode)) {
    fail(MR_ERR_IO, "%s: not a regular file", path);
  } else if (status.st_size == 0) {
    fail(MR_ERR_IO, "%s: the file is empty", path);
  } else {
    address = mmap(nullptr, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (address == MAP_FAILED) {
      fail(MR_ERR_IO, "%s: cannot be mapped: %s", path, strerror(errno));
      address = nullptr;
    } else {
      bytes[0] = (int64_t)status.st_size;
    }
  }
  close(file);
  return address;
}

MR_API int32_t mr_unmap_file(void* address, int64_t bytes) {
  if (address == nullptr) return MR_OK;
  if (bytes <= 0) return fail(MR_ERR_ARGUMENT, "mr_unmap_file: bytes is %lld", (long long)bytes);
  if (munmap(address, (size_t)bytes) != 0) return fail(MR_ERR_ARGUMENT, "mr_unmap_file: %s", strerror(errno));
  return MR_OK;
}

MR_API void* mr_map_scratch(const char* folder, int64_t bytes) {
  if (folder == nullptr) return fail(MR_ERR_ARGUMENT, "mr_map_scratch: folder is NULL"), nullptr;
  if (bytes <= 0 || bytes > mr::LARGEST)
    return fail(MR_ERR_ARGUMENT, "mr_map_scratch: cannot map %lld bytes", (long long)bytes), nullptr;
  int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) {  // a file system without nameless files
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/.medrepro-XXXXXX", folder);
    if (length > 0 && length < (int)sizeof path) file = mkostemp(path, O_CLOEXEC);
    if (file >= 0) unlink(path);
  }
  if (file < 0) return fail(MR_ERR_IO, "%s: %s", folder, strerror(errno)), nullptr;
  void* address = nullptr;
  int error = posix_fallocate(file, 0, (off_t)bytes);
  if (error == 0) {
    address = mmap(nullptr, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (address == MAP_FAILED) error = errno, address = nullptr;
  }
  if (error != 0) fail(MR_ERR_IO, "%s: no %lld bytes: %s", folder, (long long)bytes, strerror(error));
  close(file);
  return address;
}

MR_API int32_t mr_release_pages(void* address, int64_t bytes) {
  if (address == nullptr || bytes < 0) return fail(MR_ERR_ARGUMENT, "mr_release_pages: %lld bytes", (long long)bytes);
  // a page shared with a neighbour may be in use
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)address + page - 1) / page * page;
  uintptr_t end = ((uintptr_t)address + (uintptr_t)bytes) / page * page;
  if (end > begin && madvise((void*)begin, end - begin, MADV_DONTNEED) != 0)
    return fail(MR_ERR_ARGUMENT, "mr_release_pages: %s", strerror(errno));
  return MR_OK;
}

MR_API double mr_peak_memory(void) {
  FILE* status = fopen("/proc/self/status", "re");
  if (status == nullptr) return 0;
  char line[256];
  long long kilobytes = 0;
  while (fgets(line, sizeof line, status) != nullptr)
    if (sscanf(line, "VmHWM: %lld", &kilobytes) == 1) break;
  fclose(status);
  return (double)kilobytes * 1024;
}

}  // extern "C"
