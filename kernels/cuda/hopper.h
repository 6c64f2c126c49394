// hopper.h: instructions of compute capability 9.0 (sm_90a): barriers in shared memory, copies of whole tiles by the tensor memory
// accelerator, products of a warpgroup. In the manner of ptx.h; emulation/warpgroup.h runs them on the CPU.
//
// Only kernels whose body is inside MR_HOPPER may call them.
#pragma once

#include "device.h"

#ifdef MR_EMULATED
#include "emulation/warpgroup.h"
#else
#include <cuda.h>
#endif

#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || defined(MR_EMULATED)
#define MR_HOPPER 1
#endif

namespace mr {

constexpr int WARPGROUP = 128;

// Describes a matrix of `lines` rows of `inner` elements of a 16-bit dtype, `ld` elements apart, and boxes of 64 x box_lines of it that
// load_tile moves. base is aligned to 16 bytes and ld a multiple of 8.
inline int32_t describe_tiles(CUtensorMap* map, int32_t dtype, const void* base, int64_t inner, int64_t lines, int64_t ld,
                              int box_lines, const char* op) {
#ifdef MR_EMULATED
  (void)dtype;
  *map = {base, inner, lines, ld * 2, 64, box_lines};
  const char* refused = emulation::refused(*map);
  return refused == nullptr ? MR_OK : fail(MR_ERR_INTERNAL, "%s: a tensor map with %s", op, refused);
#else
  // the driver is not linked: it is found through the runtime, once
  typedef CUresult (*Encode)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*,
                             const cuuint32_t*, const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle,
                             CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
  static void* encode = nullptr;
  if (encode == nullptr) {
    cudaDriverEntryPointQueryResult found;
    MR_TRY(check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &encode, 12000, cudaEnableDefault, &found), op));
    if (found != cudaDriverEntryPointSuccess || encode == nullptr) {
      encode = nullptr;
      return fail(MR_ERR_DEVICE, "%s: the driver has no cuTensorMapEncodeTiled", op);
    }
  }
  cuuint64_t dims[2] = {(cuuint64_t)inner, (cuuint64_t)lines}, strides[1] = {(cuuint64_t)ld * 2};
  cuuint32_t box[2] = {64, (cuuint32_t)box_lines}, steps[2] = {1, 1};
  CUresult code = reinterpret_cast<Encode>(encode)(
      map, dtype == MR_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2, const_cast<void*>(base), dims,
      strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (code != CUDA_SUCCESS) return fail(MR_ERR_DEVICE, "%s: cuTensorMapEncodeTiled gives error %d", op, (int)code);
  return MR_OK;
#endif
}

// ---- barriers in shared memory -------------------------------------------------------------------------------------------

