// quantize_4bit.cpp: NF4 and FP4 as bitsandbytes' CPU code packs them, bit for bit.
//
// A block of the flat weight is scaled by its largest magnitude and each value takes the nearest entry of a 16-entry
// code book; a value exactly between two entries takes the lower one. Whole blocks are multiplied by the reciprocal of
// absmax, a shorter last block is divided by it: the last bit differs, and so can a code. A block of zeros takes the
// code of 0.
#include "quantize_4bit.h"

namespace mr {
namespace MR_PATH {

static constexpr float NF4_CODE[16] = {-1.0f,
                                       -0.6961928009986877f,
                                       -0.5250730514526367f,
                                       -0.39491748809814453f,
                                       -0.28444138169288635f,
                                       -0.18477343022823334f,
                                       -0.09105003625154495f,
                                       0.0f,
                                       0.07958029955625534f,
                                       0.16093020141124725f,
                                       0.24611230194568634f,
                                       0.33791524171829224f,
                                       0.44070982933044434f,
                                       0.5626170039176941f,
                                       0.7229568362236023f,
                                       1.0f};
// sign in bit 3; both codes of zero are +0
static constexpr float FP4_CODE[16] = {
    0.0f, 0.0052083334885537624f,  0.6666666865348816f,  1.0f,  0.3333333432674408f,  0.5f,  0.1666666716337204f,  0.25f,
    0.0f, -0.0052083334885537624f, -0.6666666865348816f, -1.0f, -0.3333333432674408f, -0.5f, -0.1666666716337204f, -0.25f};
// the codes by ascending value
static constexpr uint8_t NF4_ORDER[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static constexpr uint8_t FP4_ORDER[16] = {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3};

namespace {  // members need internal linkage as much as functions do

struct CodeBook {
  const float* code;
  const uint8_t* order;
  float bound[15];  // between neighbours in ascending order

  explicit CodeBook(int32_t kind) : code(kind == MR_NF4 ? NF4_CODE : FP4_CODE), order(kind == MR_NF4 ? NF4_ORDER : FP4_ORDER) {
    for (int i = 0; i < 15; i++) bound[i] = (code[order[i]] + code[order[i + 1]]) / 2;
  }
};

}  // namespace

void code_book(int32_t kind, float table[LANES]) { memcpy(table, CodeBook(kind).code, LANES * sizeof table[0]); }

// How many bounds are below each lane: its place in ascending order.
MR_INLINE I16 place(const CodeBook& book, V16 x) {
  I16 n = isplat(0);
  for (int i = 0; i < 15; i++) n = increment(less(splat(book.bound[i]), x), n);
  return n;
}

MR_INLINE V16 magnitude(V16 x) { return floats(bits(x) & isplat(0x7fffffff)); }

// Codes of elements i, i + 1, ... into their nibbles, the even element's in the high one.
MR_INLINE void pack(I16 code, int64_t i, int count, uint8_t* packed) {
  if (i % 2 == 0 && count == LANES) return store_nibbles(packed + i / 2, code);
  uint8_t codes[LANES];
  store_bytes(codes, code);
  for (int j = 0; j < count; j++) {
    uint8_t* byte = packed + (i + j) / 2;
    *byte = (i + j) % 2 == 0 ? (uint8_t)(codes[j] << 4) : (uint8_t)(*byte | codes[j]);
  }
}

template <class T>
static void quantize_typed(mr_stream* s, const CodeBook& book, int64_t n, int64_t blocksize, const T* x, uint8_t* packed,
                           float* absmax) {
  int64_t blocks = (n + blocksize - 1) / blocksize;
  // a task owns whole bytes: blocks of an odd size come in pairs
  int64_t step = (ELEMENTWISE_CHUNK / blocksize + 1) * 2;
  int32_t words[LANES];
  for (int i = 0; i < LANES; i++) words[i] = book.order[i];
  V16 order = floats(load_ints(words));  // a table of integers, looked up by their bits
  parallel_chunks(s, blocks, step, [=, &book](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; b++) {
      int64_t begin = b * blocksize, end = begin + blocksize < n ? begin + blocksize : n;
      V16 best = splat(0.0f);
      each_vector(begin, end, [&](int64_t i, auto lanes) { best = max(magnitude(load(x + i, lanes)), best); });
      float largest = reduce_max(best), divisor = largest > 1e-38f ? largest : 1e-38f;
      bool whole = end - begin == blocksize;
      absmax[b] = whole ? largest : divisor;
      V16 reciprocal = splat(1.0f / divisor), by = splat(divisor);
      each_vector(begin, end, [&](int64_t i, auto lanes) {
        V16 v = load(x + i, lanes);
        I16 code = bits(lookup(order, place(book, whole ? v * reciprocal : v / by)));
        pack(code, i, (int)(end - i < LANES ? end - i : LANES), packed);
      });
    }
  });
  // the other half of the last byte of an odd count holds the code of 0
  if (n % 2) packed[n / 2] |= book.order[7];
}

template <class T>
static void dequantize_typed(mr_stream* s, const CodeBook& book, int64_t n, int64_t blocksize, const uint8_t* packed,
                             const float* absmax, T* y) {
  V16 table = load(book.code);
  // chunks begin at an even element and at a block
  int64_t chunk = (ELEMENTWISE_CHUNK / blocksize + 1) * 2 * blocksize;
  parallel_chunks(s, n, chunk, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      int64_t block = i / blocksize, block_end = (block + 1) * blocksize < end ? (block + 1) * blocksize : end;
      V16 scale = splat(absmax[block]);
      for (; i % 2 == 0 && i + LANES <= block_end; i += LANES) store(y + i, lookup(table, load_nibbles(packed + i / 2)) * scale);
      // a block of odd size or length: element by element, through the same rounding
      for (; i < block_end; i++) {
        T out[LANES];
        uint8_t code = i % 2 == 0 ? (uint8_t)(packed[i / 2] >> 4) : (uint8_t)(packed[i / 2] & 15);
        store(out, lookup(table, isplat(code)) * scale);
        y[i] = out[0];
      }
    }
  });
}

