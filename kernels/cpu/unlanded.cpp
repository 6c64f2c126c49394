// unlanded.cpp: placeholders for ops that have no file yet; goes away with the last of them.
#include "stream.h"

namespace mr {
namespace MR_PATH {
#define MR_UNLANDED __attribute__((weak))
MR_UNLANDED int32_t fill(mr_stream*, int32_t, int64_t, float, void*) { return fail(MR_ERR_INTERNAL, "mr_fill is not there yet"); }
MR_UNLANDED int32_t copy(mr_stream*, int64_t, const void*, void*) { return fail(MR_ERR_INTERNAL, "mr_copy is not there yet"); }
MR_UNLANDED int32_t cast(mr_stream*, int32_t, int32_t, int64_t, const void*, void*) { return fail(MR_ERR_INTERNAL, "mr_cast is not there yet"); }
MR_UNLANDED int32_t add(mr_stream*, int32_t, int64_t, const void*, const void*, void*) { return fail(MR_ERR_INTERNAL, "mr_add is not there yet"); }
MR_UNLANDED int32_t scale(mr_stream*, int32_t, int64_t, float, const void*, void*, int32_t) { return fail(MR_ERR_INTERNAL, "mr_scale is not there yet"); }
MR_UNLANDED int32_t swiglu_forward(mr_stream*, int32_t, int64_t, const void*, const void*, void*) { return fail(MR_ERR_INTERNAL, "mr_swiglu_forward is not there yet"); }
MR_UNLANDED int32_t swiglu_backward(mr_stream*, int32_t, int64_t, const void*, const void*, const void*, void*, void*) { return fail(MR_ERR_INTERNAL, "mr_swiglu_backward is not there yet"); }
MR_UNLANDED int32_t dropout(mr_stream*, int32_t, int64_t, float, uint32_t, uint32_t, int64_t, const void*, void*, int32_t) { return fail(MR_ERR_INTERNAL, "mr_dropout is not there yet"); }
MR_UNLANDED int32_t uniform(mr_stream*, int64_t, float, float, uint32_t, uint32_t, float*) { return fail(MR_ERR_INTERNAL, "mr_uniform is not there yet"); }
MR_UNLANDED int32_t normal(mr_stream*, int64_t, float, float, uint32_t, uint32_t, float*) { return fail(MR_ERR_INTERNAL, "mr_normal is not there yet"); }
MR_UNLANDED int32_t embedding_forward(mr_stream*, int64_t, int64_t, int64_t, int32_t, const void*, const int32_t*, int32_t, void*) { return fail(MR_ERR_INTERNAL, "mr_embedding_forward is not there yet"); }
MR_UNLANDED int32_t embedding_backward(mr_stream*, int64_t, int64_t, int64_t, const int32_t*, int32_t, const void*, float*) { return fail(MR_ERR_INTERNAL, "mr_embedding_backward is not there yet"); }
MR_UNLANDED int32_t rms_norm_forward(mr_stream*, int32_t, int64_t, int64_t, float, const void*, const float*, void*, float*) { return fail(MR_ERR_INTERNAL, "mr_rms_norm_forward is not there yet"); }
MR_UNLANDED int32_t rms_norm_backward(mr_stream*, int32_t, int64_t, int64_t, const void*, const void*, const float*, const float*, void*, int32_t, float*) { return fail(MR_ERR_INTERNAL, "mr_rms_norm_backward is not there yet"); }
MR_UNLANDED int32_t rope(mr_stream*, int32_t, int64_t, int64_t, int64_t, const void*, const float*, const float*, const int32_t*, int32_t, void*) { return fail(MR_ERR_INTERNAL, "mr_rope is not there yet"); }
MR_UNLANDED int32_t attention_forward(mr_stream*, int32_t, int32_t, int64_t, const int32_t*, int64_t, int64_t, int64_t, float, int64_t, const void*, const void*, const void*, void*, float*) { return fail(MR_ERR_INTERNAL, "mr_attention_forward is not there yet"); }
MR_UNLANDED int32_t attention_backward(mr_stream*, int32_t, int32_t, int64_t, const int32_t*, int64_t, int64_t, int64_t, float, int64_t, const void*, const void*, const void*, const void*, const float*, const void*, void*, void*, void*) { return fail(MR_ERR_INTERNAL, "mr_attention_backward is not there yet"); }
MR_UNLANDED int32_t gather_rows(mr_stream*, int32_t, int64_t, int64_t, const void*, const int32_t*, void*) { return fail(MR_ERR_INTERNAL, "mr_gather_rows is not there yet"); }
MR_UNLANDED int32_t scatter_add_rows(mr_stream*, int32_t, int64_t, int64_t, const void*, const int32_t*, void*) { return fail(MR_ERR_INTERNAL, "mr_scatter_add_rows is not there yet"); }
MR_UNLANDED int32_t cross_entropy(mr_stream*, int64_t, int64_t, const float*, int64_t, const int32_t*, int32_t, float, float*, float*, int32_t) { return fail(MR_ERR_INTERNAL, "mr_cross_entropy is not there yet"); }
MR_UNLANDED int32_t focal_loss(mr_stream*, int64_t, int64_t, const float*, int64_t, const int32_t*, float, float, float, float*, float*, int32_t) { return fail(MR_ERR_INTERNAL, "mr_focal_loss is not there yet"); }
MR_UNLANDED int32_t dice_loss(mr_stream*, int64_t, int64_t, const float*, int64_t, const int32_t*, float, float, int32_t, float, float*, float*, int32_t) { return fail(MR_ERR_INTERNAL, "mr_dice_loss is not there yet"); }
MR_UNLANDED int32_t argmax_rows(mr_stream*, int64_t, int64_t, const float*, int64_t, int32_t*) { return fail(MR_ERR_INTERNAL, "mr_argmax_rows is not there yet"); }
MR_UNLANDED int32_t sum(mr_stream*, int64_t, const float*, double*) { return fail(MR_ERR_INTERNAL, "mr_sum is not there yet"); }
MR_UNLANDED int32_t sum_squares(mr_stream*, int64_t, const float*, double*) { return fail(MR_ERR_INTERNAL, "mr_sum_squares is not there yet"); }
MR_UNLANDED int32_t adamw(mr_stream*, int64_t, float*, const float*, float*, float*, double, double, double, double, double, double, double, double) { return fail(MR_ERR_INTERNAL, "mr_adamw is not there yet"); }
MR_UNLANDED int32_t quantize_4bit(mr_stream*, int32_t, int64_t, int64_t, int32_t, const void*, uint8_t*, float*) { return fail(MR_ERR_INTERNAL, "mr_quantize_4bit is not there yet"); }
MR_UNLANDED int32_t dequantize_4bit(mr_stream*, int32_t, int64_t, int64_t, const uint8_t*, const float*, int32_t, void*) { return fail(MR_ERR_INTERNAL, "mr_dequantize_4bit is not there yet"); }
MR_UNLANDED int32_t quantize_8bit(mr_stream*, int64_t, int64_t, float, const float*, const float*, uint8_t*, float*) { return fail(MR_ERR_INTERNAL, "mr_quantize_8bit is not there yet"); }
MR_UNLANDED int32_t dequantize_8bit(mr_stream*, int64_t, int64_t, float, const float*, const uint8_t*, const float*, float*) { return fail(MR_ERR_INTERNAL, "mr_dequantize_8bit is not there yet"); }
}  // namespace MR_PATH
}  // namespace mr
