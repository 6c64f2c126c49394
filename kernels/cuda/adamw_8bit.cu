// adamw_8bit.cu: AdamW whose moments are kept in 8 bits, in the order of fp32 operations of cpu/adamw_8bit.cpp. A warp owns a block
// of 256 elements, so that its largest magnitude needs no barrier; the maps are read once for several such blocks.
#include "code_map.h"

namespace mr {
namespace {

constexpr int THREADS = 256, WARPS = THREADS / WARP;
constexpr int MOMENT_BLOCK = 256, EACH = MOMENT_BLOCK / WARP;
// Blocks of moments that a warp takes one after the other.
constexpr int PER_WARP = 4;

// The step's scalars, each rounded to fp32 where torch rounds it.
struct Step {
  float decay, gradient_factor, keep1, mix1, keep2, mix2, root_bias2, epsilon, step;
};
struct Moment {
  uint8_t* codes;
  float* absmax;
  const float* map;
};
struct Maps {
  CodeTable m, m_bounds, v, v_bounds;
};

__device__ __forceinline__ uint8_t code_of(float x, float divisor, const CodeTable& map, const CodeTable& bounds) {
  int code = nearest_code(bounds, x / divisor);
  // what is nearest to 0 but below it stays below it
  if (signbit(x) && map.entry[code] == 0 && code > 0) code--;
  return (uint8_t)code;
}

__global__ void adamw_8bit_kernel(int64_t n, float* param, const float* grad, Moment m, Moment v, Step k) {
  Maps& maps = shared_memory<Maps>();
  fill_values(maps.m, m.map);
  fill_values(maps.v, v.map);
  fill_bounds(maps.m_bounds, m.map);
  fill_bounds(maps.v_bounds, v.map);
  __syncthreads();
  int lane = (int)threadIdx.x % WARP;
  for (int item = 0; item < PER_WARP; item++) {
    int64_t b = ((int64_t)blockIdx.x * PER_WARP + item) * WARPS + threadIdx.x / WARP, begin = b * MOMENT_BLOCK;
    if (begin >= n) return;
    float m_scale = m.absmax[b], v_scale = v.absmax[b], first[EACH], second[EACH], m_largest = 0, v_largest = 0;
    MR_UNROLL
    for (int j = 0; j < EACH; j++) {
      int64_t i = begin + j * WARP + lane;
      first[j] = second[j] = 0;
      if (i >= n) continue;
      float given = grad[i], g = given * k.gradient_factor;
      if (!(fabsf(given) < __int_as_float(0x7f800000))) continue;  // infinite, NaN
      float x = maps.m.entry[m.codes[i]] * m_scale, y = maps.v.entry[v.codes[i]] * v_scale;
      x = fmaf(k.mix1, g, x * k.keep1);
      y = fmaf(k.mix2 * g, g, y * k.keep2);
      float denominator = sqrtf(y) / k.root_bias2 + k.epsilon;
      param[i] = (param[i] + k.step * x / denominator) * k.decay;
      first[j] = x;
      second[j] = y;
      m_largest = fmaxf(fabsf(x), m_largest);
      v_largest = fmaxf(y, v_largest);
    }
    m_largest = warp_max(m_largest);
    v_largest = warp_max(v_largest);
    float m_divisor = m_largest > 0 ? m_largest : 1.0f, v_divisor = v_largest > 0 ? v_largest : 1.0f;
    MR_UNROLL
    for (int j = 0; j < EACH; j++) {
      int64_t i = begin + j * WARP + lane;
      if (i >= n) continue;
      m.codes[i] = code_of(first[j], m_divisor, maps.m, maps.m_bounds);
      v.codes[i] = code_of(second[j], v_divisor, maps.v, maps.v_bounds);
    }
    __syncwarp();  // every lane has read the old scales
    if (lane == 0) {
      m.absmax[b] = m_largest;
      v.absmax[b] = v_largest;
    }
  }
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_adamw_8bit(mr_stream* s, int64_t n, float* param, const float* grad, uint8_t* m_codes, float* m_absmax,
                             const float* m_map, uint8_t* v_codes, float* v_absmax, const float* v_map, double lr, double beta1,
                             double beta2, double eps, double weight_decay, double bias1, double bias2, double grad_scale) {
  MR_REQUIRE(n >= 0, "adamw_8bit: n is %lld", (long long)n);
  MR_REQUIRE(n == 0 || (param && grad && m_codes && m_absmax && m_map && v_codes && v_absmax && v_map),
             "adamw_8bit: a pointer is NULL");
  MR_REQUIRE(bias1 > 0 && bias2 > 0, "adamw_8bit: bias1 %g and bias2 %g must be positive (1 - beta^step)", bias1, bias2);
  Step step = {(float)(1 - lr * weight_decay),
               (float)grad_scale,
               (float)beta1,
               (float)(1 - beta1),
               (float)beta2,
               (float)(1 - beta2),
               (float)sqrt(bias2),
               (float)eps,
               (float)(-(lr / bias1))};
  int64_t blocks = divide_up(n, (int64_t)MOMENT_BLOCK * WARPS * PER_WARP);
  return launch(s, "adamw_8bit", adamw_8bit_kernel, dim3((unsigned)blocks), dim3(THREADS), sizeof(Maps), n, param, grad,
                Moment{m_codes, m_absmax, m_map}, Moment{v_codes, v_absmax, v_map}, step);
}

}  // extern "C"
