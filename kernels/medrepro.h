/* medrepro.h: the C ABI of a medrepro back end.
 *
 * Every back end (CPU, CUDA) implements every function declared here under the same name. This file is the single source
 * of truth: `scripts/bindings.ts` generates the TypeScript binding (src/native/bindings.ts) and the CPU dispatch table
 * (kernels/cpu/dispatch.inc) from it, and a test fails when either is out of date. Keep to the plain grammar it reads:
 * one declaration per function, one space-separated type and name per parameter, names in snake_case.
 *
 * Conventions
 *   return    0 = ok; otherwise an MR_ERR_* code, and mr_last_error() holds one line of text for this thread
 *   s         the stream the work is queued on; no op synchronises it by itself
 *   T         packed tokens (the sum of all sequence lengths in a batch: there is no padding)
 *   layout    row-major; [T, C] means T rows of C contiguous elements unless a leading dimension is passed
 *   dtype     MR_F32, MR_BF16 or MR_F16 for activations; arithmetic inside an op is fp32 whatever the storage
 *   accumulate  0: y = f(x), 1: y += f(x)
 *   sizes     int64_t; indices and labels int32_t arrays; NULL where a comment allows it
 *   bits      in fp32, a result depends on the arguments alone: not on threads, and not on the CPU path
 */
#ifndef MEDREPRO_H
#define MEDREPRO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define MR_API
#else
#define MR_API __attribute__((visibility("default")))
#endif

typedef struct mr_stream mr_stream;

enum mr_dtype { MR_F32 = 0, MR_BF16 = 1, MR_F16 = 2, MR_U8 = 3, MR_I32 = 4, MR_F64 = 5 };
enum mr_error { MR_OK = 0, MR_ERR_ARGUMENT = 1, MR_ERR_MEMORY = 2, MR_ERR_DEVICE = 3, MR_ERR_INTERNAL = 4, MR_ERR_IO = 5 };
/* 4-bit code books of bitsandbytes */
enum mr_kind4 { MR_FP4 = 0, MR_NF4 = 1 };
/* how a norm uses its weight: w times the normalised value rounded to the storage type, or 1 + w times the value that is
 * not yet rounded (Gemma) */
enum mr_norm { MR_NORM_SCALE = 0, MR_NORM_OFFSET = 1 };
/* activation of a gated linear unit: mr_swiglu_forward, mr_geglu_forward */
enum mr_gate { MR_GATE_SILU = 0, MR_GATE_GELU = 1 };
/* how the Dice coefficient is summed: over the classes of one example, or over the examples of one class */
enum mr_dice_reduction { MR_DICE_EXAMPLE = 0, MR_DICE_CLASS = 1 };

/* ---- device, stream, memory ---------------------------------------------------------------------------------- */

/* One line about the last error on the calling thread; never NULL. */
MR_API const char* mr_last_error(void);
/* threads: CPU workers including the caller (0 = all cores the process may use); isa: see mr_isa in medrepro_host.h,
 * -1 = best available. Both ignored by CUDA. NULL on failure. */
MR_API mr_stream* mr_stream_create(int32_t device, int32_t threads, int32_t isa);
MR_API void mr_stream_destroy(mr_stream* s);
MR_API int32_t mr_stream_synchronize(mr_stream* s);
/* Device memory, aligned to 256 bytes at least, of unknown content (zeros on the CPU); NULL when there is none. */
MR_API void* mr_device_alloc(mr_stream* s, int64_t bytes);
MR_API int32_t mr_device_free(mr_stream* s, void* p, int64_t bytes);
/* The device's name; never NULL. */
MR_API const char* mr_device_name(mr_stream* s);
/* Free bytes of device memory. */
MR_API double mr_device_free_memory(mr_stream* s);
/* Zeroed host memory that ops can access like device memory, only slower; NULL when there is none. */
MR_API void* mr_host_alloc(mr_stream* s, int64_t bytes);
MR_API int32_t mr_host_free(mr_stream* s, void* p, int64_t bytes);
MR_API int32_t mr_copy_to_device(mr_stream* s, int64_t bytes, const void* host, void* device);
MR_API int32_t mr_copy_to_host(mr_stream* s, int64_t bytes, const void* device, void* host);

