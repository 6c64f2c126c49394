// quantize_4bit.h: the code books, for ops that multiply with what is stored in four bits.
#pragma once

#include "op.h"

namespace mr {
namespace MR_PATH {

// table[code] for the sixteen codes of kind (MR_NF4 or MR_FP4).
void code_book(int32_t kind, float table[LANES]);

}  // namespace MR_PATH
}  // namespace mr
