/* medrepro_host.h: what only a host needs: CPU features, file mapping, deterministic double-precision functions.
 * Implemented by libmedrepro_cpu.so alone. Same grammar and conventions as medrepro.h. */
#ifndef MEDREPRO_HOST_H
#define MEDREPRO_HOST_H

#include "medrepro.h"

#ifdef __cplusplus
extern "C" {
#endif

/* CPU paths, slowest first. A path is chosen by what CPUID reports, never by vendor. */
enum mr_isa { MR_ISA_PORTABLE = 0, MR_ISA_AVX2 = 1, MR_ISA_AVX512 = 2, MR_ISA_AVX512BF16 = 3 };
/* bits of mr_cpu_features */
enum mr_cpu_feature { MR_CPU_AVX2 = 1, MR_CPU_FMA = 2, MR_CPU_AVX512 = 4, MR_CPU_AVX512BF16 = 8, MR_CPU_F16C = 16 };

/* CPUID and XGETBV (the operating system must save the registers too); MR_CPU_AVX512 = F, BW, VL and DQ together. */
MR_API int32_t mr_cpu_features(void);
/* The best mr_isa this CPU runs. */
MR_API int32_t mr_cpu_best_isa(void);
/* Cores this process may run on (sched_getaffinity). */
MR_API int32_t mr_cpu_count(void);
/* The isa and thread count a stream was made with. */
MR_API int32_t mr_stream_isa(mr_stream* s);
MR_API int32_t mr_stream_threads(mr_stream* s);
/* Maps a file read-only. On success the address is returned and bytes[0] = file size; NULL on failure (mr_last_error).
 * An empty file is an error. */
MR_API void* mr_map_file(const char* path, int64_t* bytes);
MR_API int32_t mr_unmap_file(void* address, int64_t bytes);
/* Maps `bytes` zeros of a new file without a name in `folder`, to read and write: pages the system may write out under memory
 * pressure. Its blocks are reserved at once, so a full disk is NULL here (mr_last_error) and no signal later. Freed by
 * mr_unmap_file. */
MR_API void* mr_map_scratch(const char* folder, int64_t bytes);
/* Releases the memory of the whole pages inside [address, address + bytes) of a mapped file; they are read from the file
 * again on access. Only for addresses inside what mr_map_file returned. */
MR_API int32_t mr_release_pages(void* address, int64_t bytes);
/* Peak resident set of this process in bytes (VmHWM). */
MR_API double mr_peak_memory(void);

/* Keeps every thread busy with `steps` rounds of independent multiply-adds on registers (compute: MR_F32, or MR_BF16 where
 * the path has an instruction for it) and returns how many floating-point operations that was; 0 where there is no such
 * measurement (the portable path). Timed by the caller, it is the machine's peak. */
MR_API double mr_multiply_add(mr_stream* s, int32_t compute, int64_t steps);

/* Double-precision functions with our own arithmetic (no libm: it dispatches by CPU and version), error below 1 ulp or so:
 * results are the same bits everywhere. */
MR_API double mr_exp(double x);
MR_API double mr_log(double x);
MR_API double mr_sin(double x);
MR_API double mr_cos(double x);
MR_API double mr_pow(double x, double y);

#ifdef __cplusplus
}
#endif
#endif /* MEDREPRO_HOST_H */