/* What a back end knows of a family of its kernels: whether it is on, and whether a device has run it. */
enum mr_family { MR_FAMILY_OFF = 0, MR_FAMILY_ON = 1, MR_FAMILY_CHANGED = 2, MR_FAMILY_UNPROVEN = 4 };
/* Families of kernels that are chosen or proven apart: the name of one; NULL beyond the last. The CPU has none. */
MR_API const char* mr_family_name(int32_t family);
/* What in the environment turns it on, such as VARIABLE=value; empty where nothing does. */
MR_API const char* mr_family_setting(int32_t family);
/* MR_FAMILY_ON where the stream takes these kernels (s NULL: where a device that has the instructions would, unasked);
 * MR_FAMILY_CHANGED: new or changed since the last run on a device, tested in the emulation alone; MR_FAMILY_UNPROVEN: no device ran them. */
MR_API int32_t mr_family_state(mr_stream* s, int32_t family);

/* What is queued between the two is recorded and not run; mr_replay runs it any number of times, with the same arguments and what
 * is in memory then. No memory is allocated, freed or copied from or to the host meanwhile. mr_record_end: NULL when an op
 * could not be recorded. The CPU records nothing: MR_ERR_DEVICE. */
MR_API int32_t mr_record_begin(mr_stream* s);
MR_API void* mr_record_end(mr_stream* s);
MR_API int32_t mr_replay(mr_stream* s, void* recording);
MR_API int32_t mr_recording_free(mr_stream* s, void* recording);

/* ---- elementwise --------------------------------------------------------------------------------------------- */

MR_API int32_t mr_fill(mr_stream* s, int32_t dtype, int64_t n, float value, void* y);
MR_API int32_t mr_copy(mr_stream* s, int64_t bytes, const void* x, void* y);
/* Between MR_F32, MR_BF16, MR_F16; round to nearest even; NaN stays NaN. */
MR_API int32_t mr_cast(mr_stream* s, int32_t x_dtype, int32_t y_dtype, int64_t n, const void* x, void* y);
/* y = a + b */
MR_API int32_t mr_add(mr_stream* s, int32_t dtype, int64_t n, const void* a, const void* b, void* y);
/* y = alpha*x, or y += alpha*x (one fma) */
MR_API int32_t mr_scale(mr_stream* s, int32_t dtype, int64_t n, float alpha, const void* x, void* y, int32_t accumulate);
/* y = silu(gate) * up */
MR_API int32_t mr_swiglu_forward(mr_stream* s, int32_t dtype, int64_t n, const void* gate, const void* up, void* y);
/* dgate, dup from dy; both are written (not accumulated) and may alias dy, gate or up element for element. */
MR_API int32_t mr_swiglu_backward(mr_stream* s, int32_t dtype, int64_t n, const void* dy, const void* gate, const void* up,
                                  void* dgate, void* dup);
/* y = gelu(gate) * up, gelu(x) = 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
MR_API int32_t mr_geglu_forward(mr_stream* s, int32_t dtype, int64_t n, const void* gate, const void* up, void* y);
/* As mr_swiglu_backward. */
MR_API int32_t mr_geglu_backward(mr_stream* s, int32_t dtype, int64_t n, const void* dy, const void* gate, const void* up,
                                 void* dgate, void* dup);
/* y[r,:] = x[r,:] + b; b fp32[cols]. y may alias x. */
MR_API int32_t mr_add_bias_forward(mr_stream* s, int32_t dtype, int64_t rows, int64_t cols, const void* x, const float* b, void* y);
/* db += sum over rows of dy, in row order. */
MR_API int32_t mr_add_bias_backward(mr_stream* s, int32_t dtype, int64_t rows, int64_t cols, const void* dy, float* db);
/* Inverted dropout with a counter-based generator: element i is kept when Philox4x32-10(key = seed, counter =
 * (offset + i) / 4)[(offset + i) % 4] >= p * 2^32, and then scaled by 1/(1-p). offset must be a multiple of 4.
 * Its own backward: call it on dy with the same seed and offset. */
