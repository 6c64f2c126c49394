// warpgroup.cpp: see warpgroup.h.
#include "warpgroup.h"

#include <map>
#include <vector>

#include "runtime.h"

namespace emulation {
namespace {

struct TileCopy {
  char* to;
  CUtensorMap map;
  int64_t inner, line;
};

struct Barrier {
  uint32_t launch, block;
  int arrivals;  // a phase takes
  int pending;
  int64_t bytes;  // announced and not yet begun, or (negative) begun and not announced
  uint32_t phase;
  std::vector<TileCopy> copies;
};

std::map<const uint64_t*, Barrier> barriers;

Barrier& find(const uint64_t* barrier) {
  auto found = barriers.find(barrier);
  if (found == barriers.end() || found->second.launch != here.now->launch || found->second.block != here.now->block)
    stop("an mbarrier that this block has not initialised");
  return found->second;
}

// What 128B swizzling does to an address in shared memory, whose first byte is at a multiple of 1024.
uint32_t swizzled(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }

char* shared_begin() { return static_cast<char*>(shared_memory()); }

void carry_out(const TileCopy& copy) {
  uint32_t to = (uint32_t)(copy.to - shared_begin());
  for (int l = 0; l < copy.map.box_lines; l++)
    for (int i = 0; i < copy.map.box_inner; i++) {
      uint16_t value = 0;
      int64_t line = copy.line + l, inner = copy.inner + i;
      if (line >= 0 && line < copy.map.lines && inner >= 0 && inner < copy.map.inner)
        memcpy(&value, static_cast<const char*>(copy.map.base) + line * copy.map.line_bytes + inner * 2, 2);
      memcpy(shared_begin() + swizzled(to + (uint32_t)(l * 128 + i * 2)), &value, 2);
    }
}

// Whether the phase can end: all have arrived and all announced copies have begun. Ends it.
bool end_phase(Barrier& b) {
  if (b.pending != 0 || b.bytes != 0) return false;
  for (const TileCopy& copy : b.copies) carry_out(copy);
  b.copies.clear();
  b.pending = b.arrivals;
  b.phase++;
  return true;
}

// Per thread of the block.
struct Pending {
  uint32_t launch, block;
  std::vector<std::vector<WarpgroupProduct>> groups;  // the last one is open
};
Pending pending_products[1024];

Pending& mine() {
  Pending& p = pending_products[here.now->thread];
  if (p.launch != here.now->launch || p.block != here.now->block || p.groups.empty()) {
    p.launch = here.now->launch, p.block = here.now->block;
    p.groups.assign(1, {});
  }
  return p;
}

// Element (row, k) of an operand: PTX ISA, "Matrix descriptor" and "Canonical layouts", 128B swizzling.
uint16_t element(uint64_t descriptor, bool along_k, int row, int k) {
  uint32_t start = (uint32_t)(descriptor & 0x3fff) << 4, leading = (uint32_t)(descriptor >> 16 & 0x3fff) << 4,
           stride = (uint32_t)(descriptor >> 32 & 0x3fff) << 4;
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0) stop("wgmma: a descriptor without 128-byte swizzling, or with a base offset");
  uint32_t at = along_k ? start + (uint32_t)(row / 8) * stride + (uint32_t)(row % 8) * 128 + (uint32_t)k * 2
                        : start + (uint32_t)(row / 64) * leading + (uint32_t)(row % 64) * 2 + (uint32_t)(k / 8) * stride +
                              (uint32_t)(k % 8) * 128;
  at = swizzled(at);
  const char* p = shared_begin() + at;
  if (!within_memory(p, 2)) stop("wgmma: an operand outside shared memory");
  uint16_t value;
  memcpy(&value, p, 2);
  return value;
}

void carry_out(const WarpgroupProduct& p) {
  int in_warp = here.now->thread % WARP, warp = here.now->thread / WARP % 4, g = in_warp / 4, t = in_warp % 4;
  float a[2][16];
  for (int half = 0; half < 2; half++)
    for (int k = 0; k < 16; k++) a[half][k] = p.value(element(p.a, p.a_along_k, warp * 16 + half * 8 + g, k));
  for (int j = 0; j < p.columns / 8; j++)
    for (int e = 0; e < 2; e++) {
      float b[16];
      for (int k = 0; k < 16; k++) b[k] = p.value(element(p.b, p.b_along_k, 8 * j + 2 * t + e, k));
      for (int half = 0; half < 2; half++) {
        float& sum = p.sums[4 * j + 2 * half + e];
        float s = p.adds ? sum : 0.0f;
        for (int k = 0; k < 16; k++) s = fmaf(a[half][k], b[k], s);
        sum = s;
      }
    }
}

}  // namespace

void barrier_init(uint64_t* barrier, int arrivals) {
  check_write(barrier, 8);
  if ((uintptr_t)barrier % 8 != 0) stop("mbarrier: not aligned to 8 bytes");
  if (arrivals < 1) stop("mbarrier: %d arrivals", arrivals);
  barriers[barrier] = {here.now->launch, here.now->block, arrivals, arrivals, 0, 0, {}};
}

void barrier_arrive(uint64_t* barrier, int bytes) {
  Barrier& b = find(barrier);
  if (b.pending == 0) {
    if (b.bytes != 0 || !end_phase(b)) stop("mbarrier: more arrivals than a phase takes");
  }
  b.bytes += bytes;
  b.pending--;
  // without copies a phase ends at once; with some, when somebody waits
  if (b.pending == 0 && b.bytes == 0 && b.copies.empty()) end_phase(b);
}

void barrier_wait(uint64_t* barrier, uint32_t parity) {
  Barrier& b = find(barrier);
  for (int64_t turns = 0; (b.phase & 1) == parity; turns++) {
    if (turns > 0 && end_phase(b)) continue;
    if (turns > 100000) stop("mbarrier: thread %d waits for a phase that never ends", (int)here.now->thread);
    yield();
  }
}

void tensor_copy(void* to, const CUtensorMap* map, int64_t inner, int64_t line, uint64_t* barrier) {
  Barrier& b = find(barrier);
  int64_t bytes = (int64_t)map->box_lines * 128;
  if (((char*)to - shared_begin()) % 1024 != 0) stop("cp.async.bulk.tensor: not aligned to 1024 bytes");
  if (map->box_inner != 64) stop("cp.async.bulk.tensor: a box %d elements wide", map->box_inner);
  if (!within_memory(to, bytes)) stop("cp.async.bulk.tensor: outside shared memory");
  for (int64_t l = line; l < line + map->box_lines && l < map->lines; l++) {
    int64_t count = map->inner - inner < map->box_inner ? map->inner - inner : map->box_inner;
    if (count > 0) check_read(static_cast<const char*>(map->base) + l * map->line_bytes + inner * 2, count * 2);
  }
  memset(to, 0xff, (size_t)bytes);
  b.bytes -= bytes;
  b.copies.push_back({static_cast<char*>(to), *map, inner, line});
}

void warpgroup_multiply(const WarpgroupProduct& product) { mine().groups.back().push_back(product); }
void warpgroup_commit() { mine().groups.push_back({}); }
void warpgroup_wait(int pending) {
  Pending& p = mine();
  int64_t done = (int64_t)p.groups.size() - 1 - pending;
  for (int64_t i = 0; i < done; i++) {
    for (const WarpgroupProduct& product : p.groups[(size_t)i]) carry_out(product);
    p.groups[(size_t)i].clear();
  }
  if (done > 0) p.groups.erase(p.groups.begin(), p.groups.begin() + done);
}

}  // namespace emulation
