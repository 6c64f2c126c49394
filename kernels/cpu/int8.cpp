// int8.cpp: LLM.int8 (Dettmers et al. 2022) as bitsandbytes computes it: rows in 8 bits with one scale each, exact
// integer products, and the columns that hold an outlier multiplied at full precision.
//
// Sums of products are integers, so no order matters to them; the outlier columns are added in ascending order with one
// fma each. Every path and any number of threads therefore gives the same bits.
#include "op.h"

namespace mr {
namespace MR_PATH {

// int32 sums of products of codes in [-127, 127] cannot overflow below this many columns.
static constexpr int64_t MAX_COLS = 131072;
// Output columns per tile: one vector. Rows per tile: what the accumulators on the stack hold.
static constexpr int64_t TILE_COLS = LANES, TILE_ROWS = 32;
// Outlier columns whose weights are made dense at a time.
static constexpr int64_t OUTLIER_CHUNK = 64;
// 1/127^2 as bitsandbytes writes it, and 1/127 in fp32
static constexpr float PRODUCT_SCALE = 6.200124e-05f, CODE_SCALE = 7.874015718698502e-3f;

// ---- rows to codes ---------------------------------------------------------------------------------------------------

template <class T, class Lanes>
MR_INLINE V16 load_rounded(const T* x, Lanes lanes) {
  return round_to_half(load(x, lanes));
}

// Rows that share their outlier columns.
struct Groups {
  int64_t count, rows;
  const int32_t* ends;  // NULL: one group of all rows
  int64_t begin(int64_t group) const { return ends ? ends[group] : 0; }
  int64_t end(int64_t group) const { return ends ? ends[group + 1] : rows; }
  int64_t of(int64_t row) const {
    int64_t low = 0, high = count - 1;
    while (low < high) {
      int64_t middle = (low + high) / 2;
      if (row < end(middle))
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }
};

// Columns a task of find_outliers owns.
static constexpr int64_t COLUMN_BLOCK = 256;

// Columns of each group with any |x| >= threshold: columns[0] = how many, then their indices in ascending order.
template <class T>
static void find_outliers(mr_stream* s, Groups groups, int64_t cols, float threshold, const T* x, int32_t* lists) {
  // first a flag per column, where its index may be stored: indices never overtake the flags still to be read
  int64_t blocks = (cols + COLUMN_BLOCK - 1) / COLUMN_BLOCK;
  parallel(s, groups.count * blocks, [=](int64_t task) {
    int64_t group = task / blocks, begin = task % blocks * COLUMN_BLOCK;
    int64_t end = begin + COLUMN_BLOCK < cols ? begin + COLUMN_BLOCK : cols;
    int32_t* flag = lists + group * (1 + cols) + 1;
    I16 most[COLUMN_BLOCK / LANES];
    for (I16& m : most) m = isplat(0);
    for (int64_t r = groups.begin(group); r < groups.end(group); r++)
      each_vector(begin, end, [&](int64_t c, auto lanes) {
        I16 magnitude = bits(load_rounded(x + r * cols + c, lanes)) & isplat(0x7fffffff);
        // NaN is no outlier: it spoils its row's absmax instead
        magnitude = select(less(isplat(0x7f800000), magnitude), isplat(0), magnitude);
        I16& m = most[(c - begin) / LANES];
        m = select(less(m, magnitude), magnitude, m);
      });
    for (int64_t c = begin; c < end; c++) {
      int32_t lane[LANES];
      store_ints(lane, most[(c - begin) / LANES]);
      flag[c] = from_bits((uint32_t)lane[(c - begin) % LANES]) >= threshold;
    }
  });
  parallel(s, groups.count, [=](int64_t group) {
    int32_t *columns = lists + group * (1 + cols), *flag = columns + 1, count = 0;
    for (int64_t c = 0; c < cols; c++)
      if (flag[c]) flag[count++] = (int32_t)c;
    columns[0] = count;
  });
}

template <class T>
static void quantize_typed(mr_stream* s, int64_t rows, int64_t cols, float threshold, const T* x, uint8_t* codes, float* absmax,
                           Groups groups, int32_t* lists) {
  bool split = lists != nullptr;
  if (split) find_outliers(s, groups, cols, threshold, x, lists);
  V16 below = splat(threshold), zero = splat(0.0f);
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      const T* in = x + r * cols;
      uint8_t* out = codes + r * cols;
      // magnitudes compared as integers: a NaN is the largest and is not lost
      I16 most = isplat(0);
      each_vector(0, cols, [&](int64_t c, auto lanes) {
        I16 magnitude = bits(load_rounded(in + c, lanes)) & isplat(0x7fffffff);
        if (split) {
          M16 outlier = less(bits(below) - isplat(1), magnitude);
          magnitude = select(less(isplat(0x7f800000), magnitude), magnitude, select(outlier, isplat(0), magnitude));
        }
        most = select(less(most, magnitude), magnitude, most);
      });
      int32_t lane[LANES], largest = 0;
      store_ints(lane, most);
      for (int i = 0; i < LANES; i++) largest = lane[i] > largest ? lane[i] : largest;
      absmax[r] = from_bits((uint32_t)largest);
      // as torch divides a number by a tensor: the reciprocal, rounded, times the number
      float reciprocal = 1.0f / absmax[r];
      V16 factor = splat(127.0f * reciprocal);
      each_vector(0, cols, [=](int64_t c, auto lanes) {
        V16 v = load_rounded(in + c, lanes) * factor;
        // a row of zeros is 0 * inf, an outlier is beyond 127, and neither has a code; 1.5 * 2^23 rounds to even and
        // leaves the integer in the low bits
        V16 magnitude = floats(bits(v) & isplat(0x7fffffff));
        I16 code = bits(select(less(magnitude, splat(127.5f)), v, zero) + splat(12582912.0f)) & isplat(0xff);
        int64_t count = cols - c < LANES ? cols - c : LANES;
        if (count == LANES) return store_bytes(out + c, code);
        uint8_t tail[LANES];
        store_bytes(tail, code);
        for (int64_t i = 0; i < count; i++) out[c + i] = tail[i];
      });
      if (!split) continue;
      const int32_t* columns = lists + groups.of(r) * (1 + cols);
      for (int32_t i = 0; i < columns[0]; i++) out[columns[1 + i]] = 0;
    }
  });
}

