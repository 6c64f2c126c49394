// test_errors.cpp: calls that must be rejected, each with one line of text that names the op, before anything is read or written.
#include "op_check.h"

using namespace op_check;

namespace {

constexpr float EPS = 1e-6f;

// 256 ascending values that hold 0, as the maps of 8-bit codes are.
Floats ascending_map() {
  Floats map;
  for (int i = 0; i < 256; i++) map.push_back((float)(i - 128) / 127);
  return map;
}

}  // namespace

TEST(fill_copy_cast_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_fill(s, MR_I32, 4, 0, x), "fill");
  refused(mr_fill(s, MR_F32, -1, 0, x), "fill");
  refused(mr_fill(s, MR_F32, 4, 0, nullptr), "fill");
  refused(mr_copy(s, -1, x, x), "copy");
  refused(mr_copy(s, 4, nullptr, x), "copy");
  refused(mr_cast(s, MR_U8, MR_F32, 4, x, x), "cast");
  refused(mr_cast(s, MR_F32, 17, 4, x, x), "cast");
  refused(mr_cast(s, MR_F32, MR_F32, 4, x, nullptr), "cast");
}

TEST(add_scale_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_add(s, MR_F64, 4, x, x, x), "add");
  refused(mr_add(s, MR_F32, -4, x, x, x), "add");
  refused(mr_add(s, MR_F32, 4, nullptr, x, x), "add");
  refused(mr_scale(s, MR_F64, 4, 1, x, x, 0), "scale");
  refused(mr_scale(s, MR_F32, 4, 1, x, nullptr, 0), "scale");
}

TEST(swiglu_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_swiglu_forward(s, MR_F64, 4, x, x, x), "swiglu_forward");
  refused(mr_swiglu_forward(s, MR_F32, 4, x, nullptr, x), "swiglu_forward");
  refused(mr_swiglu_backward(s, MR_F32, -1, x, x, x, x, x), "swiglu_backward");
  refused(mr_swiglu_backward(s, MR_F32, 4, x, x, x, x, nullptr), "swiglu_backward");
}

TEST(geglu_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_geglu_forward(s, MR_U8, 4, x, x, x), "geglu_forward");
  refused(mr_geglu_forward(s, MR_F32, 4, x, nullptr, x), "geglu_forward");
  refused(mr_geglu_backward(s, MR_F32, -1, x, x, x, x, x), "geglu_backward");
  refused(mr_geglu_backward(s, MR_F32, 4, x, x, x, x, nullptr), "geglu_backward");
}

TEST(add_bias_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_add_bias_forward(s, MR_U8, 2, 2, x, x, x), "add_bias_forward");
  refused(mr_add_bias_forward(s, MR_F32, 2, 0, x, x, x), "add_bias_forward");
  refused(mr_add_bias_forward(s, MR_F32, 2, 2, x, nullptr, x), "add_bias_forward");
  refused(mr_add_bias_backward(s, MR_F32, -2, 2, x, x), "add_bias_backward");
  refused(mr_add_bias_backward(s, MR_F32, 2, 2, x, nullptr), "add_bias_backward");
}

TEST(random_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_dropout(s, MR_F32, 4, 1.0f, 0, 0, 0, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, -0.1f, 0, 0, 0, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, NAN, 0, 0, 0, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, 0.5f, 0, 0, 2, x, x, 0), "dropout");
  refused(mr_dropout(s, MR_F32, 4, 0.5f, 0, 0, 0, nullptr, x, 0), "dropout");
  refused(mr_uniform(s, 4, 1, 1, 0, 0, x), "uniform");
  refused(mr_uniform(s, 4, 0, INFINITY, 0, 0, x), "uniform");
  refused(mr_normal(s, 4, 0, -1, 0, 0, x), "normal");
  refused(mr_normal(s, -1, 0, 1, 0, 0, x), "normal");
}

