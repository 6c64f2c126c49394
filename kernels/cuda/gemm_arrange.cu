// gemm_arrange.cu: a small operand of a product in the layout of its kernel: 16-bit numbers, in whole lines, along k or not.
#include "gemm.h"

namespace mr {
namespace {

constexpr int THREADS = 256;

__device__ __forceinline__ float stored_element(const Operand& x, int64_t i) {
  if (x.storage == STORED_F32) return static_cast<const float*>(x.data)[i];
  uint16_t bits = static_cast<const uint16_t*>(x.data)[i];
  return x.storage == STORED_BF16 ? to_float(bf16{bits}) : to_float(f16{bits});
}

// Eight elements of a line of y a thread. transposed: y's lines are x's columns; then neighbouring threads take neighbouring lines, since
// those are adjacent in x.
template <class T>
__global__ void arrange_kernel(Operand x, int64_t lines, int64_t inner, bool transposed, float factor, T* y, int64_t ld) {
  int64_t i = global_thread(), packs = ld / 8;
  if (i >= lines * packs) return;
  int64_t line = transposed ? i % lines : i / packs, at = (transposed ? i / lines : i % packs) * 8;
  T pack[8];
#pragma unroll
  for (int j = 0; j < 8; j++) {
    float value = 0.0f;
    if (at + j < inner) value = stored_element(x, transposed ? (at + j) * x.ld + line : line * x.ld + at + j);
    pack[j] = from_float<T>(value * factor);
  }
  uint32_t w[4];
#pragma unroll
  for (int j = 0; j < 4; j++) w[j] = pack[2 * j].bits | (uint32_t)pack[2 * j + 1].bits << 16;
  *reinterpret_cast<uint4*>(y + line * ld + at) = make_uint4(w[0], w[1], w[2], w[3]);
}

}  // namespace

int32_t arrange(mr_stream* s, const char* op, int32_t compute, int64_t k, bool along_k, float factor, int64_t* reserved,
                Operand* x) {
  int64_t lines = along_k ? x->rows : k, inner = along_k ? k : x->rows, ld = divide_up(inner, 8) * 8;
  int64_t bytes = divide_up(lines * ld * 2, 256) * 256;
  if (x->storage == STORED_FOUR_BIT || *reserved + bytes > ARRANGED_LIMIT) return MR_OK;
  void* begin = workspace(s, *reserved + bytes);
  if (begin == nullptr) return MR_ERR_MEMORY;
  void* copy = static_cast<char*>(begin) + *reserved;
  bool transposed = x->along_k != along_k;
  dim3 grid((unsigned)divide_up(lines * (ld / 8), THREADS));
  MR_TRY(compute == MR_BF16 ? launch(s, op, arrange_kernel<bf16>, grid, dim3(THREADS), 0, *x, lines, inner, transposed, factor,
                                     static_cast<bf16*>(copy), ld)
                            : launch(s, op, arrange_kernel<f16>, grid, dim3(THREADS), 0, *x, lines, inner, transposed, factor,
                                     static_cast<f16*>(copy), ld));
  *reserved += bytes;
  x->data = copy, x->ld = ld, x->along_k = along_k, x->storage = storage_of(compute);
  return MR_OK;
}

}  // namespace mr
