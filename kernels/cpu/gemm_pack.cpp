// gemm_pack.cpp: see gemm_pack.h. An operand is read either along k (a panel of the transpose: 16 x 16 words are
// transposed in registers) or along its lanes (a copy); either way it is widened, rounded or paired as the mode asks.
#include "gemm_pack.h"

namespace mr {
namespace MR_PATH {

template <class X, class Y>
constexpr bool SAME = false;
template <class X>
constexpr bool SAME<X, X> = true;

// ---- any operand, word by word ------------------------------------------------------------------------------------

MR_INLINE float to_float(float x) { return x; }
MR_INLINE float to_float(bf16 x) { return bf16_to_float(x); }
MR_INLINE float first_lane(V16 a) {
  float lanes[LANES];
  store(lanes, a);
  return lanes[0];
}
MR_INLINE float to_float(f16 x) { return first_lane(load(&x, 1)); }
MR_INLINE float to_half_and_back(float x) { return first_lane(round_to_half(splat(x))); }

template <class T>
MR_INLINE float element(const Operand& x, int64_t lane, int64_t k) {
  return to_float(((const T*)x.data)[lane * x.lane_stride + k * x.k_stride]);
}

template <Mode M, class T>
MR_INLINE float word(const Operand& x, int64_t lane, int64_t w) {
  if (M == MODE_F32) return element<T>(x, lane, w);
  if (M == MODE_HALF) return to_half_and_back(element<T>(x, lane, w));
  if (M == MODE_ROUNDED) return bf16_to_float(float_to_bf16(element<T>(x, lane, w)));
  uint32_t even = float_to_bf16(element<T>(x, lane, 2 * w));
  uint32_t odd = 2 * w + 1 < x.k ? float_to_bf16(element<T>(x, lane, 2 * w + 1)) : 0;
  return from_bits(odd << 16 | even);
}

template <Mode M, class T>
static void pack_words(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  for (int64_t w = 0; w < words; w++)
    for (int64_t l = 0; l < width; l++) dst[w * width + l] = l < lanes ? word<M, T>(x, lane0 + l, word0 + w) : 0.0f;
}

#if defined(__AVX512F__)

// ---- sixteen words at a time --------------------------------------------------------------------------------------

MR_INLINE __m512i widen_words(__m256i h) { return _mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16); }
MR_INLINE __mmask32 first_halves(int64_t n) { return n >= 32 ? ~0u : (1u << n) - 1; }

// Up to sixteen elements as fp32, the rest zero.
MR_INLINE V16 load_masked(const float* p, __mmask16 mask) { return {_mm512_maskz_loadu_ps(mask, p)}; }
MR_INLINE V16 load_masked(const bf16* p, __mmask16 mask) {
  return {_mm512_castsi512_ps(widen_words(_mm256_maskz_loadu_epi16(mask, p)))};
}
MR_INLINE V16 load_masked(const f16* p, __mmask16 mask) { return half_to_float(_mm256_maskz_loadu_epi16(mask, p)); }

// Sixteen elements as the words of a mode that has an element to a word.
template <Mode M, class T>
MR_INLINE __m512i words_of_elements(const T* p, __mmask16 mask) {
  V16 x = load_masked(p, mask);
  if (M == MODE_ROUNDED && !SAME<T, bf16>) x = rounded(x, (const bf16*)nullptr);
  if (M == MODE_HALF && !SAME<T, f16>) x = round_to_half(x);
  return _mm512_castps_si512(x.v);
}

#if defined(__AVX512BF16__)
MR_INLINE __m256i halves(const bf16* p, __mmask16 mask) { return _mm256_maskz_loadu_epi16(mask, p); }
template <class T>
MR_INLINE __m256i halves(const T* p, __mmask16 mask) {
  return (__m256i)_mm512_cvtneps_pbh(load_masked(p, mask).v);
}
#endif

// Sixteen words that follow one another along k; `elements` of them exist (twice as many for pairs), the rest are zero.
template <Mode M, class T>
MR_INLINE __m512i words_along_k(const void* data, int64_t elements) {
  const T* p = (const T*)data;
  __mmask32 mask = first_halves(elements);
#if defined(__AVX512BF16__)
  if (M == MODE_PAIR && SAME<T, bf16>) return _mm512_maskz_loadu_epi16(mask, p);
  if (M == MODE_PAIR)
    return (__m512i)_mm512_cvtne2ps_pbh(load_masked(p + 16, (__mmask16)(mask >> 16)).v, load_masked(p, (__mmask16)mask).v);
#endif
  return words_of_elements<M>(p, (__mmask16)mask);
}

// Sixteen neighbouring lanes at one word; for pairs the odd k may be beyond the depth.
template <Mode M, class T>
MR_INLINE __m512i words_along_lanes(const void* data, int64_t k_stride, __mmask16 mask, bool odd_exists) {
  const T* p = (const T*)data;
#if defined(__AVX512BF16__)
  if (M == MODE_PAIR) {
    __mmask16 odd_mask = odd_exists ? mask : (__mmask16)0;
    return _mm512_or_si512(_mm512_cvtepu16_epi32(halves(p, mask)), widen_words(halves(p + k_stride, odd_mask)));
  }
#endif
  (void)k_stride, (void)odd_exists;
  return words_of_elements<M>(p, mask);
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

template <Mode M, class T>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  constexpr int64_t SIZE = sizeof(T), PER_WORD = M == MODE_PAIR ? 2 : 1;
  if (width > LANES && width % LANES != 0) return pack_words<M, T>(x, lane0, lanes, word0, words, width, dst);
  const char* base = (const char*)x.data + (lane0 * x.lane_stride + word0 * PER_WORD * x.k_stride) * SIZE;
  int64_t depth = x.k - word0 * PER_WORD;  // elements from word0 to the end
  if (x.k_stride == 1) {
    for (int64_t l0 = 0; l0 < width; l0 += LANES) {
      int64_t have = lanes - l0;
      int64_t w = 0;
      if (M == MODE_F32 && SAME<T, bf16>) {
        // pairs of bf16 are transposed together and split into words afterwards: half the work of transposing words
        for (; w + 2 * LANES <= words && l0 + LANES <= width; w += 2 * LANES) {
          __m512i r[16];
#pragma GCC unroll 16
          for (int i = 0; i < 16; i++)
            r[i] = i < have ? _mm512_loadu_si512(base + ((l0 + i) * x.lane_stride + w) * SIZE) : _mm512_setzero_si512();
          transpose_16x16(r);
#pragma GCC unroll 16
          for (int i = 0; i < 16; i++) {
            _mm512_storeu_si512(dst + (w + 2 * i) * width + l0, _mm512_slli_epi32(r[i], 16));
            _mm512_storeu_si512(dst + (w + 2 * i + 1) * width + l0, _mm512_and_si512(r[i], _mm512_set1_epi32((int32_t)0xffff0000)));
          }
        }
      }
      for (; w < words; w += LANES) {
        int64_t count = min64(LANES, words - w), elements = min64(count * PER_WORD, depth - w * PER_WORD);
        __m512i r[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
          r[i] = i < have ? words_along_k<M, T>(base + ((l0 + i) * x.lane_stride + w * PER_WORD) * SIZE, elements)
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
      _mm512_storeu_si512(dst + w * width + l0, words_along_lanes<M, T>(p + w * step, x.k_stride, mask, true));
    for (int64_t w = max64(0, whole); w < last; w++)
      store_words(dst, w, l0, words, width, words_along_lanes<M, T>(p + w * step, x.k_stride, mask, true));
    store_words(dst, last, l0, words, width,
                words_along_lanes<M, T>(p + last * step, x.k_stride, mask, last * PER_WORD + 1 < depth));
  }
}

template <Mode M, class T>
static void convert(const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  constexpr int64_t SIZE = sizeof(T), PER_WORD = M == MODE_PAIR ? 2 : 1;
  const char* p = (const char*)x.data + (lane * x.lane_stride + word0 * PER_WORD) * SIZE;
  int64_t depth = x.k - word0 * PER_WORD;
  for (int64_t w = 0; w < words; w += LANES)
    store_words(dst, w, 0, words, 1, words_along_k<M, T>(p + w * PER_WORD * SIZE, min64(LANES * PER_WORD, depth - w * PER_WORD)));
}

#elif defined(__AVX2__)

// ---- sixteen words at a time, an element to a word ------------------------------------------------------------------

static_assert(NR == LANES, "a panel is at most one vector wide");

// n of sixteen elements, the rest zero.
template <Mode M, class T>
MR_INLINE V16 words_of_elements(const T* p, int64_t n) {
  V16 x = n >= LANES ? load(p) : load(p, (int)n);
  if (M == MODE_ROUNDED && !SAME<T, bf16>) x = rounded(x, (const bf16*)nullptr);
  if (M == MODE_HALF && !SAME<T, f16>) x = round_to_half(x);
  return x;
}

// Row i, word j  <->  row j, word i.
MR_INLINE void transpose_8x8(__m256 r[8]) {
  __m256 t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) r[i] = t[i];
}

// Sixteen bf16 of each of up to eight lanes, as sixteen words of eight lanes in rows of a panel.
MR_INLINE void turn_pairs(const bf16* p, int64_t lane_stride, int64_t lanes, float* dst) {
  __m256 r[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) r[i] = i < lanes ? _mm256_loadu_ps((const float*)(p + i * lane_stride)) : _mm256_setzero_ps();
  transpose_8x8(r);
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    __m256i pair = _mm256_castps_si256(r[i]);
    _mm256_storeu_si256((__m256i*)(dst + 2 * i * LANES), _mm256_slli_epi32(pair, 16));
    _mm256_storeu_si256((__m256i*)(dst + (2 * i + 1) * LANES), _mm256_and_si256(pair, _mm256_set1_epi32((int32_t)0xffff0000)));
  }
}

template <Mode M, class T>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  const T* base = (const T*)x.data + lane0 * x.lane_stride + word0 * x.k_stride;
  if (x.k_stride != 1) {
    for (int64_t w = 0; w < words; w++) {
      V16 row = words_of_elements<M>(base + w * x.k_stride, lanes);
      if (width == LANES) {
        store(dst + w * LANES, row);
      } else {
        store(dst + w * width, row, (int)width);
      }
    }
    return;
  }
  if (width != LANES) return pack_words<M, T>(x, lane0, lanes, word0, words, width, dst);
  // eight lanes at a time: lanes are often a multiple of 4 KiB apart, and a first-level cache keeps eight of such lines
  for (int64_t l = 0; l < LANES; l += 8) {
    const T* eight = base + l * x.lane_stride;
    float* to = dst + l;
    int64_t w = 0;
    if (SAME<T, bf16> && M != MODE_HALF) {
      // pairs of bf16 are transposed together and split into words afterwards: half the work of transposing words
      for (; w + LANES <= words; w += LANES) turn_pairs((const bf16*)eight + w, x.lane_stride, lanes - l, to + w * LANES);
    }
    for (; w < words; w += LANES) {
      int64_t count = min64(LANES, words - w);
      __m256 low[8], high[8];
#pragma GCC unroll 8
      for (int i = 0; i < 8; i++) {
        V16 row = splat(0.0f);
        if (l + i < lanes) row = words_of_elements<M>(eight + i * x.lane_stride + w, count);
        low[i] = row.lo, high[i] = row.hi;
      }
      transpose_8x8(low);
      transpose_8x8(high);
      if (count == LANES) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
          _mm256_storeu_ps(to + (w + i) * LANES, low[i]);
          _mm256_storeu_ps(to + (w + i + 8) * LANES, high[i]);
        }
      } else {
        for (int i = 0; i < count; i++) _mm256_storeu_ps(to + (w + i) * LANES, i < 8 ? low[i] : high[i - 8]);
      }
    }
  }
}

