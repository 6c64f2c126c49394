// test_host.cpp: streams and the thread pool, memory, CPU features, host math against long double libm, scalar fma.
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vector>

#include "../cpu/stream.h"
#include "check.h"

// vec.h's scalar fma as the portable path compiles it (this file has the baseline's flags)
#define MR_PATH test_host
#include "../cpu/vec.h"

// ---- streams ------------------------------------------------------------------------------------------------------

TEST(stream_arguments) {
  CHECK(mr_stream_create(1, 1, -1) == nullptr);
  CHECK(strstr(mr_last_error(), "device 1") != nullptr);
  CHECK(mr_stream_create(0, -1, -1) == nullptr);
  CHECK(mr_stream_create(0, 1, 99) == nullptr);
  CHECK(mr_stream_synchronize(nullptr) == MR_ERR_ARGUMENT);
  mr_stream_destroy(nullptr);
  mr_stream* s = mr_stream_create(0, 0, -1);
  CHECK(s != nullptr);
  CHECK(mr_stream_threads(s) == mr_cpu_count());
  CHECK(mr_stream_isa(s) == mr_cpu_best_isa());
  CHECK(mr_stream_synchronize(s) == MR_OK);
  mr_stream_destroy(s);
}

struct Counters {
  mr_stream* s;
  int32_t* runs;
};

TEST(pool_runs_each_task_once) {
  for (int threads = 1; threads <= 5; threads++) {
    mr_stream* s = mr_stream_create(0, threads, 0);
    CHECK(s != nullptr);
    enum { TASKS = 1000 };
    int32_t* runs = (int32_t*)calloc(TASKS, 4);
    Counters counters = {s, runs};
    for (int round = 0; round < 300; round++) {
      int64_t tasks = round % 7 == 0 ? TASKS : round % 5;
      memset(runs, 0, TASKS * 4);
      auto count = [](void* c, int64_t task) { ((Counters*)c)->runs[task]++; };
      mr::run_tasks(s, tasks, count, &counters);
      for (int64_t i = 0; i < TASKS; i++) CHECK_MSG(runs[i] == (i < tasks), "task %d ran %d times", (int)i, runs[i]);
      if (round % 100 == 99) usleep(1000);  // long enough for the workers to fall asleep
    }
    free(runs);
    mr_stream_destroy(s);
  }
}

TEST(pool_nested_calls_are_serial) {
  mr_stream* s = mr_stream_create(0, 3, 0);
  int32_t runs[64 * 8] = {};
  Counters counters = {s, runs};
  mr::run_tasks(
      s, 64,
      [](void* c, int64_t task) {
        Counters inner = {((Counters*)c)->s, ((Counters*)c)->runs + task * 8};
        auto count = [](void* d, int64_t i) { ((Counters*)d)->runs[i]++; };
        mr::run_tasks(inner.s, 8, count, &inner);
      },
      &counters);
  for (int i = 0; i < 64 * 8; i++) CHECK(runs[i] == 1);
  mr_stream_destroy(s);
}

static void* use_a_stream(void*) {
  mr_stream* s = mr_stream_create(0, 2, 0);
  int64_t total = 0;
  for (int round = 0; round < 200; round++) {
    int64_t squares[16];
    auto square = [](void* c, int64_t i) { ((int64_t*)c)[i] = i * i; };
    mr::run_tasks(s, 16, square, squares);
    for (int i = 0; i < 16; i++) total += squares[i];
  }
  mr_stream_destroy(s);
  return total == 200 * 1240 ? s : nullptr;
}

TEST(pool_several_streams) {
  pthread_t threads[4];
  for (pthread_t& t : threads) pthread_create(&t, nullptr, use_a_stream, nullptr);
  for (pthread_t& t : threads) {
    void* ok = nullptr;
    pthread_join(t, &ok);
    CHECK(ok != nullptr);
  }
}

// ---- memory -------------------------------------------------------------------------------------------------------

TEST(memory) {
  mr_stream* s = mr_stream_create(0, 1, 0);
  CHECK(mr_device_alloc(s, 0) == nullptr);
  CHECK(mr_device_alloc(s, -1) == nullptr);
  CHECK(mr_device_alloc(s, INT64_MAX) == nullptr);
  const int64_t sizes[] = {1, 4096, 100000, 5 << 20};
  for (int64_t bytes : sizes) {
    char* p = (char*)mr_device_alloc(s, bytes);
    CHECK(p != nullptr && (uintptr_t)p % 4096 == 0);
    CHECK(p[0] == 0 && p[bytes - 1] == 0);
    char text[] = "x";
    CHECK(mr_copy_to_device(s, 1, text, p + bytes - 1) == MR_OK && p[bytes - 1] == 'x');
    CHECK(mr_copy_to_host(s, 1, p, text) == MR_OK);
    CHECK(mr_device_free(s, p, bytes) == MR_OK);
  }
  CHECK(mr_device_free(s, nullptr, 5) == MR_OK);
  CHECK(mr_copy_to_host(s, -1, s, s) == MR_ERR_ARGUMENT);
  CHECK(mr_copy_to_host(s, 1, nullptr, s) == MR_ERR_ARGUMENT);
  CHECK(mr_peak_memory() > 100000);
  mr_stream_destroy(s);
}

