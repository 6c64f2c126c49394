// op_check.h: what the op tests share: buffers of either storage type, every stream this CPU can make, comparison with
// a reference in double.
#pragma once

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <functional>
#include <string>
#include <vector>

#include "../medrepro_host.h"
#include "check.h"

namespace op_check {

typedef std::vector<float> Floats;
typedef std::vector<double> Doubles;

inline float bf16_to_float(uint16_t h) {
  uint32_t u = (uint32_t)h << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}
inline uint16_t float_to_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  if (f != f) return (uint16_t)(u >> 16 | 0x40);
  return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// fp16 from its definition: sign, five bits of exponent, ten of fraction.
inline double half_value(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double sign = h >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}
inline float half_to_float(uint16_t h) {
  static const Floats values = [] {
    Floats all;
    for (int i = 0; i < 65536; i++) all.push_back((float)half_value((uint16_t)i));
    return all;
  }();
  return values[h];
}
// Nearest even: in double, adding and taking away 1.5 * 2^52 spacings of fp16 rounds to a multiple of the spacing.
inline uint16_t half_bits(float f) {
  uint16_t sign = signbit(f) ? 0x8000 : 0;
  if (f != f) return (uint16_t)(sign | 0x7e00);
  double a = fabs((double)f);
  if (a >= 65520) return (uint16_t)(sign | 0x7c00);
  uint64_t u;
  memcpy(&u, &a, 8);
  int e = (int)(u >> 52) - 1023, spacing = e - 10 < -24 ? -24 : e - 10;
  u = (uint64_t)(1023 + 52 + spacing) << 52 | (uint64_t)1 << 51;
  double shift;
  memcpy(&shift, &u, 8);
  double rounded = (a + shift) - shift;
  if (rounded < 0x1p-14) return (uint16_t)(sign | (int)(rounded * 0x1p24));
  memcpy(&u, &rounded, 8);
  return (uint16_t)(sign | ((u >> 42) - ((uint64_t)(1023 - 15) << 10)));
}

// A 16-bit type to and from fp32.
inline float narrow_to_float(int32_t dtype, uint16_t h) { return dtype == MR_F16 ? half_to_float(h) : bf16_to_float(h); }
inline uint16_t float_to_narrow(int32_t dtype, float f) { return dtype == MR_F16 ? half_bits(f) : float_to_bf16(f); }

// n numbers in [-scale, scale).
inline Floats numbers(int64_t n, uint64_t seed, float scale = 1) {
  check::Random random{seed};
  Floats x((size_t)n);
  for (float& v : x) v = random.symmetric() * scale;
  return x;
}

// A buffer of MR_F32, MR_BF16 or MR_F16, exactly as long as its elements, so that the address sanitizer sees any step beyond
// it.
class Buffer {
 public:
  Buffer(int32_t dtype, const Floats& x) : dtype_(dtype), count_((int64_t)x.size()), bytes_(x.size() * width()) {
    for (size_t i = 0; i < x.size(); i++) {
      uint8_t* p = bytes_.data() + i * width();
      uint16_t h = float_to_narrow(dtype, x[i]);
      if (dtype == MR_F32)
        memcpy(p, &x[i], sizeof x[i]);
      else
        memcpy(p, &h, sizeof h);
    }
  }
  explicit Buffer(const Floats& x) : Buffer(MR_F32, x) {}
  // n elements that are all NaN: what an op must overwrite
  static Buffer unset(int32_t dtype, int64_t n) { return Buffer(dtype, Floats((size_t)n, NAN)); }

  // of an empty buffer, a pointer that is not NULL and may not be read
  void* data() { return bytes_.empty() ? (void*)1 : bytes_.data(); }
  const void* data() const { return bytes_.empty() ? (const void*)1 : bytes_.data(); }
  float* f32() { return (float*)data(); }
  const float* f32() const { return (const float*)data(); }
  float operator[](int64_t i) const {
    const uint8_t* p = bytes_.data() + (size_t)i * width();
    if (dtype_ == MR_F32) {
      float f;
      memcpy(&f, p, 4);
      return f;
    }
    uint16_t h;
    memcpy(&h, p, 2);
    return narrow_to_float(dtype_, h);
  }
  int32_t dtype() const { return dtype_; }
  int64_t size() const { return count_; }
  bool operator==(const Buffer& other) const { return bytes_ == other.bytes_; }