template <Mode M, class T>
static void convert(const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  const T* p = (const T*)x.data + lane * x.lane_stride + word0;
  int64_t w = 0;
  for (; w + LANES <= words; w += LANES) store(dst + w, words_of_elements<M>(p + w, LANES));
  if (w < words) store(dst + w, words_of_elements<M>(p + w, words - w), (int)(words - w));
}

#else

template <Mode M, class T>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  pack_words<M, T>(x, lane0, lanes, word0, words, width, dst);
}

template <Mode M, class T>
static void convert(const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  for (int64_t w = 0; w < words; w++) dst[w] = word<M, T>(x, lane, word0 + w);
}

#endif

// ---- by mode and storage ------------------------------------------------------------------------------------------

bool readable_in_place(Mode mode, const Operand& x) {
  if (x.four != nullptr) return false;
  // a pair of bf16 along k is a word only while there are two of them
  return x.dtype == MR_F32 ? mode == MODE_F32 : x.dtype == MR_BF16 && mode == MODE_PAIR && x.k % 2 == 0;
}

// f<mode, storage type>(...) for an operand `x`. What is stored in the mode's own type is rounded already.
#if defined(__AVX512BF16__)
#define MR_BY_MODE_(f, T, ...)                                \
  if (mode == MODE_PAIR) return f<MODE_PAIR, T>(__VA_ARGS__); \
  if (mode == MODE_HALF) return f<MODE_HALF, T>(__VA_ARGS__); \
  return f<MODE_F32, T>(__VA_ARGS__)