TEST(map_scratch) {
  float* x = (float*)mr_map_scratch("/tmp", 4 * 5000);
  CHECK(x != nullptr && x[0] == 0 && x[4999] == 0);
  if (x) {
    x[4999] = 3;
    CHECK(x[4999] == 3 && mr_unmap_file(x, 4 * 5000) == MR_OK);
  }
  CHECK(mr_map_scratch("/no such folder", 4) == nullptr && strstr(mr_last_error(), "no such folder") != nullptr);
  CHECK(mr_map_scratch("/tmp", 0) == nullptr && mr_map_scratch(nullptr, 4) == nullptr);
}

TEST(map_file) {
  char path[] = "/tmp/medrepro_test_XXXXXX";
  int file = mkstemp(path);
  int64_t bytes = -1;
  CHECK(mr_map_file(path, &bytes) == nullptr && strstr(mr_last_error(), "empty") != nullptr);
  CHECK(write(file, "hello", 5) == 5);
  close(file);
  const char* text = (const char*)mr_map_file(path, &bytes);
  CHECK(text != nullptr && bytes == 5 && memcmp(text, "hello", 5) == 0);
  CHECK(mr_unmap_file((void*)text, bytes) == MR_OK);
  unlink(path);
  CHECK(mr_map_file(path, &bytes) == nullptr);
  CHECK(mr_map_file("/", &bytes) == nullptr && strstr(mr_last_error(), "regular") != nullptr);
  CHECK(mr_map_file(nullptr, &bytes) == nullptr);
}

TEST(release_pages) {
  char path[] = "/tmp/medrepro_test_XXXXXX";
  int file = mkstemp(path);
  std::vector<char> text(40000, 'x');
  text[100] = 'a', text[20000] = 'b', text[39999] = 'c';
  CHECK(write(file, text.data(), text.size()) == (ssize_t)text.size());
  close(file);
  int64_t bytes = 0;
  char* at = (char*)mr_map_file(path, &bytes);
  CHECK(at != nullptr && memcmp(at, text.data(), text.size()) == 0);
  // whole pages, parts of pages, no page at all: what was released is read again
  CHECK(mr_release_pages(at, bytes) == MR_OK && memcmp(at, text.data(), text.size()) == 0);
  CHECK(mr_release_pages(at + 5, 39990) == MR_OK && memcmp(at, text.data(), text.size()) == 0);
  CHECK(mr_release_pages(at + 5, 10) == MR_OK && mr_release_pages(at, 0) == MR_OK);
  CHECK(mr_release_pages(nullptr, 1) == MR_ERR_ARGUMENT && mr_release_pages(at, -1) == MR_ERR_ARGUMENT);
  CHECK(mr_unmap_file(at, bytes) == MR_OK);
  unlink(path);
}

// ---- host math ----------------------------------------------------------------------------------------------------

// |got - wanted| in units of the last place of wanted
static double ulps(double got, long double wanted) {
  double w = (double)wanted;
  if (got == w)
    return got == 0 || isinf(got) ? 0 : fabs((double)((got - wanted) / (long double)(nextafter(fabs(w), INFINITY) - fabs(w))));
  if (isnan(got) || isinf(got) || isnan(w) || isinf(w)) return isnan(got) && isnan(w) ? 0 : 1e30;
  return fabs((double)((got - wanted) / (long double)(nextafter(fabs(w), INFINITY) - fabs(w))));
}

static void check_function(const char* name, double (*ours)(double), long double (*theirs)(long double), double low, double high) {
  check::Random random = {42};
  double worst = 0, at = 0;
  for (int i = 0; i < 200000; i++) {
    double x = low + (high - low) * random.uniform(), error = ulps(ours(x), theirs(x));
    if (error > worst) worst = error, at = x;
  }
  CHECK_MSG(worst < 0.75, "%s on [%g, %g]: %.3f ulp at %.17g", name, low, high, worst, at);
}

TEST(host_math) {
  check_function("exp", mr_exp, expl, -1, 1);
  check_function("exp", mr_exp, expl, -700, 709);
  check_function("exp", mr_exp, expl, -1e-9, 1e-9);
  check_function("log", mr_log, logl, 0, 2);
  check_function("log", mr_log, logl, 0.999, 1.001);
  check_function("log", mr_log, logl, 0, 1e300);
  check_function("log", mr_log, logl, 0, 1e-300);
  check_function("log", mr_log, logl, 0, 1e-310);
  check_function("sin", mr_sin, sinl, -0.8, 0.8);
  check_function("cos", mr_cos, cosl, -0.8, 0.8);
  check_function("sin", mr_sin, sinl, -20, 20);
  check_function("cos", mr_cos, cosl, -20, 20);
  check_function("sin", mr_sin, sinl, -1e7, 1e7);
  check_function("cos", mr_cos, cosl, -1e7, 1e7);
  check_function("sin", mr_sin, sinl, 0, 1e18);  // x87 reduces correctly only below 2^63
  // larger arguments: values from an arbitrary-precision computation
  CHECK(ulps(mr_sin(1e22), -0.8522008497671888017727L) < 0.75);
  CHECK(ulps(mr_cos(1e22), 0.5232147853951389454975L) < 0.75);
  CHECK(ulps(mr_sin(0x1.fffffffffffffp1023), 0.004961954789184062L) < 1);
}

