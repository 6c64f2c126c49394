// adamw_8bit.cpp: AdamW whose moments are kept in 8 bits, after bitsandbytes' blockwise kernel on CUDA: restored, updated in fp32,
// and rounded to codes with the block's new largest magnitude as scale. The fp32 operations are those of adamw.cpp's torch, in
// their order, but for the decay, which follows the update here.
#include "code_map.h"

namespace mr {
namespace MR_PATH {

constexpr int64_t MOMENT_BLOCK = 256;

// One moment of a block: restored from codes, and kept as codes again.
struct Moment {
  uint8_t* codes;
  float* absmax;
  const float* map;

  void restore(int64_t i, int count, float* x) const {
    for (int j = 0; j < count; j++) x[j] = map[codes[i + j]] * absmax[i / MOMENT_BLOCK];
  }

  // x[0..count) becomes the block that begins at i. A block of zeros has the scale 0 and the codes of 0.
  void keep(int64_t i, int count, const float* x, const CodeBounds& bounds) const {
    float largest = 0;
    for (int j = 0; j < count; j++) largest = __builtin_fabsf(x[j]) > largest ? __builtin_fabsf(x[j]) : largest;
    absmax[i / MOMENT_BLOCK] = largest;
    float divisor = largest > 0 ? largest : 1.0f;
    for (int j = 0; j < count; j++) {
      uint8_t code = nearest_code(bounds, x[j] / divisor);
      // what is nearest to 0 but below it stays below it
      if (__builtin_signbit(x[j]) && map[code] == 0 && code > 0) code--;
      codes[i + j] = code;
    }
  }
};

int32_t adamw_8bit(mr_stream* s, int64_t n, float* param, const float* grad, uint8_t* m_codes, float* m_absmax, const float* m_map,
                   uint8_t* v_codes, float* v_absmax, const float* v_map, double lr, double beta1, double beta2, double eps,
                   double weight_decay, double bias1, double bias2, double grad_scale) {
  MR_REQUIRE(n >= 0, "adamw_8bit: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (param && grad && m_codes && m_absmax && m_map && v_codes && v_absmax && v_map),
             "adamw_8bit: a pointer is NULL");
  MR_REQUIRE(bias1 > 0 && bias2 > 0, "adamw_8bit: bias1 %g and bias2 %g must be positive (1 - beta^step)", bias1, bias2);
  if (n == 0) return MR_OK;
  CodeBounds m_bounds, v_bounds;
  int32_t error = code_bounds("adamw_8bit", m_map, m_bounds);
  if (error == MR_OK) error = code_bounds("adamw_8bit", v_map, v_bounds);
  if (error) return error;
  V16 decay = splat((float)(1 - lr * weight_decay)), gradient_factor = splat((float)grad_scale);
  V16 keep1 = splat((float)beta1), mix1 = splat((float)(1 - beta1));
  V16 keep2 = splat((float)beta2), mix2 = splat((float)(1 - beta2));
  V16 root_bias2 = splat((float)__builtin_sqrt(bias2)), epsilon = splat((float)eps), step = splat((float)(-(lr / bias1)));
  V16 zero = splat(0.0f), infinite = splat(__builtin_inff());
  Moment m = {m_codes, m_absmax, m_map}, v = {v_codes, v_absmax, v_map};
  int64_t blocks = (n + MOMENT_BLOCK - 1) / MOMENT_BLOCK;
  parallel_chunks(s, blocks, rows_per_task(MOMENT_BLOCK), [=, &m_bounds, &v_bounds](int64_t first_block, int64_t last_block) {
    for (int64_t b = first_block; b < last_block; b++) {
      int64_t begin = b * MOMENT_BLOCK;
      int count = (int)(n - begin < MOMENT_BLOCK ? n - begin : MOMENT_BLOCK);
      float first[MOMENT_BLOCK], second[MOMENT_BLOCK];
      m.restore(begin, count, first);
      v.restore(begin, count, second);
      each_vector(0, count, [&](int64_t j, auto lanes) {
        V16 given = load(grad + begin + j, lanes), g = given * gradient_factor, p = load(param + begin + j, lanes);
        M16 finite = less(max(given, zero - given), infinite);
        V16 x = select(finite, fma(mix1, g, load(first + j, lanes) * keep1), zero);
        V16 y = select(finite, fma(mix2 * g, g, load(second + j, lanes) * keep2), zero);
        V16 denominator = sqrt(y) / root_bias2 + epsilon;
        store(param + begin + j, select(finite, (p + step * x / denominator) * decay, p), lanes);
        store(first + j, x, lanes);
        store(second + j, y, lanes);
      });
      m.keep(begin, count, first, m_bounds);
      v.keep(begin, count, second, v_bounds);
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
