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

Barrier& find(uint64_t* barrier) {
  check_read(barrier, 8);  // after a barrier of the block since its initialisation
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
  async_write(copy.to, (int64_t)copy.map.box_lines * 128, true);
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

struct TileStore {
  const char* from;
  CUtensorMap map;
  int64_t inner, line;
};

// Per thread of the block.
struct Pending {
  uint32_t launch, block;
  std::vector<std::vector<WarpgroupProduct>> groups;  // the last one is open
  std::vector<std::vector<TileStore>> stores;         // the same
  bool fenced;                                        // since the thread's sums could be touched
  int registers;
};
Pending pending[1024];

// What the block's warpgroups have given back of the registers it was launched with.
struct Pool {
  uint32_t launch, block;
  int64_t registers;
} pool;

int launch_registers() {
  int threads = (int)(at.block_size.x * at.block_size.y * at.block_size.z), each = 65536 / threads / 8 * 8;
  return each < 256 ? each : 255;
}

Pending& mine() {
  Pending& p = pending[here.now->thread];
  if (p.launch != here.now->launch || p.block != here.now->block || p.groups.empty()) {
    p.launch = here.now->launch, p.block = here.now->block;
    p.groups.assign(1, {});
    p.stores.assign(1, {});
    p.fenced = false;
    p.registers = launch_registers();
  }
  return p;
}

// The address of element (row, k) of an operand: PTX ISA, "Matrix descriptor" and "Canonical layouts", 128B swizzling.
const char* place(uint64_t descriptor, bool along_k, int row, int k) {
  uint32_t start = (uint32_t)(descriptor & 0x3fff) << 4, leading = (uint32_t)(descriptor >> 16 & 0x3fff) << 4,
           stride = (uint32_t)(descriptor >> 32 & 0x3fff) << 4;
  if (descriptor >> 62 != 1 || (descriptor >> 49 & 7) != 0)
    stop("wgmma: a descriptor without 128-byte swizzling, or with a base offset");
  if ((start & 0x380) != 0) stop("wgmma: a matrix that does not begin at a multiple of 1024 bytes");
  uint32_t at = along_k ? start + (uint32_t)(row / 8) * stride + (uint32_t)(row % 8) * 128 + (uint32_t)k * 2
                        : start + (uint32_t)(row / 64) * leading + (uint32_t)(row % 64) * 2 + (uint32_t)(k / 8) * stride +
                              (uint32_t)(k % 8) * 128;
  return shared_begin() + swizzled(at);
}
uint16_t element(uint64_t descriptor, bool along_k, int row, int k) {
  uint16_t value;
  memcpy(&value, place(descriptor, along_k, row, k), 2);
  return value;
}

// This thread's share of an operand of `rows` x 16, in pieces of 16 bytes.
void check_operand(uint64_t descriptor, bool along_k, int rows) {
  for (int i = here.now->thread % 128; i < 2 * rows; i += 128) {
    const char* piece =
        along_k ? place(descriptor, true, i / 2, i % 2 * 8) : place(descriptor, false, i % (rows / 8) * 8, i / (rows / 8));
    async_read(piece, 16, "wgmma");
  }
}

void carry_out(const WarpgroupProduct& p) {
  int in_warp = here.now->thread % WARP, warp = here.now->thread / WARP % 4, g = in_warp / 4, t = in_warp % 4;
  float a[2][16];
  for (int half = 0; half < 2; half++)
    for (int k = 0; k < 16; k++)
      a[half][k] = p.value(p.from_registers ? (uint16_t)(p.left[k % 8 / 2][half + k / 8 * 2] >> 16 * (k % 2))
                                            : element(p.a, p.a_along_k, warp * 16 + half * 8 + g, k));
  for (int j = 0; j < p.columns / 8; j++)
    for (int e = 0; e < 2; e++) {
      float b[16];
      for (int k = 0; k < 16; k++) b[k] = p.value(element(p.b, p.b_along_k, 8 * j + 2 * t + e, k));
      for (int half = 0; half < 2; half++) {
        float& sum = p.sums[4 * j + 2 * half + e];
        float s = p.adds ? sum : 0.0f;
        for (int k = 0; k < 16; k++) s += a[half][k] * b[k];  // as fmaf, which is a call: such products are exact
        sum = s;
      }
    }
}

}  // namespace

const char* refused(const CUtensorMap& map) {
  if ((uintptr_t)map.base % 16 != 0) return "a base that is not aligned to 16 bytes";
  if (map.line_bytes % 16 != 0 || map.line_bytes >= (int64_t)1 << 40) return "rows that do not begin at multiples of 16 bytes";
  if (map.inner < 1 || map.lines < 1 || map.inner > (int64_t)1 << 32 || map.lines > (int64_t)1 << 32) return "an impossible size";
  if (map.box_inner * 2 > 128) return "a box wider than its swizzle";
  if (map.box_lines < 1 || map.box_lines > 256) return "a box of more than 256 rows";
  return nullptr;
}

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
  if (b.bytes >= 1 << 20) stop("mbarrier: more bytes than a phase counts");
  b.pending--;
  // without copies a phase ends at once; with some, when somebody waits
  if (b.pending == 0 && b.bytes == 0 && b.copies.empty()) end_phase(b);
}

