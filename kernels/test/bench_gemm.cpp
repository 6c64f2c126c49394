// bench_gemm.cpp: matrix products as a share of the FMA peak measured in the same run.
//
//   cmake --build BUILD --target medrepro_bench_gemm
//   BUILD/test/medrepro_bench_gemm [threads] [isa] [part of a group] [cpu]
//
// Best of several rounds; peak measurements are interleaved with the products, because shared machines change their
// speed. With `cpu`, time is the process's CPU time divided by the threads: meaningful while other processes take
// turns on the cores, and blind to waiting.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../cpu/stream.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static int32_t cpu_threads = 0;  // 0: wall time

static double now() {
  timespec t;
  clock_gettime(cpu_threads > 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return ((double)t.tv_sec + (double)t.tv_nsec * 1e-9) / (cpu_threads > 0 ? cpu_threads : 1);
}

// ---- peak: independent fma chains in registers --------------------------------------------------------------------

enum { STEPS = 200000 };
static volatile float sink;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void peak_avx512(void*, int64_t) {
  __m512 c[16], a = _mm512_set1_ps(1.0f), b = _mm512_set1_ps(0.5f);
  for (int i = 0; i < 16; i++) c[i] = _mm512_set1_ps((float)i);
  for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) c[i] = _mm512_fmadd_ps(a, b, c[i]);
  }
  for (int i = 1; i < 16; i++) c[0] = _mm512_add_ps(c[0], c[i]);
  sink = _mm512_cvtss_f32(c[0]);
}
__attribute__((target("avx512f,avx512bf16"))) static void peak_avx512bf16(void*, int64_t) {
  __m512 c[16];
  __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f803f80), b = (__m512bh)_mm512_set1_epi32(0x3f003f00);
  for (int i = 0; i < 16; i++) c[i] = _mm512_set1_ps((float)i);
  for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) c[i] = _mm512_dpbf16_ps(c[i], a, b);
  }
  for (int i = 1; i < 16; i++) c[0] = _mm512_add_ps(c[0], c[i]);
  sink = _mm512_cvtss_f32(c[0]);
}
__attribute__((target("avx2,fma"))) static void peak_avx2(void*, int64_t) {
  __m256 c[12], a = _mm256_set1_ps(1.0f), b = _mm256_set1_ps(0.5f);
  for (int i = 0; i < 12; i++) c[i] = _mm256_set1_ps((float)i);
  for (int step = 0; step < STEPS; step++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) c[i] = _mm256_fmadd_ps(a, b, c[i]);
  }
  for (int i = 1; i < 12; i++) c[0] = _mm256_add_ps(c[0], c[i]);
  sink = _mm256_cvtss_f32(c[0]);
}
#endif

// GFLOP/s of the instruction a path multiplies with; 0 where there is no such measurement.
static double measure_peak(mr_stream* s, int32_t compute) {
  void (*body)(void*, int64_t) = nullptr;
  double flops = 0;  // per task
#if defined(__x86_64__)
  int32_t isa = mr_stream_isa(s);
  if (isa >= MR_ISA_AVX512) body = peak_avx512, flops = 16.0 * 16 * 2 * STEPS;
  if (isa == MR_ISA_AVX2) body = peak_avx2, flops = 12.0 * 8 * 2 * STEPS;
  if (isa == MR_ISA_AVX512BF16 && compute == MR_BF16) body = peak_avx512bf16, flops = 16.0 * 32 * 2 * STEPS;
#else
  (void)compute;
#endif
  if (body == nullptr) return 0;
  int64_t tasks = 4 * mr_stream_threads(s);
  double start = now();
  mr::run_tasks(s, tasks, body, nullptr);
  return flops * (double)tasks / (now() - start) * 1e-9;
}

// ---- products -----------------------------------------------------------------------------------------------------

struct Shape {
  const char* group;
  int64_t m, n, k;
};
static const Shape SHAPES[] = {
    {"qwen3", 512, 1024, 1024}, {"qwen3", 512, 3072, 1024},  {"qwen3", 512, 1024, 3072},  {"qwen3", 512, 2048, 1024},
    {"qwen3", 512, 1024, 2048}, {"qwen3", 256, 1024, 1024},  {"qwen3", 256, 3072, 1024},  {"qwen3", 256, 1024, 3072},
    {"mini", 1024, 256, 256},   {"mini", 1024, 688, 256},    {"mini", 1024, 256, 688},    {"mini", 1024, 128, 256},
    {"head", 512, 8192, 256},   {"head", 128, 151936, 1024}, {"head", 128, 1024, 151936}, {"lora", 512, 8, 1024},
    {"lora", 512, 1024, 8},     {"lora", 1024, 8, 512},      {"lora", 8, 1024, 512},      {"lora", 512, 16, 1024},
    {"lora", 512, 1024, 16},    {"lora", 1024, 16, 512},     {"lora", 16, 1024, 512},     {"lora", 512, 64, 1024},
    {"lora", 512, 1024, 64},    {"lora", 1024, 64, 512},     {"lora", 64, 1024, 512},     {"lora", 1024, 8, 256},
    {"lora", 1024, 256, 8},     {"lora", 256, 8, 1024},      {"lora", 8, 256, 1024},      {"decode", 1, 1024, 1024},
    {"decode", 1, 3072, 1024},  {"decode", 4, 3072, 1024},   {"decode", 16, 3072, 1024},
};

