// gemm_pack.h: copies an operand into the order in which a micro-kernel reads it.
#pragma once

#include "gemm_kernel.h"

namespace mr {
namespace MR_PATH {

// A matrix in four bits (quantize_4bit.cpp): element i of the flat matrix is table[nibble i] * absmax[i / blocksize].
// Rows are whole blocks, and blocks a multiple of 32 elements long.
struct FourBit {
  const float* absmax;
  int64_t blocksize;
  float table[LANES];
};

// One operand of a product. A "lane" is a row of op(A) or a column of op(B); element (lane, k) is at
// data[lane * lane_stride + k * k_stride], and one of the strides is 1.
struct Operand {
  const void* data;
  int32_t dtype;  // MR_F32, MR_BF16 or MR_F16
  int64_t lane_stride;
  int64_t k_stride;
  int64_t lanes;
  int64_t k;                      // depth in elements
  const FourBit* four = nullptr;  // not nullptr: data is packed nibbles, dtype the type they are dequantised to (B only)
};

MR_INLINE Operand operand_a(int32_t trans, int64_t m, int64_t k, const void* a, int64_t lda, int32_t dtype) {
  return {a, dtype, trans ? 1 : lda, trans ? lda : 1, m, k, nullptr};
}
MR_INLINE Operand operand_b(int32_t trans, int64_t n, int64_t k, const void* b, int64_t ldb, int32_t dtype) {
  return {b, dtype, trans ? ldb : 1, trans ? 1 : ldb, n, k, nullptr};
}

// The kernels can read this operand in place.
bool readable_in_place(Mode mode, const Operand& x);

// dst[w * width + l] = word `word0 + w` of lane `lane0 + l`, for w < words and l < width; lanes at and beyond
// `lanes`, and elements beyond the depth, are zero.
void pack_panel(Mode mode, const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst);

// The same for an operand in four bits.
void pack_panel_4bit(Mode mode, const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                     float* dst);

// Rows of an A that is contiguous along k, for multiply_direct_a: row i at dst + i * words.
void convert_rows(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t word0, int64_t words, float* dst);

// Part of a K block of a whole operand's panels: the block is words [word0, word0 + words), of which [word0 + first,
// word0 + first + count) are packed here.
struct KPart {
  int64_t word0, words, first, count;
};

// Panels first_panel to last_panel - 1 of rows [row0, row0 + rows), which are cut as panel_begin says. dst is where
// panel 0 goes; all panels take rows * part.words.
void pack_a_block(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t first_panel, int64_t last_panel,
                  const KPart& part, float* dst);

// B's panels of NR lanes, the last one panel_width wide: dst holds padded(cols) * part.words.
void pack_b_block(Mode mode, const Operand& b, int64_t col0, int64_t cols, const KPart& part, float* dst);

}  // namespace MR_PATH
}  // namespace mr
