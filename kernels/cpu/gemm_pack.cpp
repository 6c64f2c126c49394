// gemm_pack.cpp: see gemm_pack.h. An operand is read either along k (a panel of the transpose: 16 x 16 words are
// turned in registers) or along its lanes (a copy); either way it is widened, rounded or paired as the mode asks.
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
    for (int64_t l = 0; l < width; l++) dst[w * width + l] = l < lanes ? word<M, Bf16>(x, lane0 + l, word0 + w) : 0.0f;
}

#if defined(__AVX512F__)

// ---- sixteen words at a time --------------------------------------------------------------------------------------

MR_INLINE __m512i widen_words(__m256i h) { return _mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16); }
MR_INLINE __mmask32 first_halves(int64_t n) { return n >= 32 ? ~0u : (1u << n) - 1; }

// Sixteen words that follow one another along k; `elements` of them exist (twice as many for pairs), the rest are zero.
template <Mode M, bool Bf16>
MR_INLINE __m512i words_along_k(const void* p, int64_t elements) {
  __mmask32 mask = first_halves(elements);
#if defined(__AVX512BF16__)
  if (M == MODE_PAIR && Bf16) return _mm512_maskz_loadu_epi16(mask, p);
  if (M == MODE_PAIR)
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps((__mmask16)(mask >> 16), (const float*)p + 16),
                                        _mm512_maskz_loadu_ps((__mmask16)mask, p));
#endif
  if (Bf16) return widen_words(_mm256_maskz_loadu_epi16((__mmask16)mask, p));
  if (M == MODE_ROUNDED) return widen_words(to_bf16({_mm512_maskz_loadu_ps((__mmask16)mask, p)}));
  return _mm512_maskz_loadu_epi32((__mmask16)mask, p);
}

// Sixteen neighbouring lanes at one word; for pairs the odd k may lie beyond the depth.
template <Mode M, bool Bf16>
MR_INLINE __m512i words_along_lanes(const void* p, int64_t k_stride, __mmask16 mask, bool odd_exists) {
#if defined(__AVX512BF16__)
  if (M == MODE_PAIR) {
    __mmask16 odd_mask = odd_exists ? mask : (__mmask16)0;
    __m512i even, odd;
    if (Bf16) {
      even = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p));
      odd = widen_words(_mm256_maskz_loadu_epi16(odd_mask, (const bf16*)p + k_stride));
    } else {
      even = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, p)));
      odd = widen_words((__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(odd_mask, (const float*)p + k_stride)));
    }
    return _mm512_or_si512(even, odd);
  }
#endif
  (void)k_stride, (void)odd_exists;
  if (Bf16) return widen_words(_mm256_maskz_loadu_epi16(mask, p));
  if (M == MODE_ROUNDED) return widen_words(to_bf16({_mm512_maskz_loadu_ps(mask, p)}));
  return _mm512_maskz_loadu_epi32(mask, p);
}