MR_API int32_t mr_dropout(mr_stream* s, int32_t dtype, int64_t n, float p, uint32_t seed_low, uint32_t seed_high, int64_t offset,
                          const void* x, void* y, int32_t accumulate);
/* y[i] uniform in [low, high), element i from Philox counter i/4 lane i%4: 24 random bits. */
MR_API int32_t mr_uniform(mr_stream* s, int64_t n, float low, float high, uint32_t seed_low, uint32_t seed_high, float* y);
/* y[i] ~ N(mean, std): Box-Muller on pairs of the same generator, own log/sin/cos. */
MR_API int32_t mr_normal(mr_stream* s, int64_t n, float mean, float std, uint32_t seed_low, uint32_t seed_high, float* y);

/* ---- matrix products ----------------------------------------------------------------------------------------- */

/* C[m,n] = alpha * op(A)[m,k] op(B)[k,n] (+ C when accumulate). op is the transpose when trans_* is 1: trans_a stores A as
 * [k,m], trans_b stores B as [n,k]; ld* are row strides in elements of the stored matrix. compute = MR_F32: products and
 * sums in fp32, one fma chain per output and K block, in K order; MR_BF16, MR_F16: operands rounded to that type
 * while packing, products summed in fp32. a, b, c may each be MR_F32, MR_BF16 or MR_F16. Rank-r (skinny) shapes take kernels of their own with
 * the same bits in fp32. */
MR_API int32_t mr_gemm(mr_stream* s, int32_t compute, int32_t trans_a, int32_t trans_b, int64_t m, int64_t n, int64_t k,
                       float alpha, int32_t a_dtype, const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb,
                       int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate);

/* C[m,n] = A[m,k] op(B)[k,n] + alpha * U[m,rank] op(V)[rank,n] (+ C when accumulate): a linear layer with a low-rank update. V is
 * stored as B is: [n,rank] when trans_b is 1, [rank,n] when it is 0. In fp32, and on the CPU in every type, the bits are those of
 * mr_gemm for A and B and then, accumulating, for U and V; a GPU passes over C once, and rounds it once. */
MR_API int32_t mr_gemm_low_rank(mr_stream* s, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, int32_t a_dtype,
                                const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb, int64_t rank, float alpha,
                                int32_t u_dtype, const void* u, int64_t ldu, int32_t v_dtype, const void* v, int64_t ldv,
                                int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate);

/* Products of one A with up to three matrices, as a block's projections are: c_i[m,n_i] = A[m,k] B_i[n_i,k]^T, rows without gaps, with
 * the bits of mr_gemm for each. n_i may be 0. A GPU makes them in one launch where there are few rows. */
MR_API int32_t mr_gemm_several(mr_stream* s, int32_t compute, int64_t m, int64_t k, int32_t a_dtype, const void* a, int32_t b_dtype,
                               int64_t n0, const void* b0, int64_t n1, const void* b1, int64_t n2, const void* b2, int32_t c_dtype,
                               void* c0, void* c1, void* c2);
/* C[m,n] = R[m,n] + A[m,k] B[n,k]^T, rows without gaps: a branch added to the residual stream R. The bits are those of mr_gemm
 * into the type of C and then mr_add: the product is rounded before it is added. C and R do not overlap. */
MR_API int32_t mr_gemm_residual(mr_stream* s, int32_t compute, int64_t m, int64_t n, int64_t k, int32_t a_dtype, const void* a,
                                int32_t b_dtype, const void* b, int32_t c_dtype, const void* r, void* c);

/* The gated unit of an MLP: gate[m,n] = A[m,k] Bg[n,k]^T, up[m,n] = A Bu^T and y = act(gate) * up (kind: mr_gate), all three written,
 * rows without gaps. The bits are those of mr_gemm, twice, and mr_swiglu_forward or mr_geglu_forward. */
