// host.cpp: what this CPU can do. Compiled for the baseline, so that it runs before a path is chosen.
#include <sched.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "../../medrepro_host.h"

namespace {

#if defined(__x86_64__)
// Which register files the operating system saves: bit 1 SSE, 2 AVX, 5 to 7 the AVX-512 ones.
unsigned saved_registers() {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}
#endif

}  // namespace

extern "C" {

MR_API int32_t mr_cpu_features(void) {
  int32_t found = 0;
#if defined(__x86_64__)
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
  unsigned saved = saved_registers();
  bool avx_saved = (saved & 0x06) == 0x06, avx512_saved = (saved & 0xe6) == 0xe6;
  if (!avx_saved || !(c & bit_AVX)) return 0;
  if (c & bit_FMA) found |= MR_CPU_FMA;
  if (c & bit_F16C) found |= MR_CPU_F16C;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  unsigned leaves = a;
  if (b & bit_AVX2) found |= MR_CPU_AVX2;
  const unsigned needed = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ;
  if (avx512_saved && (b & needed) == needed) {
    found |= MR_CPU_AVX512;
    if (leaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & bit_AVX512BF16)) found |= MR_CPU_AVX512BF16;
  }
#endif
  return found;
}

MR_API int32_t mr_cpu_best_isa(void) {
  int32_t features = mr_cpu_features();
  const int32_t avx2 = MR_CPU_AVX2 | MR_CPU_FMA | MR_CPU_F16C, avx512 = avx2 | MR_CPU_AVX512;
  const int32_t avx512bf16 = avx512 | MR_CPU_AVX512BF16;
  if ((features & avx512bf16) == avx512bf16) return MR_ISA_AVX512BF16;
  if ((features & avx512) == avx512) return MR_ISA_AVX512;
  if ((features & avx2) == avx2) return MR_ISA_AVX2;
  return MR_ISA_PORTABLE;
}

MR_API int32_t mr_cpu_count(void) {
  // 8192 CPUs: a plain cpu_set_t stops at 1024 and the call fails on larger machines.
  cpu_set_t set[8];
  memset(set, 0, sizeof set);
  if (sched_getaffinity(0, sizeof set, set) != 0) return 1;
  int count = CPU_COUNT_S(sizeof set, set);
  return count > 0 ? (count < 1024 ? count : 1024) : 1;
}

}  // extern "C"
