// main.cpp: runs the native tests. Usage: medrepro_test [--quick] [part of a test's name]
#include <string.h>

#include "check.h"

namespace check {
Test* tests = nullptr;
int failures = 0;
const char* filter = "";
bool quick = false;
}  // namespace check

int main(int count, char** arguments) {
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "--quick") == 0) {
      check::quick = true;
    } else {
      check::filter = arguments[i];
    }
  }
  int passed = 0, failed = 0;
  for (check::Test* test = check::tests; test != nullptr; test = test->next) {
    if (strstr(test->name, check::filter) == nullptr || (check::quick && test->large)) continue;
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
