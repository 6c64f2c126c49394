// ptx.h: instructions without a C++ equivalent, each with its arithmetic or data movement, which is what
// the emulation runs.
//
// Fragments of a warp's products (PTX ISA, "Matrix Fragments for mma.m16n8k16" and its neighbours): with g = lane / 4 and
// t = lane % 4, a thread holds
//   d  [16, 8] fp32     d0 d1: row g, columns 2t 2t+1;  d2 d3: row g+8
//   16-bit a [16, 16]   a0: row g, columns 2t 2t+1; a1: row g+8; a2: row g, columns 2t+8 2t+9; a3: row g+8 of these
//   16-bit b [16, 8]    b0: rows 2t 2t+1 of column g; b1: rows 2t+8 2t+9
//   tf32   a [16, 8]    a0: (g, t); a1: (g+8, t); a2: (g, t+4); a3: (g+8, t+4);   b [8, 8] b0: (t, g); b1: (t+4, g)
//   int8   a [16, 32]   a0: row g, columns 4t..4t+3; a1: row g+8; a2, a3: the same 16 columns on;  b [32, 8] likewise
#pragma once

#include <cuda_runtime.h>
#include <stdint.h>

#include <type_traits>

namespace mr {

// ---- kernels that overlap ------------------------------------------------------------------------------------------

// Of a kernel that was launched early (device.h): waits until the kernels before it have ended and what they wrote is seen.
__device__ __forceinline__ void wait_for_kernels() {
#ifdef MR_EMULATED
  emulation::wait_for_kernels();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
// The next kernel may start once all blocks have called this or ended.
__device__ __forceinline__ void admit_next_kernel() {
#if !defined(MR_EMULATED) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}
// Asks for a line of memory that will be read, which may still be written to: it goes to the cache that all share.
__device__ __forceinline__ void fetch_ahead(const void* p) {
#ifndef MR_EMULATED
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
#else
  (void)p;
#endif
}

// ---- 16-bit floats -----------------------------------------------------------------------------------------------

// Storage types: their bits.
struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float((uint32_t)x.bits << 16); }
__device__ __forceinline__ float to_float(f16 x) {
#ifdef MR_EMULATED
  uint32_t sign = (uint32_t)(x.bits & 0x8000) << 16, rest = (uint32_t)(x.bits & 0x7fff) << 13;
  if (rest >= 0x7c00u << 13) return __uint_as_float(sign | 0x70000000u | rest);  // infinite, NaN
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(rest) * 0x1p112f));
#else
  float f;
  asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(x.bits));
  return f;
#endif
}

// Nearest even. NaN stays NaN.
template <class T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ bf16 from_float<bf16>(float x) {
#ifdef MR_EMULATED
  uint32_t u = __float_as_uint(x);
  if (x != x) return {(uint16_t)0x7fff};
  return {(uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16)};
#else
  bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#endif
}
template <>
__device__ __forceinline__ f16 from_float<f16>(float x) {
#ifdef MR_EMULATED
  _Float16 h = (_Float16)x;
  return {bits_of<uint16_t>(&h)};
#else
  f16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#endif
}

// Two 16-bit floats in a register, the first in its low half; rounded as by from_float.
template <class T>
__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
#ifdef MR_EMULATED
  return (uint32_t)from_float<T>(low).bits | (uint32_t)from_float<T>(high).bits << 16;
#else
  uint32_t pair;
  if (std::is_same<T, bf16>::value)
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  else
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#endif
}

// What pack_pair put into a register.
template <class T>
__device__ __forceinline__ void unpack_pair(uint32_t pair, float& low, float& high) {
  if (std::is_same<T, bf16>::value) {
    low = __uint_as_float(pair << 16);
    high = __uint_as_float(pair & 0xffff0000u);
  } else {
    low = to_float(f16{(uint16_t)pair});
    high = to_float(f16{(uint16_t)(pair >> 16)});
  }
}

