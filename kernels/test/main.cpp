// main.cpp: runs the native tests, and the cases of the self-test where a file of them is given (scripts/replay.ts).
// Usage: medrepro_test [--quick] [--cases FILE] [part of a test's name]
#include <string.h>

#include "check.h"
#include "replay.h"

namespace check {
Test* tests = nullptr;
int failures = 0;
const char* filter = "";
bool quick = false;
}  // namespace check

int main(int count, char** arguments) {
  const char* cases = nullptr;
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "--quick") == 0) {
      check::quick = true;
    } else if (strcmp(arguments[i], "--cases") == 0 && i + 1 < count) {
      cases = arguments[++i];
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
  if (cases != nullptr && !replay::run(cases, &passed, &failed)) {
    printf("FAILED %s is no file of cases\n", cases);
    failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