#else
#define MR_BY_MODE_(f, T, ...)                                      \
  if (mode == MODE_ROUNDED) return f<MODE_ROUNDED, T>(__VA_ARGS__); \
  if (mode == MODE_HALF) return f<MODE_HALF, T>(__VA_ARGS__);       \
  return f<MODE_F32, T>(__VA_ARGS__)
#endif
#define MR_BY_STORAGE_(f, ...)          \
  if (x.dtype == MR_F32) {              \
    MR_BY_MODE_(f, float, __VA_ARGS__); \
  } else if (x.dtype == MR_BF16) {      \
    MR_BY_MODE_(f, bf16, __VA_ARGS__);  \
  } else {                              \
    MR_BY_MODE_(f, f16, __VA_ARGS__);   \
  }

void pack_panel(Mode mode, const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                float* dst) {
  if (x.four != nullptr) return pack_panel_4bit(mode, x, lane0, lanes, word0, words, width, dst);
  MR_BY_STORAGE_(pack, x, lane0, lanes, word0, words, width, dst);
}

static void convert_row(Mode mode, const Operand& x, int64_t lane, int64_t word0, int64_t words, float* dst) {
  MR_BY_STORAGE_(convert, x, lane, word0, words, dst);
}

void convert_rows(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t word0, int64_t words, float* dst) {
  for (int64_t i = 0; i < rows; i++) convert_row(mode, a, row0 + i, word0, words, dst + i * words);
}

