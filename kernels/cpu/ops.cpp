// ops.cpp: one path's table of ops, generated from the header. Compiled once per path.
#include "stream.h"

namespace mr {
#define MR_DISPATCH_STRUCT
#include "dispatch.inc"
}  // namespace mr

#define MR_DISPATCH_TABLE
#include "dispatch.inc"
