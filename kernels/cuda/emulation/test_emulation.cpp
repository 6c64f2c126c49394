// test_emulation.cpp: the emulation itself: kernels with one fault each, which must be reported by its kind, and the same kernels
// without it, which must pass. Every kernel runs twice, forwards and backwards. Ends with `N passed, N failed`.
#include <stdio.h>
#include <string.h>

#include <initializer_list>

#include "../hopper.h"

namespace mr {
namespace {

// ---- memory ------------------------------------------------------------------------------------------------------

// Device memory of one run, written by the host or not.
class Memory {
 public:
  Memory(mr_stream* s, int64_t bytes, bool written = true) : s_(s), bytes_(bytes), p_(mr_device_alloc(s, bytes)) {
    static const char zeros[4096] = {};
    if (written) mr_copy_to_device(s, bytes, zeros, p_);
  }
  ~Memory() {
    if (p_ != nullptr) mr_device_free(s_, p_, bytes_);
  }
  Memory(const Memory&) = delete;
  template <class T>
  T* as() const {
    return static_cast<T*>(p_);
  }
  void release() {
    mr_device_free(s_, p_, bytes_);
    p_ = nullptr;
  }

 private:
  mr_stream* s_;
  int64_t bytes_;
  void* p_;
};

// ---- bounds, contents, alignment ------------------------------------------------------------------------------------

__global__ void put_byte(char* p) { *p = 1; }
__global__ void get_byte(const char* p, char* out) { *out = *p; }
__global__ void get_pack(const uint4* p, uint4* out) { *out = *p; }

int32_t writes_beyond(mr_stream* s, bool faulty) {
  Memory d(s, 100);
  return launch(s, "test", put_byte, dim3(1), dim3(1), 0, d.as<char>() + 99 + faulty);
}
int32_t reads_before(mr_stream* s, bool faulty) {
  Memory d(s, 100), out(s, 1);
  return launch(s, "test", get_byte, dim3(1), dim3(1), 0, d.as<char>() - faulty, out.as<char>());
}
int32_t reads_across_the_end(mr_stream* s, bool faulty) {
  Memory d(s, 63 - faulty + 1), out(s, 16);
  return launch(s, "test", get_pack, dim3(1), dim3(1), 0, d.as<uint4>() + 3, out.as<uint4>());
}
int32_t reads_misaligned(mr_stream* s, bool faulty) {
  Memory d(s, 64), out(s, 16);
  return launch(s, "test", get_pack, dim3(1), dim3(1), 0, reinterpret_cast<const uint4*>(d.as<char>() + (faulty ? 8 : 16)),
                out.as<uint4>());
}
int32_t reads_unwritten(mr_stream* s, bool faulty) {
  Memory d(s, 4, !faulty), out(s, 1);
  return launch(s, "test", get_byte, dim3(1), dim3(1), 0, d.as<char>() + 3, out.as<char>());
}
int32_t reads_freed(mr_stream* s, bool faulty) {
  Memory d(s, 4), out(s, 1);
  if (faulty) d.release();
  return launch(s, "test", get_byte, dim3(1), dim3(1), 0, faulty ? d.as<char>() : out.as<char>(), out.as<char>());
}
int32_t reads_copied_garbage(mr_stream* s, bool faulty) {
  Memory d(s, 4, !faulty), copy(s, 4);
  return check(cudaMemcpyAsync(copy.as<char>(), d.as<char>(), 4, cudaMemcpyDeviceToDevice, s->stream), "test");
}
int32_t reads_the_host(mr_stream* s, bool faulty) {
  char* own = new char(1);
  Memory d(s, 1), out(s, 1);
  int32_t code = launch(s, "test", get_byte, dim3(1), dim3(1), 0, faulty ? own : d.as<char>(), out.as<char>());
  delete own;
  return code;
}

// A kernel that begins while others still run must wait before it reads what they may write.
__global__ void early_get(bool faulty, const char* p, char* out) {
  if (!faulty) follow_kernels();
  char byte = *p;
  if (faulty) follow_kernels();
  *out = byte;
}
int32_t reads_early(mr_stream* s, bool faulty) {
  Memory d(s, 4), out(s, 1);
  return launch_early(s, "test", early_get, dim3(1), dim3(1), 0, faulty, d.as<char>(), out.as<char>());
}

struct Bytes {
  char at[64];
};
__global__ void shared_end(int64_t i) { (&shared_memory<Bytes>().at[0])[i] = 1; }
int32_t writes_beyond_shared(mr_stream* s, bool faulty) { return launch(s, "test", shared_end, dim3(1), dim3(1), 64, 63 + faulty); }

// Blocks after the first one to run must not see what it left.
__global__ void left_over(bool faulty, char* out) {
  Bytes& shared = shared_memory<Bytes>();
  if (!faulty || out[blockIdx.x] == 1) shared.at[7] = 1;
  out[blockIdx.x] = shared.at[7];
}
int32_t reads_the_last_block(mr_stream* s, bool faulty) {
  Memory out(s, 3);
  char first[3] = {1, 0, 1};
  MR_TRY(mr_copy_to_device(s, 3, first, out.as<char>()));
  return launch(s, "test", left_over, dim3(3), dim3(1), 64, faulty, out.as<char>());
}

int32_t a_variable;
const int32_t a_constant[2] = {5, 6};
__global__ void globals(bool faulty, int32_t* out, int64_t i) {
  if (faulty) a_variable = a_constant[i];
  out[0] = a_constant[i] + a_variable;
}
int32_t writes_a_global(mr_stream* s, bool faulty) {
  Memory out(s, 4);
  return launch(s, "test", globals, dim3(1), dim3(1), 0, faulty, out.as<int32_t>(), 1);
}

__global__ void ticket(int* counter, int* out) { out[blockIdx.x] = atomicAdd(counter, 1); }
int32_t counts_outside(mr_stream* s, bool faulty) {
  Memory counter(s, 4), out(s, 16);
  return launch(s, "test", ticket, dim3(4), dim3(1), 0, counter.as<int>() + faulty, out.as<int>());
}

// ---- order ------------------------------------------------------------------------------------------------------------

constexpr int THREADS = 64;
struct Words {
  int32_t at[THREADS];
};

enum Missing { NOTHING, BETWEEN_WARPS, BEFORE_WRITING, WITHIN_WARP, SHUFFLE_ONLY };
// Hands values to the thread `distance` away, twice.
__global__ void hand_over(int missing, int distance, int32_t* out) {
  Words& shared = shared_memory<Words>();
  int t = (int)threadIdx.x;
  shared.at[t] = 0;
  __syncthreads();
  shared.at[t] = t;
  if (missing == SHUFFLE_ONLY)
    __shfl_xor_sync(ALL_LANES, t, 1);
  else if (missing != BETWEEN_WARPS && missing != WITHIN_WARP)
    distance < WARP ? __syncwarp() : __syncthreads();
  int32_t got = shared.at[t ^ distance];
  if (missing != BEFORE_WRITING) distance < WARP ? __syncwarp() : __syncthreads();
  shared.at[t] = got;
  out[t] = got;
}
int32_t hand(mr_stream* s, int missing, int distance) {
  Memory out(s, THREADS * 4);
  return launch(s, "test", hand_over, dim3(1), dim3(THREADS), sizeof(Words), missing, distance, out.as<int32_t>());
}
int32_t no_barrier_between_warps(mr_stream* s, bool faulty) { return hand(s, faulty ? BETWEEN_WARPS : NOTHING, 32); }
int32_t no_barrier_before_writing(mr_stream* s, bool faulty) { return hand(s, faulty ? BEFORE_WRITING : NOTHING, 32); }
int32_t no_barrier_within_a_warp(mr_stream* s, bool faulty) { return hand(s, faulty ? WITHIN_WARP : NOTHING, 1); }
int32_t no_warp_barrier_before_writing(mr_stream* s, bool faulty) { return hand(s, faulty ? BEFORE_WRITING : NOTHING, 1); }
int32_t a_shuffle_for_a_barrier(mr_stream* s, bool faulty) { return hand(s, faulty ? SHUFFLE_ONLY : NOTHING, 1); }

// A barrier of the warp alone does not order what two warps do.
__global__ void warp_barrier_only(bool faulty, int32_t* out) {
  Words& shared = shared_memory<Words>();
  int t = (int)threadIdx.x;
  shared.at[t] = 0;
  __syncthreads();
  shared.at[t] = t;
  faulty ? __syncwarp() : __syncthreads();
  out[t] = shared.at[t ^ 32];
}
int32_t a_warp_barrier_for_the_block(mr_stream* s, bool faulty) {
  Memory out(s, THREADS * 4);
  return launch(s, "test", warp_barrier_only, dim3(1), dim3(THREADS), sizeof(Words), faulty, out.as<int32_t>());
}

__global__ void same_place(bool faulty, int32_t* out) { out[faulty ? 0 : blockIdx.x] = (int32_t)blockIdx.x; }
int32_t two_blocks_write(mr_stream* s, bool faulty) {
  Memory out(s, 8);
  return launch(s, "test", same_place, dim3(2), dim3(1), 0, faulty, out.as<int32_t>());
}
__global__ void of_neighbour(bool faulty, const int32_t* in, int32_t* out) {
  int32_t got = in[blockIdx.x ^ (faulty ? 1u : 0u)];
  out[blockIdx.x] = got + 1;
}
int32_t a_block_reads_what_another_writes(mr_stream* s, bool faulty) {
  Memory d(s, 8);
  return launch(s, "test", of_neighbour, dim3(2), dim3(1), 0, faulty, d.as<int32_t>(), d.as<int32_t>());
}
// With the launches apart it is no race.
int32_t two_launches(mr_stream* s, bool) {
  Memory d(s, 8), out(s, 8);
  MR_TRY(launch(s, "test", same_place, dim3(2), dim3(1), 0, false, d.as<int32_t>()));
  return launch(s, "test", of_neighbour, dim3(2), dim3(1), 0, true, d.as<int32_t>(), out.as<int32_t>());
}

// ---- barriers -----------------------------------------------------------------------------------------------------------

__global__ void two_places(bool faulty) {
  if (faulty && threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
int32_t different_barriers(mr_stream* s, bool faulty) { return launch(s, "test", two_places, dim3(1), dim3(64), 0, faulty); }

__global__ void half_a_warp(bool faulty) {
  if (threadIdx.x % 2 == 0)
    __syncwarp(faulty ? ALL_LANES : 0x55555555u);
  else if (faulty)
    __syncthreads();
}
int32_t divergent_barriers(mr_stream* s, bool faulty) { return launch(s, "test", half_a_warp, dim3(1), dim3(32), 0, faulty); }

__global__ void stranger(uint32_t mask) { __syncwarp(mask); }
int32_t not_in_the_mask(mr_stream* s, bool faulty) {
  return launch(s, "test", stranger, dim3(1), dim3(32), 0, faulty ? 0xfffffffeu : ALL_LANES);
}

__global__ void ended(bool faulty, int32_t* out) {
  if (faulty && threadIdx.x >= 16) return;
  out[threadIdx.x] = __shfl_xor_sync(ALL_LANES, (int32_t)threadIdx.x, 16);
}
int32_t shuffles_with_the_ended(mr_stream* s, bool faulty) {
  Memory out(s, 128);
  return launch(s, "test", ended, dim3(1), dim3(32), 0, faulty, out.as<int32_t>());
}

// ---- late copies ----------------------------------------------------------------------------------------------------------

struct __align__(16) Rows {
  uint16_t at[32][8];  // 32 rows of 16 bytes
  char more[16];
};
enum CopyFault { FINE, NO_WAIT, NEVER_WAITED, TOO_FEW, NO_BARRIER, CRAWL, BEYOND };
__global__ void copies(int fault, const char* from, int32_t* out) {
  Rows& shared = shared_memory<Rows>();
  int t = (int)threadIdx.x;
  char* mine = (char*)shared.at[t];
  for (int i = 0; i < 8; i++) shared.at[t][i] = 0;
  __syncthreads();
  copy_async_16(mine + (fault == CRAWL ? 8 : 0), from + 32 * t + (fault == BEYOND ? 16 : 0));
  commit_copies();
  if (fault != NEVER_WAITED && fault != NO_WAIT) {
    if (fault == TOO_FEW)
      wait_copies<1>();
    else
      wait_copies<0>();
  }
  if (fault != NO_BARRIER) __syncthreads();
  int other = fault == NO_WAIT || fault == TOO_FEW ? t : t ^ 1;
  if (fault != NEVER_WAITED) out[t] = shared.at[other][1];
  if (fault == NO_WAIT || fault == TOO_FEW) wait_copies<0>();
}
int32_t copy(mr_stream* s, int fault) {
  Memory from(s, 32 * 32 - 16), out(s, 128);
  return launch(s, "test", copies, dim3(1), dim3(32), sizeof(Rows), fault, from.as<char>(), out.as<int32_t>());
}
int32_t reads_before_the_wait(mr_stream* s, bool faulty) { return copy(s, faulty ? NO_WAIT : FINE); }
int32_t never_waits(mr_stream* s, bool faulty) { return copy(s, faulty ? NEVER_WAITED : FINE); }
int32_t waits_for_too_few(mr_stream* s, bool faulty) { return copy(s, faulty ? TOO_FEW : FINE); }
int32_t copies_without_barrier(mr_stream* s, bool faulty) { return copy(s, faulty ? NO_BARRIER : FINE); }
int32_t copies_misaligned(mr_stream* s, bool faulty) { return copy(s, faulty ? CRAWL : FINE); }
int32_t copies_from_beyond(mr_stream* s, bool faulty) { return copy(s, faulty ? BEYOND : FINE); }

// ---- matrices ---------------------------------------------------------------------------------------------------------------

__global__ void matrices(bool faulty, uint32_t* out) {
  Rows& shared = shared_memory<Rows>();
  int t = (int)threadIdx.x;
  for (int i = 0; i < 8; i++) shared.at[t][i] = (uint16_t)(t * 8 + i);
  __syncthreads();
  uint32_t d[4];
  load_matrices<false>(d, (const char*)shared.at[t] + (faulty && t == 5 ? 8 : 0));
  for (int i = 0; i < 4; i++) out[t * 4 + i] = d[i];
}
int32_t misaligned_matrix_row(mr_stream* s, bool faulty) {
  Memory out(s, 512);
  MR_TRY(launch(s, "test", matrices, dim3(1), dim3(32), sizeof(Rows), faulty, out.as<uint32_t>()));
  uint32_t got[128];
  MR_TRY(mr_copy_to_host(s, sizeof got, out.as<uint32_t>(), got));
  // lane 4g+t holds of matrix m, row g, the elements 2t and 2t+1
  for (uint32_t lane = 0; lane < 32; lane++)
    for (uint32_t m = 0; m < 4; m++) {
      uint32_t first = (m * 8 + lane / 4) * 8 + lane % 4 * 2;
      MR_REQUIRE(got[lane * 4 + m] == (first | (first + 1) << 16), "lane %u of matrix %u holds %08x", lane, m, got[lane * 4 + m]);
    }
  return MR_OK;
}

// ---- tiles and products of a warpgroup ----------------------------------------------------------------------------------------

struct Tiles {
  __align__(1024) uint16_t a[64 * 64], b[128 * 64];
  uint64_t full;
  char more[1024];
};
enum TileFault {
  NO_FAULT,
  BESIDE,
  TOO_FEW_BYTES,
  WRONG_PARITY,
  UNPUBLISHED,
  NOT_ARRIVED,
  UNFENCED,
  NO_WAIT_FOR_PRODUCTS,
  UNSEEN_BARRIER,
  STORED_UNPUBLISHED,
  TOUCHED_TOO_EARLY,
  STORE_NOT_WAITED_FOR,
};
// A tile brought by TMA times one stored by the threads, and a box of both on its way back.
__global__ void tiles(int fault, const CUtensorMap from, const CUtensorMap to, float* out) {
  Tiles& shared = shared_memory<Tiles>();
  int t = (int)threadIdx.x;
  if (t == 0) {
    init_barrier(&shared.full, 1);
    publish_barriers();
  }
  if (fault != UNSEEN_BARRIER) __syncthreads();
  if (t == (fault == UNSEEN_BARRIER ? 1 : 0)) {
    arrive_expecting(&shared.full, 64 * 128 - (fault == TOO_FEW_BYTES ? 128 : 0));
    load_tile(shared.a + (fault == BESIDE ? 64 : 0), from, 0, 0, &shared.full);
  }
  for (int i = t; i < 128 * 64; i += WARPGROUP) shared.b[i] = 0x3f80;  // 1
  if (fault != UNPUBLISHED) publish_stores();
  __syncthreads();
  if (fault != NOT_ARRIVED) wait_barrier(&shared.full, fault == WRONG_PARITY ? 1 : 0);
  if (fault == NOT_ARRIVED || fault == WRONG_PARITY) __syncthreads();
  float sum[64] = {};
  if (fault != UNFENCED) begin_products();
  multiply_warpgroup<bf16, 128, true, true>(sum, matrix_descriptor(shared.a, 16, 1024), matrix_descriptor(shared.b, 16, 1024),
                                            true);
  commit_products();
  if (fault != NO_WAIT_FOR_PRODUCTS) wait_products<0>();
  out[t] = sum[0];
  __syncthreads();
  shared.b[t] = (uint16_t)t;
  if (fault != STORED_UNPUBLISHED) publish_stores();
  __syncthreads();
  if (t == 0) {
    store_tile(to, 0, 0, shared.b);
    commit_stores();
    if (fault != STORE_NOT_WAITED_FOR && fault != TOUCHED_TOO_EARLY) wait_stores<0>();
  }
  __syncthreads();
  shared.b[t] = 0;
  if (t == 0 && fault == TOUCHED_TOO_EARLY) wait_stores<0>();
}
int32_t tile(mr_stream* s, int fault) {
  Memory from(s, 64 * 128), to(s, 16 * 128), out(s, WARPGROUP * 4);
  CUtensorMap in_map, out_map;
  MR_TRY(describe_tiles(&in_map, MR_BF16, from.as<char>(), 64, 64, 64, 64, "test"));
  MR_TRY(describe_tiles(&out_map, MR_BF16, to.as<char>(), 52, 16, 64, 16, "test"));
  MR_TRY(launch(s, "test", tiles, dim3(1), dim3(WARPGROUP), sizeof(Tiles), fault, in_map, out_map, out.as<float>()));
  uint16_t got[64];
  MR_TRY(mr_copy_to_host(s, sizeof got, to.as<char>(), got));
  // 52 elements end within a piece of 16 bytes, which is stored whole
  for (int i = 0; i < 64; i++) MR_REQUIRE(got[i] == (i < 56 ? i : 0), "element %d is %d", i, got[i]);
  return MR_OK;
}
int32_t a_tile_beside(mr_stream* s, bool faulty) { return tile(s, faulty ? BESIDE : NO_FAULT); }
int32_t announces_too_little(mr_stream* s, bool faulty) { return tile(s, faulty ? TOO_FEW_BYTES : NO_FAULT); }
int32_t waits_with_the_wrong_parity(mr_stream* s, bool faulty) { return tile(s, faulty ? WRONG_PARITY : NO_FAULT); }
int32_t publishes_nothing(mr_stream* s, bool faulty) { return tile(s, faulty ? UNPUBLISHED : NO_FAULT); }
int32_t does_not_wait_for_a_tile(mr_stream* s, bool faulty) { return tile(s, faulty ? NOT_ARRIVED : NO_FAULT); }
int32_t no_fence_before_products(mr_stream* s, bool faulty) { return tile(s, faulty ? UNFENCED : NO_FAULT); }
int32_t no_wait_for_products(mr_stream* s, bool faulty) { return tile(s, faulty ? NO_WAIT_FOR_PRODUCTS : NO_FAULT); }
int32_t a_barrier_nobody_sees(mr_stream* s, bool faulty) { return tile(s, faulty ? UNSEEN_BARRIER : NO_FAULT); }
int32_t stores_the_unpublished(mr_stream* s, bool faulty) { return tile(s, faulty ? STORED_UNPUBLISHED : NO_FAULT); }
int32_t overwrites_a_stored_tile(mr_stream* s, bool faulty) { return tile(s, faulty ? TOUCHED_TOO_EARLY : NO_FAULT); }
int32_t never_waits_for_a_store(mr_stream* s, bool faulty) { return tile(s, faulty ? STORE_NOT_WAITED_FOR : NO_FAULT); }

// Rows of 16 numbers in registers times 16 rows of the identity.
__global__ void product_from_registers(bool fenced, float* out) {
  uint16_t* b = shared_memory<Tiles>().b;
  int t = (int)threadIdx.x, lane = t % WARP, row = t / WARP * 16 + lane / 4;
  for (int i = t; i < 16 * 64; i += WARPGROUP)
    b[i / 64 * 64 + (i % 64 / 8 ^ i / 64 % 8) * 8 + i % 8] = i / 64 == i % 64 ? 0x3c00 : 0;
  publish_stores();
  __syncthreads();
  uint32_t a[1][4];
  for (int i = 0; i < 4; i++) {
    float first = (float)((row + i % 2 * 8) * 16 + lane % 4 * 2 + i / 2 * 8);
    a[0][i] = pack_pair<f16>(first, first + 1.0f);
  }
  float sum[32] = {};
  if (fenced) begin_products();
  multiply_warpgroup<f16, 64, false>(sum, a[0], matrix_descriptor(b, 64 * 128, 1024));
  commit_products();
  wait_products<0>();
  keep(a);
  for (int i = 0; i < 8; i++) out[(row + i % 4 / 2 * 8) * 16 + i / 4 * 8 + lane % 4 * 2 + i % 2] = sum[i];
}
int32_t no_fence_before_registers(mr_stream* s, bool faulty) {
  Memory out(s, 64 * 16 * 4);
  MR_TRY(launch(s, "test", product_from_registers, dim3(1), dim3(WARPGROUP), sizeof(Tiles), !faulty, out.as<float>()));
  float got[64 * 16];
  MR_TRY(mr_copy_to_host(s, sizeof got, out.as<char>(), got));
  for (int i = 0; i < 64 * 16; i++) MR_REQUIRE(got[i] == (float)i, "element %d is %g", i, (double)got[i]);
  return MR_OK;
}

int32_t a_map_of_odd_rows(mr_stream* s, bool faulty) {
  Memory d(s, 1024);
  CUtensorMap map;
  return describe_tiles(&map, MR_BF16, d.as<char>(), 8, 8, faulty ? 12 : 16, 8, "test");
}
int32_t a_map_of_tall_boxes(mr_stream* s, bool faulty) {
  Memory d(s, 1024);
  CUtensorMap map;
  return describe_tiles(&map, MR_BF16, d.as<char>(), 8, 8, 16, faulty ? 257 : 256, "test");
}

// 168 registers a thread at the start: 504 for three warpgroups.
template <int GIVEN, int TAKEN>
__global__ void hand_registers_over() {
  if (threadIdx.x < WARPGROUP)
    give_registers<GIVEN>();
  else
    take_registers<TAKEN>();
}
int32_t takes_registers_nobody_has(mr_stream* s, bool faulty) {
  return launch(s, "test", faulty ? hand_registers_over<96, 208> : hand_registers_over<88, 208>, dim3(1), dim3(3 * WARPGROUP), 0);
}

// ---- launches and the host -----------------------------------------------------------------------------------------------

__global__ void nothing() {}
int32_t a_tall_grid(mr_stream* s, bool faulty) { return launch(s, "test", nothing, dim3(1, faulty ? 65536 : 65535), dim3(1), 0); }
int32_t a_large_block(mr_stream* s, bool faulty) { return launch(s, "test", nothing, dim3(1), dim3(faulty ? 1025 : 1024), 0); }
int32_t too_much_shared(mr_stream* s, bool faulty) {
  return launch(s, "test", nothing, dim3(1), dim3(1), (227 << 10) + (faulty ? 16 : 0));
}

int32_t copies_the_wrong_way(mr_stream* s, bool faulty) {
  Memory d(s, 16);
  char host[16] = {};
  return faulty ? mr_copy_to_host(s, 16, host, d.as<char>()) : mr_copy_to_host(s, 16, d.as<char>(), host);
}
int32_t copies_to_the_host_as_device(mr_stream* s, bool faulty) {
  Memory d(s, 16);
  char host[16] = {}, other[16] = {};
  return mr_copy_to_device(s, 16, host, faulty ? other : d.as<char>());
}
int32_t copies_too_much(mr_stream* s, bool faulty) {
  Memory d(s, 16);
  char host[32] = {};
  return mr_copy_to_device(s, 16 + faulty, host, d.as<char>());
}
int32_t copies_out_garbage(mr_stream* s, bool faulty) {
  Memory d(s, 16, !faulty);
  char host[16];
  return mr_copy_to_host(s, 16, d.as<char>(), host);
}

// What depends on the order of blocks comes out otherwise the second time.
int32_t runs_backwards(mr_stream* s, bool) {
  int order[2][4];
  for (auto& of : order) {
    Memory counter(s, 4), out(s, 16);
    MR_TRY(launch(s, "test", ticket, dim3(4), dim3(1), 0, counter.as<int>(), out.as<int>()));
    MR_TRY(mr_copy_to_host(s, 16, out.as<int>(), of));
  }
  for (int i = 0; i < 4; i++)
    MR_REQUIRE(order[0][i] == order[1][3 - i], "block %d runs %d and then %d", i, order[0][i], order[1][i]);
  return MR_OK;
}

struct Case {
  const char* name;
  const char* kind;  // words of the report; NULL: there is no fault to make
  int32_t (*run)(mr_stream* s, bool faulty);
};
const Case CASES[] = {
    {"a byte written beyond device memory", "outside every allocation", writes_beyond},
    {"a byte read before device memory", "outside every allocation", reads_before},
    {"16 bytes read across the end", "outside every allocation", reads_across_the_end},
    {"16 bytes read at a multiple of 8", "not a multiple", reads_misaligned},
    {"device memory nobody wrote", "nobody has written", reads_unwritten},
    {"device memory that was freed", "outside every allocation", reads_freed},
    {"a copy of memory nobody wrote", "nobody has written", reads_copied_garbage},
    {"host memory read by a kernel", "outside every allocation", reads_the_host},
    {"a read before the kernels before have ended", "before it waited", reads_early},
    {"a byte written beyond shared memory", "outside every allocation", writes_beyond_shared},
    {"shared memory of the last block", "nobody has written", reads_the_last_block},
    {"a global variable", "variable of the program", writes_a_global},
    {"an atomic beyond its memory", "an atomic outside", counts_outside},
    {"no barrier between warps", "race", no_barrier_between_warps},
    {"no barrier before writing again", "race", no_barrier_before_writing},
    {"no barrier within a warp", "race", no_barrier_within_a_warp},
    {"no warp's barrier before writing again", "race", no_warp_barrier_before_writing},
    {"a shuffle in place of a barrier", "race", a_shuffle_for_a_barrier},
    {"a warp's barrier in place of the block's", "race", a_warp_barrier_for_the_block},
    {"two blocks write one place", "race", two_blocks_write},
    {"a block reads what another writes", "race", a_block_reads_what_another_writes},
    {"two launches one after the other", nullptr, two_launches},
    {"threads at different barriers", "waits at", different_barriers},
    {"a barrier in divergent code", "stands still", divergent_barriers},
    {"a thread that is not in its mask", "without being one", not_in_the_mask},
    {"a shuffle with lanes that have ended", "has ended", shuffles_with_the_ended},
    {"a copy read before the wait", "waited for", reads_before_the_wait},
    {"a copy that is never waited for", "never waited for", never_waits},
    {"a wait for too few groups", "waited for", waits_for_too_few},
    {"another thread's copy without a barrier", "race", copies_without_barrier},
    {"a copy to 8 bytes beside", "not aligned", copies_misaligned},
    {"a copy from beyond device memory", "outside every allocation", copies_from_beyond},
    {"a matrix row to 8 bytes beside", "not aligned", misaligned_matrix_row},
    {"a tile to 128 bytes beside", "not aligned to 1024", a_tile_beside},
    {"fewer bytes announced than come", "never ends", announces_too_little},
    {"a wait with the other parity", "waited for", waits_with_the_wrong_parity},
    {"a product of what nobody published", "did not publish", publishes_nothing},
    {"a product of a tile on its way", "waited for", does_not_wait_for_a_tile},
    {"a product without a fence", "without a fence", no_fence_before_products},
    {"a product from registers without a fence", "without a fence", no_fence_before_registers},
    {"products that nobody waits for", "never waited for", no_wait_for_products},
    {"an mbarrier used before a barrier", "shared memory that", a_barrier_nobody_sees},
    {"a tile stored that nobody published", "did not publish", stores_the_unpublished},
    {"a tile overwritten while it is stored", "waited for", overwrites_a_stored_tile},
    {"a tile stored and not waited for", "waited for", never_waits_for_a_store},
    {"a tensor map of rows of 24 bytes", "multiples of 16", a_map_of_odd_rows},
    {"a tensor map with boxes of 257 rows", "256 rows", a_map_of_tall_boxes},
    {"more registers than a block has", "nobody gives back", takes_registers_nobody_has},
    {"a grid of 65536 in y", "a grid of", a_tall_grid},
    {"a block of 1025 threads", "a block of", a_large_block},
    {"more shared memory than there is", "bytes of shared memory", too_much_shared},
    {"a host's address for a device's", "wrong side", copies_the_wrong_way},
    {"a copy to the device that lands in the host", "wrong side", copies_to_the_host_as_device},
    {"a copy of a byte too many", "beyond its allocation", copies_too_much},
    {"a result nobody wrote", "nobody has written", copies_out_garbage},
    {"blocks run in the other order the second time", nullptr, runs_backwards},
};

// Whether the run ended as it should; prints a line if not.
bool ends_well(mr_stream* s, const Case& of, bool faulty) {
  int32_t code = of.run(s, faulty);
  const char* text = mr_last_error();
  if (!faulty && code == MR_OK) return true;
  if (faulty && code != MR_OK && strstr(text, of.kind) != nullptr) return true;
  printf("FAIL %s, %s: %s\n", of.name, faulty ? "with the fault" : "without it", code == MR_OK ? "nothing was reported" : text);
  return false;
}

}  // namespace
}  // namespace mr

int main() {
  mr_stream* s = mr_stream_create(0, 0, 0);
  if (s == nullptr) return printf("%s\n0 passed, 1 failed\n", mr_last_error()), 1;
  int passed = 0, failed = 0;
  for (const mr::Case& of : mr::CASES) {
    bool good = true;
    for (int run = 0; run < 2; run++) {
      good = mr::ends_well(s, of, false) && good;
      if (of.kind != nullptr) good = mr::ends_well(s, of, true) && good;
    }
    // one launch more: what came forwards comes backwards now
    good = mr::launch(s, "test", mr::nothing, dim3(1), dim3(1), 0) == MR_OK && good;
    for (int run = 0; run < 2 && of.kind != nullptr; run++) good = mr::ends_well(s, of, true) && good;
    if (good) passed++, printf("ok %s\n", of.name);
    failed += !good;
  }
  mr_stream_destroy(s);
  printf("%d passed, %d failed\n", passed, failed);
  return failed > 0;
}