// A phase ends when `arrivals` threads have arrived and all bytes they announced have. By one thread; then publish_barriers and
// __syncthreads.
__device__ __forceinline__ void init_barrier(uint64_t* barrier, int arrivals) {
#ifdef MR_EMULATED
  emulation::barrier_init(barrier, arrivals);
#else
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
#endif
}
__device__ __forceinline__ void publish_barriers() {
#ifndef MR_EMULATED
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}
__device__ __forceinline__ void arrive(uint64_t* barrier) {
#ifdef MR_EMULATED
  emulation::barrier_arrive(barrier, 0);
#else
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
#endif
}
// Arrives and announces bytes that copies to this barrier will bring in this phase.
__device__ __forceinline__ void arrive_expecting(uint64_t* barrier, int bytes) {
#ifdef MR_EMULATED
  emulation::barrier_arrive(barrier, bytes);
#else
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
#endif
}
// Returns when the phase of this parity (0 the first, then 1, 0, ...) is over.
__device__ __forceinline__ void wait_barrier(uint64_t* barrier, uint32_t parity) {
#ifdef MR_EMULATED
  emulation::barrier_wait(barrier, parity);
#else
  asm volatile(
      "{\n"
      ".reg .pred p;\n"
      "again:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
      "@!p bra again;\n"
      "}\n" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
#endif
}
// What this thread stored to shared memory is seen by later wgmma and copies of others that it is ordered before.
__device__ __forceinline__ void publish_stores() {
#ifdef MR_EMULATED
  emulation::publish_stores();
#else
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

// ---- copies of tiles -----------------------------------------------------------------------------------------------------

// The box at (inner, line) of the map's matrix to 64 * box_lines elements of shared memory, aligned to 1024 bytes, zeros where it leaves
// the matrix; counts as 128 * box_lines bytes of the barrier. Line l of the box is 128 bytes, of which chunk c (16 bytes) is at
// place c ^ l % 8. By one thread.
__device__ __forceinline__ void load_tile(void* to, const CUtensorMap& map, int64_t inner, int64_t line, uint64_t* barrier) {
#ifdef MR_EMULATED
  emulation::tensor_copy(to, &map, inner, line, barrier);
#else
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
                   shared_address(to)),
               "l"(&map), "r"((int)inner), "r"((int)line), "r"(shared_address(barrier))
               : "memory");
#endif
}
// The way back: 64 * box_lines elements of shared memory, as load_tile arranges them, to the box at (inner, line), as far as it is in the
// matrix. By one thread, after publish_stores of all who wrote them and a barrier. It reads them until that thread's wait_stores.
__device__ __forceinline__ void store_tile(const CUtensorMap& map, int64_t inner, int64_t line, const void* from) {
#ifdef MR_EMULATED
  emulation::tensor_store(&map, inner, line, from);
#else
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%1, %2}], [%3];" ::"l"(&map), "r"((int)inner),
               "r"((int)line), "r"(shared_address(from))
               : "memory");
#endif
}
__device__ __forceinline__ void commit_stores() {
#ifdef MR_EMULATED
  emulation::commit_stores();
#else
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#endif
}
// Waits until all but the calling thread's newest PENDING groups have read their shared memory.
template <int PENDING>
__device__ __forceinline__ void wait_stores() {
#ifdef MR_EMULATED
  emulation::wait_stores(PENDING);
#else
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(PENDING) : "memory");
#endif
}

// load_matrices<false> the other way: four 8x8 matrices of 16-bit elements to shared memory.
__device__ __forceinline__ void store_matrices(uint32_t address, const uint32_t (&d)[4]) {
#ifdef MR_EMULATED
  emulation::store_matrices(address, d);
#else
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(d[0]), "r"(d[1]), "r"(d[2]),
               "r"(d[3])
               : "memory");
#endif
}
__device__ __forceinline__ void prefetch_map(const CUtensorMap& map) {
#ifndef MR_EMULATED
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
#else
  (void)map;
#endif
}

// ---- registers of a warpgroup --------------------------------------------------------------------------------------------

// By all warps of a warpgroup. What is taken comes from what the block's other warpgroups released of the registers that it was
// launched with, and from nowhere else: asking for more blocks for good.

template <int COUNT>
__device__ __forceinline__ void give_registers() {
#ifdef MR_EMULATED
  emulation::set_registers(COUNT, false);
#else
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
#endif
}
template <int COUNT>
__device__ __forceinline__ void take_registers() {
#ifdef MR_EMULATED
  emulation::set_registers(COUNT, true);
#else
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
#endif
}

// ---- products of a warpgroup -----------------------------------------------------------------------------------------------

// The descriptor of an operand in shared memory, swizzled as load_tile leaves it (PTX ISA, "Matrix descriptor"). Along k: rows of 64
// elements, `stride` bytes between groups of 8 rows; along rows: for each k a row of 64 elements, `stride` bytes between groups of 8 k,
// `leading` bytes between groups of 64 rows.
__device__ __forceinline__ uint64_t matrix_descriptor(const void* p, int leading, int stride) {
  constexpr uint64_t SWIZZLED_128 = 1;
  return (uint64_t)(shared_address(p) >> 4 & 0x3fff) | (uint64_t)(leading >> 4) << 16 | (uint64_t)(stride >> 4) << 32 |
         SWIZZLED_128 << 62;
}

