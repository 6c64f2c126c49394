// quantize_4bit.h: the values of the 4-bit codes, as bitsandbytes has them, for all ops that restore 4-bit values.
#pragma once

#include "device.h"

namespace mr {

struct CodeBook {
  float value[16];
};

// FP4 has its sign in bit 3, and both its codes of zero are +0.
constexpr CodeBook FP4_BOOK = {{0.0f, 0.0052083334885537624f, 0.6666666865348816f, 1.0f, 0.3333333432674408f, 0.5f,
                                0.1666666716337204f, 0.25f, 0.0f, -0.0052083334885537624f, -0.6666666865348816f, -1.0f,
                                -0.3333333432674408f, -0.5f, -0.1666666716337204f, -0.25f}};
constexpr CodeBook NF4_BOOK = {{-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
                                -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,
                                0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,
                                0.7229568362236023f, 1.0f}};

// By mr_kind4, in the device's memory.
static __constant__ const CodeBook CODE_BOOKS[2] = {FP4_BOOK, NF4_BOOK};

// The values into shared memory, by the first 16 threads; a barrier must follow. Sixteen banks: lanes with whatever codes read them at
// once.
__device__ __forceinline__ void fill_book(CodeBook& book, int32_t kind) {
  if (threadIdx.x < 16) book.value[threadIdx.x] = CODE_BOOKS[kind == MR_NF4].value[threadIdx.x];
}

}  // namespace mr
