// gemm_pack_4bit.cpp: the packed words of a B that is stored in four bits: each weight is dequantised on its way into the
// panel, so a product reads half a byte per weight and no dense matrix exists. The bits are those of mr_dequantize_4bit into
// the type of the mode, followed by packing.
#include "gemm_pack.h"

namespace mr {
namespace MR_PATH {

// One value as a word of a mode that has an element to a word.
template <Mode M>
MR_INLINE V16 in_mode(V16 x) {
  if (M == MODE_ROUNDED) return rounded(x, (const bf16*)nullptr);
  if (M == MODE_HALF) return round_to_half(x);
  return x;
}

#if defined(__AVX512F__)

MR_INLINE __m512i word_of(V16 even, V16 odd) {
#if defined(__AVX512BF16__)
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20,
                                              4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(interleave, (__m512i)_mm512_cvtne2ps_pbh(odd.v, even.v));
#else
  (void)odd;
  return _mm512_castps_si512(even.v);
#endif
}

// 32 elements along k of each of sixteen lanes, as four words of eight nibbles a lane: out[i] has word i of lane j in its
// lane j. `bytes` is 16, or 8 where only half of them exist.
MR_INLINE void load_columns(const char* p, int64_t stride, const int64_t rows[16], int64_t bytes, __m512i out[4]) {
  __m512i r[4];
  const __mmask16 mask = bytes == 16 ? 0xffff : 0x00ff;
#pragma GCC unroll 4
  for (int q = 0; q < 4; q++) {
    __m128i x[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) x[i] = _mm_maskz_loadu_epi8(mask, p + rows[4 * i + q] * stride);
    __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(x[0]), x[1], 1);
    __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(x[2]), x[3], 1);
    r[q] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  __m512i a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpackhi_epi32(r[0], r[1]);
  __m512i c = _mm512_unpacklo_epi32(r[2], r[3]), d = _mm512_unpackhi_epi32(r[2], r[3]);
  out[0] = _mm512_unpacklo_epi64(a, c), out[1] = _mm512_unpackhi_epi64(a, c);
  out[2] = _mm512_unpacklo_epi64(b, d), out[3] = _mm512_unpackhi_epi64(b, d);
}

// The value of nibble T of a word: the even element of a pair is the high half of its byte.
template <int T>
MR_INLINE V16 nibble(V16 table, __m512i word) {
  return {_mm512_permutexvar_ps(_mm512_srli_epi32(word, (T ^ 1) * 4), table.v)};  // the permutation reads four bits
}

template <Mode M, int T>
MR_INLINE void store_pair(float* dst, int64_t width, V16 table, V16 scale, __m512i word) {
  V16 even = nibble<T>(table, word) * scale, odd = nibble<T + 1>(table, word) * scale;
  if (M == MODE_PAIR) {
    _mm512_storeu_si512(dst + T / 2 * width, word_of(even, odd));
  } else {
    store(dst + T * width, in_mode<M>(even));
    store(dst + (T + 1) * width, in_mode<M>(odd));
  }
}

// W^T: lanes are rows of W, and k runs along them.
template <Mode M>
static void pack_along_k(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  constexpr int64_t PER_WORD = M == MODE_PAIR ? 2 : 1;
  const FourBit& four = *x.four;
  V16 table = load(four.table);
  int64_t blocks = x.lane_stride / four.blocksize, begin = word0 * PER_WORD, end = min64(begin + words * PER_WORD, x.k);
  for (int64_t l0 = 0; l0 < width; l0 += LANES) {
    int64_t rows[16];  // lanes that do not exist repeat the last one
    int32_t scale_at[16];
    for (int i = 0; i < 16; i++) {
      rows[i] = min64(l0 + i, lanes - 1);
      scale_at[i] = (int32_t)(rows[i] * blocks);
    }
    const float* scales = four.absmax + lane0 * blocks;
    const char* p = (const char*)x.data + lane0 * x.lane_stride / 2;
    __m512i places = _mm512_loadu_si512(scale_at);
    V16 scale = splat(0.0f);
    int64_t block = -1;
    for (int64_t k = begin; k < end;) {
      // steps end at multiples of 32, so that none spans two blocks
      int64_t count = min64(min64(32 - k % 32, end - k), 32);
      if (k / four.blocksize != block) {
        block = k / four.blocksize;
        scale.v = _mm512_i32gather_ps(places, scales + block, 4);
      }
      __m512i word[4];
      load_columns(p + k / 2, x.lane_stride / 2, rows, count / 2, word);
      float* out = dst + (k - begin) / PER_WORD * width + l0;
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        if (8 * i >= count) break;
        float* at = out + 8 * i / PER_WORD * width;
        store_pair<M, 0>(at, width, table, scale, word[i]);
        store_pair<M, 2>(at, width, table, scale, word[i]);
        store_pair<M, 4>(at, width, table, scale, word[i]);
        store_pair<M, 6>(at, width, table, scale, word[i]);
      }
      k += count;
    }
  }
}