TEST(gemm_4bit_rejects) {
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

TEST(scale_rows_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_scale_rows(s, -1, 2, x, x, x), "scale_rows");
  refused(mr_scale_rows(s, 2, 2, x, nullptr, x), "scale_rows");
  refused(mr_scale_rows_backward(s, 2, -2, x, x, x, x, 0, x, 0), "scale_rows_backward");
  refused(mr_scale_rows_backward(s, 2, 2, x, x, x, nullptr, 0, x, 0), "scale_rows_backward");
}

TEST(embedding_rejects) {
  Stream s;
  float table[6] = {}, y[6];
  int32_t ids[] = {0, 3}, negative[] = {0, -1};
  refused(mr_embedding_forward(s, 2, 3, 2, MR_F32, table, ids, MR_F32, y), "embedding_forward");
  refused(mr_embedding_forward(s, 2, 3, 2, MR_F32, table, negative, MR_F32, y), "embedding_forward");
  refused(mr_embedding_forward(s, 1, 3, 2, MR_F64, table, ids, MR_F32, y), "embedding_forward");
  refused(mr_embedding_forward(s, 1, 3, 2, MR_F32, nullptr, ids, MR_F32, y), "embedding_forward");
  refused(mr_embedding_backward(s, 2, 3, 2, -1, ids, MR_F32, y, table), "embedding_backward");
  refused(mr_embedding_backward(s, -1, 3, 2, -1, ids, MR_F32, y, table), "embedding_backward");
}

TEST(rms_norm_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_rms_norm_forward(s, MR_F32, 2, 2, 2, EPS, x, x, x, x), "rms_norm_forward");
  refused(mr_rms_norm_backward(s, MR_F32, -1, 2, 2, x, x, x, x, x, 0, x), "rms_norm_backward");
  refused(mr_rms_norm_forward(s, MR_F64, 0, 2, 2, EPS, x, x, x, x), "rms_norm_forward");
  refused(mr_rms_norm_forward(s, MR_F32, 0, 2, 0, EPS, x, x, x, x), "rms_norm_forward");
  refused(mr_rms_norm_forward(s, MR_F32, 0, 2, 2, EPS, x, nullptr, x, x), "rms_norm_forward");
  refused(mr_rms_norm_backward(s, MR_F32, 0, -2, 2, x, x, x, x, x, 0, x), "rms_norm_backward");
  refused(mr_rms_norm_backward(s, MR_F32, 0, 2, 2, x, x, x, nullptr, x, 0, x), "rms_norm_backward");
}

TEST(rope_rejects) {
  Stream s;
  float x[8] = {};
  int32_t positions[] = {0, -3};
  refused(mr_rope(s, MR_F32, 1, 1, 3, x, x, x, positions, 0, x), "rope");
  refused(mr_rope(s, MR_F32, 2, 1, 2, x, x, x, positions, 0, x), "rope");
  refused(mr_rope(s, MR_F64, 1, 1, 2, x, x, x, positions, 0, x), "rope");
  refused(mr_rope(s, MR_F32, 1, 1, 2, x, x, x, nullptr, 0, x), "rope");
}