 private:
  size_t width() const { return dtype_ == MR_F32 ? 4 : 2; }
  int32_t dtype_;
  int64_t count_;
  std::vector<uint8_t> bytes_;
};

typedef std::vector<Buffer> Buffers;

inline const char* path_name(int32_t isa) {
  static const char* const names[] = {"portable", "avx2", "avx512", "avx512bf16"};
  return names[isa];
}

// body(stream, description) on every path this CPU runs, with 1, 2 and 3 threads.
inline void each_stream(const std::function<void(mr_stream*, const std::string&)>& body) {
  for (int32_t isa = 0; isa <= mr_cpu_best_isa(); isa++)
    for (int32_t threads = 1; threads <= 3; threads++) {
      mr_stream* s = mr_stream_create(0, threads, isa);
      CHECK(s != nullptr);
      if (s == nullptr) continue;
      body(s, std::string(path_name(isa)) + ", " + std::to_string(threads) + " threads");
      mr_stream_destroy(s);
    }
}

// Runs an op on a copy of the outputs on every stream; it must succeed and leave the same bits everywhere. Returns what
// the first run left.
inline Buffers same_bits(const std::string& what, const Buffers& outputs, const std::function<int32_t(mr_stream*, Buffers&)>& op) {
  Buffers first;
  each_stream([&](mr_stream* s, const std::string& where) {
    Buffers now = outputs;
    int32_t error = op(s, now);
    CHECK_MSG(error == MR_OK, "%s on %s: %s", what.c_str(), where.c_str(), mr_last_error());
    if (first.empty()) first = now;
    for (size_t i = 0; i < now.size(); i++)
      CHECK_MSG(now[i] == first[i], "%s on %s: output %zu has other bits", what.c_str(), where.c_str(), i);
  });
  return first;
}

// What rounding to storage costs: half the spacing as a share of the value, and below fp16's normal numbers as a
// number.
inline double storage_error(int32_t dtype) { return dtype == MR_BF16 ? 0x1p-8 : dtype == MR_F16 ? 0x1p-11 : 0; }
inline double storage_floor(int32_t dtype) { return dtype == MR_F16 ? 0x1p-25 : 0; }
inline const char* dtype_name(int32_t dtype) { return dtype == MR_F32 ? "fp32" : dtype == MR_BF16 ? "bf16" : "fp16"; }

// |actual - expected| <= relative * |expected| + absolute, element by element.
inline void near(const std::string& what, const Buffer& actual, const Doubles& expected, double relative, double absolute) {
  CHECK_MSG(actual.size() == (int64_t)expected.size(), "%s: %lld elements", what.c_str(), (long long)actual.size());
  for (int64_t i = 0; i < actual.size(); i++) {
    double e = expected[(size_t)i], bound = relative * fabs(e) + absolute + storage_floor(actual.dtype());
    CHECK_MSG(fabs((double)actual[i] - e) <= bound, "%s[%lld]: %.9g, expected %.9g", what.c_str(), (long long)i, (double)actual[i],
              e);
  }
}

// Storage types of activations.
constexpr int32_t STORAGE[] = {MR_F32, MR_BF16, MR_F16};

// A call that must be refused, with a line of text that names the op.
inline void refused(int32_t error, const char* op) {
  CHECK_MSG(error == MR_ERR_ARGUMENT, "%s: returned %d", op, error);
  CHECK_MSG(strncmp(mr_last_error(), op, strlen(op)) == 0, "%s: \"%s\"", op, mr_last_error());
}

// A stream for calls that need no particular one.
struct Stream {
  mr_stream* s = mr_stream_create(0, 1, -1);
  ~Stream() { mr_stream_destroy(s); }
  operator mr_stream*() const { return s; }
};

// Sizes around the vector, and beyond one task.
inline const std::vector<int64_t>& awkward_sizes() {
  static const std::vector<int64_t> sizes = {0, 1, 3, 15, 16, 17, 31, 64, 100, 16384 + 5, 40001};
  return sizes;
}

}  // namespace op_check
