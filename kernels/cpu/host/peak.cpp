// peak.cpp: multiply-adds with every operand in a register: what `medrepro bench` divides its figures by. The caller takes
// the time, because a kernel has no clock.
#include "../stream.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

volatile float sink;  // keeps the sums alive

struct Work {
  int64_t steps;
};

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void fma_avx512(void* context, int64_t) {
  __m512 c[16], a = _mm512_set1_ps(1.0f), b = _mm512_set1_ps(0.5f);
  for (int i = 0; i < 16; i++) c[i] = _mm512_set1_ps((float)i);
  for (int64_t step = static_cast<Work*>(context)->steps; step > 0; step--) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) c[i] = _mm512_fmadd_ps(a, b, c[i]);
  }
  for (int i = 1; i < 16; i++) c[0] = _mm512_add_ps(c[0], c[i]);
  sink = _mm512_cvtss_f32(c[0]);
}

__attribute__((target("avx512f,avx512bf16"))) void dot_avx512bf16(void* context, int64_t) {
  __m512 c[16];
  __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f803f80), b = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  for (int i = 0; i < 16; i++) c[i] = _mm512_set1_ps((float)i);
  for (int64_t step = static_cast<Work*>(context)->steps; step > 0; step--) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) c[i] = _mm512_dpbf16_ps(c[i], a, b);
  }
  for (int i = 1; i < 16; i++) c[0] = _mm512_add_ps(c[0], c[i]);
  sink = _mm512_cvtss_f32(c[0]);
}

__attribute__((target("avx2,fma"))) void fma_avx2(void* context, int64_t) {
  __m256 c[12], a = _mm256_set1_ps(1.0f), b = _mm256_set1_ps(0.5f);
  for (int i = 0; i < 12; i++) c[i] = _mm256_set1_ps((float)i);
  for (int64_t step = static_cast<Work*>(context)->steps; step > 0; step--) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) c[i] = _mm256_fmadd_ps(a, b, c[i]);
  }
  for (int i = 1; i < 12; i++) c[0] = _mm256_add_ps(c[0], c[i]);
  sink = _mm256_cvtss_f32(c[0]);
}
#endif

}  // namespace

extern "C" double mr_multiply_add(mr_stream* s, int32_t compute, int64_t steps) {
  if (s == nullptr || steps < 0) return 0;
  void (*body)(void*, int64_t) = nullptr;
  double flops = 0;  // per task and step
#if defined(__x86_64__)
  if (s->isa >= MR_ISA_AVX512) body = fma_avx512, flops = 16.0 * 16 * 2;
  if (s->isa == MR_ISA_AVX2) body = fma_avx2, flops = 12.0 * 8 * 2;
  if (s->isa == MR_ISA_AVX512BF16 && compute == MR_BF16) body = dot_avx512bf16, flops = 16.0 * 32 * 2;
#else
  (void)compute;
#endif
  if (body == nullptr) return 0;
  Work work = {steps};
  mr::run_tasks(s, s->threads, body, &work);
  return flops * (double)steps * (double)s->threads;
}