// Before the first product after sums were touched otherwise.
__device__ __forceinline__ void begin_products() {
#ifdef MR_EMULATED
  emulation::warpgroup_fence();
#else
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void commit_products() {
#ifdef MR_EMULATED
  emulation::warpgroup_commit();
#else
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}
// Waits for all but the newest PENDING groups: their operands may be overwritten, and with none pending the sums read.
template <int PENDING>
__device__ __forceinline__ void wait_products() {
#ifdef MR_EMULATED
  emulation::warpgroup_wait(PENDING);
#else
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
#endif
}
// Keeps the compiler from moving uses of sums across a wait.
template <int COUNT>
__device__ __forceinline__ void pin(float (&d)[COUNT]) {
#ifndef MR_EMULATED
#pragma unroll
  for (int i = 0; i < COUNT; i++) asm volatile("" : "+f"(d[i])::"memory");
#else
  (void)d;
#endif
}

// The registers hold their values until here.
template <int COUNT>
__device__ __forceinline__ void keep(const uint32_t (&a)[COUNT][4]) {
#ifndef MR_EMULATED
#pragma unroll
  for (int i = 0; i < COUNT; i++) asm volatile("" ::"r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]) : "memory");
#else
  (void)a;
#endif
}

#ifdef MR_EMULATED
namespace emulated {
inline float value_bf16(uint16_t bits) { return to_float(bf16{bits}); }
inline float value_f16(uint16_t bits) { return to_float(f16{bits}); }
}  // namespace emulated
#else
// clang-format off
#define MR_SUMS_4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define MR_SUMS_16(i) MR_SUMS_4(i), MR_SUMS_4(i + 4), MR_SUMS_4(i + 8), MR_SUMS_4(i + 12)
#define MR_WGMMA_16(type)                                                                            \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %10, 0; wgmma.mma_async.sync.aligned.m64n16k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7}, " \
      "%8, %9, p, 1, 1, %11, %12;}"  \
      : MR_SUMS_4(0), MR_SUMS_4(4) \
      : "l"(a), "l"(b), "r"((int)adds), "n"(A_ALONG_K ? 0 : 1), "n"(B_ALONG_K ? 0 : 1))
#define MR_WGMMA_32(type)                                                                            \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %18, 0; wgmma.mma_async.sync.aligned.m64n32k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, " \
      "%16, %17, p, 1, 1, %19, %20;}"  \
      : MR_SUMS_16(0) \
      : "l"(a), "l"(b), "r"((int)adds), "n"(A_ALONG_K ? 0 : 1), "n"(B_ALONG_K ? 0 : 1))
#define MR_WGMMA_64(type)                                                                            \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %34, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, " \
      "%32, %33, p, 1, 1, %35, %36;}"  \
      : MR_SUMS_16(0), MR_SUMS_16(16) \
      : "l"(a), "l"(b), "r"((int)adds), "n"(A_ALONG_K ? 0 : 1), "n"(B_ALONG_K ? 0 : 1))
#define MR_WGMMA_128(type)                                                                            \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %66, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, " \
      "%64, %65, p, 1, 1, %67, %68;}"  \
      : MR_SUMS_16(0), MR_SUMS_16(16), MR_SUMS_16(32), MR_SUMS_16(48) \
      : "l"(a), "l"(b), "r"((int)adds), "n"(A_ALONG_K ? 0 : 1), "n"(B_ALONG_K ? 0 : 1))
