// device.h: what every op file of the CUDA back end starts from: the stream, launching, storage types, sums in a fixed order.
//
// An op file <op>.cu holds its kernels in an anonymous namespace and mr_<op> as medrepro.h declares it. The same file is
// compiled by nvcc and, for the tests, by the host compiler against emulation/cuda_runtime.h; so kernels are started by
// `launch`, all shared memory comes from `shared_memory<T>()`, and instructions without a C++ equivalent are in ptx.h.
//
// Rules: no floating-point atomics, no order that depends on which block runs first, no fused multiply-add but fmaf (nvcc is
// given --fmad=false), nothing allocated or synchronised inside an op. Indices into memory are int64_t.
#pragma once

#include <cuda_runtime.h>
#include <stdint.h>

#include <type_traits>

#include "../medrepro.h"
#include "ptx.h"

namespace mr {

// Something a kernel found in its inputs; kept until the stream is synchronised, which then fails with its text.
enum FaultKind { FAULT_NONE = 0, FAULT_TOKEN_ID = 1, FAULT_LABEL = 2, FAULT_ROW = 3 };
struct Fault {
  int32_t kind;
  int32_t value;
  int64_t index;
};

// A kernel that may have more shared memory than kernels have unasked, and how much.
struct LargeKernel {
  const void* kernel;
  int64_t bytes;
};
constexpr int LARGE_KERNELS = 128;

}  // namespace mr

struct mr_stream {
  int32_t device;
  char name[256];
  cudaStream_t stream;
  // of the device
  int32_t multiprocessors;
  int32_t compute_capability;  // 80, 86, 89, 90, ...
  int64_t shared_memory;       // bytes one block may have
  bool wgmma;                  // products in 16 bits by wgmma
  bool wgmma_attention;        // those of attention too
  bool overlaps;               // kernels may start before those before them have ended
  mr::Fault* fault;            // in host memory that kernels may write
  void* workspace;
  int64_t workspace_bytes;
  mr::LargeKernel large[mr::LARGE_KERNELS];  // those found so far, then empty ones
};

namespace mr {

// Records one line for mr_last_error and returns code. printf-style.
int32_t fail(int32_t code, const char* format, ...) __attribute__((format(printf, 2, 3)));
// MR_OK, or MR_ERR_DEVICE (MR_ERR_MEMORY) with the runtime's own words.
int32_t check(cudaError_t error, const char* op);
// Device memory for one op's intermediate results: at least `bytes`, aligned to 256, nothing of it initialised, overwritten by the
// next op. NULL when there is none. Ops keep it below WORKSPACE_LIMIT, which a plan counts in.
void* workspace(mr_stream* s, int64_t bytes);
constexpr int64_t WORKSPACE_LIMIT = 64 << 20;

// Refuses bad arguments with one line of text: MR_REQUIRE(n >= 0, "fill: n is %lld", (long long)n);
#define MR_REQUIRE(condition, ...) \
  if (!(condition)) return ::mr::fail(MR_ERR_ARGUMENT, __VA_ARGS__)
#define MR_TRY(expression)                \
  do {                                    \
    int32_t mr_code = (expression);       \
    if (mr_code != MR_OK) return mr_code; \
  } while (0)

inline bool is_activation(int32_t dtype) { return dtype == MR_F32 || dtype == MR_BF16 || dtype == MR_F16; }
__host__ __device__ constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// body(T*) with T = float, bf16 or f16: a type as a value. The pointer is NULL.
template <class Body>
inline auto with_storage(int32_t dtype, Body body) {
  if (dtype == MR_BF16) return body(static_cast<bf16*>(nullptr));
  if (dtype == MR_F16) return body(static_cast<f16*>(nullptr));
  return body(static_cast<float*>(nullptr));
}
template <class T>
inline const T* as(T*, const void* p) {
  return static_cast<const T*>(p);
}
template <class T>
inline T* as(T*, void* p) {
  return static_cast<T*>(p);
}

// Before a loop whose arrays must stay in registers, and before one that should stay small; of a function that is called and not
// written out wherever it is used.
#ifdef MR_EMULATED
#define MR_UNROLL
#define MR_NO_UNROLL
#define MR_CALLED inline
#else
#define MR_UNROLL _Pragma("unroll")
#define MR_NO_UNROLL _Pragma("unroll 1")
#define MR_CALLED __noinline__
#endif

#ifdef MR_EMULATED
template <class Kernel>
inline void emulate(dim3 grid, dim3 block, int64_t shared_bytes, bool early, Kernel kernel) {
  emulation::launch(
      grid, block, shared_bytes, [](const void* k) { (*static_cast<const Kernel*>(k))(); }, &kernel, (int64_t)sizeof kernel, early);
}
#endif

// Lets a kernel have `bytes` of shared memory; the driver is asked once.
int32_t allow_shared_memory(mr_stream* s, const void* kernel, int64_t bytes, const char* op);

// launch and launch_early, by EARLY.
template <bool EARLY, class... Parameters, class... Arguments>
inline int32_t start(mr_stream* s, const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared_bytes,
                     Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return MR_OK;
#ifdef MR_EMULATED
  (void)s;
  emulate(grid, block, shared_bytes, EARLY, [=] { kernel(static_cast<Parameters>(arguments)...); });
  return check(cudaGetLastError(), op);
#else
  if (shared_bytes > 48 << 10) MR_TRY(allow_shared_memory(s, reinterpret_cast<const void*>(kernel), shared_bytes, op));
  cudaLaunchAttribute early = {};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid, config.blockDim = block;
  config.dynamicSmemBytes = (size_t)shared_bytes;
  config.stream = s->stream;
  config.attrs = &early;
  config.numAttrs = EARLY && s->overlaps ? 1 : 0;
  return check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), op);
