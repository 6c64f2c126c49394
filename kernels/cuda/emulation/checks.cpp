// checks.cpp: what the compiler calls for every load and store of a kernel (gcc's -fsanitize=thread, whose own runtime is
// not linked): is the memory there, has it been written, and did another thread touch it without a barrier between?
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <map>

#include "cuda_runtime.h"
#include "runtime.h"

extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}

namespace emulation {
namespace {

// What is known of one byte, or of the four bytes of a word that are always used together.
struct Cell {
  Moment write, read;
  bool initialised;
  bool split;       // of a word: its bytes have cells of their own
  bool awaited;     // a late copy is on its way here, or from here
  bool async;       // written by a copy of a tile: ordered by its mbarrier, of which Moments know nothing
  uint32_t fences;  // of the writing thread, when it wrote
  bool many_blocks, many_warps, many_threads;  // more than one reads it since `read.launch` and its barrier
};

struct Memory {
  int64_t bytes;
  bool shared;
  Cell* words;     // one for four bytes
  Cell* bytes_of;  // one for each, where a word is split
};

std::map<uintptr_t, Memory>& memories() {
  static std::map<uintptr_t, Memory> all;
  return all;
}
uintptr_t cached_begin;
Memory* cached;

Memory* find(uintptr_t p, uintptr_t* begin) {
  if (cached != nullptr && p - cached_begin < (uintptr_t)cached->bytes) return *begin = cached_begin, cached;
  auto next = memories().upper_bound(p);
  if (next == memories().begin()) return nullptr;
  --next;
  if (p - next->first >= (uintptr_t)next->second.bytes) return nullptr;
  cached_begin = *begin = next->first;
  return cached = &next->second;
}

// use(cell) for every cell of the bytes from `begin` to `end`, until it says no; whether it never did. Words become one again
// where all of them are used alike.
template <class Use>
bool each_cell(Memory* memory, uintptr_t begin, uintptr_t end, bool alike, Use use) {
  for (uintptr_t i = begin; i < end;) {
    Cell& word = memory->words[i / 4];
    Cell* bytes = memory->bytes_of + i / 4 * 4;
    bool whole = i % 4 == 0 && end - i >= 4;
    if (!whole && !word.split) {
      for (int j = 0; j < 4; j++) bytes[j] = word;
      word.split = true;
    }
    if (!word.split) {
      if (!use(word)) return false;
    } else {
      for (uintptr_t j = i % 4; j < (whole ? 4 : i % 4 + 1); j++)
        if (!use(bytes[j])) return false;
      if (whole && alike) {
        word = bytes[0];
        word.split = false;
      }
    }
    i += whole ? 4 : 1;
  }
  return true;
}

// Whether all that happened at `then` is known to `me` to be over.
bool ordered(const Moment& then, const Moment& me) {
  if (then.launch != me.launch) return true;
  if (then.block != me.block) return false;
  if (then.thread == me.thread || then.block_barriers < me.block_barriers) return true;
  return then.warp == me.warp && then.warp_barriers < me.warp_barriers;
}

bool everyone_ordered(const Cell& cell, const Moment& me) {
  const Moment& r = cell.read;
  if (r.launch != me.launch) return true;
  if (cell.many_blocks) return false;
  if (r.block != me.block) return false;
  if (r.block_barriers < me.block_barriers) return true;
  if (cell.many_warps) return false;
  if (r.warp != me.warp) return false;
  return r.warp_barriers < me.warp_barriers || (!cell.many_threads && r.thread == me.thread);
}

void note_read(Cell& cell, const Moment& me) {
  const Moment& r = cell.read;
  bool same_launch = r.launch == me.launch;
  bool blocks = same_launch && (cell.many_blocks || r.block != me.block);
  bool same_span = same_launch && r.block == me.block && r.block_barriers == me.block_barriers;
  bool warps = same_span && (cell.many_warps || r.warp != me.warp);
  bool same_warp_span = same_span && r.warp == me.warp && r.warp_barriers == me.warp_barriers;
  cell.many_threads = same_warp_span && (cell.many_threads || r.thread != me.thread);
  cell.many_blocks = blocks;
  cell.many_warps = warps;
  cell.read = me;
}

const char* place(const void* caller) {
  static char text[256];
  Dl_info info;
  if (dladdr(caller, &info) != 0 && info.dli_fname != nullptr) {
    // only on the way to an error, so a helper process costs nothing that matters
    char command[512];
    snprintf(command, sizeof command, "addr2line -s -e '%s' %p 2>/dev/null", info.dli_fname,
             (void*)((const char*)caller - (const char*)info.dli_fbase - 1));
    FILE* out = popen(command, "r");
    if (out != nullptr) {
      char* line = fgets(text, sizeof text, out);
      pclose(out);
      if (line != nullptr) {
        text[strcspn(text, "\n")] = 0;
        return text;
      }
    }
  }
  return "?";
}

void access(const void* p, int64_t bytes, bool writes, const void* caller) {
  if (!here.running || own_memory((const char*)p)) return;
  const char* c = (const char*)p;
  const Moment& me = *here.now;
  if (c >= __ehdr_start && c < _end) {
    if (writes) fail_launch("thread %u writes a variable of the program (%s)", me.thread, place(caller));
    return;
  }
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  const char* verb = writes ? "writes" : "reads";
  if (memory == nullptr || (uintptr_t)p - begin + (uintptr_t)bytes > (uintptr_t)memory->bytes)
    return fail_launch("block %u thread %u %s %lld bytes outside every allocation (%s)", me.block - 1, me.thread, verb,
                       (long long)bytes, place(caller));
  const char* where = memory->shared ? "shared" : "device";
  if (!memory->shared && others_run())
    return fail_launch("block %u thread %u %s device memory before it waited for the kernels before (%s)", me.block - 1, me.thread,
                       verb, place(caller));
  uintptr_t first = (uintptr_t)p - begin;
  // after a write no earlier read matters: what is ordered after the write is ordered after those
  each_cell(memory, first, first + (uintptr_t)bytes, writes, [&](Cell& cell) {
    bool stale = memory->shared && (cell.async || cell.write.launch != me.launch || cell.write.block != me.block);
    if (cell.awaited && !stale)
      return fail_launch("block %u thread %u %s %s memory before the copy on its way there was waited for (%s)", me.block - 1,
                         me.thread, verb, where, place(caller)),
             false;
    if (!writes && (!cell.initialised || stale))
      return fail_launch("block %u thread %u reads %s memory that nobody has written (%s)", me.block - 1, me.thread, where,
                         place(caller)),
             false;
    if (!stale && !ordered(cell.write, me))
      return fail_launch("race: block %u thread %u %s %s memory that block %u thread %u wrote, and no barrier lies between (%s)",
                         me.block - 1, me.thread, verb, where, cell.write.block - 1, cell.write.thread, place(caller)),
             false;
    bool stale_read = memory->shared && (cell.read.launch != me.launch || cell.read.block != me.block);
    if (writes && !stale_read && !everyone_ordered(cell, me))
      return fail_launch(
                 "race: block %u thread %u writes %s memory that block %u thread %u reads, and no barrier lies between (%s)",
                 me.block - 1, me.thread, where, cell.read.block - 1, cell.read.thread, place(caller)),
             false;
    if (writes) {
      cell.write = me;
      cell.initialised = true;
      cell.awaited = cell.async = false;
      cell.fences = fences_of[me.thread];
    } else {
      if (stale_read) cell.many_blocks = cell.many_warps = cell.many_threads = false, cell.read = me;
      note_read(cell, me);
    }
    return true;
  });
}

// The same for an access that the machine makes only at a multiple of its size.
void aligned_access(const void* p, int64_t bytes, bool writes, const void* caller) {
  if (here.running && (uintptr_t)p % (uintptr_t)bytes != 0 && !own_memory((const char*)p))
    return fail_launch("block %u thread %u %s %lld bytes at an address that is not a multiple of them (%s)", here.now->block - 1,
                       here.now->thread, writes ? "writes" : "reads", (long long)bytes, place(caller));
  access(p, bytes, writes, caller);
}

void set_awaited(void* p, int64_t bytes, bool awaited) {
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  uintptr_t first = (uintptr_t)p - begin;
  each_cell(memory, first, first + (uintptr_t)bytes, false, [=](Cell& cell) { return cell.awaited = awaited, true; });
}

}  // namespace

void copy_leaves(void* to, int64_t bytes) {
  check_write(to, bytes);
  set_awaited(to, bytes, true);
}
void copy_arrives(void* to, int64_t bytes) {
  set_awaited(to, bytes, false);
  check_write(to, bytes);
}

void lend(const void* p, int64_t bytes, bool lent) { set_awaited(const_cast<void*>(p), bytes, lent); }

void async_write(void* p, int64_t bytes, bool arrived) {
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  uintptr_t first = (uintptr_t)p - begin;
  each_cell(memory, first, first + (uintptr_t)bytes, true, [=](Cell& cell) {
    cell.write = *here.now;
    cell.initialised = cell.async = true;
    cell.awaited = !arrived;
    return true;
  });
}

void async_read(const void* p, int64_t bytes, const char* what) {
  const Moment& me = *here.now;
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  if (memory == nullptr || !memory->shared || (uintptr_t)p - begin + (uintptr_t)bytes > (uintptr_t)memory->bytes)
    return fail_launch("%s: outside shared memory", what);
  uintptr_t first = (uintptr_t)p - begin;
  each_cell(memory, first, first + (uintptr_t)bytes, false, [&](Cell& cell) {
    if (!cell.initialised || cell.write.launch != me.launch || cell.write.block != me.block)
      return fail_launch("%s: of shared memory that nobody has written", what), false;
    if (cell.awaited) return fail_launch("%s: of shared memory before the copy on its way there was waited for", what), false;
    if (!cell.async && cell.fences == fences_of[cell.write.thread])
      return fail_launch("%s: of what thread %u stored and did not publish", what, cell.write.thread), false;
    return true;
  });
}

void check_read(const void* p, int64_t bytes) { access(p, bytes, false, __builtin_return_address(0)); }
void check_write(void* p, int64_t bytes) { access(p, bytes, true, __builtin_return_address(0)); }

// Room for so many cells; no page of it is taken before it is used.
static size_t room_for(int64_t cells) { return (size_t)cells * sizeof(Cell); }
static Cell* make_cells(int64_t cells) {
  void* p = mmap(nullptr, room_for(cells), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return static_cast<Cell*>(p);
}

void add_memory(void* p, int64_t bytes, bool shared) {
  int64_t words = (bytes + 3) / 4;
  memories()[(uintptr_t)p] = {bytes, shared, make_cells(words), make_cells(4 * words)};
  cached = nullptr;
}

void remove_memory(void* p) {
  auto found = memories().find((uintptr_t)p);
  if (found == memories().end()) return;
  int64_t words = (found->second.bytes + 3) / 4;
  munmap(found->second.words, room_for(words));
  munmap(found->second.bytes_of, room_for(4 * words));
  memories().erase(found);
  cached = nullptr;
}

bool within_memory(const void* p, int64_t bytes) {
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  return memory != nullptr && (uintptr_t)p - begin + (uintptr_t)bytes <= (uintptr_t)memory->bytes;
}

bool initialised(const void* p, int64_t bytes) {
  if (!within_memory(p, bytes)) return false;
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  uintptr_t first = (uintptr_t)p - begin;
  return each_cell(memory, first, first + (uintptr_t)bytes, false, [](Cell& cell) { return cell.initialised; });
}

bool host_wrote(void* p, int64_t bytes) {
  if (!within_memory(p, bytes)) return false;
  uintptr_t begin = 0;
  Memory* memory = find((uintptr_t)p, &begin);
  uintptr_t first = (uintptr_t)p - begin;
  return each_cell(memory, first, first + (uintptr_t)bytes, false, [](Cell& cell) { return cell.initialised = true; });
}

}  // namespace emulation

using emulation::access;
using emulation::aligned_access;

// The names are gcc's.
extern "C" {
#define MR_ACCESS(bytes)                                                                               \
  void __tsan_read##bytes(void* p) { aligned_access(p, bytes, false, __builtin_return_address(0)); }   \
  void __tsan_write##bytes(void* p) { aligned_access(p, bytes, true, __builtin_return_address(0)); }   \
  void __tsan_unaligned_read##bytes(void* p) { access(p, bytes, false, __builtin_return_address(0)); } \
  void __tsan_unaligned_write##bytes(void* p) { access(p, bytes, true, __builtin_return_address(0)); } \
  void __tsan_volatile_read##bytes(void* p) { access(p, bytes, false, __builtin_return_address(0)); }  \
  void __tsan_volatile_write##bytes(void* p) { access(p, bytes, true, __builtin_return_address(0)); }
MR_ACCESS(1)
MR_ACCESS(2)
MR_ACCESS(4)
MR_ACCESS(8)
MR_ACCESS(16)
void __tsan_read_range(void* p, uint64_t n) { access(p, (int64_t)n, false, __builtin_return_address(0)); }
void __tsan_write_range(void* p, uint64_t n) { access(p, (int64_t)n, true, __builtin_return_address(0)); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void*, void*) {}
}
