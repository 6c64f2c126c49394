// rms_norm.cpp: y = (x * rstd) * w over rows, as transformers' Qwen3RMSNorm: the normalised value is rounded to the
// storage type before it is multiplied by the weight. Or, as its Gemma3RMSNorm, y = (x * rstd) * (1 + w), rounded at the end.
#include "op.h"

namespace mr {
namespace MR_PATH {

// Columns one task of dw owns; it walks the rows in order.
static constexpr int64_t COLUMN_BLOCK = 64;

// Sum of term(c, lanes) over a row, in four interleaved accumulators that hide the latency of the adds.
template <class Term>
MR_INLINE float sum_row(int64_t cols, Term term) {
  V16 sum[4] = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
  int64_t c = 0;
  for (; c + 4 * LANES <= cols; c += 4 * LANES)
    for (int k = 0; k < 4; k++) sum[k] = term(c + k * LANES, AllLanes{}, sum[k]);
  for (int k = 0; c + LANES <= cols; c += LANES, k++) sum[k] = term(c, AllLanes{}, sum[k]);
  if (c < cols) sum[3] = term(c, FirstLanes{(int)(cols - c)}, sum[3]);
  return reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// The factor of the normalised value, and the operand that it multiplies (rounded to the storage type unless the factor is 1 + w).
template <bool OFFSET, class Lanes>
MR_INLINE V16 factor_of(const float* w, Lanes lanes) {
  V16 weight = load(w, lanes);
  return OFFSET ? splat(1.0f) + weight : weight;
}
template <bool OFFSET, class T>
MR_INLINE V16 weight_operand(V16 n, const T* storage) {
  return OFFSET ? n : rounded(n, storage);
}

template <bool OFFSET, class T>
static void forward_typed(mr_stream* s, int64_t rows, int64_t cols, float eps, const T* x, const float* w, T* y, float* rstd) {
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const T* in = x + r * cols;
      T* out = y + r * cols;
      float squares = sum_row(cols, [=](int64_t c, auto lanes, V16 sum) {
        V16 v = load(in + c, lanes);
        return fma(v, v, sum);
      });
      float scale = 1.0f / __builtin_sqrtf(squares / (float)cols + eps);
      rstd[r] = scale;
      V16 factor = splat(scale);
      each_vector(0, cols, [=](int64_t c, auto lanes) {
        V16 n = weight_operand<OFFSET>(load(in + c, lanes) * factor, in);
        store(out + c, n * factor_of<OFFSET>(w + c, lanes), lanes);
      });
    }
  });
}

// With n = x * rstd and g = dy * w (or dy * (1 + w)): dx = rstd * (g - n * mean(g * n)).
template <bool OFFSET, class T>
static void input_gradient(mr_stream* s, int64_t rows, int64_t cols, const T* dy, const T* x, const float* w, const float* rstd,
                           T* dx, bool accumulate) {
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const T *d = dy + r * cols, *in = x + r * cols;
      T* out = dx + r * cols;
      V16 factor = splat(rstd[r]);
      float dot = sum_row(cols, [=](int64_t c, auto lanes, V16 sum) {
        return fma(load(d + c, lanes) * factor_of<OFFSET>(w + c, lanes), load(in + c, lanes) * factor, sum);
      });
      V16 mean = splat(0.0f - dot / (float)cols), zero = splat(0.0f);
      each_vector(0, cols, [=](int64_t c, auto lanes) {
        V16 g = load(d + c, lanes) * factor_of<OFFSET>(w + c, lanes), n = load(in + c, lanes) * factor;
        V16 before = accumulate ? load(out + c, lanes) : zero;
        store(out + c, fma(factor, fma(n, mean, g), before), lanes);
      });
    }
  });
}

template <bool OFFSET, class T>
static void weight_gradient(mr_stream* s, int64_t rows, int64_t cols, const T* dy, const T* x, const float* rstd, float* dw) {
  parallel_chunks(s, cols, COLUMN_BLOCK, [=](int64_t begin, int64_t end) {
    V16 sum[COLUMN_BLOCK / LANES];
    for (V16& v : sum) v = splat(0.0f);
    for (int64_t r = 0; r < rows; r++) {
      V16 scale = splat(rstd[r]);
      const T *d = dy + r * cols + begin, *in = x + r * cols + begin;
      if (end - begin == COLUMN_BLOCK)
        for (int v = 0; v < COLUMN_BLOCK / LANES; v++)
          sum[v] = fma(load(d + v * LANES), weight_operand<OFFSET>(load(in + v * LANES) * scale, in), sum[v]);
      else
        each_vector(0, end - begin, [&](int64_t c, auto lanes) {
          V16 n = weight_operand<OFFSET>(load(in + c, lanes) * scale, in);
          sum[c / LANES] = fma(load(d + c, lanes), n, sum[c / LANES]);
        });
    }
    float* out = dw + begin;
    each_vector(0, end - begin, [&](int64_t c, auto lanes) { store(out + c, load(out + c, lanes) + sum[c / LANES], lanes); });
  });
}

// dw first: dx may be the buffer of dy
template <bool OFFSET, class T>
static void backward_typed(mr_stream* s, int64_t rows, int64_t cols, const T* dy, const T* x, const float* w, const float* rstd,
                           T* dx, bool accumulate, float* dw) {
  if (dw) weight_gradient<OFFSET>(s, rows, cols, dy, x, rstd, dw);
  input_gradient<OFFSET>(s, rows, cols, dy, x, w, rstd, dx, accumulate);
}

int32_t rms_norm_forward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, float eps, const void* x,
                         const float* w, void* y, float* rstd) {
  MR_REQUIRE(is_activation(dtype), "rms_norm_forward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rms_norm_forward: kind %d", kind);
  MR_REQUIRE(rows >= 0 && cols >= 1, "rms_norm_forward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (x && w && y && rstd), "rms_norm_forward: x, w, y and rstd must not be NULL");
  with_storage(dtype, [=](auto* type) {
    if (kind == MR_NORM_SCALE)
      forward_typed<false>(s, rows, cols, eps, as(type, x), w, as(type, y), rstd);
    else
      forward_typed<true>(s, rows, cols, eps, as(type, x), w, as(type, y), rstd);
  });
  return MR_OK;
}

int32_t rms_norm_backward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, const void* dy, const void* x,
                          const float* w, const float* rstd, void* dx, int32_t accumulate, float* dw) {
  MR_REQUIRE(is_activation(dtype), "rms_norm_backward: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(kind == MR_NORM_SCALE || kind == MR_NORM_OFFSET, "rms_norm_backward: kind %d", kind);
  MR_REQUIRE(rows >= 0 && cols >= 1, "rms_norm_backward: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (dy && x && w && rstd && dx), "rms_norm_backward: dy, x, w, rstd and dx must not be NULL");
  with_storage(dtype, [=](auto* type) {
    if (kind == MR_NORM_SCALE)
      backward_typed<false>(s, rows, cols, as(type, dy), as(type, x), w, rstd, as(type, dx), accumulate != 0, dw);
    else
      backward_typed<true>(s, rows, cols, as(type, dy), as(type, x), w, rstd, as(type, dx), accumulate != 0, dw);
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