TEST(host_math_pow) {
  check::Random random = {7};
  double worst = 0;
  for (int i = 0; i < 200000; i++) {
    double x = exp((random.uniform() - 0.5) * 20), y = (random.uniform() - 0.5) * 100;
    if (i % 4 == 0) x = 10000 + random.uniform() * 1e6, y = -random.uniform();         // rope frequencies
    if (i % 4 == 1) x = 0.8 + 0.2 * random.uniform(), y = (double)random.below(3000);  // beta^t
    long double wanted = powl(x, y);
    if (wanted < 1e-300L || wanted > 1e300L) continue;
    double error = ulps(mr_pow(x, y), wanted);
    if (error > worst) worst = error;
  }
  CHECK_MSG(worst < 0.75, "pow: %.3f ulp", worst);
  const double special[] = {0.0,  -0.0,  1,      -1,     2,        -2,        3,   -3,         0.5,
                            -0.5, 1e300, -1e300, 1e-300, INFINITY, -INFINITY, NAN, 0x1p53 + 2, 0x1p53 - 1};
  for (double x : special) {
    for (double y : special) {
      double ours = mr_pow(x, y), theirs = pow(x, y);
      CHECK_MSG(ulps(ours, powl(x, y)) < 0.51 && (isnan(ours) || signbit(ours) == signbit(theirs)), "pow(%g, %g) = %g, not %g", x,
                y, ours, theirs);
    }
  }
}

TEST(host_math_special) {
  CHECK(isnan(mr_exp(NAN)) && mr_exp(INFINITY) == INFINITY && mr_exp(-INFINITY) == 0 && mr_exp(0) == 1 && mr_exp(-0.0) == 1);
  CHECK(mr_exp(710) == INFINITY && mr_exp(-746) == 0);
  CHECK(mr_exp(-745) > 0 && mr_exp(-740) == (double)expl(-740));
  CHECK(isnan(mr_log(NAN)) && isnan(mr_log(-1)) && mr_log(0) == -INFINITY && mr_log(INFINITY) == INFINITY && mr_log(1) == 0);
  CHECK(mr_log(0x1p-1074) == log(0x1p-1074));
  CHECK(isnan(mr_sin(INFINITY)) && isnan(mr_cos(NAN)) && mr_cos(0) == 1 && mr_sin(0) == 0 && signbit(mr_sin(-0.0)));
  CHECK(mr_sin(0x1p-1074) == 0x1p-1074);
}

// ---- scalar fma ---------------------------------------------------------------------------------------------------

TEST(fma1_is_fma) {
  using mr::test_host::from_bits;
  using mr::test_host::to_bits;
  check::Random random = {1};
  for (int i = 0; i < 20000000; i++) {
    uint64_t u = random.next(), v = random.next();
    uint32_t x = (uint32_t)u, y = (uint32_t)(u >> 32), z = (uint32_t)v;
    switch (v >> 60) {
      case 0: x &= 0x807fffff; break;  // denormal
      case 1: z &= 0x807fffff; break;
      case 2: z |= 0x7f800000; break;  // inf or NaN
      case 3: x = (x & 0x80000000) | 0x7f800000; break;
      case 4:
        y &= 0x80000000;
        break;  // zero
      // c near -a*b: the sum cancels
      case 5:
      case 6:
      case 7: z = to_bits(-(from_bits(x) * from_bits(y))) + (uint32_t)((v >> 32) % 5) - 2; break;
      // exponents near one another, few mantissa bits: ties
      case 8:
      case 9:
        x = (x & 0x80fff000) | 0x3f000000;
        y = (y & 0x80fff000) | 0x3f000000;
        z = (z & 0x81fff000) | 0x3e000000;
        break;
      // products in the denormal range
      case 10:
      case 11:
        x = (x & 0x807fffff) | ((uint32_t)(40 + (x >> 23) % 40) << 23);
        y = (y & 0x807fffff) | ((uint32_t)(30 + (y >> 23) % 40) << 23);
        z &= 0x80ffffff;
        break;
      default: break;
    }
    float a = from_bits(x), b = from_bits(y), c = from_bits(z);
    float ours = mr::test_host::fma1(a, b, c), theirs = fmaf(a, b, c);
    bool same = to_bits(ours) == to_bits(theirs) || (ours != ours && theirs != theirs);
    CHECK_MSG(same, "fma(%a, %a, %a) = %a, not %a", (double)a, (double)b, (double)c, (double)ours, (double)theirs);
  }
}