static int32_t check_blocks(const char* op, int32_t kind, int64_t n, int64_t blocksize, const void* x, const void* packed,
                            const void* absmax) {
  MR_REQUIRE(kind == MR_FP4 || kind == MR_NF4, "%s: kind %d is neither fp4 nor nf4", op, kind);
  MR_REQUIRE(n >= 0 && blocksize >= 1, "%s: n %lld, blocksize %lld", op, (long long)n, (long long)blocksize);
  MR_REQUIRE(n == 0 || (x && packed && absmax), "%s: a pointer is NULL", op);
  return MR_OK;
}

int32_t quantize_4bit(mr_stream* s, int32_t kind, int64_t n, int64_t blocksize, int32_t x_dtype, const void* x, uint8_t* packed,
                      float* absmax) {
  MR_REQUIRE(is_activation(x_dtype), "quantize_4bit: x dtype %d is not f32, bf16 or f16", x_dtype);
  int32_t error = check_blocks("quantize_4bit", kind, n, blocksize, x, packed, absmax);
  if (error) return error;
  CodeBook book(kind);
  with_storage(x_dtype, [&](auto* type) { quantize_typed(s, book, n, blocksize, as(type, x), packed, absmax); });
  return MR_OK;
}

int32_t dequantize_4bit(mr_stream* s, int32_t kind, int64_t n, int64_t blocksize, const uint8_t* packed, const float* absmax,
                        int32_t y_dtype, void* y) {
  MR_REQUIRE(is_activation(y_dtype), "dequantize_4bit: y dtype %d is not f32, bf16 or f16", y_dtype);
  int32_t error = check_blocks("dequantize_4bit", kind, n, blocksize, y, packed, absmax);
  if (error) return error;
  CodeBook book(kind);
  with_storage(y_dtype, [&](auto* type) { dequantize_typed(s, book, n, blocksize, packed, absmax, as(type, y)); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