// W: lanes are columns, and k counts rows.
template <Mode M>
static void pack_along_lanes(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                             float* dst) {
  const FourBit& four = *x.four;
  V16 table = load(four.table);
  int64_t blocks = x.k_stride / four.blocksize;
  auto values = [&](int64_t k, int64_t lane) {
    if (k >= x.k) return splat(0.0f);
    V16 scale = splat(four.absmax[k * blocks + lane / four.blocksize]);
    return lookup(table, load_nibbles((const uint8_t*)x.data + (k * x.k_stride + lane) / 2)) * scale;
  };
  for (int64_t w = 0; w < words; w++)
    for (int64_t l0 = 0; l0 < width; l0 += LANES) {
      if (l0 >= lanes) {
        store(dst + w * width + l0, splat(0.0f));
      } else if (M == MODE_PAIR) {
        int64_t k = 2 * (word0 + w);
        _mm512_storeu_si512(dst + w * width + l0, word_of(values(k, lane0 + l0), values(k + 1, lane0 + l0)));
      } else {
        store(dst + w * width + l0, in_mode<M>(values(word0 + w, lane0 + l0)));
      }
    }
}

template <Mode M>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  if (x.k_stride == 1) return pack_along_k<M>(x, lane0, lanes, word0, words, width, dst);
  pack_along_lanes<M>(x, lane0, lanes, word0, words, width, dst);
}

#elif defined(__AVX2__)

static_assert(NR == LANES, "a panel of B is one vector wide");

// Elements T and T + 1 of sixteen lanes, each of whose words holds eight: the even element of a pair is the high half of its byte.
template <Mode M, int T>
MR_INLINE void store_pair(float* dst, V16 table, V16 scale, I16 word) {
  store(dst + T * LANES, in_mode<M>(lookup(table, shift_right<T * 4 + 4>(word)) * scale));
  store(dst + (T + 1) * LANES, in_mode<M>(lookup(table, shift_right<T * 4>(word)) * scale));
}

// W^T: lanes are rows of W, and k runs along them. Whole words: blocks of 32 elements and K blocks of 16 are.
template <Mode M>
static void pack_along_k(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, float* dst) {
  const FourBit& four = *x.four;
  V16 table = load(four.table);
  int64_t blocks = x.lane_stride / four.blocksize, block = -1, rows[LANES];  // lanes that do not exist repeat the last one
  for (int i = 0; i < LANES; i++) rows[i] = lane0 + min64(i, lanes - 1);
  V16 scale = splat(0.0f);
  for (int64_t k = word0; k < word0 + words; k += 8, dst += 8 * LANES) {
    if (k / four.blocksize != block) {
      block = k / four.blocksize;
      float scales[LANES];
      for (int i = 0; i < LANES; i++) scales[i] = four.absmax[rows[i] * blocks + block];
      scale = load(scales);
    }
    auto eight = [&](int i) {
      int32_t word;
      memcpy(&word, (const char*)x.data + (rows[i] * x.lane_stride + k) / 2, 4);
      return word;
    };
    I16 word = {_mm256_setr_epi32(eight(0), eight(1), eight(2), eight(3), eight(4), eight(5), eight(6), eight(7)),
                _mm256_setr_epi32(eight(8), eight(9), eight(10), eight(11), eight(12), eight(13), eight(14), eight(15))};
    store_pair<M, 0>(dst, table, scale, word);
    store_pair<M, 2>(dst, table, scale, word);
    store_pair<M, 4>(dst, table, scale, word);
    store_pair<M, 6>(dst, table, scale, word);
  }
}

template <Mode M>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t, float* dst) {
  if (x.k_stride == 1) return pack_along_k<M>(x, lane0, lanes, word0, words, dst);
  // W: lanes are columns, sixteen of one block, and k counts rows
  const FourBit& four = *x.four;
  V16 table = load(four.table);
  int64_t blocks = x.k_stride / four.blocksize;
  for (int64_t w = 0; w < words; w++) {
    int64_t k = word0 + w;
    V16 scale = splat(four.absmax[k * blocks + lane0 / four.blocksize]);
    V16 row = lookup(table, load_nibbles((const uint8_t*)x.data + (k * x.k_stride + lane0) / 2)) * scale;
    store(dst + w * LANES, in_mode<M>(row));
  }
}

#else

static float value(const Operand& x, int64_t lane, int64_t k) {
  int64_t i = lane * x.lane_stride + k * x.k_stride;
  uint8_t pair = ((const uint8_t*)x.data)[i / 2];
  return x.four->table[i % 2 == 0 ? pair >> 4 : pair & 15] * x.four->absmax[i / x.four->blocksize];
}

template <Mode M>
static void pack(const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width, float* dst) {
  for (int64_t w = 0; w < words; w++)
    for (int64_t l0 = 0; l0 < width; l0 += LANES) {
      float row[LANES] = {};
      for (int64_t l = 0; l < LANES && l0 + l < lanes; l++) row[l] = value(x, lane0 + l0 + l, word0 + w);
      store(dst + w * width + l0, in_mode<M>(load(row)));
    }
}

#endif

void pack_panel_4bit(Mode mode, const Operand& x, int64_t lane0, int64_t lanes, int64_t word0, int64_t words, int64_t width,
                     float* dst) {
#if defined(__AVX512BF16__)
  if (mode == MODE_PAIR) return pack<MODE_PAIR>(x, lane0, lanes, word0, words, width, dst);
#else
  if (mode == MODE_ROUNDED) return pack<MODE_ROUNDED>(x, lane0, lanes, word0, words, width, dst);
#endif
  if (mode == MODE_HALF) return pack<MODE_HALF>(x, lane0, lanes, word0, words, width, dst);
  pack<MODE_F32>(x, lane0, lanes, word0, words, width, dst);
}

}  // namespace MR_PATH
}  // namespace mr