MR_API int32_t mr_gemm_gated(mr_stream* s, int32_t compute, int32_t kind, int64_t m, int64_t n, int64_t k, int32_t a_dtype,
                             const void* a, int32_t b_dtype, const void* bg, const void* bu, int32_t c_dtype, void* gate, void* up,
                             void* y);

/* y[r,:] = factors[r] * x[r,:]: the A * E of AdaLoRA's singular value form. */
MR_API int32_t mr_scale_rows(mr_stream* s, int64_t rows, int64_t cols, const float* x, const float* factors, float* y);
/* dx[r,:] (+)= factors[r] * dy[r,:]; dfactors[r] (+)= sum of dy[r,:] * x[r,:]. */
MR_API int32_t mr_scale_rows_backward(mr_stream* s, int64_t rows, int64_t cols, const float* dy, const float* x,
                                      const float* factors, float* dx, int32_t accumulate_dx, float* dfactors,
                                      int32_t accumulate_dfactors);

/* The same with B in four bits: W as mr_quantize_4bit packed it, [n,k] when trans_b is 1 and [k,n] when it is 0, its rows
 * whole blocks and blocksize a multiple of 32. The bits are those of mr_dequantize_4bit into the type of `compute` and
 * mr_gemm, but no dense matrix is stored. A [m,k] is not transposed. */
MR_API int32_t mr_gemm_4bit(mr_stream* s, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha,
                            int32_t a_dtype, const void* a, int64_t lda, int32_t kind, int64_t blocksize, const uint8_t* packed,
                            const float* absmax, int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate);

/* ---- transformer blocks -------------------------------------------------------------------------------------- */

/* y[t,:] = table[ids[t],:]; an id outside [0, vocab) is MR_ERR_ARGUMENT. */
MR_API int32_t mr_embedding_forward(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int32_t table_dtype,
                                    const void* table, const int32_t* ids, int32_t y_dtype, void* y);
/* dtable[ids[t],:] += dy[t,:], summed in token order, for ids[t] != padding (-1: for all): torch's nn.Embedding gives its padding_idx
 * no gradient. */
MR_API int32_t mr_embedding_backward(mr_stream* s, int64_t tokens, int64_t vocab, int64_t hidden, int64_t padding,
                                     const int32_t* ids, int32_t dy_dtype, const void* dy, float* dtable);
/* y = x * rstd times w or 1 + w (kind: mr_norm); rstd[r] = 1/sqrt(mean(x[r,:]^2) + eps). w fp32[cols]. */
MR_API int32_t mr_rms_norm_forward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, float eps, const void* x,
                                   const float* w, void* y, float* rstd);
/* dx (accumulate or write); dw += sum over rows, in row order; dw may be NULL when w is frozen. */
MR_API int32_t mr_rms_norm_backward(mr_stream* s, int32_t dtype, int32_t kind, int64_t rows, int64_t cols, const void* dy,
                                    const void* x, const float* w, const float* rstd, void* dx, int32_t accumulate, float* dw);
/* Rotary embedding, half-split ("rotate_half") layout, x [tokens, heads*head_dim]; cos, sin [max_position, head_dim/2] fp32;
 * positions [tokens]. inverse = 1 rotates by the negative angle: the backward. y may alias x. */
MR_API int32_t mr_rope(mr_stream* s, int32_t dtype, int64_t tokens, int64_t heads, int64_t head_dim, const void* x,
                       const float* cos_table, const float* sin_table, const int32_t* positions, int32_t inverse, void* y);
/* Causal self-attention inside each sequence of the pack. q [T, heads*head_dim], k and v [T, kv_heads*head_dim], o like q;
 * cu_seqlens [sequences+1] prefix sums, the last of them = tokens = T; window: keys at distance >= window are masked, 0 = no window.
 * visible [sequences], or NULL: only the first visible[i] >= 1 keys of sequence i are seen, by whatever query (padding that
 * itself computes something behind the real tokens); not with a window.
 * lse [T, heads] = log-sum-exp of the scaled scores (scale > 0), kept for the backward. compute as in mr_gemm. */