TEST(attention_rejects) {
  Stream s;
  float x[64] = {};
  int32_t good[] = {0, 2}, late[] = {1, 2}, falling[] = {0, 2, 1};
  auto forward = [&](int32_t dtype, const int32_t* cu, int64_t n, int64_t heads, int64_t kv_heads, int64_t d, const float* q) {
    return mr_attention_forward(s, MR_F32, dtype, 2, n, cu, nullptr, heads, kv_heads, d, 1, 0, q, x, x, x, x);
  };
  refused(forward(MR_F64, good, 1, 2, 1, 4, x), "attention_forward");
  refused(forward(MR_F32, late, 1, 2, 1, 4, x), "attention_forward");
  refused(forward(MR_F32, falling, 2, 2, 1, 4, x), "attention_forward");
  refused(forward(MR_F32, good, 1, 3, 2, 4, x), "attention_forward");
  refused(forward(MR_F32, good, 1, 2, 1, 0, x), "attention_forward");
  refused(forward(MR_F32, nullptr, 1, 2, 1, 4, x), "attention_forward");
  refused(forward(MR_F32, good, 1, 2, 1, 4, nullptr), "attention_forward");
  refused(mr_attention_forward(s, 9, MR_F32, 2, 1, good, nullptr, 2, 1, 4, 1, 0, x, x, x, x, x), "attention_forward");
  refused(mr_attention_forward(s, MR_F32, MR_F32, 2, 1, good, nullptr, 2, 1, 4, 1, -1, x, x, x, x, x), "attention_forward");
  refused(mr_attention_forward(s, MR_F32, MR_F32, 3, 1, good, nullptr, 2, 1, 4, 1, 0, x, x, x, x, x), "attention_forward");
  int32_t one[] = {1}, none[] = {0};
  refused(mr_attention_forward(s, MR_F32, MR_F32, 2, 1, good, none, 2, 1, 4, 1, 0, x, x, x, x, x), "attention_forward");
  refused(mr_attention_forward(s, MR_F32, MR_F32, 2, 1, good, one, 2, 1, 4, 1, 1, x, x, x, x, x), "attention_forward");
  refused(mr_attention_backward(s, MR_F32, MR_F32, 2, 1, late, nullptr, 2, 1, 4, 1, 0, x, x, x, x, x, x, x, x, x),
          "attention_backward");
  refused(mr_attention_backward(s, MR_F32, MR_F32, 2, 1, good, nullptr, 2, 1, 4, 1, 0, x, x, x, x, x, x, x, x, nullptr),
          "attention_backward");
}

TEST(attention_cached_rejects) {
  Stream s;
  float x[64] = {};
  int32_t cu[] = {0, 2}, zero[] = {0}, negative[] = {-1};
  auto cached = [&](const int32_t* rows, const int32_t* past, const float* q) {
    return mr_attention_cached(s, MR_F32, MR_F32, 2, 1, cu, rows, past, 2, 1, 4, 1, 0, q, x, x, x);
  };
  refused(cached(negative, zero, x), "attention_cached");
  refused(cached(zero, negative, x), "attention_cached");
  refused(cached(nullptr, zero, x), "attention_cached");
  refused(cached(zero, nullptr, x), "attention_cached");
  refused(cached(zero, zero, nullptr), "attention_cached");
}

TEST(rope_cached_rejects) {
  Stream s;
  float x[8] = {};
  int32_t good[] = {0}, bad[] = {-1};
  auto call = [&](int64_t heads, int64_t head_dim, const int32_t* positions, const int32_t* places) {
    return mr_rope_cached(s, MR_F32, MR_NORM_SCALE, 1, heads, 1, head_dim, 1e-6f, x, nullptr, x, nullptr, x, x, x, positions,
                          places, x, x);
  };
  refused(call(0, 2, good, good), "rope_cached");
  refused(call(1, 8194, good, good), "rope_cached");
  refused(call(1, 2, bad, good), "rope");
  refused(call(1, 2, good, bad), "rope_cached");
}

TEST(gather_rows_rejects) {
  Stream s;
  float x[4] = {};
  int32_t rows[] = {0, -1};
  refused(mr_gather_rows(s, MR_F32, 2, 1, x, rows, x), "gather_rows");
  refused(mr_gather_rows(s, MR_F64, 1, 1, x, rows, x), "gather_rows");
  refused(mr_gather_rows(s, MR_F32, 1, 1, x, nullptr, x), "gather_rows");
  refused(mr_scatter_add_rows(s, MR_F32, 2, 1, x, rows, x), "scatter_add_rows");
  refused(mr_scatter_add_rows(s, MR_F32, 1, -1, x, rows, x), "scatter_add_rows");
  CHECK(mr_gather_rows(s, MR_F32, 0, 4, nullptr, nullptr, nullptr) == MR_OK);
}

TEST(cross_entropy_rejects) {
  Stream s;
  float x[4] = {}, loss[2];
  int32_t labels[] = {0, 4}, negative[] = {-1, 0};
  refused(mr_cross_entropy(s, 2, 2, x, 2, labels, -100, 1, loss, MR_F32, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 2, 2, x, 2, negative, -100, 1, loss, MR_F32, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, loss, MR_F32, x, 1), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 4, x, 2, labels, -100, 1, loss, MR_F32, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, loss, MR_BF16, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, loss, MR_U8, x, 0), "cross_entropy");
  refused(mr_cross_entropy(s, 1, 2, x, 2, labels, -100, 1, nullptr, MR_F32, x, 0), "cross_entropy");
}

