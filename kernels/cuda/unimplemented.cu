// unimplemented.cu: bootstrap only: what no file of this folder has yet.
#include "device.h"
extern "C" {
__attribute__((weak)) MR_API int32_t mr_int8_linear(mr_stream*, int64_t, int64_t, int64_t, const uint8_t*, const float*, const int32_t*, int32_t, const void*, const uint8_t*, const float*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_int8_linear has no CUDA kernel yet"); }
}
