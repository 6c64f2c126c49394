// quantize_8bit.cpp: bitsandbytes' quantize_blockwise with a sorted 256-entry map, as its plain torch and CUDA code do
// it: the nearest entry, the lower one on ties. Double quantisation stores absmax - mean(absmax) this way.
#include "code_map.h"
#include "vec_int.h"

namespace mr {
namespace MR_PATH {

static int32_t check_blocks(const char* op, int64_t n, int64_t blocksize, const void* map, const void* x, const void* codes,
                            const void* absmax) {
  MR_REQUIRE(n >= 0 && blocksize >= 1, "%s: n %lld, blocksize %lld", op, (long long)n, (long long)blocksize);
  MR_REQUIRE(n == 0 || (map && x && codes && absmax), "%s: a pointer is NULL", op);
  return MR_OK;
}

int32_t quantize_8bit(mr_stream* s, int64_t n, int64_t blocksize, float offset, const float* map, const float* x, uint8_t* codes,
                      float* absmax) {
  int32_t error = check_blocks("quantize_8bit", n, blocksize, map, x, codes, absmax);
  if (error || n == 0) return error;
  CodeBounds bounds;
  error = code_bounds("quantize_8bit", map, bounds);
  if (error) return error;
  int64_t blocks = (n + blocksize - 1) / blocksize;
  V16 shift = splat(offset);
  parallel_chunks(s, blocks, rows_per_task(blocksize), [=, &bounds](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; b++) {
      int64_t begin = b * blocksize, end = begin + blocksize < n ? begin + blocksize : n;
      float largest = 0;
      for (int64_t i = begin; i < end; i++) {
        float m = __builtin_fabsf(x[i] - offset);
        largest = m > largest ? m : largest;
      }
      float divisor = largest > 1e-38f ? largest : 1e-38f;
      bool whole = end - begin == blocksize;  // see quantize_4bit.cpp
      absmax[b] = whole ? largest : divisor;
      V16 reciprocal = splat(1.0f / divisor), by = splat(divisor);
      each_vector(begin, end, [&](int64_t i, auto lanes) {
        V16 v = load(x + i, lanes) - shift;
        float scaled[LANES];
        store(scaled, whole ? v * reciprocal : v / by);
        int count = (int)(end - i < LANES ? end - i : LANES);
        for (int j = 0; j < count; j++) codes[i + j] = nearest_code(bounds, scaled[j]);
      });
    }
  });
  return MR_OK;
}

int32_t dequantize_8bit(mr_stream* s, int64_t n, int64_t blocksize, float offset, const float* map, const uint8_t* codes,
                        const float* absmax, float* y) {
  int32_t error = check_blocks("dequantize_8bit", n, blocksize, map, y, codes, absmax);
  if (error) return error;
  parallel_chunks(s, n, ELEMENTWISE_CHUNK, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end;) {
      int64_t block = i / blocksize, block_end = (block + 1) * blocksize < end ? (block + 1) * blocksize : end;
      float scale = absmax[block];
      for (; i < block_end; i++) {
        float product = map[codes[i]] * scale;  // rounded before the offset is added
        y[i] = product + offset;
      }
    }
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
