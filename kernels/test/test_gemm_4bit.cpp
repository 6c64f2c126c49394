// test_gemm_4bit.cpp: the product with a matrix in four bits has the bits of dequantising it first, on every path.
#include "op_check.h"

using namespace op_check;

namespace {

void check_product(int32_t kind, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, int64_t blocksize,
                   int32_t a_dtype, int32_t c_dtype, int32_t accumulate) {
  int64_t size = n * k, cols = trans_b ? k : n, rows = trans_b ? n : k;
  Buffer w(numbers(size, (uint64_t)(n + 7 * k), 0.05f)), a(a_dtype, numbers(m * k, 5)), before(c_dtype, numbers(m * n, 6));
  std::vector<uint8_t> packed((size_t)(size / 2));
  Floats absmax((size_t)(size / blocksize));
  each_stream([&](mr_stream* s, const std::string& where) {
    CHECK(mr_quantize_4bit(s, kind, size, blocksize, MR_F32, w.data(), packed.data(), absmax.data()) == MR_OK);
    Buffer dense = Buffer::unset(compute, size), expected = before, got = before;
    CHECK(mr_dequantize_4bit(s, kind, size, blocksize, packed.data(), absmax.data(), compute, dense.data()) == MR_OK);
    CHECK(mr_gemm(s, compute, 0, trans_b, m, n, k, 0.5f, a_dtype, a.data(), k, compute, dense.data(), cols, c_dtype,
                  expected.data(), n, accumulate) == MR_OK);
    int32_t error = mr_gemm_4bit(s, compute, trans_b, m, n, k, 0.5f, a_dtype, a.data(), k, kind, blocksize, packed.data(),
                                 absmax.data(), c_dtype, got.data(), n, accumulate);
    CHECK_MSG(error == MR_OK, "%s", mr_last_error());
    CHECK_MSG(got == expected, "%s: %s %s, %d x %d x %d, W of %d rows in blocks of %d", where.c_str(),
              dtype_name(compute), trans_b ? "W^T" : "W", (int)m, (int)n, (int)k, (int)rows, (int)blocksize);
  });
}

}  // namespace

TEST(gemm_4bit) {
  for (int32_t compute : STORAGE)
    for (int32_t trans_b : {0, 1})
      for (int64_t m : {1, 3, 8, 16, 17, 40}) {
        int32_t activations = m == 3 ? MR_F32 : compute;
        check_product(MR_NF4, compute, trans_b, m, 64, 64, 64, activations, compute, 0);
        // several K blocks that end in the middle of a step of 32, and panels that end early
        check_product(MR_NF4, compute, trans_b, m, trans_b ? 49 : 192, trans_b ? 1088 : 491, 64, activations, MR_F32, 1);
        check_product(MR_FP4, compute, trans_b, m, trans_b ? 7 : 96, trans_b ? 96 : 7, 32, activations, MR_F32, 0);
        check_product(MR_NF4, compute, trans_b, m, 256, 256, 256, activations, compute, 1);
      }
}

TEST(gemm_4bit_refuse) {
  Stream s;
  float x[64] = {};
  uint8_t packed[2048] = {};
  auto product = [&](int32_t compute, int32_t kind, int64_t blocksize, int64_t k, const float* a) {
    return mr_gemm_4bit(s, compute, 1, 1, 1, k, 1, MR_F32, a, k, kind, blocksize, packed, x, MR_F32, x, 1, 0);
  };
  refused(product(MR_F64, MR_NF4, 64, 64, x), "mr_gemm_4bit");
  refused(product(MR_F32, 2, 64, 64, x), "mr_gemm_4bit");
  refused(product(MR_F32, MR_NF4, 48, 64, x), "mr_gemm_4bit");
  refused(product(MR_F32, MR_NF4, 64, 96, x), "mr_gemm_4bit");
  refused(product(MR_F32, MR_NF4, 64, 0, x), "mr_gemm_4bit");
  refused(product(MR_F32, MR_NF4, 64, 64, nullptr), "mr_gemm_4bit");
}