TEST(focal_loss_rejects) {
  Stream s;
  float x[4] = {}, loss[2];
  int32_t labels[] = {0, 2}, ignored[] = {-100, 0};
  refused(mr_focal_loss(s, 2, 2, x, 2, labels, 2, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 2, 2, x, 2, ignored, 2, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 1, 2, x, 2, labels, -1, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 1, 2, x, 1, labels, 2, 1, 1, loss, x, 0), "focal_loss");
  refused(mr_focal_loss(s, 1, 2, x, 2, labels, 2, 1, 1, loss, x, 1), "focal_loss");
}

TEST(dice_loss_rejects) {
  Stream s;
  float x[4] = {}, loss;
  int32_t labels[] = {0, 2};
  refused(mr_dice_loss(s, 2, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 1, 2, x, 2, labels, -1, 1, MR_DICE_CLASS, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 1, 2, x, 2, labels, 1, 1, 2, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 0, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 0), "dice_loss");
  refused(mr_dice_loss(s, 1, 2, x, 2, labels, 1, 1, MR_DICE_CLASS, 1, &loss, x, 1), "dice_loss");
}

TEST(argmax_rejects) {
  Stream s;
  float x[4] = {};
  int32_t out[4];
  refused(mr_argmax_rows(s, 1, 0, x, 4, out), "argmax_rows");
  refused(mr_argmax_rows(s, 1, 4, x, 3, out), "argmax_rows");
  refused(mr_argmax_rows(s, 1, 4, nullptr, 4, out), "argmax_rows");
  CHECK(mr_argmax_rows(s, 0, 4, nullptr, 4, nullptr) == MR_OK);
}

TEST(sums_rejects) {
  Stream s;
  float x[4] = {};
  double out;
  const int64_t span[] = {(int64_t)x, 4};
  refused(mr_sum_squares_each(s, -1, 4, span, &out), "sum_squares_each");
  refused(mr_sum_squares_each(s, 1, 4, nullptr, &out), "sum_squares_each");
  refused(mr_sum_squares_each(s, 1, 3, span, &out), "sum_squares_each");
  refused(mr_sum(s, -1, x, &out), "sum");
  refused(mr_sum(s, 4, nullptr, &out), "sum");
}

TEST(adamw_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_adamw(s, 4, x, x, x, nullptr, 1e-3, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, 1), "adamw");
  refused(mr_adamw(s, 4, x, x, x, x, 1e-3, 0.9, 0.999, 1e-8, 0, 0, 0.001, 1), "adamw");
  refused(mr_adamw(s, -4, x, x, x, x, 1e-3, 0.9, 0.999, 1e-8, 0, 0.1, 0.001, 1), "adamw");
}

TEST(adamw_8bit_rejects) {
  Stream s;
  float x[256] = {};
  uint8_t c[4] = {};
  Floats map = ascending_map(), falling(map.rbegin(), map.rend());
  auto call = [&](int64_t n, float* absmax, const float* first, double bias) {
    return mr_adamw_8bit(s, n, x, x, c, absmax, first, c, x, map.data(), 1e-3, 0.9, 0.999, 1e-8, 0, bias, 0.001, 1);
  };
  refused(call(4, nullptr, map.data(), 0.1), "adamw_8bit");
  refused(call(4, x, falling.data(), 0.1), "adamw_8bit");
  refused(call(4, x, map.data(), 0), "adamw_8bit");
  refused(call(-4, x, map.data(), 0.1), "adamw_8bit");
}

TEST(adafactor_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_adafactor(s, 2, 2, x, x, x, x, nullptr, 1e-3, 0.9, 0.9, 1e-30, 1e-3, 1, 0, 1), "adafactor");
  refused(mr_adafactor(s, 2, -2, x, x, x, x, x, 1e-3, 0.9, 0.9, 1e-30, 1e-3, 1, 0, 1), "adafactor");
  refused(mr_adafactor(s, 2, 2, x, x, x, x, x, 1e-3, 0.9, 0.9, 1e-30, 1e-3, 0, 0, 1), "adafactor");
}