int32_t quantize_int8(mr_stream* s, int64_t rows, int64_t cols, float threshold, int32_t x_dtype, const void* x, uint8_t* codes,
                      float* absmax, int64_t groups, const int32_t* ends, int32_t* outliers) {
  MR_REQUIRE(is_activation(x_dtype), "quantize_int8: x dtype %d is not f32, bf16 or f16", x_dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "quantize_int8: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(outliers == nullptr || threshold > 0, "quantize_int8: outliers are looked for above %g", threshold);
  MR_REQUIRE(rows == 0 || (x && codes && absmax), "quantize_int8: x, codes and absmax must not be NULL");
  MR_REQUIRE(outliers == nullptr || (ends ? groups >= 0 : groups == 1), "quantize_int8: %lld groups", (long long)groups);
  with_storage(x_dtype, [=](auto* type) {
    quantize_typed(s, rows, cols, threshold, as(type, x), codes, absmax, Groups{groups, rows, ends}, outliers);
  });
  return MR_OK;
}

// ---- codes to rows ---------------------------------------------------------------------------------------------------

MR_INLINE I16 signed_bytes(const uint8_t* p) { return shift_right_signed<24>(shift_left<24>(load_bytes(p))); }

template <class T>
static void dequantize_typed(mr_stream* s, int64_t rows, int64_t cols, const uint8_t* codes, const float* absmax, T* y) {
  parallel_chunks(s, rows, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) {
      V16 scale = splat(absmax[r] * CODE_SCALE);
      const uint8_t* in = codes + r * cols;
      T* out = y + r * cols;
      int64_t c = 0;
      for (; c + LANES <= cols; c += LANES) store(out + c, to_float(signed_bytes(in + c)) * scale);
      if (c == cols) continue;
      uint8_t tail[LANES] = {0};
      for (int64_t i = c; i < cols; i++) tail[i - c] = in[i];
      store(out + c, to_float(signed_bytes(tail)) * scale, (int)(cols - c));
    }
  });
}

int32_t dequantize_int8(mr_stream* s, int64_t rows, int64_t cols, const uint8_t* codes, const float* absmax, int32_t y_dtype,
                        void* y) {
  MR_REQUIRE(is_activation(y_dtype), "dequantize_int8: y dtype %d is not f32, bf16 or f16", y_dtype);
  MR_REQUIRE(rows >= 0 && cols >= 1, "dequantize_int8: rows %lld, cols %lld", (long long)rows, (long long)cols);
  MR_REQUIRE(rows == 0 || (codes && absmax && y), "dequantize_int8: codes, absmax and y must not be NULL");
  with_storage(y_dtype, [=](auto* type) { dequantize_typed(s, rows, cols, codes, absmax, as(type, y)); });
  return MR_OK;
}

