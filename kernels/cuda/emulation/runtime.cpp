// runtime.cpp: the threads of a block as fibers, barriers, exchanges within a warp, late copies, and the few calls of
// the CUDA runtime that medrepro makes.
#include "runtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <functional>
#include <vector>

#include "cuda_runtime.h"

#if !defined(__x86_64__)
#error "the emulation switches between fibers with x86-64 instructions"
#endif

// Saves the callee's registers and the stack pointer at *save and goes on where `to` was saved.
asm(R"(
.text
.type mr_switch_fiber, @function
mr_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size mr_switch_fiber, . - mr_switch_fiber
)");
extern "C" void mr_switch_fiber(void** save, void* to);

namespace emulation {

Coordinates at;
Here here;
uint32_t fences_of[1024];

namespace {

constexpr int MAX_THREADS = 1024;

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };

struct Copy {
  char* to;
  const char* from;
  int bytes, copied;
  int group;
};

struct Fiber {
  void* saved;
  char* stack;
  State state;
  uint32_t mask;
  const char* file;
  int line;
  dim3 index;
  Moment moment;
  int group;  // the open group of late copies
  std::vector<Copy> copies;
  bool early;  // has not waited for the kernels before
};

struct Slots {
  alignas(16) char of[WARP][SLOT];
};

// What needs no check, in one piece.
struct Own {
  Slots slots[MAX_THREADS / WARP];
  char arguments[4096];
};

Fiber fibers[MAX_THREADS];
Own own;
int threads, ended, current = -1;
void* scheduler;
void (*kernel)(const void*);
char* shared;
int64_t shared_bytes, shared_room;
uint32_t launches;
bool launched_early;
char problem[512];
bool failed;

void finish() {
  fibers[current].state = DONE;
  ended++;
  mr_switch_fiber(&fibers[current].saved, scheduler);
}

void begin() {
  kernel(own.arguments);
  Fiber& f = fibers[current];
  for (const Copy& c : f.copies)
    if (c.group >= 0) fail_launch("a copy into shared memory was never waited for");
  end_thread();
  finish();
}

char* stack_of(int i) {
  if (fibers[i].stack == nullptr)
    fibers[i].stack =
        static_cast<char*>(mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  return fibers[i].stack;
}

void prepare(int i, uint32_t block) {
  Fiber& f = fibers[i];
  void** top = reinterpret_cast<void**>(stack_of(i) + STACK - 64);
  *top = reinterpret_cast<void*>(begin);  // where mr_switch_fiber returns to
  for (int r = 1; r <= 6; r++) top[-r] = nullptr;
  f.saved = top - 6;
  f.state = READY;
  f.group = 0;
  f.copies.clear();
  f.early = launched_early;
  f.moment = {launches, block, 0, 0, (uint16_t)(i / WARP), (uint16_t)i};
  dim3 size = at.block_size;
  f.index = dim3((unsigned)i % size.x, (unsigned)i / size.x % size.y, (unsigned)i / (size.x * size.y));
}

void wait() { mr_switch_fiber(&fibers[current].saved, scheduler); }

// Lets the block go on when all its threads wait; a thread that has ended is not waited for.
bool release_block() {
  int first = -1;
  for (int i = 0; i < threads; i++) {
    const Fiber& f = fibers[i];
    if (f.state == DONE) continue;
    if (f.state != AT_BLOCK_BARRIER) return false;
    if (first < 0) first = i;
    if (f.line != fibers[first].line) {
      fail_launch("thread %d waits at %s:%d and thread %d at %s:%d", first, fibers[first].file, fibers[first].line, i, f.file,
                  f.line);
      return false;
    }
  }
  if (first < 0) return false;
  for (int i = 0; i < threads; i++) {
    if (fibers[i].state == DONE) continue;
    fibers[i].state = READY;
    fibers[i].moment.block_barriers++;
  }
  return true;
}

bool release_warps() {
  bool any = false;
  for (int warp = 0; warp * WARP < threads; warp++) {
    Fiber* lanes = fibers + warp * WARP;
    int count = threads - warp * WARP < WARP ? threads - warp * WARP : WARP;
    for (int leader = 0; leader < count; leader++) {
      if (lanes[leader].state != AT_WARP_BARRIER) continue;
      uint32_t mask = lanes[leader].mask;
      bool all = true;
      for (int i = 0; i < count; i++)
        if (mask >> i & 1) all = all && (lanes[i].state == DONE || (lanes[i].state == AT_WARP_BARRIER && lanes[i].mask == mask));
      if (!all) continue;
      for (int i = 0; i < count; i++)
        if ((mask >> i & 1) && lanes[i].state != DONE) {
          lanes[i].state = READY;
          lanes[i].moment.warp_barriers++;
        }
      any = true;
    }
  }
  return any;
}

// Blocks and threads run forwards in every odd launch and backwards in every even one: what depends on their order gives
// other bits when a kernel runs twice.
void run_block(uint32_t number) {
  bool backwards = launches % 2 == 0;
  // what the block before left is unwritten for this one (checks.cpp), and NaN should something read it all the same
  if (shared_bytes > 0) memset(shared, 0xff, (size_t)shared_bytes);
  ended = 0;
  memset(fences_of, 0, sizeof fences_of);
  for (int i = 0; i < threads; i++) prepare(i, number);
  for (int left = threads; left > 0 && !failed;) {
    bool ran = false;
    for (int k = 0; k < threads && !failed; k++) {
      int i = backwards ? threads - 1 - k : k;
      if (fibers[i].state != READY) continue;
      current = i;
      at.thread = fibers[i].index;
      here = {true, &fibers[i].moment, fibers[i].stack, (const char*)&own, (const char*)(&own + 1)};
      mr_switch_fiber(&scheduler, fibers[i].saved);
      here.running = false;
      current = -1;
      ran = true;
      if (fibers[i].state == DONE) left--;
    }
    if (failed || left == 0) return;
    bool released = release_warps();
    if (!released) released = release_block();
    if (!released && !ran) {
      int i = 0;
      while (fibers[i].state == DONE) i++;
      fail_launch("the block stands still: thread %d waits at a %s barrier (%s:%d)", i,
                  fibers[i].state == AT_BLOCK_BARRIER ? "block" : "warp", fibers[i].file, fibers[i].line);
      return;
    }
  }
}

}  // namespace

void fail_launch(const char* format, ...) {
  if (!failed) {
    va_list list;
    va_start(list, format);
    vsnprintf(problem, sizeof problem, format, list);
    va_end(list);
    failed = true;
  }
  if (here.running) finish();  // never to return: the block is given up
}

void stop(const char* format, ...) {
  char text[400];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  fail_launch("%s", text);
  abort();
}

namespace {
// What was queued while the stream was being captured, in order.
typedef std::vector<std::function<void()>> Graph;
Graph* capturing;
}  // namespace

void wait_for_kernels() { fibers[current].early = false; }
bool others_run() { return fibers[current].early; }

void launch(dim3 grid, dim3 block, int64_t bytes, void (*body)(const void*), const void* context, int64_t context_bytes,
            bool early) {
  if (capturing != nullptr) {
    std::vector<char> kept((const char*)context, (const char*)context + context_bytes);
    capturing->push_back([=] { launch(grid, block, bytes, body, kept.data(), context_bytes, early); });
    return;
  }
  failed = false;
  threads = (int)(block.x * block.y * block.z);
  if (threads < 1 || threads > MAX_THREADS) return fail_launch("a block of %d threads", threads);
  if (grid.y > 65535 || grid.z > 65535 || block.z > 64) return fail_launch("a grid of %u x %u x %u", grid.x, grid.y, grid.z);
  if (bytes > 227 << 10) return fail_launch("%lld bytes of shared memory", (long long)bytes);
  if (context_bytes > (int64_t)sizeof own.arguments) return fail_launch("%lld bytes of arguments", (long long)context_bytes);
  kernel = body;
  memcpy(own.arguments, context, (size_t)context_bytes);
  if (bytes > shared_room) {
    if (shared != nullptr) {
      remove_memory(shared);
      munmap(shared, (size_t)shared_room);
    }
    shared_room = 227 << 10;
    shared = static_cast<char*>(mmap(nullptr, (size_t)shared_room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    add_memory(shared, shared_room, true);
  }
  if (bytes > 0 && bytes != shared_bytes) {
    remove_memory(shared);
    add_memory(shared, bytes, true);  // exactly as long as asked for
  }
  shared_bytes = bytes;
  launched_early = early;
  launches++;
  at.block_size = block;
  at.grid = grid;
  uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
  for (uint64_t b = 0; b < blocks && !failed; b++) {
    uint64_t n = launches % 2 == 0 ? blocks - 1 - b : b;
    at.block = dim3((unsigned)(n % grid.x), (unsigned)(n / grid.x % grid.y), (unsigned)(n / grid.x / grid.y));
    run_block((uint32_t)n + 1);
  }
}

void* shared_memory() { return shared; }

void block_barrier(const char* file, int line) {
  Fiber& f = fibers[current];
  f.state = AT_BLOCK_BARRIER;
  f.file = file;
  f.line = line;
  wait();
}

void warp_barrier(uint32_t mask) {
  Fiber& f = fibers[current];
  if (!(mask >> (current % WARP) & 1)) fail_launch("thread %d waits for lanes %08x without being one", current, mask);
  f.state = AT_WARP_BARRIER;
  f.mask = mask;
  f.file = "a warp's";
  f.line = 0;
  wait();
}

void yield() { wait(); }

const void* exchange(uint32_t mask, const void* mine, int64_t bytes) {
  int warp = current / WARP;
  if (bytes > SLOT) fail_launch("an exchange of %lld bytes", (long long)bytes);
  memcpy(own.slots[warp].of[current % WARP], mine, (size_t)bytes);
  // an exchange orders no accesses to memory but those of its own slots: not a barrier in `Moment`
  uint32_t before = fibers[current].moment.warp_barriers;
  warp_barrier(mask);
  fibers[current].moment.warp_barriers = before;
  for (int lane = 0; (ended > 0 || threads % WARP != 0) && lane < WARP; lane++) {
    int i = warp * WARP + lane;
    if ((mask >> lane & 1) && (i >= threads || fibers[i].state == DONE))
      fail_launch("thread %d exchanges values with lane %d, which has ended", current, lane);
  }
  return own.slots[warp].of;
}

void leave(uint32_t mask) {
  uint32_t before = fibers[current].moment.warp_barriers;
  warp_barrier(mask);
  fibers[current].moment.warp_barriers = before;
}

void copy_async(void* to, const void* from, int bytes, int copied) {
  if ((uintptr_t)to % bytes != 0 || (copied > 0 && (uintptr_t)from % bytes != 0)) stop("cp.async: not aligned to %d bytes", bytes);
  if (copied < 0 || copied > bytes) stop("cp.async: %d of %d bytes", copied, bytes);
  // it may be carried out at any time from here to the wait: both ends are checked
  if (copied > 0) check_read(from, copied);
  copy_leaves(to, bytes);
  memset(to, 0xff, (size_t)bytes);
  Fiber& f = fibers[current];
  f.copies.push_back({static_cast<char*>(to), static_cast<const char*>(from), bytes, copied, f.group});
}

void commit_copies() { fibers[current].group++; }

void wait_copies(int pending) {
  Fiber& f = fibers[current];
  std::vector<Copy> left;
  for (const Copy& c : f.copies) {
    if (c.group >= f.group - pending) {
      left.push_back(c);
      continue;
    }
    copy_arrives(c.to, c.bytes);
    memcpy(c.to, c.from, (size_t)c.copied);
    memset(c.to + c.copied, 0, (size_t)(c.bytes - c.copied));
  }
  f.copies = left;
}

}  // namespace emulation

using emulation::failed;
using emulation::problem;

// Fibers change only at barriers, so an atomic needs no more than to happen.
static void check_atomic(const void* p) {
  if ((uintptr_t)p % 4 != 0 || !emulation::initialised(p, 4))
    emulation::fail_launch("an atomic outside every allocation, misaligned, or on memory that nobody has written");
}
int atomicCAS(int* p, int expected, int value) {
  check_atomic(p);
  int old = *p;
  if (old == expected) *p = value;
  return old;
}
int atomicAdd(int* p, int value) {
  check_atomic(p);
  int old = *p;
  *p = old + value;
  return old;
}
unsigned atomicAdd(unsigned* p, unsigned value) {
  check_atomic(p);
  unsigned old = *p;
  *p = old + value;
  return old;
}
void __threadfence() {}
void __threadfence_system() {}

// What a call of the host did wrong; as with the runtime, only that call fails.
static cudaError_t refuse(const char* text) {
  failed = false;
  emulation::fail_launch("%s", text);
  failed = false;
  return cudaErrorInvalidValue;
}

// ---- the runtime's calls ----------------------------------------------------------------------------------------------

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidValue; }
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrMultiProcessorCount            ? 4
           : attribute == cudaDevAttrComputeCapabilityMajor       ? 8
           : attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin ? 227 << 10
                                                                  : 0;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  snprintf(properties->name, sizeof properties->name, "emulated GPU");
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  *free = *total = (size_t)4 << 30;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  cudaError_t error = failed ? cudaErrorLaunchFailure : cudaSuccess;
  failed = false;
  return emulation::capturing == nullptr ? error : refuse("cudaStreamSynchronize while the stream is captured");
}