MR_API int32_t mr_attention_forward(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                    const int32_t* cu_seqlens, const int32_t* visible, int64_t heads, int64_t kv_heads,
                                    int64_t head_dim, float scale, int64_t window, const void* q, const void* k, const void* v,
                                    void* o, float* lse);
/* dq, dk, dv are written (not accumulated). */
MR_API int32_t mr_attention_backward(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                     const int32_t* cu_seqlens, const int32_t* visible, int64_t heads, int64_t kv_heads,
                                     int64_t head_dim, float scale, int64_t window, const void* q, const void* k, const void* v,
                                     const void* o, const float* lse, const void* d_o, void* dq, void* dk, void* dv);
/* The same for tokens that follow others of their sequence: sequence i has past[i] earlier tokens, and the key of its position
 * p is row cache_rows[i] + p of k_cache and v_cache [*, kv_heads*head_dim], those of the new tokens included. q and o
 * [T, heads*head_dim] hold the new tokens alone, cu_seqlens counts them. On a CPU the bits are those of the rows from
 * past[i] on of mr_attention_forward over the whole sequence; a GPU may add the keys up in another order. */
MR_API int32_t mr_attention_cached(mr_stream* s, int32_t compute, int32_t dtype, int64_t tokens, int64_t sequences,
                                   const int32_t* cu_seqlens, const int32_t* cache_rows, const int32_t* past, int64_t heads,
                                   int64_t kv_heads, int64_t head_dim, float scale, int64_t window, const void* q,
                                   const void* k_cache, const void* v_cache, void* o);
/* Queries and keys of new tokens prepared for mr_attention_cached, and their keys and values stored: q [tokens, heads*head_dim] and
 * k [tokens, kv_heads*head_dim] are, in place, normed per head (mr_rms_norm_forward with the weights wq and wk fp32[head_dim];
 * not where these are NULL) and rotated (mr_rope); then k_cache[places[t],:] = k[t,:] and v_cache[places[t],:] = v[t,:]. The bits
 * are those of the separate ops; places must be distinct, head_dim at most 8192. */
MR_API int32_t mr_rope_cached(mr_stream* s, int32_t dtype, int32_t kind, int64_t tokens, int64_t heads, int64_t kv_heads,
                              int64_t head_dim, float eps, void* q, const float* wq, void* k, const float* wk, const void* v,
                              const float* cos_table, const float* sin_table, const int32_t* positions, const int32_t* places,
                              void* k_cache, void* v_cache);
/* y[i,:] = x[rows[i],:] */
MR_API int32_t mr_gather_rows(mr_stream* s, int32_t dtype, int64_t n, int64_t cols, const void* x, const int32_t* rows, void* y);
/* dx[rows[i],:] += dy[i,:]; the rows must be distinct. */
MR_API int32_t mr_scatter_add_rows(mr_stream* s, int32_t dtype, int64_t n, int64_t cols, const void* dy, const int32_t* rows,
                                   void* dx);

/* ---- losses (fp32 logits [rows, classes] with row stride ld) ---------------------------------------------------- */

/* loss[r] = -log softmax(logits[r])[labels[r]], 0 where the label is ignore_index. dlogits (row stride ld as well; may be NULL,
 * in fp32 may alias logits) = grad_scale * (softmax - onehot), 0 on ignored rows, computed in fp32 and rounded once to
 * dlogits_dtype. A label outside [0, classes) is MR_ERR_ARGUMENT. */
MR_API int32_t mr_cross_entropy(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                                int32_t ignore_index, float grad_scale, float* loss, int32_t dlogits_dtype, void* dlogits,
                                int32_t accumulate);
/* Focal loss (Lin et al. 2017): loss[r] = alpha * (1 - pt)^gamma * -log pt. dlogits (may be NULL) scaled by grad_scale. */
MR_API int32_t mr_focal_loss(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                             float gamma, float alpha, float grad_scale, float* loss, float* dlogits, int32_t accumulate);
/* Self-adjusting soft Dice (Li et al. 2020): p = softmax, w = (1-p)^exponent * p, y = onehot;
 * 1 - (2*sum(w*y) + smooth) / (sum(w) + sum(y) + smooth), sums over the classes of each example (mean over examples) or
 * over the examples of each class (mean over classes). loss[0] = that mean; dlogits (may be NULL) scaled by grad_scale. */
