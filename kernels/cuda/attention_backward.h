// attention_backward.h: what the kernels of the backward share: the tensors, what is known of a row, the gradient of a score.
#pragma once

#include "attention_wgmma.h"

namespace mr {

struct Gradients {
  const void *q, *k, *v, *o;
  const float* lse;
  const void* d_o;
  void *dq, *dk, *dv;
};

// What the backward knows of a (head, token): in memory [heads, tokens]. The tensor kernels have lse in units of ln 2.
struct __align__(8) RowStats {
  float lse;
  float dot;
};

// dS is scaled before it is rounded to f16, whose range loss scaling uses up as it is; in bf16 the sums are scaled instead.
template <class C>
constexpr bool SCALED_FIRST = std::is_same<C, f16>::value;
template <class C>
__device__ __forceinline__ float score_gradient(const Attention& a, float p, float dp, float dot) {
  return SCALED_FIRST<C> ? a.scale * p * (dp - dot) : p * (dp - dot);
}
template <class C>
__device__ __forceinline__ float scale_of_sums(const Attention& a) {
  return SCALED_FIRST<C> ? 1.0f : a.scale;
}

// All of the backward where wgmma_takes the shape; `stats` is room for [heads, tokens]. In attention_backward_wgmma.cu.
int32_t gradients_wgmma(mr_stream* s, const char* op, const Attention& a, const Gradients& t, RowStats* stats);

}  // namespace mr