// 2^x within two units in the last place of fp32 (2^-22 of it); what would be subnormal is 0. One instruction, where exp2f takes
// four: for probabilities that are rounded to 16 bits next.
__device__ __forceinline__ float exp2_flushed(float x) {
#ifdef MR_EMULATED
  float y = exp2f(x);
  return y < 0x1p-126f ? 0.0f : y;
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

// The 16 bytes at p in global memory, or zeros without a look at p: no branch, so that several of them are under way together.
__device__ __forceinline__ uint4 load_16_if(bool wanted, const void* p) {
#ifdef MR_EMULATED
  return wanted ? *static_cast<const uint4*>(p) : make_uint4(0, 0, 0, 0);
#else
  uint4 x;
  asm volatile(
      "{\n.reg .pred wanted;\nsetp.ne.u32 wanted, %5, 0;\n"
      "mov.u32 %0, 0;\nmov.u32 %1, 0;\nmov.u32 %2, 0;\nmov.u32 %3, 0;\n"
      "@wanted ld.global.v4.u32 {%0, %1, %2, %3}, [%4];\n}"
      : "=&r"(x.x), "=&r"(x.y), "=&r"(x.z), "=&r"(x.w)
      : "l"(__cvta_generic_to_global(p)), "r"((uint32_t)wanted)
      : "memory");
  return x;
#endif
}

// fp32 with 10 bits of fraction, as the tensor cores take it: nearest, ties away from zero.
__device__ __forceinline__ uint32_t to_tf32(float x) {
#ifdef MR_EMULATED
  uint32_t u = __float_as_uint(x);
  if ((u & 0x7f800000u) == 0x7f800000u) return u;
  return (u + 0x1000u) & 0xffffe000u;
#else
  uint32_t u;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(u) : "f"(x));
  return u;
#endif
}

// ---- copies into shared memory ---------------------------------------------------------------------------------------

__device__ __forceinline__ uint32_t shared_address(const void* p) {
#ifdef MR_EMULATED
  return (uint32_t)((const char*)p - (const char*)emulation::shared_memory());
#else
  return (uint32_t)__cvta_generic_to_shared(p);
#endif
}

// The same value, of which the compiler no longer knows where it comes from: what follows from it is recomputed where it is
// used, instead of filling registers from before the loop on.
__device__ __forceinline__ uint32_t opaque(uint32_t x) {
#ifndef MR_EMULATED
  asm volatile("" : "+r"(x));
#endif
  return x;
}

// The same from compute capability 9.0 on (FROM_90), or before it alone: what a register is better spent on differs.
template <bool FROM_90>
__device__ __forceinline__ uint32_t opaque_where(uint32_t x) {
#ifdef __CUDA_ARCH__
  if ((__CUDA_ARCH__ >= 900) == FROM_90) return opaque(x);
#endif
  return x;
}

// The compiler moves no access to memory across: loads that would fill registers early stay where they are.
__device__ __forceinline__ void hold_loads() {
#ifndef MR_EMULATED
  asm volatile("" ::: "memory");
#endif
}

// 16 bytes from device to shared memory (an address there), both aligned to 16, without passing registers; the bytes from
// `copied` on are zero and are not read. They are there for the calling thread after wait_copies, for others after a barrier
// that follows.
__device__ __forceinline__ void copy_async_16(uint32_t to, const void* from, int copied = 16) {
#ifdef MR_EMULATED
  emulation::copy_async((char*)emulation::shared_memory() + to, from, 16, copied);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(copied) : "memory");
#endif
}
// The same with 8 bytes, aligned to 8.
__device__ __forceinline__ void copy_async_8(uint32_t to, const void* from, int copied = 8) {
#ifdef MR_EMULATED
  emulation::copy_async((char*)emulation::shared_memory() + to, from, 8, copied);
#else
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(copied) : "memory");
#endif
}
__device__ __forceinline__ void copy_async_16(void* to, const void* from, int copied = 16) {
  copy_async_16(shared_address(to), from, copied);
}
__device__ __forceinline__ void commit_copies() {
#ifdef MR_EMULATED
  emulation::commit_copies();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits for all but the newest PENDING groups of the calling thread.
template <int PENDING>
__device__ __forceinline__ void wait_copies() {
#ifdef MR_EMULATED
  emulation::wait_copies(PENDING);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}

// Four 8x8 matrices of 16-bit elements from shared memory: lane i names the i%8-th row (16 aligned bytes) of matrix i/8, by its
// shared_address. A thread gets of each matrix row g, columns 2t 2t+1; with TRANSPOSED rows 2t 2t+1 of column g.
template <bool TRANSPOSED>
__device__ __forceinline__ void load_matrices(uint32_t (&d)[4], uint32_t address) {
#ifdef MR_EMULATED
  const void* row = (const char*)emulation::shared_memory() + address;
  emulation::check_read(row, 16);
  if ((uintptr_t)row % 16 != 0) emulation::stop("ldmatrix: a row is not aligned to 16 bytes");
  uint4 mine;
  __builtin_memcpy(&mine, row, 16);
  const char* all = (const char*)emulation::exchange(0xffffffffu, &mine, 16);
  int g = emulation::lane() / 4, t = emulation::lane() % 4;
  for (int m = 0; m < 4; m++) {
    uint16_t pair[2];
    for (int e = 0; e < 2; e++) {
      int r = TRANSPOSED ? 2 * t + e : g, c = TRANSPOSED ? g : 2 * t + e;
      __builtin_memcpy(&pair[e], all + (m * 8 + r) * emulation::SLOT + 2 * c, 2);
    }
    d[m] = (uint32_t)pair[0] | (uint32_t)pair[1] << 16;
  }
  emulation::leave(0xffffffffu);
#else
  if (TRANSPOSED)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(address)
                 : "memory");
#endif
}