#endif
}

// kernel<<<grid, block, shared_bytes>>>(arguments...) on the stream; nothing when the grid is empty.
template <class... Parameters, class... Arguments>
inline int32_t launch(mr_stream* s, const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared_bytes,
                      Arguments... arguments) {
  return start<false>(s, op, kernel, grid, block, shared_bytes, arguments...);
}

// The same for a kernel whose blocks may be in place before the kernels before it have ended (programmatic dependent launch): what
// starting takes is then hidden by those. Every thread of it must call wait_for_kernels() (or follow_kernels()) before it
// touches device memory, and none may end without; the emulation reports the first access of one that has not.
template <class... Parameters, class... Arguments>
inline int32_t launch_early(mr_stream* s, const char* op, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                            int64_t shared_bytes, Arguments... arguments) {
  return start<true>(s, op, kernel, grid, block, shared_bytes, arguments...);
}

// The block's shared memory as a T; launch with sizeof(T). Nothing of it is initialised.
template <class T>
__device__ __forceinline__ T& shared_memory() {
#ifdef MR_EMULATED
  return *static_cast<T*>(emulation::shared_memory());
#else
  extern __shared__ __align__(1024) unsigned char mr_shared_memory[];
  return *reinterpret_cast<T*>(mr_shared_memory);
#endif
}

// ---- in kernels ----------------------------------------------------------------------------------------------------

constexpr int WARP = 32;
constexpr uint32_t ALL_LANES = 0xffffffffu;

// In a kernel that is launched early: lets the next kernel start too, as soon as all blocks of this one have theirs,
// and waits for the end of those before it. The next one waits for the end of this one, which comes after all before it.
__device__ __forceinline__ void follow_kernels() {
  admit_next_kernel();
  wait_for_kernels();
}

__device__ __forceinline__ int64_t global_thread() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

template <class T>
__device__ __forceinline__ float load(const T* p, int64_t i) {
  return to_float(p[i]);
}
template <class T>
__device__ __forceinline__ void store(T* p, int64_t i, float x) {
  p[i] = from_float<T>(x);
}

// 16 bytes of T, or what is left of n: one access where the address is a multiple of 16.
template <class T>
struct Pack {
  static constexpr int N = 16 / (int)sizeof(T);
  float x[N];
};
template <class T>
__device__ __forceinline__ bool aligned_16(const T* p) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0;
}
// Elements i .. i+N-1 of p[0..n), 0 beyond n. i is a multiple of N.
template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* p, int64_t i, int64_t n) {
  Pack<T> pack;
  if (i + Pack<T>::N <= n && aligned_16(p)) {
    union {
      uint4 whole;
      T each[Pack<T>::N];
    } u;
    u.whole = *reinterpret_cast<const uint4*>(p + i);
    for (int j = 0; j < Pack<T>::N; j++) pack.x[j] = to_float(u.each[j]);
  } else {
    for (int j = 0; j < Pack<T>::N; j++) pack.x[j] = i + j < n ? to_float(p[i + j]) : 0.0f;
  }
  return pack;
}
template <class T>
__device__ __forceinline__ void store_pack(T* p, int64_t i, int64_t n, const Pack<T>& pack) {
  if (i + Pack<T>::N <= n && aligned_16(p)) {
    union {
      uint4 whole;
      T each[Pack<T>::N];
    } u;
    for (int j = 0; j < Pack<T>::N; j++) u.each[j] = from_float<T>(pack.x[j]);
    *reinterpret_cast<uint4*>(p + i) = u.whole;
  } else {
    for (int j = 0; j < Pack<T>::N; j++)
      if (i + j < n) p[i + j] = from_float<T>(pack.x[j]);
  }
}

// The sum (the maximum) over the warp, in the same order for every lane's copy of it.
template <class T>
__device__ __forceinline__ T warp_sum(T x) {
  for (int bits = WARP / 2; bits > 0; bits /= 2) x += __shfl_xor_sync(ALL_LANES, x, bits);
  return x;
}
__device__ __forceinline__ float warp_max(float x) {
  for (int bits = WARP / 2; bits > 0; bits /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, bits));
  return x;
}

// The same over a block of THREADS threads, handed to all of them; `scratch` is shared memory that nothing else uses until
// every thread has returned from the next barrier.
template <int THREADS, class T>
__device__ __forceinline__ T block_sum(T x, T (&scratch)[THREADS / WARP]) {
  x = warp_sum(x);
  if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = x;
  __syncthreads();
  T total = scratch[0];
  for (int w = 1; w < THREADS / WARP; w++) total += scratch[w];
  __syncthreads();
  return total;
}
template <int THREADS>
__device__ __forceinline__ float block_max(float x, float (&scratch)[THREADS / WARP]) {
  x = warp_max(x);
  if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = x;
  __syncthreads();
  float largest = scratch[0];
  for (int w = 1; w < THREADS / WARP; w++) largest = fmaxf(largest, scratch[w]);
  __syncthreads();
  return largest;
}

// Reports the first fault of the stream; later ones are dropped.
__device__ __forceinline__ void report(Fault* fault, FaultKind kind, int64_t index, int32_t value) {
  if (atomicCAS(&fault->kind, FAULT_NONE, (int)kind) != FAULT_NONE) return;
  fault->value = value;
  fault->index = index;
  __threadfence_system();
}

}  // namespace mr
