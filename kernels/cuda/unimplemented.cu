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
__attribute__((weak)) MR_API int32_t mr_add(mr_stream*, int32_t, int64_t, const void*, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_add has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_scale(mr_stream*, int32_t, int64_t, float, const void*, void*, int32_t) { return mr::fail(MR_ERR_INTERNAL, "mr_scale has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_swiglu_forward(mr_stream*, int32_t, int64_t, const void*, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_swiglu_forward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_swiglu_backward(mr_stream*, int32_t, int64_t, const void*, const void*, const void*, void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_swiglu_backward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_geglu_forward(mr_stream*, int32_t, int64_t, const void*, const void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_geglu_forward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_geglu_backward(mr_stream*, int32_t, int64_t, const void*, const void*, const void*, void*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_geglu_backward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_add_bias_forward(mr_stream*, int32_t, int64_t, int64_t, const void*, const float*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_add_bias_forward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_add_bias_backward(mr_stream*, int32_t, int64_t, int64_t, const void*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_add_bias_backward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_dropout(mr_stream*, int32_t, int64_t, float, uint32_t, uint32_t, int64_t, const void*, void*, int32_t) { return mr::fail(MR_ERR_INTERNAL, "mr_dropout has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_uniform(mr_stream*, int64_t, float, float, uint32_t, uint32_t, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_uniform has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_normal(mr_stream*, int64_t, float, float, uint32_t, uint32_t, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_normal has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_scale_rows(mr_stream*, int64_t, int64_t, const float*, const float*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_scale_rows has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_scale_rows_backward(mr_stream*, int64_t, int64_t, const float*, const float*, const float*, float*, int32_t, float*, int32_t) { return mr::fail(MR_ERR_INTERNAL, "mr_scale_rows_backward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_embedding_forward(mr_stream*, int64_t, int64_t, int64_t, int32_t, const void*, const int32_t*, int32_t, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_embedding_forward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_embedding_backward(mr_stream*, int64_t, int64_t, int64_t, const int32_t*, int32_t, const void*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_embedding_backward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_rms_norm_forward(mr_stream*, int32_t, int32_t, int64_t, int64_t, float, const void*, const float*, void*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_rms_norm_forward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_rms_norm_backward(mr_stream*, int32_t, int32_t, int64_t, int64_t, const void*, const void*, const float*, const float*, void*, int32_t, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_rms_norm_backward has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_rope(mr_stream*, int32_t, int64_t, int64_t, int64_t, const void*, const float*, const float*, const int32_t*, int32_t, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_rope has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_gather_rows(mr_stream*, int32_t, int64_t, int64_t, const void*, const int32_t*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_gather_rows has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_scatter_rows(mr_stream*, int32_t, int64_t, int64_t, const void*, const int32_t*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_scatter_rows has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_scatter_add_rows(mr_stream*, int32_t, int64_t, int64_t, const void*, const int32_t*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_scatter_add_rows has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_quantize_4bit(mr_stream*, int32_t, int64_t, int64_t, int32_t, const void*, uint8_t*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_quantize_4bit has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_dequantize_4bit(mr_stream*, int32_t, int64_t, int64_t, const uint8_t*, const float*, int32_t, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_dequantize_4bit has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_quantize_8bit(mr_stream*, int64_t, int64_t, float, const float*, const float*, uint8_t*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_quantize_8bit has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_dequantize_8bit(mr_stream*, int64_t, int64_t, float, const float*, const uint8_t*, const float*, float*) { return mr::fail(MR_ERR_INTERNAL, "mr_dequantize_8bit has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_quantize_int8(mr_stream*, int64_t, int64_t, float, int32_t, const void*, uint8_t*, float*, int32_t*) { return mr::fail(MR_ERR_INTERNAL, "mr_quantize_int8 has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_dequantize_int8(mr_stream*, int64_t, int64_t, const uint8_t*, const float*, int32_t, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_dequantize_int8 has no CUDA kernel yet"); }
__attribute__((weak)) MR_API int32_t mr_int8_linear(mr_stream*, int64_t, int64_t, int64_t, const uint8_t*, const float*, const int32_t*, int32_t, const void*, const uint8_t*, const float*, void*) { return mr::fail(MR_ERR_INTERNAL, "mr_int8_linear has no CUDA kernel yet"); }
}