// Row i, word j  <->  row j, word i: interleave by 1, 2, 4 and 8 words.
MR_INLINE void transpose_16x16(__m512i r[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// Sixteen words to row w, column l of a panel. A row may be narrower than 16: what spills into the next row is written
// again when that row's turn comes, and only at the panel's end is the store cut.
MR_INLINE void store_words(float* dst, int64_t w, int64_t l, int64_t words, int64_t width, __m512i x) {
  int64_t at = w * width + l, room = words * width - at;
  if (room >= LANES) {
    _mm512_storeu_si512(dst + at, x);
  } else {
    _mm512_mask_storeu_epi32(dst + at, first_lanes((int)room), x);
  }
}

template <Mode M, bool Bf16>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                 float* dst) {
  constexpr int64_t SIZE = Bf16 ? 2 : 4, PER_WORD = M == MODE_PAIR ? 2 : 1;
  if (width > LANES && width % LANES != 0) return pack_words<M, Bf16>(x, lane0, lanes, word0, words, width, dst);
  const char* base = (const char*)x.data + (lane0 * x.lane_stride + word0 * PER_WORD * x.k_stride) * SIZE;
  int64_t depth = x.k - word0 * PER_WORD;  // elements from word0 to the end
  if (x.k_stride == 1) {
    for (int64_t l0 = 0; l0 < width; l0 += LANES) {
      int64_t have = lanes - l0;
      for (int64_t w = 0; w < words; w += LANES) {
        int64_t count = min64(LANES, words - w), elements = min64(count * PER_WORD, depth - w * PER_WORD);
        __m512i r[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
          r[i] = i < have ? words_along_k<M, Bf16>(base + ((l0 + i) * x.lane_stride + w * PER_WORD) * SIZE, elements)
                          : _mm512_setzero_si512();
        transpose_16x16(r);
        if (count == LANES) {
#pragma GCC unroll 16
          for (int i = 0; i < 16; i++) store_words(dst, w + i, l0, words, width, r[i]);
        } else {
          for (int i = 0; i < count; i++) store_words(dst, w + i, l0, words, width, r[i]);
        }
      }
    }
    return;
  }
  const char* p = base;
  int64_t step = PER_WORD * x.k_stride * SIZE;
  for (int64_t l0 = 0; l0 < width; l0 += LANES, p = base + l0 * SIZE) {
    int64_t have = lanes - l0;
    __mmask16 mask = have > 0 ? first_lanes((int)min64(have, LANES)) : (__mmask16)0;
    // the stores of the last rows are cut, because another thread may have written what follows; the very last word's
    // odd k may not exist
    int64_t last = words - 1, whole = min64(last, words + 1 - ceil_div(LANES, width));
    for (int64_t w = 0; w < whole; w++)
      _mm512_storeu_si512(dst + w * width + l0, words_along_lanes<M, Bf16>(p + w * step, x.k_stride, mask, true));
    for (int64_t w = max64(0, whole); w < last; w++)
      store_words(dst, w, l0, words, width, words_along_lanes<M, Bf16>(p + w * step, x.k_stride, mask, true));
    store_words(dst, last, l0, words, width,
                words_along_lanes<M, Bf16>(p + last * step, x.k_stride, mask, last * PER_WORD + 1 < depth));
  }
}

template <Mode M, bool Bf16>
static void convert(const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  constexpr int64_t SIZE = Bf16 ? 2 : 4, PER_WORD = M == MODE_PAIR ? 2 : 1;
  const char* p = (const char*)x.data + (lane * x.lane_stride + word0 * PER_WORD) * SIZE;
  int64_t depth = x.k - word0 * PER_WORD;
  for (int64_t w = 0; w < words; w += LANES)
    store_words(dst, w, 0, words, 1,
                words_along_k<M, Bf16>(p + w * PER_WORD * SIZE, min64(LANES * PER_WORD, depth - w * PER_WORD)));
}

#else

template <Mode M, bool Bf16>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                 float* dst) {
  pack_words<M, Bf16>(x, lane0, lanes, word0, words, width, dst);
}

template <Mode M, bool Bf16>
static void convert(const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  for (int64_t w = 0; w < words; w++) dst[w] = word<M, Bf16>(x, lane, word0 + w);
}

#endif

// ---- by mode and storage ------------------------------------------------------------------------------------------

bool readable_in_place(Mode mode, const Operand& x) {
  // a pair of bf16 along k is a word only while there are two of them
  return x.dtype == MR_F32 ? mode == MODE_F32 : mode == MODE_PAIR && x.k % 2 == 0;
}

// The template that suits an operand. bf16 storage is rounded already.
#if defined(__AVX512BF16__)
#define MR_BY_MODE_(f, ...)                                                            \
  if (x.dtype == MR_BF16 && mode == MODE_PAIR) return f<MODE_PAIR, true>(__VA_ARGS__); \
  if (x.dtype == MR_BF16) return f<MODE_F32, true>(__VA_ARGS__);                       \
  if (mode == MODE_PAIR) return f<MODE_PAIR, false>(__VA_ARGS__);                      \
  return f<MODE_F32, false>(__VA_ARGS__)
#else
#define MR_BY_MODE_(f, ...)                                             \
  if (x.dtype == MR_BF16) return f<MODE_F32, true>(__VA_ARGS__);        \
  if (mode == MODE_ROUNDED) return f<MODE_ROUNDED, false>(__VA_ARGS__); \
  return f<MODE_F32, false>(__VA_ARGS__)
#endif

void pack_panel(Mode mode, const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                float* dst) {
  MR_BY_MODE_(pack, x, lane0, lanes, word0, words, width, dst);
}

static void convert_row(Mode mode, const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  MR_BY_MODE_(convert, x, lane, word0, words, dst);
}

void convert_rows(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t word0, int64_t words, float* dst) {
  for (int64_t i = 0; i < rows; i++) convert_row(mode, a, row0 + i, word0, words, dst + i * words);
}

// Where lanes lie next to one another, a few words of every panel are copied before the next few: whole rows of
// memory are read in order, not 64 bytes of each.
static int64_t words_per_turn(const Operand& x, const KPart& part) { return x.k_stride == 1 ? part.count : 16; }

void pack_a_block(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t first_panel, int64_t last_panel,
                  const KPart& part, float* dst) {
  int64_t turn = words_per_turn(a, part), end = part.first + part.count;
  for (int64_t w = part.first; w < end; w += turn) {
    for (int64_t i = first_panel; i < last_panel; i++) {
      int64_t begin = panel_begin(i, rows), count = panel_begin(i + 1, rows) - begin;
      pack_panel(mode, a, row0 + begin, count, part.word0 + w, min64(turn, end - w), count,
                 dst + begin * part.words + w * count);
    }
  }
}

void pack_b_block(Mode mode, const Operand& b, int64_t col0, int64_t cols, const KPart& part, float* dst) {
  int64_t turn = words_per_turn(b, part), end = part.first + part.count;
  for (int64_t w = part.first; w < end; w += turn) {
    for (int64_t col = 0; col < cols; col += NR) {
      int64_t width = panel_width(cols - col);
      pack_panel(mode, b, col0 + col, min64(NR, cols - col), part.word0 + w, min64(turn, end - w), width,
                 dst + col * part.words + w * width);
    }
  }
}

}  // namespace MR_PATH
}  // namespace mr