// What the runtime keeps of a call that failed, until cudaGetLastError.
static cudaError_t unasked = cudaSuccess;

// Device memory ends where a page without access begins, so a host that accesses beyond it faults at once.
cudaError_t cudaMalloc(void** p, size_t bytes) {
  if (emulation::capturing != nullptr) return refuse("cudaMalloc while the stream is captured");
  if (bytes > (size_t)4 << 30) return unasked = cudaErrorMemoryAllocation;
  void* at = mmap(nullptr, bytes + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return unasked = cudaErrorMemoryAllocation;
  *p = at;
  emulation::add_memory(at, (int64_t)bytes, false);
  return cudaSuccess;
}
cudaError_t cudaFree(void* p) {
  if (p != nullptr) emulation::remove_memory(p);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) {
  cudaError_t error = cudaMalloc(p, bytes);
  if (error == cudaSuccess) emulation::host_wrote(*p, (int64_t)bytes);
  return error;
}
cudaError_t cudaFreeHost(void* p) { return cudaFree(p); }

static cudaError_t copy(void* to, const void* from, int64_t bytes, bool reads_device, bool writes_device) {
  using emulation::within_memory;
  if ((reads_device && !within_memory(from, bytes)) || (writes_device && !within_memory(to, bytes)) ||
      (!reads_device && within_memory(from, 1)) || (!writes_device && within_memory(to, 1)))
    return refuse("cudaMemcpyAsync: an address on the wrong side, or beyond its allocation");
  if (reads_device && !emulation::initialised(from, bytes)) return refuse("cudaMemcpyAsync: from memory that nobody has written");
  if (writes_device) emulation::host_wrote(to, bytes);
  memmove(to, from, (size_t)bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  bool reads_device = kind != cudaMemcpyHostToDevice, writes_device = kind != cudaMemcpyDeviceToHost;
  if (emulation::capturing == nullptr) return copy(to, from, (int64_t)bytes, reads_device, writes_device);
  if (!reads_device || !writes_device) return refuse("cudaMemcpyAsync: a copy from or to the host while the stream is captured");
  emulation::capturing->push_back([=] { failed = copy(to, from, (int64_t)bytes, true, true) != cudaSuccess; });
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  emulation::capturing = new emulation::Graph;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  *graph = reinterpret_cast<cudaGraph_t>(emulation::capturing);
  emulation::capturing = nullptr;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = reinterpret_cast<cudaGraphExec_t>(new emulation::Graph(*reinterpret_cast<emulation::Graph*>(graph)));
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete reinterpret_cast<emulation::Graph*>(graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t) {
  for (const auto& work : *reinterpret_cast<emulation::Graph*>(exec)) {
    work();
    if (failed) return cudaGetLastError();
  }
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete reinterpret_cast<emulation::Graph*>(exec);
  return cudaSuccess;
}
static cudaError_t set(void* p, int value, int64_t bytes) {
  if (!emulation::host_wrote(p, bytes)) return refuse("cudaMemsetAsync: beyond an allocation");
  memset(p, value, (size_t)bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t) {
  if (emulation::capturing == nullptr) return set(p, value, (int64_t)bytes);
  emulation::capturing->push_back([=] { failed = set(p, value, (int64_t)bytes) != cudaSuccess; });
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  cudaError_t error = failed ? cudaErrorLaunchFailure : unasked;
  failed = false;
  unasked = cudaSuccess;
  return error;
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorLaunchFailure:
    case cudaErrorInvalidValue: return problem[0] ? problem : "invalid argument";
    default: return "unknown error";
  }
}