#define MR_WGMMA_256(type)                                                                            \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %130, 0; wgmma.mma_async.sync.aligned.m64n256k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
      "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
      "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, " \
      "%128, %129, p, 1, 1, %131, %132;}"  \
      : MR_SUMS_16(0), MR_SUMS_16(16), MR_SUMS_16(32), MR_SUMS_16(48), MR_SUMS_16(64), MR_SUMS_16(80), MR_SUMS_16(96), MR_SUMS_16(112) \
      : "l"(a), "l"(b), "r"((int)adds), "n"(A_ALONG_K ? 0 : 1), "n"(B_ALONG_K ? 0 : 1))
#define MR_WGMMA_REGISTERS_64(type)                                                                  \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %37, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, " \
      "{%32, %33, %34, %35}, %36, p, 1, 1, %38;}"  \
      : MR_SUMS_16(0), MR_SUMS_16(16) \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1), "n"(B_ALONG_K ? 0 : 1))
#define MR_WGMMA_REGISTERS_128(type)                                                                  \
  asm volatile(                                                                                       \
      "{.reg .pred p; setp.ne.b32 p, %69, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" \
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, " \
      "{%64, %65, %66, %67}, %68, p, 1, 1, %70;}"  \
      : MR_SUMS_16(0), MR_SUMS_16(16), MR_SUMS_16(32), MR_SUMS_16(48) \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1), "n"(B_ALONG_K ? 0 : 1))
// clang-format on
#endif

// d [64, N] (+)= a [64, 16] b [16, N] of T, by the 128 threads of a warpgroup. Thread t % 128 has of rows 16 (t / 32) + t % 32 / 4 and
// 8 more the columns 8j + t % 4 * 2 and one more, in d[4j], d[4j + 1], d[4j + 2], d[4j + 3].
template <class T, int N, bool A_ALONG_K, bool B_ALONG_K>
__device__ __forceinline__ void multiply_warpgroup(float (&d)[N / 2], uint64_t a, uint64_t b, bool adds) {
  constexpr bool IS_BF16 = std::is_same<T, bf16>::value;
#ifdef MR_EMULATED
  emulation::warpgroup_multiply({d, N, a, b, A_ALONG_K, B_ALONG_K, adds, IS_BF16 ? emulated::value_bf16 : emulated::value_f16});
#else
  // fp16, which is rare, has no thin products
  static_assert(IS_BF16 || N >= 64, "no such instruction is written out");
  if constexpr (N == 16)
    MR_WGMMA_16("bf16");
  else if constexpr (N == 32)
    MR_WGMMA_32("bf16");
  else if constexpr (N == 64 && IS_BF16)
    MR_WGMMA_64("bf16");
  else if constexpr (N == 64)
    MR_WGMMA_64("f16");
  else if constexpr (N == 128 && IS_BF16)
    MR_WGMMA_128("bf16");
  else if constexpr (N == 128)
    MR_WGMMA_128("f16");
  else if constexpr (IS_BF16)
    MR_WGMMA_256("bf16");
  else
    MR_WGMMA_256("f16");
#endif
}

// d [64, N] += a [64, 16] b [16, N] with the left operand in registers: each warp has its 16 rows as multiply_16 takes them. They may not
// change before the product's wait, which keep() says to the compiler.
template <class T, int N, bool B_ALONG_K>
__device__ __forceinline__ void multiply_warpgroup(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b) {
  constexpr bool IS_BF16 = std::is_same<T, bf16>::value;
#ifdef MR_EMULATED
  emulation::warpgroup_multiply({d, N, 0, b, true, B_ALONG_K, true, IS_BF16 ? emulated::value_bf16 : emulated::value_f16}, a);
#else
  if constexpr (N == 64 && IS_BF16)
    MR_WGMMA_REGISTERS_64("bf16");
  else if constexpr (N == 64)
    MR_WGMMA_REGISTERS_64("f16");
  else if constexpr (IS_BF16)
    MR_WGMMA_REGISTERS_128("bf16");
  else
    MR_WGMMA_REGISTERS_128("f16");
#endif
}

}  // namespace mr
