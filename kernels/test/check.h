// check.h: the smallest test harness that serves: TEST(name) { CHECK(...); } in any test_*.cpp, run by main.cpp.
#pragma once

#include <stdint.h>
#include <stdio.h>

namespace check {

struct Test {
  const char* name;
  void (*run)();
  bool large;
  Test* next;
};

extern Test* tests;         // all TESTs, in no particular order
extern int failures;        // CHECKs failed in the running test
extern const char* filter;  // only tests whose name contains this
extern bool quick;          // no large shapes: for sanitizers, which slow everything down tenfold

struct Register {
  explicit Register(Test* test) {
    test->next = tests;
    tests = test;
  }
};

// Numbers for tests: the same on every machine (Steele and Vigna's splitmix64).
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  double uniform() { return (double)(next() >> 11) * 0x1p-53; }                // [0, 1)
  float symmetric() { return (float)((double)(next() >> 40) * 0x1p-23 - 1); }  // [-1, 1), 24 bits
  int64_t below(int64_t n) { return (int64_t)(next() % (uint64_t)n); }
};

}  // namespace check

#define TEST(name) TEST_OF(name, false)
#define LARGE_TEST(name) TEST_OF(name, true)  // left out by --quick

#define TEST_OF(name, large)                                                   \
  static void test_##name();                                                   \
  static check::Test test_entry_##name = {#name, test_##name, large, nullptr}; \
  static check::Register test_register_##name(&test_entry_##name);             \
  static void test_##name()

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      check::failures++;                                     \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
    }                                                        \
  } while (0)

// CHECK with a printf-style line about what was being checked; only the first few per test are printed.
#define CHECK_MSG(condition, ...)                            \
  do {                                                       \
    if (!(condition) && ++check::failures <= 10) {           \
      printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      printf(__VA_ARGS__);                                   \
      printf("\n");                                          \
    }                                                        \
  } while (0)