// ---- the product -----------------------------------------------------------------------------------------------------

// Products are made BLOCK rows by BLOCK rows, STEP codes at a time.
static constexpr int BLOCK = 4;

#if defined(__AVX512BW__)
typedef __m512i Sums;
static constexpr int64_t STEP = 32;
MR_INLINE Sums no_sums() { return _mm512_setzero_si512(); }
MR_INLINE Sums widen(const uint8_t* p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i*)p)); }
// two products of 16-bit numbers and their sum are exact in 32 bits
MR_INLINE Sums multiply_add(Sums sum, Sums a, Sums b) { return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b)); }
MR_INLINE int32_t total(Sums a) {
  int32_t lane[16], sum = 0;
  _mm512_storeu_si512(lane, a);
  for (int i = 0; i < 16; i++) sum += lane[i];
  return sum;
}
#elif defined(__AVX2__)
typedef __m256i Sums;
static constexpr int64_t STEP = 16;
MR_INLINE Sums no_sums() { return _mm256_setzero_si256(); }
MR_INLINE Sums widen(const uint8_t* p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)p)); }
MR_INLINE Sums multiply_add(Sums sum, Sums a, Sums b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }
MR_INLINE int32_t total(Sums a) {
  int32_t lane[8], sum = 0;
  _mm256_storeu_si256((__m256i*)lane, a);
  for (int i = 0; i < 8; i++) sum += lane[i];
  return sum;
}
#else
typedef int32_t Sums;
static constexpr int64_t STEP = 1;
MR_INLINE Sums no_sums() { return 0; }
MR_INLINE Sums widen(const uint8_t* p) { return (int8_t)*p; }
MR_INLINE Sums multiply_add(Sums sum, Sums a, Sums b) { return sum + a * b; }
MR_INLINE int32_t total(Sums a) { return a; }
#endif

// sums[i][j] = sum over k of a[i][k] * b[j][k] of rows of `cols` codes.
MR_INLINE void dot_block(int64_t cols, const uint8_t* const* a, const uint8_t* const* b, int32_t (*sums)[BLOCK]) {
  Sums sum[BLOCK][BLOCK];
  for (int i = 0; i < BLOCK; i++)
    for (int j = 0; j < BLOCK; j++) sum[i][j] = no_sums();
  int64_t k = 0;
  for (; k + STEP <= cols; k += STEP) {
    Sums right[BLOCK];
    for (int j = 0; j < BLOCK; j++) right[j] = widen(b[j] + k);
    for (int i = 0; i < BLOCK; i++) {
      Sums left = widen(a[i] + k);
      for (int j = 0; j < BLOCK; j++) sum[i][j] = multiply_add(sum[i][j], left, right[j]);
    }
  }
  for (int i = 0; i < BLOCK; i++)
    for (int j = 0; j < BLOCK; j++) {
      sums[i][j] = total(sum[i][j]);
      for (int64_t rest = k; rest < cols; rest++) sums[i][j] += (int8_t)a[i][rest] * (int8_t)b[j][rest];
    }
}

// Rows first .. last of a tile gain the products of their group's outlier columns.
template <class T>
static void add_outliers(int64_t first, int64_t last, int64_t width, int64_t in, const int32_t* outliers, const T* x,
                         const uint8_t* wc, V16 column_scale, float (*sum)[TILE_COLS]) {
  for (int32_t begin = 0; begin < outliers[0]; begin += OUTLIER_CHUNK) {
    int32_t n = outliers[0] - begin < OUTLIER_CHUNK ? outliers[0] - begin : (int32_t)OUTLIER_CHUNK;
    const int32_t* columns = outliers + 1 + begin;
    float dense[OUTLIER_CHUNK][LANES] = {};
    for (int32_t i = 0; i < n; i++) {
      for (int64_t o = 0; o < width; o++) dense[i][o] = (float)(int8_t)wc[o * in + columns[i]];
      store(dense[i], rounded(load(dense[i]) * column_scale * splat(CODE_SCALE), x));
    }
    for (int64_t r = first; r < last; r++) {
      V16 t = load(sum[r]);
      const T* row = x + r * in;
      for (int32_t i = 0; i < n; i++) {
        V16 value = load(row + columns[i], 1);
        float first_lane[LANES];
        store(first_lane, value);
        t = fma(splat(first_lane[0]), load(dense[i]), t);
      }
      store(sum[r], t);
    }
  }
}

