// gemm_pack.cpp: see gemm_pack.h. An operand is read either along k (a panel of the transpose: 16 x 16 words are turned in
// registers) or along its lanes (a copy); either way it is widened, rounded or paired as the mode asks.
#include "gemm_pack.h"

namespace mr {
namespace MR_PATH {

// ---- any operand, word by word ------------------------------------------------------------------------------------

template <bool Bf16>
MR_INLINE float element(const Operand& x, int64_t lane, int64_t k) {
  int64_t at = lane * x.lane_stride + k * x.k_stride;
  return Bf16 ? bf16_to_float(((const bf16*)x.data)[at]) : ((const float*)x.data)[at];
}

template <Mode M, bool Bf16>
MR_INLINE float word(const Operand& x, int64_t lane, int64_t w) {
  if (M == MODE_F32) return element<Bf16>(x, lane, w);
  if (M == MODE_ROUNDED) return bf16_to_float(float_to_bf16(element<Bf16>(x, lane, w)));
  uint32_t even = float_to_bf16(element<Bf16>(x, lane, 2 * w));
  uint32_t odd = 2 * w + 1 < x.k ? float_to_bf16(element<Bf16>(x, lane, 2 * w + 1)) : 0;
  return from_bits(odd << 16 | even);
}

template <Mode M, bool Bf16>
static void pack_words(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                       float* dst) {
  for (int64_t w = 0; w < words; w++)
    for (int64_t l = 0; l < width; l++)
      dst[w * width + l] = l < lanes ? word<M, Bf16>(x, lane0 + l, word0 + w) : 0.0f;
}

// ---- by mode and storage -----------------------------------------------------------------------------------------------

template <Mode M, bool Bf16>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  pack_words<M, Bf16>(x, lane0, lanes, word0, words, width, dst);
}

void pack_panel(Mode mode, const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                float* dst) {
  if (x.dtype == MR_BF16) {
#if defined(__AVX512BF16__)
    if (mode == MODE_PAIR) return pack<MODE_PAIR, true>(x, lane0, lanes, word0, words, width, dst);
#endif
    return pack<MODE_F32, true>(x, lane0, lanes, word0, words, width, dst);  // already rounded
  }
#if defined(__AVX512BF16__)
  if (mode == MODE_PAIR) return pack<MODE_PAIR, false>(x, lane0, lanes, word0, words, width, dst);
#endif
  if (mode == MODE_ROUNDED) return pack<MODE_ROUNDED, false>(x, lane0, lanes, word0, words, width, dst);
  pack<MODE_F32, false>(x, lane0, lanes, word0, words, width, dst);
}

void pack_a_block(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t word0, int64_t words, float* dst) {
  for (int64_t i = 0; i < panels_of(rows); i++) {
    int64_t begin = panel_begin(i, rows), count = panel_begin(i + 1, rows) - begin;
    pack_panel(mode, a, row0 + begin, count, word0, words, count, dst + begin * words);
  }
}

void pack_b_block(Mode mode, const Operand& b, int64_t col0, int64_t cols, int64_t word0, int64_t words, float* dst) {
  for (int64_t col = 0; col < cols; col += NR)
    pack_panel(mode, b, col0 + col, min64(NR, cols - col), word0, words, NR, dst + col * words);
}

}  // namespace MR_PATH
}  // namespace mr