void barrier_wait(uint64_t* barrier, uint32_t parity) {
  Barrier& b = find(barrier);
  if (parity > 1) stop("mbarrier: parity %u", parity);
  for (int64_t turns = 0; (b.phase & 1) == parity; turns++) {
    if (turns > 0 && end_phase(b)) continue;
    if (turns > 20000) stop("mbarrier: thread %d waits for a phase that never ends", (int)here.now->thread);
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
  if (inner != (int32_t)inner || line != (int32_t)line) stop("cp.async.bulk.tensor: coordinates beyond 32 bits");
  memset(to, 0xff, (size_t)bytes);
  async_write(to, bytes, false);
  b.bytes -= bytes;
  b.copies.push_back({static_cast<char*>(to), *map, inner, line});
}

void tensor_store(const CUtensorMap* map, int64_t inner, int64_t line, const void* from) {
  int64_t bytes = (int64_t)map->box_lines * 128;
  if (((const char*)from - shared_begin()) % 1024 != 0) stop("cp.async.bulk.tensor: not aligned to 1024 bytes");
  if (inner != (int32_t)inner || line != (int32_t)line) stop("cp.async.bulk.tensor: coordinates beyond 32 bits");
  check_read(from, bytes);
  async_read(from, bytes, "cp.async.bulk.tensor");
  lend(from, bytes, true);
  mine().stores.back().push_back({static_cast<const char*>(from), *map, inner, line});
}
void commit_stores() { mine().stores.push_back({}); }

static void carry_out(const TileStore& store) {
  const CUtensorMap& map = store.map;
  uint32_t from = (uint32_t)(store.from - shared_begin());
  lend(store.from, (int64_t)map.box_lines * 128, false);
  // a card clips lines at pieces of 16 bytes, not at elements
  int64_t there = (map.inner - store.inner + 7) / 8 * 8, count = there < map.box_inner ? there : map.box_inner;
  for (int l = 0; count > 0 && l < map.box_lines && store.line + l < map.lines; l++) {
    char* to = const_cast<char*>(static_cast<const char*>(map.base)) + (store.line + l) * map.line_bytes + store.inner * 2;
    check_write(to, count * 2);
    for (int i = 0; i < count; i++) memcpy(to + i * 2, shared_begin() + swizzled(from + (uint32_t)(l * 128 + i * 2)), 2);
  }
}
void wait_stores(int pending) {
  Pending& p = mine();
  for (int64_t done = (int64_t)p.stores.size() - 1 - pending; done > 0; done--) {
    for (const TileStore& store : p.stores[0]) carry_out(store);
    p.stores.erase(p.stores.begin());
  }
}

void publish_stores() { fences_of[here.now->thread]++; }

void store_matrices(uint32_t address, const uint32_t* d) {
  const char* all = static_cast<const char*>(exchange(0xffffffffu, d, 16));
  int lane = here.now->thread % WARP;
  uint32_t row[4];
  for (int t = 0; t < 4; t++) memcpy(&row[t], all + (lane % 8 * 4 + t) * SLOT + lane / 8 * 4, 4);
  leave(0xffffffffu);
  if (address % 16 != 0) stop("stmatrix: a row is not aligned to 16 bytes");
  check_write(shared_begin() + address, 16);
  memcpy(shared_begin() + address, row, 16);
}

void set_registers(int count, bool takes) {
  if (pool.launch != here.now->launch || pool.block != here.now->block) pool = {here.now->launch, here.now->block, 0};
  Pending& p = mine();
  if (count % 8 != 0 || count < 24 || count > 256 || (takes ? count < p.registers : count > p.registers))
    stop("setmaxnreg: from %d registers to %d", p.registers, count);
  for (int turns = 0; pool.registers < count - p.registers; turns++) {
    if (turns > 10000) stop("setmaxnreg: a thread waits for %d registers that nobody gives back", count - p.registers);
    yield();
  }
  pool.registers -= count - p.registers;
  p.registers = count;
}

void end_thread() {
  const Pending& p = pending[here.now->thread];
  if (p.launch != here.now->launch || p.block != here.now->block) return;
  for (const auto& group : p.stores)
    if (!group.empty()) stop("a tile's way back from shared memory was never waited for");
  for (const auto& group : p.groups)
    if (!group.empty()) stop("wgmma: products that were never waited for");
}

void warpgroup_fence() { mine().fenced = true; }
void warpgroup_multiply(const WarpgroupProduct& product) {
  Pending& p = mine();
  if (!p.fenced) stop("wgmma: without a fence since the sums could be touched");
  if (!product.from_registers) check_operand(product.a, product.a_along_k, 64);
  check_operand(product.b, product.b_along_k, product.columns);
  p.groups.back().push_back(product);
}
void warpgroup_multiply(WarpgroupProduct product, const uint32_t (&a)[4]) {
  const char* all = static_cast<const char*>(exchange(0xffffffffu, a, 16));
  int first = here.now->thread % WARP / 4 * 4;
  for (int t = 0; t < 4; t++) memcpy(product.left[t], all + (first + t) * SLOT, 16);
  leave(0xffffffffu);
  product.from_registers = true;
  warpgroup_multiply(product);
}
void warpgroup_commit() { mine().groups.push_back({}); }
void warpgroup_wait(int pending) {
  Pending& p = mine();
  p.fenced = false;
  int64_t done = (int64_t)p.groups.size() - 1 - pending;
  for (int64_t i = 0; i < done; i++) {
    for (const WarpgroupProduct& product : p.groups[(size_t)i]) carry_out(product);
    p.groups[(size_t)i].clear();
  }
  if (done > 0) p.groups.erase(p.groups.begin(), p.groups.begin() + done);
}

}  // namespace emulation