static void fill(void* p, int32_t dtype, int64_t n) {
  uint32_t u = 12345;
  for (int64_t i = 0; i < n; i++) {
    u = u * 1664525 + 1013904223;
    float x = (float)(int32_t)u * 0x1p-31f;
    if (dtype == MR_BF16) {
      uint32_t bits;
      memcpy(&bits, &x, 4);
      ((uint16_t*)p)[i] = (uint16_t)(bits >> 16);
    } else {
      ((float*)p)[i] = x;
    }
  }
}

struct Kind {
  const char* name;
  int32_t compute, ab, c;
};

int main(int count, char** arguments) {
  int32_t threads = count > 1 ? atoi(arguments[1]) : 0, isa = count > 2 ? atoi(arguments[2]) : -1;
  const char* group = count > 3 ? arguments[3] : "";
  mr_stream* s = mr_stream_create(0, threads, isa);
  if (s == nullptr) return printf("%s\n", mr_last_error()), 1;
  if (count > 4) cpu_threads = mr_stream_threads(s);
  printf("isa %d, %d threads\n", mr_stream_isa(s), mr_stream_threads(s));
  const Kind kinds[] = {{"fp32", MR_F32, MR_F32, MR_F32}, {"bf16", MR_BF16, MR_BF16, MR_F32}, {"mixed", MR_BF16, MR_F32, MR_F32}};
  for (const Shape& shape : SHAPES) {
    if (strstr(shape.group, group) == nullptr) continue;
    int64_t m = shape.m, n = shape.n, k = shape.k;
    printf("%-7s %5lld x %6lld x %6lld", shape.group, (long long)m, (long long)n, (long long)k);
    for (const Kind& kind : kinds) {
      void* a = mr_device_alloc(s, m * k * 4);
      void* b = mr_device_alloc(s, k * n * 4);
      void* c = mr_device_alloc(s, m * n * 4);
      fill(a, kind.ab, m * k);
      fill(b, kind.ab, k * n);
      fill(c, kind.c, m * n);
      printf(" | %s", kind.name);
      for (int layout = 0; layout < 3; layout++) {  // NT, NN, TN
        int32_t ta = layout == 2, tb = layout == 0;
        double best = 1e30, peak = 0, flops = 2.0 * (double)m * (double)n * (double)k;
        int inner = flops < 2e7 ? 20 : 1;
        double end = now() + 0.15;
        for (int round = 0; round < 300 && (round < 5 || now() < end); round++) {
          if (round % 8 == 0) {
            double p = measure_peak(s, kind.compute);
            if (p > peak) peak = p;
          }
          double start = now();
          for (int i = 0; i < inner; i++) {
            if (mr_gemm(s, kind.compute, ta, tb, m, n, k, 1.0f, kind.ab, a, ta ? m : k, kind.ab, b, tb ? k : n, kind.c, c, n, 0) !=
                MR_OK)
              return printf("%s\n", mr_last_error()), 1;
          }
          double t = (now() - start) / inner;
          if (t < best) best = t;
        }
        double rate = flops / best * 1e-9;
        printf(" %s %6.1f", layout == 0 ? "NT" : layout == 1 ? "NN" : "TN", rate);
        if (strcmp(shape.group, "lora") == 0 || strcmp(shape.group, "decode") == 0) printf(" %5.0fus", best * 1e6);
        if (peak > 0) printf(" %3.0f%%", 100 * rate / peak);
      }
      mr_device_free(s, a, m * k * 4);
      mr_device_free(s, b, k * n * 4);
      mr_device_free(s, c, m * n * 4);
      fflush(stdout);
    }
    printf("\n");
  }
  printf("peak now: %.0f fp32, %.0f bf16 GFLOP/s\n", measure_peak(s, MR_F32), measure_peak(s, MR_BF16));
  mr_stream_destroy(s);
  return 0;
}
