// cuda_runtime.h: stands in for the toolkit's header of that name when a .cu file is compiled for the CPU.
//
// A kernel then runs one block after another; the threads of a block are fibers of one operating system thread that change
// only where they wait for each other. Every load and store of a kernel is reported by the compiler (-fsanitize=thread without
// its runtime) to checks.cpp, which knows all memory: what is outside an allocation, not yet written, written by two
// threads without a barrier between them, or the host's, ends the launch with a line of text.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MR_EMULATED 1
#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline int2 make_int2(int x, int y) { return {x, y}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

namespace emulation {

constexpr int WARP = 32;

// The running thread's coordinates.
struct Coordinates {
  dim3 thread, block, block_size, grid;
};
extern Coordinates at;

// Runs body(context) once for every thread of the grid. The context is the kernel's arguments, which threads may read. early: while
// kernels before it may still run, so that a thread may touch device memory only after `wait_for_kernels`.
void launch(dim3 grid, dim3 block, int64_t shared_bytes, void (*body)(const void*), const void* context, int64_t context_bytes,
            bool early);
void wait_for_kernels();

// The block's shared memory, as many bytes as the launch asked for, none of them initialised.
void* shared_memory();

// Waits for all threads of the block; all must wait at the same place.
void block_barrier(const char* file, int line);
// Waits for the lanes of mask, which must all be in the calling warp.
void warp_barrier(uint32_t mask);
// Lets the other threads run: for loops that wait for something another thread does.
void yield();

// Every lane of mask hands in `bytes` (at most 256) and gets what all 32 handed in, SLOT bytes apart; the contents stay until
// `leave`, which every lane must call.
constexpr int64_t SLOT = 256;
const void* exchange(uint32_t mask, const void* mine, int64_t bytes);
void leave(uint32_t mask);

// Copies that arrive later: issued into the running thread's open group, closed by commit, carried out by a wait for all but the
// newest `pending` groups. copied bytes come from source, the rest up to bytes are zero.
void copy_async(void* destination, const void* source, int bytes, int copied);
void commit_copies();
void wait_copies(int pending);

// Memory accesses on behalf of the running thread by emulated instructions, checked like its own.
void check_read(const void* p, int64_t bytes);
void check_write(void* p, int64_t bytes);
// Ends the launch; printf-style.
[[noreturn]] void stop(const char* format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace emulation

#define threadIdx (emulation::at.thread)
#define blockIdx (emulation::at.block)
#define blockDim (emulation::at.block_size)
#define gridDim (emulation::at.grid)
#define warpSize 32

#define __syncthreads() emulation::block_barrier(__FILE__, __LINE__)
inline void __syncwarp(uint32_t mask = 0xffffffffu) { emulation::warp_barrier(mask); }

namespace emulation {
inline int lane() { return (int)((at.thread.x + at.block_size.x * (at.thread.y + at.block_size.y * at.thread.z)) % WARP); }

template <class T>
inline T shuffle(uint32_t mask, T value, int from) {
  const char* all = (const char*)exchange(mask, &value, (int64_t)sizeof value);
  T result;
  __builtin_memcpy(&result, all + (from & 31) * SLOT, sizeof result);
  leave(mask);
  return result;
}
}  // namespace emulation

// hints about the cache are none here
template <class T>
inline T __ldcs(const T* p) {
  return *p;
}
template <class T>
inline void __stcs(T* p, T value) {
  *p = value;
}

template <class T>
inline T __shfl_sync(uint32_t mask, T value, int from) {
  return emulation::shuffle(mask, value, from);
}
template <class T>
inline T __shfl_xor_sync(uint32_t mask, T value, int bits) {
  return emulation::shuffle(mask, value, emulation::lane() ^ bits);
}
template <class T>
inline T __shfl_down_sync(uint32_t mask, T value, int distance) {
  int from = emulation::lane() + distance;
  return emulation::shuffle(mask, value, from < 32 ? from : emulation::lane());
}
template <class T>
inline T __shfl_up_sync(uint32_t mask, T value, int distance) {
  int from = emulation::lane() - distance;
  return emulation::shuffle(mask, value, from >= 0 ? from : emulation::lane());
}
inline uint32_t __ballot_sync(uint32_t mask, int predicate) {
  uint32_t mine = predicate != 0, result = 0;
  const char* all = (const char*)emulation::exchange(mask, &mine, 4);
  for (int i = 0; i < 32; i++) {
    uint32_t bit;
    __builtin_memcpy(&bit, all + i * emulation::SLOT, 4);
    if (mask >> i & 1) result |= (bit & 1) << i;
  }
  emulation::leave(mask);
  return result;
}
inline int __any_sync(uint32_t mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(uint32_t mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

int atomicCAS(int* p, int expected, int value);
int atomicAdd(int* p, int value);
unsigned atomicAdd(unsigned* p, unsigned value);
void __threadfence();
void __threadfence_system();

// ---- arithmetic -------------------------------------------------------------------------------------------------

inline uint32_t __umulhi(uint32_t a, uint32_t b) { return (uint32_t)((uint64_t)a * b >> 32); }
inline int __popc(uint32_t x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }
template <class T>
inline T bits_of(const void* p) {
  T t;
  __builtin_memcpy(&t, p, sizeof t);
  return t;
}
inline float __uint_as_float(uint32_t u) { return bits_of<float>(&u); }
inline uint32_t __float_as_uint(float f) { return bits_of<uint32_t>(&f); }
inline float __int_as_float(int u) { return bits_of<float>(&u); }
inline int __float_as_int(float f) { return bits_of<int>(&f); }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline int __float2int_rn(float a) { return (int)rintf(a); }
inline float rsqrtf(float a) { return 1.0f / sqrtf(a); }
template <class T>
inline T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
inline T max(T a, T b) {
  return a < b ? b : a;
}
template <class T>
inline T __ldg(const T* p) {
  return *p;
}

// ---- what the host calls --------------------------------------------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3, cudaMemcpyDefault = 4 };
enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
  cudaDevAttrMaxSharedMemoryPerBlockOptin = 97,
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum { cudaStreamNonBlocking = 1, cudaHostAllocMapped = 2 };
typedef struct CUstream_st* cudaStream_t;

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
struct cudaDeviceProp {
  char name[256];
};
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaMalloc(void** p, size_t bytes);
cudaError_t cudaFree(void* p);
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* p);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t stream);
typedef struct CUgraph_st* cudaGraph_t;
typedef struct CUgraphExec_st* cudaGraphExec_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
// Launches and copies within the device are kept until a launch of the graph runs them.
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
// The last error and forgets it.
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);
template <class Kernel>
inline cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;
}