template <bool TRANSPOSED>
__device__ __forceinline__ void load_matrices(uint32_t (&d)[4], const void* row) {
  load_matrices<TRANSPOSED>(d, shared_address(row));
}

// ---- products of a warp ----------------------------------------------------------------------------------------------

#ifdef MR_EMULATED
namespace emulated {
struct Fragments {
  uint32_t a[4], b[2];
};
// d += a b, elements of BYTES bytes, one fp32 or int32 sum after the other in the order of k. Only registers and slots: nothing to check.
template <int BYTES, class Sum, class Value>
__attribute__((noinline, no_sanitize("thread"))) void product(Sum (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                                              Value value) {
  Fragments mine;
  for (int i = 0; i < 4; i++) mine.a[i] = a[i];
  for (int i = 0; i < 2; i++) mine.b[i] = b[i];
  const char* all = (const char*)emulation::exchange(0xffffffffu, &mine, (int64_t)sizeof mine);
  constexpr int EACH = 4 / BYTES;  // elements a register
  int g = emulation::lane() / 4, t = emulation::lane() % 4;
  for (int i = 0; i < 4; i++) {
    int row = g + (i / 2) * 8, col = 2 * t + i % 2;
    for (int k = 0; k < 8 * EACH; k++) {
      int half = k / (4 * EACH), owner = k % (4 * EACH) / EACH, place = k % EACH;
      uint32_t u, v;
      const char* from_a = all + ((row % 8) * 4 + owner) * emulation::SLOT;
      const char* from_b = all + (col * 4 + owner) * emulation::SLOT;
      __builtin_memcpy(&u, from_a + 4 * (row / 8 + 2 * half), 4);
      __builtin_memcpy(&v, from_b + 16 + 4 * half, 4);
      d[i] = value(u >> (8 * BYTES * place), v >> (8 * BYTES * place), d[i]);
    }
  }
  emulation::leave(0xffffffffu);
}
}  // namespace emulated
#endif

// d [16, 8] += a [16, 16] b [16, 8] in 16-bit operands with fp32 sums.
template <class T>
__device__ __forceinline__ void multiply_16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);
template <>
__device__ __forceinline__ void multiply_16<bf16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef MR_EMULATED
  emulated::product<2>(d, a, b, [](uint32_t u, uint32_t v, float sum) {
    return sum + to_float(bf16{(uint16_t)u}) * to_float(bf16{(uint16_t)v});  // as fmaf, which is a call: the product is exact
  });
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}
template <>
__device__ __forceinline__ void multiply_16<f16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef MR_EMULATED
  emulated::product<2>(
      d, a, b, [](uint32_t u, uint32_t v, float sum) { return sum + to_float(f16{(uint16_t)u}) * to_float(f16{(uint16_t)v}); });
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// d [16, 8] += a [16, 8] b [8, 8], operands as to_tf32 made them.
__device__ __forceinline__ void multiply_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef MR_EMULATED
  emulated::product<4>(d, a, b,
                       [](uint32_t u, uint32_t v, float sum) { return fmaf(__uint_as_float(u), __uint_as_float(v), sum); });
#else
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// d [16, 8] += a [16, 32] b [32, 8] of signed bytes, exactly.
__device__ __forceinline__ void multiply_int8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#ifdef MR_EMULATED
  emulated::product<1>(d, a, b, [](uint32_t u, uint32_t v, int32_t sum) { return sum + (int8_t)u * (int8_t)v; });
#else
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

}  // namespace mr
