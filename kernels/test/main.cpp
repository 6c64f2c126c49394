// main.cpp: runs the native tests. Usage: medrepro_test [part of a test's name]
#include <string.h>

#include "check.h"

namespace check {
Test* tests = nullptr;
int failures = 0;
const char* filter = "";
}  // namespace check

int main(int count, char** arguments) {
  if (count > 1) check::filter = arguments[1];
  int passed = 0, failed = 0;
  for (check::Test* test = check::tests; test != nullptr; test = test->next) {
    if (strstr(test->name, check::filter) == nullptr) continue;
    check::failures = 0;
    test->run();
    if (check::failures == 0) {
      passed++;
    } else {
      failed++;
      printf("FAILED %s: %d checks\n", test->name, check::failures);
    }
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