MR_API int32_t mr_dice_loss(mr_stream* s, int64_t rows, int64_t classes, const float* logits, int64_t ld, const int32_t* labels,
                            float exponent, float smooth, int32_t reduction, float grad_scale, float* loss, float* dlogits,
                            int32_t accumulate);
/* out[r] = index of the largest of x[r, 0..cols), the lowest index on ties. */
MR_API int32_t mr_argmax_rows(mr_stream* s, int64_t rows, int64_t cols, const float* x, int64_t ld, int32_t* out);

/* ---- reductions and optimisers --------------------------------------------------------------------------------- */

/* out[0] = sum of x, in double, in a fixed order (chunks of 4096 elements, 16 lanes each). */
MR_API int32_t mr_sum(mr_stream* s, int64_t n, const float* x, double* out);
/* out[i] = sum of x^2, likewise, of each of count arrays of fp32; spans[2 i] is the address of an array, spans[2 i + 1] <= largest its
 * n. */
MR_API int32_t mr_sum_squares_each(mr_stream* s, int64_t count, int64_t largest, const int64_t* spans, double* out);
/* AdamW as torch.optim.AdamW (single tensor, no amsgrad): g = grad*grad_scale; p *= 1 - lr*weight_decay; m, v moments;
 * p -= lr/bias1 * m / (sqrt(v)/sqrt(bias2) + eps). bias1 = 1 - beta1^t, bias2 = 1 - beta2^t come from the caller. */
MR_API int32_t mr_adamw(mr_stream* s, int64_t n, float* param, const float* grad, float* m, float* v, double lr, double beta1,
                        double beta2, double eps, double weight_decay, double bias1, double bias2, double grad_scale);

/* The same with both moments in 8 bits (Dettmers et al. 2022), as bitsandbytes' blockwise kernel on CUDA: blocks of 256 along the
 * flat parameter, moment[i] = map[codes[i]] * absmax[i/256]. m_map, v_map: 256 ascending values that hold 0. The new moments are
 * rounded to the nearest code (m never to one of the other sign), the parameter is updated from what they were before that rounding,
 * and decays after its update. An element whose gradient is not finite keeps its parameter, and its moments are reset to 0. */
MR_API int32_t mr_adamw_8bit(mr_stream* s, int64_t n, float* param, const float* grad, uint8_t* m_codes, float* m_absmax,
                             const float* m_map, uint8_t* v_codes, float* v_absmax, const float* v_map, double lr, double beta1,
                             double beta2, double eps, double weight_decay, double bias1, double bias2, double grad_scale);

/* One step of Adafactor (Shazeer and Stern 2018) as transformers' Adafactor, on a parameter [rows, cols]: g =
 * grad*grad_scale, update = g^2 + eps1 is averaged into row [rows] and column [cols] with beta2, and the update is
 * g / sqrt(row/mean(row) * column). row NULL: not factored, column [rows*cols] is the moment of every element. The update
 * is divided by max(1, rms(update)/clip) and multiplied by lr = step_size * max(eps2, rms(param)), or step_size where
 * eps2 < 0. m (first moment with beta1) may be NULL. param -= weight_decay*lr*param, then param -= update. */
MR_API int32_t mr_adafactor(mr_stream* s, int64_t rows, int64_t cols, float* param, const float* grad, float* m, float* row,
                            float* column, double step_size, double beta1, double beta2, double eps1, double eps2, double clip,
                            double weight_decay, double grad_scale);

/* ---- AdaLoRA's rank allocation (Zhang et al. 2023), as PEFT's RankAllocator ---------------------------------------- */

/* x -= I, x [n, n]. */
MR_API int32_t mr_subtract_identity(mr_stream* s, int64_t n, float* x);
/* i = |param * grad*grad_scale|; sensitivity = beta1*sensitivity + (1-beta1)*i; uncertainty = beta2*uncertainty +
 * (1-beta2)*|i - sensitivity|, the new one. */