TEST(adalora_rejects) {
  Stream s;
  float x[4] = {};
  refused(mr_subtract_identity(s, -1, x), "subtract_identity");
  refused(mr_subtract_identity(s, 2, nullptr), "subtract_identity");
  refused(mr_adalora_importance(s, 4, x, nullptr, 1, 0.9, 0.9, x, x), "adalora_importance");
  refused(mr_adalora_score(s, 2, 0, 1, x, x, x, x, x, x, x), "adalora_score");
  refused(mr_adalora_score(s, 2, 1, 1, x, x, x, x, x, nullptr, x), "adalora_score");
}

TEST(quantize_4bit_rejects) {
  Stream s;
  float x[4] = {}, absmax;
  uint8_t packed[2];
  refused(mr_quantize_4bit(s, 2, 4, 64, MR_F32, x, packed, &absmax), "quantize_4bit");
  refused(mr_quantize_4bit(s, MR_NF4, 4, 0, MR_F32, x, packed, &absmax), "quantize_4bit");
  refused(mr_quantize_4bit(s, MR_NF4, 4, 64, MR_F64, x, packed, &absmax), "quantize_4bit");
  refused(mr_quantize_4bit(s, MR_NF4, 4, 64, MR_F32, nullptr, packed, &absmax), "quantize_4bit");
  refused(mr_dequantize_4bit(s, MR_NF4, -4, 64, packed, &absmax, MR_F32, x), "dequantize_4bit");
  refused(mr_dequantize_4bit(s, MR_NF4, 4, 64, packed, nullptr, MR_F32, x), "dequantize_4bit");
  refused(mr_dequantize_4bit(s, MR_NF4, 4, 64, packed, &absmax, MR_U8, x), "dequantize_4bit");
}

TEST(quantize_8bit_rejects) {
  Stream s;
  Floats map = ascending_map();
  float x[4] = {}, absmax;
  uint8_t codes[4] = {};
  refused(mr_quantize_8bit(s, 4, 0, 0, map.data(), x, codes, &absmax), "quantize_8bit");
  refused(mr_quantize_8bit(s, 4, 256, 0, nullptr, x, codes, &absmax), "quantize_8bit");
  refused(mr_dequantize_8bit(s, -1, 256, 0, map.data(), codes, &absmax, x), "dequantize_8bit");
  refused(mr_dequantize_8bit(s, 4, 256, 0, map.data(), codes, nullptr, x), "dequantize_8bit");
  std::swap(map[3], map[200]);
  refused(mr_quantize_8bit(s, 4, 256, 0, map.data(), x, codes, &absmax), "quantize_8bit");
}

TEST(int8_rejects) {
  Stream s;
  float x[4] = {}, absmax[4];
  uint8_t codes[4] = {};
  int32_t outliers[5];
  refused(mr_quantize_int8(s, 1, 0, 0, MR_F32, x, codes, absmax, 1, nullptr, nullptr), "quantize_int8");
  refused(mr_quantize_int8(s, 1, 4, 0, MR_F32, x, codes, absmax, 1, nullptr, outliers), "quantize_int8");
  refused(mr_quantize_int8(s, 1, 4, 0, MR_U8, x, codes, absmax, 1, nullptr, nullptr), "quantize_int8");
  refused(mr_quantize_int8(s, 1, 4, 6, MR_F32, x, codes, absmax, 2, nullptr, outliers), "quantize_int8");
  refused(mr_dequantize_int8(s, 1, 4, codes, nullptr, MR_F32, x), "dequantize_int8");
  refused(mr_int8_linear(s, 1, 1, 131073, codes, absmax, 1, nullptr, nullptr, MR_F32, x, codes, absmax, x), "int8_linear");
  refused(mr_int8_linear(s, 1, 1, 4, codes, absmax, 1, nullptr, nullptr, MR_F32, x, nullptr, absmax, x), "int8_linear");
}
