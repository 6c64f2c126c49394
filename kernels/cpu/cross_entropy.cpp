// cross_entropy.cpp: -log softmax at the label and its gradient, row by row, for vocabularies up to hundreds of
// thousands.
//
// The exponentials are taken twice, once for the sum and once for the gradient: that lets dlogits share the logits'
// buffer and add to what is there, and a row stays in the second-level cache.
#include "op.h"
#include "vec_math.h"

namespace mr {
namespace MR_PATH {

// Elements summed in fp32 lanes before the total moves on in double: sixteen additions a lane, so the relative error of
// a row's sum stays near that of exp.
static constexpr int64_t SUM_BLOCK = 1024;

static float row_max(const float* x, int64_t n) {
  V16 best[4];
  for (int k = 0; k < 4; k++) best[k] = splat(-INFINITE);
  int64_t c = 0;
  for (; c + 4 * LANES <= n; c += 4 * LANES)
    for (int k = 0; k < 4; k++) best[k] = max(best[k], load(x + c + k * LANES));
  float largest = reduce_max(max(max(best[0], best[1]), max(best[2], best[3])));
  for (; c < n; c++) largest = x[c] > largest ? x[c] : largest;
  return largest;
}

static double sum_exp(const float* x, int64_t n, float largest) {
  V16 shift = splat(largest);
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += SUM_BLOCK) {
    int64_t end = begin + SUM_BLOCK < n ? begin + SUM_BLOCK : n;
    V16 sum[4] = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
    int64_t c = begin;
    for (; c + 4 * LANES <= end; c += 4 * LANES)
      for (int k = 0; k < 4; k++) sum[k] = sum[k] + exp(load(x + c + k * LANES) - shift);
    for (; c < end; c += LANES) {
      int lanes = end - c < LANES ? (int)(end - c) : LANES;
      float e[LANES];
      store(e, exp(load(x + c, lanes) - shift));
      sum[0] = sum[0] + load(e, lanes);  // lanes past the end hold exp(-largest), not 0
    }
    total += (double)reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  return total;
}

template <class T>
static void cross_entropy_typed(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                                int32_t ignore_index, float grad_scale, float* loss, T* dlogits, bool accumulate) {
  parallel_chunks(s, rows, rows_per_task(classes), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const float* x = logits + r * ld;
      T* d = dlogits ? dlogits + r * ld : nullptr;
      int32_t label = labels[r];
      if (label == ignore_index) {
        loss[r] = 0;
        if (d && !accumulate) memset(d, 0, (size_t)classes * sizeof(T));
        continue;
      }
      float largest = row_max(x, classes);
      double total = sum_exp(x, classes, largest);
      loss[r] = (float)(mr_log(total) + ((double)largest - (double)x[label]));
      if (!d) continue;
      V16 shift = splat(largest), factor = splat((float)((double)grad_scale / total));
      FirstLanes one = {1};
      V16 before = accumulate ? load(d + label, one) : splat(0.0f);
      float at_label = (float)((double)grad_scale * (mr_exp((double)x[label] - (double)largest) / total - 1));
      if (accumulate)
        each_vector(0, classes, [=](int64_t c, auto lanes) {
          store(d + c, fma(exp(load(x + c, lanes) - shift), factor, load(d + c, lanes)), lanes);
        });
      else
        each_vector(0, classes, [=](int64_t c, auto lanes) { store(d + c, exp(load(x + c, lanes) - shift) * factor, lanes); });
      store(d + label, before + splat(at_label), one);
    }
  });
}

int32_t cross_entropy(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                      int32_t ignore_index, float grad_scale, float* loss, int32_t dlogits_dtype, void* dlogits,
                      int32_t accumulate) {
  MR_REQUIRE(rows >= 0 && classes >= 1 && ld >= classes, "cross_entropy: rows %lld, classes %lld, ld %lld", (long long)rows,
             (long long)classes, (long long)ld);
  MR_REQUIRE(is_activation(dlogits_dtype), "cross_entropy: dlogits_dtype %d is not f32, bf16 or f16", dlogits_dtype);
  MR_REQUIRE(rows == 0 || (logits && labels && loss), "cross_entropy: logits, labels and loss must not be NULL");
  MR_REQUIRE(rows == 0 || dlogits != logits || (!accumulate && dlogits_dtype == MR_F32),
             "cross_entropy: dlogits cannot accumulate into the logits themselves, nor take their place in 16 bits");
  for (int64_t r = 0; r < rows; r++)
    MR_REQUIRE(labels[r] == ignore_index || (labels[r] >= 0 && labels[r] < classes),
               "cross_entropy: labels[%lld] is %d, outside [0, %lld)", (long long)r, labels[r], (long long)classes);
  with_storage(dlogits_dtype, [=](auto* type) {
    cross_entropy_typed(s, rows, classes, logits, ld, labels, ignore_index, grad_scale, loss, as(type, dlogits), accumulate != 0);
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