MR_API int32_t mr_adalora_importance(mr_stream* s, int64_t n, const float* param, const float* grad, double grad_scale,
                                     double beta1, double beta2, float* sensitivity, float* uncertainty);
/* scores[r] = score of e[r] + (mean score of a[r,:] + mean score of b[:,r]), score = sensitivity * uncertainty;
 * a [rank, in_features], e [rank], b [out_features, rank]. Means in double. */
MR_API int32_t mr_adalora_score(mr_stream* s, int64_t rank, int64_t in_features, int64_t out_features, const float* a_sensitivity,
                                const float* a_uncertainty, const float* e_sensitivity, const float* e_uncertainty,
                                const float* b_sensitivity, const float* b_uncertainty, float* scores);

/* ---- quantisation (bitsandbytes' formats) --------------------------------------------------------------------------- */

/* Blocks of blocksize along the flat x (n elements): absmax[b] fp32; packed[i/2], even element in the high nibble, as
 * bitsandbytes' CPU path packs it. kind: mr_kind4. */
MR_API int32_t mr_quantize_4bit(mr_stream* s, int32_t kind, int64_t n, int64_t blocksize, int32_t x_dtype, const void* x,
                                uint8_t* packed, float* absmax);
MR_API int32_t mr_dequantize_4bit(mr_stream* s, int32_t kind, int64_t n, int64_t blocksize, const uint8_t* packed,
                                  const float* absmax, int32_t y_dtype, void* y);
/* Blockwise 8-bit with a 256-entry sorted map (double quantisation's absmax): codes[i] = nearest entry of map to
 * (x[i] - offset) / absmax[b]. */
MR_API int32_t mr_quantize_8bit(mr_stream* s, int64_t n, int64_t blocksize, float offset, const float* map, const float* x,
                                uint8_t* codes, float* absmax);
/* y[i] = map[codes[i]] * absmax[b] + offset */
MR_API int32_t mr_dequantize_8bit(mr_stream* s, int64_t n, int64_t blocksize, float offset, const float* map, const uint8_t* codes,
                                  const float* absmax, float* y);
/* LLM.int8 (Dettmers et al. 2022): x, rounded to fp16, in 8 bits with one scale a row. codes [rows, cols] are int8;
 * absmax[r] = the largest |x[r,:]| (below threshold); codes = round(x * (127 * (1 / absmax))), to even. outliers: NULL, or room for
 * [groups, 1 + cols]: how many columns of the group's rows hold an |x| >= threshold, then which, ascending; their codes are 0 in those
 * rows. Group g has rows ends[g] .. ends[g+1] (ends [groups + 1] from 0 to rows); ends NULL: one group of all. */
MR_API int32_t mr_quantize_int8(mr_stream* s, int64_t rows, int64_t cols, float threshold, int32_t x_dtype, const void* x,
                                uint8_t* codes, float* absmax, int64_t groups, const int32_t* ends, int32_t* outliers);
/* y[r,c] = codes[r,c] * (absmax[r] * (1/127)) */
MR_API int32_t mr_dequantize_int8(mr_stream* s, int64_t rows, int64_t cols, const uint8_t* codes, const float* absmax,
                                  int32_t y_dtype, void* y);
/* y[rows, outputs] = x w^T from codes of both: the exact integer product * (x_absmax * w_absmax) / 127^2, rounded to dtype, plus
 * x[:, outliers] w[:, outliers]^T of x as it is and w restored and rounded to dtype, one fma per column in ascending order.
 * x [rows, inputs] and y are of dtype; groups, ends and outliers as of mr_quantize_int8, outliers may be NULL; inputs <= 131072. */
MR_API int32_t mr_int8_linear(mr_stream* s, int64_t rows, int64_t outputs, int64_t inputs, const uint8_t* x_codes,
                              const float* x_absmax, int64_t groups, const int32_t* ends, const int32_t* outliers, int32_t dtype,
                              const void* x, const uint8_t* w_codes, const float* w_absmax, void* y);

#ifdef __cplusplus
}
#endif
#endif /* MEDREPRO_H */
