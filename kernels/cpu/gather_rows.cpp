// gather_rows.cpp: the rows that carry labels out of the packed tokens, and their gradients back.
#include "op.h"

namespace mr {
namespace MR_PATH {

template <class T>
static void gather_typed(mr_stream* s, int64_t n, int64_t cols, const T* x, const int32_t* rows, T* y) {
  parallel_chunks(s, n, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) memcpy(y + i * cols, x + rows[i] * cols, (size_t)cols * sizeof(T));
  });
}

template <class T>
static void scatter_typed(mr_stream* s, int64_t n, int64_t cols, const T* dy, const int32_t* rows, T* dx) {
  parallel_chunks(s, n, rows_per_task(cols), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const T* d = dy + i * cols;
      T* out = dx + rows[i] * cols;
      each_vector(0, cols, [=](int64_t c, auto lanes) { store(out + c, load(out + c, lanes) + load(d + c, lanes), lanes); });
    }
  });
}

static int32_t check_rows(const char* op, int32_t dtype, int64_t n, int64_t cols, const void* x, const int32_t* rows,
                          const void* y) {
  MR_REQUIRE(is_activation(dtype), "%s: dtype %d is not f32, bf16 or f16", op, dtype);
  MR_REQUIRE(n >= 0 && cols >= 0, "%s: n %lld, cols %lld", op, (long long)n, (long long)cols);
  MR_REQUIRE(n == 0 || (x && rows && y), "%s: a pointer is NULL", op);
  for (int64_t i = 0; i < n; i++) MR_REQUIRE(rows[i] >= 0, "%s: rows[%lld] is %d", op, (long long)i, rows[i]);
  return MR_OK;
}

int32_t gather_rows(mr_stream* s, int32_t dtype, int64_t n, int64_t cols, const void* x, const int32_t* rows, void* y) {
  int32_t error = check_rows("gather_rows", dtype, n, cols, x, rows, y);
  if (error) return error;
  with_storage(dtype, [=](auto* type) { gather_typed(s, n, cols, as(type, x), rows, as(type, y)); });
  return MR_OK;
}

int32_t scatter_add_rows(mr_stream* s, int32_t dtype, int64_t n, int64_t cols, const void* dy, const int32_t* rows, void* dx) {
  int32_t error = check_rows("scatter_add_rows", dtype, n, cols, dy, rows, dx);
  if (error) return error;
  with_storage(dtype, [=](auto* type) { scatter_typed(s, n, cols, as(type, dy), rows, as(type, dx)); });
  return MR_OK;
}

}  // namespace MR_PATH
}  // namespace mr