// Where lanes are adjacent, a few words of every panel are copied before the next few: whole rows of
// memory are read in order, not 64 bytes of each.
static int64_t words_per_step(const Operand& x, const KPart& part) { return x.k_stride == 1 ? part.count : 16; }

void pack_a_block(Mode mode, const Operand& a, int64_t row0, int64_t rows, int64_t first_panel, int64_t last_panel,
                  const KPart& part, float* dst) {
  int64_t step = words_per_step(a, part), end = part.first + part.count;
  for (int64_t w = part.first; w < end; w += step) {
    for (int64_t i = first_panel; i < last_panel; i++) {
      int64_t begin = panel_begin(i, rows), count = panel_begin(i + 1, rows) - begin;
      pack_panel(mode, a, row0 + begin, count, part.word0 + w, min64(step, end - w), count, dst + begin * part.words + w * count);
    }
  }
}

void pack_b_block(Mode mode, const Operand& b, int64_t col0, int64_t cols, const KPart& part, float* dst) {
  int64_t step = words_per_step(b, part), end = part.first + part.count;
  for (int64_t w = part.first; w < end; w += step) {
    for (int64_t col = 0; col < cols; col += NR) {
      int64_t width = panel_width(cols - col);
      pack_panel(mode, b, col0 + col, min64(NR, cols - col), part.word0 + w, min64(step, end - w), width,
                 dst + col * part.words + w * width);
    }
  }
}

}  // namespace MR_PATH
}  // namespace mr
