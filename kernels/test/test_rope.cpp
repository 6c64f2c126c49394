// test_rope.cpp: the rotation, its inverse and the operation in place.
#include "op_check.h"

using namespace op_check;

TEST(rope) {
  const int64_t max_position = 50;
  for (int64_t tokens : {0, 1, 9})
    for (int64_t heads : {1, 3})
      for (int64_t head_dim : {2, 6, 32, 64, 80, 128})
        for (int32_t dtype : STORAGE)
          for (int inverse : {0, 1}) {
            int64_t half = head_dim / 2, width = heads * head_dim;
            check::Random random{1};
            std::vector<int32_t> positions = {0};
            for (int64_t t = 0; t < tokens; t++) positions.push_back((int32_t)random.below(max_position));
            Floats cosines, sines;
            for (int64_t p = 0; p < max_position; p++)
              for (int64_t c = 0; c < half; c++) {
                double angle = (double)p * pow(10000, -2.0 * (double)c / (double)head_dim);
                cosines.push_back((float)cos(angle)), sines.push_back((float)sin(angle));
              }
            Buffer x(dtype, numbers(tokens * width, 2)), co(cosines), si(sines);
            Doubles expected((size_t)(tokens * width));
            for (int64_t t = 0; t < tokens; t++)
              for (int64_t h = 0; h < heads; h++)
                for (int64_t c = 0; c < half; c++) {
                  int64_t i = t * width + h * head_dim + c, at = positions[(size_t)t] * half + c;
                  double cs = co[at], sn = inverse ? -si[at] : si[at];
                  expected[(size_t)i] = x[i] * cs - x[i + half] * sn;
                  expected[(size_t)(i + half)] = x[i + half] * cs + x[i] * sn;
                }
            Buffers y = same_bits("rope", {Buffer::unset(dtype, tokens * width)}, [&](mr_stream* s, Buffers& out) {
              return mr_rope(s, dtype, tokens, heads, head_dim, x.data(), co.f32(), si.f32(), positions.data(), inverse,
                             out[0].data());
            });
            near("rope", y[0], expected, 2e-7 + storage_error(dtype), 2e-7);
            Buffers in_place = same_bits("rope in place", {x}, [&](mr_stream* s, Buffers& out) {
              return mr_rope(s, dtype, tokens, heads, head_dim, out[0].data(), co.f32(), si.f32(), positions.data(),
                             inverse, out[0].data());
            });
            CHECK(in_place[0] == y[0]);
          }
}

TEST(rope_refuse) {
  Stream s;
  float x[8] = {};
  int32_t positions[] = {0, -3};
  refused(mr_rope(s, MR_F32, 1, 1, 3, x, x, x, positions, 0, x), "rope");
  refused(mr_rope(s, MR_F32, 2, 1, 2, x, x, x, positions, 0, x), "rope");
  refused(mr_rope(s, MR_F64, 1, 1, 2, x, x, x, positions, 0, x), "rope");
  refused(mr_rope(s, MR_F32, 1, 1, 2, x, x, x, nullptr, 0, x), "rope");
}
