// replay.h: the cases of the self-test, replayed on the library.
#pragma once

namespace replay {

// Runs every case of a file that scripts/replay.ts wrote, on all paths of this CPU and with several threads, and counts them.
// False when the file cannot be read.
bool run(const char* file, int* passed, int* failed);

}  // namespace replay