// One tile of the product: `rows` <= TILE_ROWS rows of x, the first of them row `row0`, by `width` <= TILE_COLS rows of w.
template <class T>
static void product_tile(int64_t row0, int64_t rows, int64_t width, int64_t out, int64_t in, const uint8_t* xc, const float* xs,
                         Groups groups, const int32_t* lists, const T* x, const uint8_t* wc, const float* ws, T* y) {
  int32_t sums[TILE_ROWS][TILE_COLS] = {};
  for (int64_t r = 0; r < rows; r += BLOCK)
    for (int64_t o = 0; o < width; o += BLOCK) {
      const uint8_t *a[BLOCK], *b[BLOCK];
      // a block beyond the edge repeats the last row, and its sums are not stored
      for (int i = 0; i < BLOCK; i++) {
        a[i] = xc + (r + i < rows ? r + i : rows - 1) * in;
        b[i] = wc + (o + i < width ? o + i : width - 1) * in;
      }
      int32_t block[BLOCK][BLOCK];
      dot_block(in, a, b, block);
      for (int i = 0; i < BLOCK && r + i < rows; i++)
        for (int j = 0; j < BLOCK; j++) sums[r + i][o + j] = block[i][j];
    }
  float scales[LANES] = {0};
  for (int64_t o = 0; o < width; o++) scales[o] = ws[o];
  V16 column_scale = load(scales);
  float sum[TILE_ROWS][TILE_COLS];
  for (int64_t r = 0; r < rows; r++) {
    V16 scaled = to_float(load_ints(sums[r])) * (splat(xs[r]) * column_scale) * splat(PRODUCT_SCALE);
    store(sum[r], rounded(scaled, x));
  }
  for (int64_t first = 0; lists && first < rows;) {
    int64_t group = groups.of(row0 + first), end = groups.end(group) - row0, last = end < rows ? end : rows;
    if (last <= first) break;  // ends that do not reach the last row
    add_outliers(first, last, width, in, lists + group * (1 + in), x, wc, column_scale, sum);
    first = last;
  }
  for (int64_t r = 0; r < rows; r++) store(y + r * out, load(sum[r]), (int)width);
}

template <class T>
static void linear_typed(mr_stream* s, int64_t rows, int64_t out, int64_t in, const uint8_t* xc, const float* xs, Groups groups,
                         const int32_t* lists, const T* x, const uint8_t* wc, const float* ws, T* y) {
  int64_t row_tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  // neighbouring tasks share rows of w, which are many, and run over all rows of x, which are few
  parallel(s, row_tiles * ((out + TILE_COLS - 1) / TILE_COLS), [=](int64_t task) {
    int64_t r = task % row_tiles * TILE_ROWS, o = task / row_tiles * TILE_COLS;
    int64_t height = rows - r < TILE_ROWS ? rows - r : TILE_ROWS, width = out - o < TILE_COLS ? out - o : TILE_COLS;
    product_tile(r, height, width, out, in, xc + r * in, xs + r, groups, lists, x + r * in, wc + o * in, ws + o, y + r * out + o);
  });
}

int32_t int8_linear(mr_stream* s, int64_t rows, int64_t outputs, int64_t inputs, const uint8_t* x_codes, const float* x_absmax,
                    int64_t groups, const int32_t* ends, const int32_t* outliers, int32_t dtype, const void* x,
                    const uint8_t* w_codes, const float* w_absmax, void* y) {
  MR_REQUIRE(is_activation(dtype), "int8_linear: dtype %d is not f32, bf16 or f16", dtype);
  MR_REQUIRE(rows >= 0 && outputs >= 0 && inputs >= 1 && inputs <= MAX_COLS, "int8_linear: rows %lld, outputs %lld, inputs %lld",
             (long long)rows, (long long)outputs, (long long)inputs);
  MR_REQUIRE(rows == 0 || outputs == 0 || (x_codes && x_absmax && x && w_codes && w_absmax && y), "int8_linear: a pointer is NULL");
  MR_REQUIRE(outliers == nullptr || (ends ? groups >= 0 : groups == 1), "int8_linear: %lld groups", (long long)groups);
  if (rows == 0) return MR_OK;
  with_storage(dtype, [=](auto* type) {
    linear_typed(s, rows, outputs, inputs, x_codes, x_absmax, Groups{groups, rows, ends}, outliers, as(type, x), w_codes, w_absmax,
                 as(type, y));
  });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
