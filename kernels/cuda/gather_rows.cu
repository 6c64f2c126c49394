// gather_rows.cu: the rows that carry labels out of the packed tokens, and their gradients back. A negative row is reported when the
// stream is synchronised; nothing is read or written there.
#include "rows.h"

namespace mr {
namespace {

// Raw elements i .. i+N-1: a copy keeps every bit of a NaN.
template <class Raw>
__device__ __forceinline__ void copy_pack(const Raw* from, Raw* to, int64_t i, int64_t n) {
  constexpr int N = 16 / (int)sizeof(Raw);
  if (i + N <= n && aligned_16(from) && aligned_16(to))
    *reinterpret_cast<uint4*>(to + i) = *reinterpret_cast<const uint4*>(from + i);
  else
    for (int j = 0; j < N; j++)
      if (i + j < n) to[i + j] = from[i + j];
}

// y[i] = x[rows[i]].
template <class Raw>
__global__ void gather_kernel(int64_t n, int64_t cols, const Raw* x, const int32_t* rows, Raw* y, Fault* fault) {
  constexpr int N = 16 / (int)sizeof(Raw);
  int64_t i = own_row();
  follow_kernels();
  if (i >= n) return;
  int32_t row = rows[i];
  if (row < 0) {
    if (threadIdx.x == 0) report(fault, FAULT_ROW, i, row);
    return;
  }
  const Raw* from = x + row * cols;
  Raw* to = y + i * cols;
  for (int64_t c = threadIdx.x * N; c < cols; c += blockDim.x * N) copy_pack(from, to, c, cols);
}

template <class T>
__global__ void scatter_add_kernel(int64_t n, int64_t cols, const T* dy, const int32_t* rows, T* dx, Fault* fault) {
  constexpr int N = Pack<T>::N;
  int64_t i = own_row();
  if (i >= n) return;
  int64_t row = rows[i];
  if (row < 0) {
    if (threadIdx.x == 0) report(fault, FAULT_ROW, i, (int32_t)row);
    return;
  }
  for (int64_t c = threadIdx.x * N; c < cols; c += blockDim.x * N) {
    Pack<T> d = load_pack(dy + i * cols, c, cols), sum = load_pack(dx + row * cols, c, cols);
    for (int j = 0; j < N; j++) sum.x[j] += d.x[j];
    store_pack(dx + row * cols, c, cols, sum);
  }
}

int32_t check_rows(const char* op, int32_t dtype, int64_t n, int64_t cols, const void* x, const int32_t* rows, const void* y) {
  MR_REQUIRE(is_activation(dtype), "%s: dtype %d is not f32, bf16 or f16", op, dtype);
  MR_REQUIRE(n >= 0 && cols >= 0, "%s: n %lld, cols %lld", op, (long long)n, (long long)cols);
  MR_REQUIRE(n == 0 || (x && rows && y), "%s: a pointer is NULL", op);
  return MR_OK;
}

template <class Raw>
int32_t gather(mr_stream* s, int64_t n, int64_t cols, const void* x, const int32_t* rows, void* y) {
  dim3 block = row_block(cols, 16 / (int)sizeof(Raw));
  return launch_early(s, "gather_rows", gather_kernel<Raw>, row_grid(n, block), block, 0, n, cols, static_cast<const Raw*>(x), rows,
                      static_cast<Raw*>(y), s->fault);
}

}  // namespace
}  // namespace mr

using namespace mr;

extern "C" {

MR_API int32_t mr_gather_rows(mr_stream* s, int32_t dtype, int64_t n, int64_t cols, const void* x, const int32_t* rows, void* y) {
  MR_TRY(check_rows("gather_rows", dtype, n, cols, x, rows, y));
  return (dtype == MR_F32 ? gather<uint32_t> : gather<uint16_t>)(s, n, cols, x, rows, y);
}

MR_API int32_t mr_scatter_add_rows(mr_stream* s, int32_t dtype, int64_t n, int64_t cols, const void* dy, const int32_t* rows,
                                   void* dx) {
  MR_TRY(check_rows("scatter_add_rows", dtype, n, cols, dy, rows, dx));
  return with_storage(dtype, [=](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    dim3 block = row_block(cols, Pack<T>::N);
    return launch(s, "scatter_add_rows", scatter_add_kernel<T>, row_grid(n, block), block, 0, n, cols, as(type, dy), rows,
                  as(type, dx), s->fault);
  });
}

}  // extern "C"
