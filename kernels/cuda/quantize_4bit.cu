// quantize_4bit.cu: NF4 and FP4 as bitsandbytes' CPU code packs them, bit for bit (see cpu/quantize_4bit.cpp): the nearest entry of
// the code book, the lower one exactly between two.
//
// A thread has eight elements, four bytes of codes, whatever the size of a block.
#include "blockwise.h"
#include "quantize_4bit.h"

namespace mr {
namespace {

constexpr int N = 8;

// By mr_kind4: the codes by ascending value
constexpr uint8_t ORDER[2][16] = {{11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3},
                                  {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};

// What the kernels need of a code book.
struct Ordered {
  uint64_t order;   // the codes by ascending value, a nibble each
  float bound[15];  // between neighbours in that order
};

Ordered ordered(int32_t kind) {
  const CodeBook& book = kind == MR_NF4 ? NF4_BOOK : FP4_BOOK;
  Ordered o = {};
  for (int i = 0; i < 16; i++) o.order |= (uint64_t)ORDER[kind][i] << 4 * i;
  for (int i = 0; i < 15; i++) o.bound[i] = (book.value[ORDER[kind][i]] + book.value[ORDER[kind][i + 1]]) / 2;
  return o;
}

// The four bytes of elements i .. i+7, i a multiple of 8: at once where they are all there and aligned.
__device__ __forceinline__ bool whole_word(const uint8_t* packed, int64_t i, int64_t n) {
  return i + N <= n && reinterpret_cast<uintptr_t>(packed) % 4 == 0;
}

template <class T>
__global__ void quantize_kernel(Ordered book, Blocks blocks, const T* x, uint8_t* packed) {
  int64_t i = first_element<N>(), n = blocks.n;
  if (i >= n) return;
  Values<N> v = load_values<N>(x, i, n);
  Scaler by = scaler_of(blocks, i);
  uint32_t word = 0;
  for (int j = 0; j < N; j++) {
    uint32_t code = (uint32_t)(book.order >> 28) & 15;  // the half byte after an odd count holds the code of 0
    if (i + j < n) {
      if (i + j >= by.end) by = scaler_of(blocks, i + j);
      float t = scaled(by, v.x[j]);
      int place = 0;
      for (int k = 0; k < 15; k++) place += book.bound[k] < t;
      code = (uint32_t)(book.order >> 4 * place) & 15;
    }
    word |= code << (j / 2 * 8 + (j % 2 == 0 ? 4 : 0));
  }
  if (whole_word(packed, i, n))
    *reinterpret_cast<uint32_t*>(packed + i / 2) = word;
  else
    for (int j = 0; j < N && i + j < n; j += 2) packed[(i + j) / 2] = (uint8_t)(word >> j * 4);
}

template <class T>
__global__ void dequantize_kernel(int32_t kind, Blocks blocks, const uint8_t* packed, T* y) {
  CodeBook& book = shared_memory<CodeBook>();
  fill_book(book, kind);
  __syncthreads();
  int64_t i = first_element<N>(), n = blocks.n;
  if (i >= n) return;
  uint32_t word = 0;
  if (whole_word(packed, i, n))
    word = *reinterpret_cast<const uint32_t*>(packed + i / 2);
  else
    for (int j = 0; j < N && i + j < n; j += 2) word |= (uint32_t)packed[(i + j) / 2] << j * 4;
  Values<N> v;
  int64_t b = block_of(blocks, i), end = (b + 1) * blocks.size;
  float scale = blocks.absmax[b];
  for (int j = 0; j < N; j++) {
    if (i + j < n && i + j >= end) {
      b++;
      end += blocks.size;
      scale = blocks.absmax[b];
    }
    v.x[j] = book.value[word >> (j / 2 * 8 + (j % 2 == 0 ? 4 : 0)) & 15] * scale;
  }
  store_values(y, i, n, v);
}

int32_t check_blocks(const char* op, int32_t kind, int64_t n, int64_t blocksize, const void* x, const void* packed,
                     const void* absmax) {
  MR_REQUIRE(kind == MR_FP4 || kind == MR_NF4, "%s: kind %d is neither fp4 nor nf4", op, kind);
  MR_REQUIRE(n >= 0 && blocksize >= 1, "%s: n %lld, blocksize %lld", op, (long long)n, (long long)blocksize);
  MR_REQUIRE(n == 0 || (x && packed && absmax), "%s: a pointer is NULL", op);
  return MR_OK;
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_quantize_4bit(mr_stream* s, int32_t kind, int64_t n, int64_t blocksize, int32_t x_dtype, const void* x,
                                uint8_t* packed, float* absmax) {
  MR_REQUIRE(is_activation(x_dtype), "quantize_4bit: x dtype %d is not f32, bf16 or f16", x_dtype);
  MR_TRY(check_blocks("quantize_4bit", kind, n, blocksize, x, packed, absmax));
  return with_storage(x_dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    MR_TRY(find_absmax(s, "quantize_4bit", n, blocksize, 0, as(type, x), absmax));
    return launch_elements<N>(s, "quantize_4bit", n, quantize_kernel<T>, ordered(kind), Blocks{n, blocksize, absmax}, as(type, x),
                              packed);
  });
}

MR_API int32_t mr_dequantize_4bit(mr_stream* s, int32_t kind, int64_t n, int64_t blocksize, const uint8_t* packed,
                                  const float* absmax, int32_t y_dtype, void* y) {
  MR_REQUIRE(is_activation(y_dtype), "dequantize_4bit: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_TRY(check_blocks("dequantize_4bit", kind, n, blocksize, y, packed, absmax));
  return with_storage(y_dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return launch(s, "dequantize_4bit", dequantize_kernel<T>, dim3((unsigned)divide_up(n, ELEMENT_THREADS * N)),
                  dim3(ELEMENT_THREADS), sizeof(CodeBook), kind, Blocks{n, blocksize, absmax}, packed, as(type, y));
  });
}

}  // extern "C"
