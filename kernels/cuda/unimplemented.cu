// unimplemented.cu: bootstrap only: what no file of this folder has yet.
#include "device.h"
extern "C" {
__attribute__((weak)) MR_API int32_t mr_stream_synchronize(mr_stream*) { return mr::fail(MR_ERR_INTERNAL, "mr_stream_synchronize has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_device_free(mr_stream*, void*, int64_t) { return mr::fail(MR_ERR_INTERNAL, "mr_device_free has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_copy_to_device(mr_stream*, int64_t, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_copy_to_device has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_copy_to_host(mr_stream*, int64_t, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_copy_to_host has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_fill(mr_stream*, int32_t, int64_t, float, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_fill has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_copy(mr_stream*, int64_t, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_copy has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_cast(mr_stream*, int32_t, int32_t, int64_t, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_cast has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_int8_linear(mr_stream*, int64_t, int64_t, int64_t, const uint8_t*, const float*, const int32_t*, int32_t, const void*, const uint8_t*, const float*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_int8_linear has no CUDA kernel yet"); }
}
