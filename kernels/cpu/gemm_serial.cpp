// gemm_serial.cpp: see gemm_serial.h. Blocks of B (COLS columns) stay in the second-level cache while panels of A pass.
#include "gemm_serial.h"

#include "gemm_pack.h"

namespace mr {
namespace MR_PATH {

constexpr int64_t ROWS = 512;  // of A packed at a time
constexpr int64_t COLS = 256;  // of B packed at a time

// k = 0: an empty sum.
static void clear(int64_t m, int64_t n, float* c, int64_t ldc) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) c[i * ldc + j] = 0.0f;
}

static Target block_target(float* c, int64_t ldc, bool add) { return {add ? c : nullptr, ldc, MR_F32, MR_F32, c, ldc, false}; }

// One K block of A: read in place, converted row by row, or packed, as in gemm.cpp.
struct BlockOfA {
  Mode mode;
  Operand a;
  bool rows, in_place;
  float* packed;  // nullptr until prepare
};

static BlockOfA block_of_a(Mode mode, const Operand& a) {
  bool rows = a.lanes > TALL_MR && a.k_stride == 1;
  return {mode, a, rows, rows && readable_in_place(mode, a), nullptr};
}

static bool allocate(BlockOfA* a, int64_t block) {
  if (a->in_place) return true;
  a->packed = (float*)scratch(SCRATCH_PACK_A, min64(a->a.lanes, ROWS) * block * 4);
  return a->packed != nullptr;
}

static void load_block(const BlockOfA& a, int64_t row, int64_t rows, int64_t w, int64_t kc) {
  if (a.in_place) return;
  if (a.rows) {
    convert_rows(a.mode, a.a, row, rows, w, kc, a.packed);
  } else {
    pack_a_block(a.mode, a.a, row, rows, 0, panels_of(rows), {w, kc, 0, kc}, a.packed);
  }
}

static void multiply_block(const BlockOfA& a, int64_t row, int64_t rows, int64_t w, int64_t kc, int64_t n, const float* b,
                           float alpha, const Target& target) {
  Ahead none = {};
  if (!a.rows) return multiply_panels(a.mode, 0, panels_of(rows), rows, n, kc, a.packed, b, alpha, target, &none);
  int64_t size = dtype_bytes(a.a.dtype), k = a.mode == MODE_PAIR ? 2 * w : w;
  const char* stored = (const char*)a.a.data + (row * a.a.lane_stride + k) * size;
  multiply_direct_a(a.mode, rows, n, kc, a.in_place ? stored : (const char*)a.packed, a.in_place ? a.a.lane_stride * size : kc * 4,
                    b, alpha, target, &none);
}

int32_t gemm_serial(int32_t compute, int32_t trans_a, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha, const void* a,
                    int64_t lda, int32_t a_dtype, const void* b, int64_t ldb, int32_t b_dtype, float* c, int64_t ldc,
                    int32_t accumulate) {
  Mode mode = mode_of(compute);
  BlockOfA oa = block_of_a(mode, operand_a(trans_a, m, k, a, lda, a_dtype));
  Operand ob = operand_b(trans_b, n, k, b, ldb, b_dtype);
  int64_t words = words_of(mode, k), block = k_block(words);
  if (words == 0 && !accumulate) clear(m, n, c, ldc);
  float* pb = (float*)scratch(SCRATCH_PACK_B, padded(min64(n, COLS)) * block * 4);
  if (!allocate(&oa, block) || pb == nullptr) return fail(MR_ERR_MEMORY, "gemm: no memory for packing");
  for (int64_t row = 0; row < m; row += ROWS) {
    int64_t rows = min64(ROWS, m - row);
    for (int64_t w = 0; w < words; w += block) {
      int64_t kc = min64(block, words - w);
      load_block(oa, row, rows, w, kc);
      Target target = block_target(c, ldc, accumulate || w > 0);
      for (int64_t col = 0; col < n; col += COLS) {
        int64_t cols = min64(COLS, n - col);
        pack_b_block(mode, ob, col, cols, {w, kc, 0, kc}, pb);
        multiply_block(oa, row, rows, w, kc, cols, pb, alpha, shift(target, row, col));
      }
    }
  }
  return MR_OK;
}

int64_t pack_b_bytes(int32_t compute, int64_t n, int64_t k) { return max64(64, padded(n) * words_of(mode_of(compute), k) * 4); }

// K block by K block; within one, panels of NR columns.
void pack_b(int32_t compute, int32_t trans_b, int64_t n, int64_t k, const void* b, int64_t ldb, int32_t b_dtype, void* packed) {
  Mode mode = mode_of(compute);
  Operand ob = operand_b(trans_b, n, k, b, ldb, b_dtype);
  int64_t words = words_of(mode, k), block = k_block(words), width = padded(n);
  for (int64_t w = 0; w < words; w += block) {
    int64_t kc = min64(block, words - w);
    pack_b_block(mode, ob, 0, n, {w, kc, 0, kc}, (float*)packed + w * width);
  }
}

int32_t gemm_packed(int32_t compute, int32_t trans_a, int64_t m, int64_t n, int64_t k, float alpha, const void* a, int64_t lda,
                    int32_t a_dtype, const void* packed, float* c, int64_t ldc, int32_t accumulate) {
  Mode mode = mode_of(compute);
  BlockOfA oa = block_of_a(mode, operand_a(trans_a, m, k, a, lda, a_dtype));
  int64_t words = words_of(mode, k), block = k_block(words), width = padded(n);
  if (words == 0 && !accumulate) clear(m, n, c, ldc);
  if (!allocate(&oa, block)) return fail(MR_ERR_MEMORY, "gemm: no memory for packing");
  for (int64_t row = 0; row < m; row += ROWS) {
    int64_t rows = min64(ROWS, m - row);
    for (int64_t w = 0; w < words; w += block) {
      int64_t kc = min64(block, words - w);
      load_block(oa, row, rows, w, kc);
      const float* pb = (const float*)packed + w * width;
      Target target = block_target(c, ldc, accumulate || w > 0);
      for (int64_t col = 0; col < n; col += COLS)
        multiply_block(oa, row, rows, w, kc, min64(COLS, n - col), pb + col * kc, alpha, shift(target, row, col));
    }
  }
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
