// gemm.cpp: mr_gemm in parallel, for every shape that has no kernel of its own.
//
// The smaller operand is packed once, by all threads together, into scratch they share. The larger one is cut into
// chunks of lanes; a task packs its chunk into its own second-level cache, one K block at a time, and multiplies it
// with the whole shared operand. So each operand is packed exactly once, with one barrier between the two phases.
// When K is so deep that the shared operand would not fit its budget, both phases repeat over slabs of K.
//
// Best is not to pack at all. An A that is contiguous along k (activations) is read in place; when its words must be made first
// (fp32 storage, 16-bit compute) its rows are converted, not transposed. C with at most TALL_MR rows reads a B that lies
// along n in place, since every element is used once or twice; C with few columns and A stored [k, m] is computed as
// its transpose, which is that case.
//
// Chunk sizes follow the thread count, results do not: the bits of an output are defined by K alone (gemm_kernel.h).
#include "gemm_few.h"
#include "gemm_pack.h"
#include "quantize_4bit.h"
#include "stream.h"

namespace mr {
namespace MR_PATH {

constexpr int64_t SHARED_BYTES = 8 << 20;  // budget of the shared operand: a part of the last-level cache
constexpr int64_t COLS = 256;              // of B against which rows of A pass: COLS x KC fp32 is a third of 1 MiB

struct Product {
  Mode mode;
  Operand a, b;
  int64_t m, n, words, block;
  float alpha;
  int64_t threads;
  void* c;
  int32_t c_dtype;
  int64_t ldc;
  bool accumulate;
  bool transposed;  // C is stored transposed
  bool share_a;     // A is the shared operand
  bool rows_a;      // A is contiguous along k, and so it is multiplied: read in place, or converted row by row
  bool direct_a;    // ... in place
  bool direct_b;    // B is read in place; then share_a
  bool few;         // A has few rows and B is contiguous along k; then share_a
  float* shared;    // the shared operand's K blocks, one after another
  int64_t slab;     // K words in this pass: [slab0, slab0 + slab)
  int64_t slab0;
  float* wide_c;  // 16-bit C and several K blocks: fp32 sums [m, n] between blocks
};

// Output (row, col) for the K block that begins at word w.
static Target target_of(const Product& p, int64_t w, int64_t row, int64_t col) {
  bool first = w == 0, last = w + p.block >= p.words;
  Target t = {p.c, p.ldc, p.c_dtype, p.c_dtype, p.c, p.ldc, p.transposed};
  if (p.wide_c != nullptr && !first) t.previous = p.wide_c, t.previous_ld = p.n, t.previous_dtype = MR_F32;
  if (p.wide_c != nullptr && !last) t.out = p.wide_c, t.out_ld = p.n, t.out_dtype = MR_F32;
  if (first && !p.accumulate) t.previous = nullptr;
  return shift(t, row, col);
}

static int64_t shared_lanes(const Product& p) { return p.share_a ? p.m : padded(p.n); }

// ---- phase 1: pack the shared operand -----------------------------------------------------------------------------

static void pack_shared(mr_stream* s, const Product& p) {
  bool rows_a = p.share_a && p.rows_a;
  int64_t lanes = shared_lanes(p), panels = rows_a ? lanes : p.share_a ? panels_of(p.m) : ceil_div(lanes, NR);
  int64_t blocks = ceil_div(p.slab, p.block);
  // A task reads whole rows of memory: some panels at full depth, or some words of (nearly) all panels; 16K words or
  // so.
  const Operand& x = p.share_a ? p.a : p.b;
  int64_t group = panels, depth = p.block;
  if (x.k_stride == 1) {
    group = max64(1, 16384 / (ceil_div(lanes, panels) * min64(p.block, p.slab)));
  } else {
    group = min64(panels, 64);
    depth = max64(16, 16384 / (ceil_div(lanes, panels) * group) / 16 * 16);
  }
  int64_t groups = ceil_div(panels, group), depths = ceil_div(p.block, depth);
  auto body = [&](int64_t task) {
    int64_t w = task / (groups * depths) * p.block, kc = min64(p.block, p.slab - w);
    int64_t first = task % groups * group, last = min64(first + group, panels), from = task / groups % depths * depth;
    KPart part = {p.slab0 + w, kc, from, min64(depth, kc - from)};
    float* dst = p.shared + w * lanes;
    if (rows_a) {
      convert_rows(p.mode, p.a, first, last - first, p.slab0 + w, kc, dst + first * kc);
    } else if (p.share_a) {
      pack_a_block(p.mode, p.a, 0, p.m, first, last, part, dst);
    } else {
      pack_b_block(p.mode, p.b, first * NR, min64(last * NR, p.n) - first * NR, part, dst + first * NR * kc);
    }
  };
  int64_t tasks = blocks * groups * depths;
  if (tasks <= 2) {  // too little to wake anybody
    for (int64_t task = 0; task < tasks; task++) body(task);
  } else {
    parallel(s, tasks, body);
  }
}

// ---- phase 2: chunks of the other operand -------------------------------------------------------------------------

// Word w of lane l, in place.
static const char* in_place(const Product& p, const Operand& x, int64_t l, int64_t w) {
  int64_t k = p.mode == MODE_PAIR ? 2 * w : w;
  return (const char*)x.data + (l * x.lane_stride + k * x.k_stride) * dtype_bytes(x.dtype);
}

// Bytes from one stored row to the next.
static int64_t row_bytes(const Operand& x) { return (x.k_stride == 1 ? x.lane_stride : x.k_stride) * dtype_bytes(x.dtype); }

// What follows the K block at word w of lanes [lane0, lane0 + lanes): the next K block, or after the last one the
// first of the lanes that this thread will probably be given next. It is touched during `kernels` calls of
// micro-kernels.
static Ahead next_of(const Product& p, const Operand& x, int64_t lane0, int64_t lanes, int64_t w, int64_t kernels) {
  if (x.four != nullptr) return {};  // read in steps the hardware foresees, and there is little of it
  int64_t next = p.slab0 + w + p.block;
  if (w + p.block >= p.slab) lane0 += lanes * p.threads, next = p.slab0;
  lanes = min64(lanes, x.lanes - lane0);
  if (lanes <= 0) return {};
  int64_t depth = min64(p.block * (p.mode == MODE_PAIR ? 2 : 1), x.k - next * (p.mode == MODE_PAIR ? 2 : 1));
  Ahead ahead = {in_place(p, x, lane0, next), lanes, depth, row_bytes(x), 0, 0};
  if (x.k_stride != 1) ahead.rows = depth, ahead.bytes = lanes;
  ahead.bytes *= dtype_bytes(x.dtype);
  ahead.lines = min64(32, ceil_div(ahead.rows * ceil_div(ahead.bytes, 64), max64(1, kernels)));
  return ahead;
}

// Columns [col0, col0 + cols) x all rows in panels [panel0, panel1) of the shared A.
static void multiply_columns(const Product& p, int64_t col0, int64_t cols, int64_t panel0, int64_t panel1, float* packed) {
  if (p.few) return multiply_few(p.mode, p.m, p.shared, p.b, col0, cols, p.alpha, p.c_dtype, p.c, p.ldc, p.accumulate);
  int64_t row0 = panel_begin(panel0, p.m), rows = panel_begin(panel1, p.m) - row0;
  // with few rows a packed panel is used once: keep it in the first-level cache
  int64_t step = panel1 - panel0 <= 2 ? NR : cols, direct = p.direct_b ? cols / NR * NR : 0;
  for (int64_t w = 0; w < p.slab; w += p.block) {
    int64_t kc = min64(p.block, p.slab - w);
    const float* a = p.shared + w * p.m + row0 * kc;
    Ahead ahead = next_of(p, p.b, col0, cols, w, ceil_div(rows, p.rows_a ? DIRECT_MR : MR) * ceil_div(cols, NR));
    if (direct > 0)
      multiply_direct_b(p.mode, p.m, direct, kc, a, in_place(p, p.b, col0, p.slab0 + w), row_bytes(p.b), p.alpha,
                        target_of(p, p.slab0 + w, row0, col0));
    for (int64_t col = col0 + direct; col < col0 + cols; col += step) {
      int64_t count = min64(step, col0 + cols - col);
      pack_b_block(p.mode, p.b, col, count, {p.slab0 + w, kc, 0, kc}, packed);
      Target target = target_of(p, p.slab0 + w, row0, col);
      if (p.rows_a) {
        const char* in_rows = p.direct_a ? in_place(p, p.a, row0, p.slab0 + w) : (const char*)a;
        multiply_direct_a(p.mode, rows, count, kc, in_rows, p.direct_a ? row_bytes(p.a) : kc * 4, packed, p.alpha, target, &ahead);
      } else {
        multiply_panels(p.mode, panel0, panel1, p.m, count, kc, a, packed, p.alpha, target, &ahead);
      }
    }
  }
}

// Rows [row0, row0 + rows) x columns [col0, col0 + cols) of the shared B.
static void multiply_rows(const Product& p, int64_t row0, int64_t rows, int64_t col0, int64_t cols, float* packed) {
  int64_t width = shared_lanes(p);
  for (int64_t w = 0; w < p.slab; w += p.block) {
    int64_t kc = min64(p.block, p.slab - w);
    const float* b = p.shared + w * width;
    Ahead ahead = {};
    if (!p.direct_a) ahead = next_of(p, p.a, row0, rows, w, ceil_div(rows, p.rows_a ? DIRECT_MR : MR) * ceil_div(cols, NR));
    if (p.rows_a && !p.direct_a) {
      convert_rows(p.mode, p.a, row0, rows, p.slab0 + w, kc, packed);
    } else if (!p.rows_a) {
      pack_a_block(p.mode, p.a, row0, rows, 0, panels_of(rows), {p.slab0 + w, kc, 0, kc}, packed);
    }
    for (int64_t col = col0; col < col0 + cols; col += COLS) {
      int64_t count = min64(COLS, col0 + cols - col);
      Target target = target_of(p, p.slab0 + w, row0, col);
      if (p.rows_a) {
        const char* in_rows = p.direct_a ? in_place(p, p.a, row0, p.slab0 + w) : (const char*)packed;
        multiply_direct_a(p.mode, rows, count, kc, in_rows, p.direct_a ? row_bytes(p.a) : kc * 4, b + col * kc, p.alpha, target,
                          &ahead);
      } else {
        multiply_panels(p.mode, 0, panels_of(rows), rows, count, kc, packed, b + col * kc, p.alpha, target, &ahead);
      }
    }
  }
}

// How many chunks to cut `units` into: of at most `largest` units, at least three for every thread when there are as
// many units, and as many for one thread as for another: a chunk left over would be waited for by all.
static int64_t chunks_of(int64_t units, int64_t largest, int64_t threads) {
  int64_t chunks = max64(ceil_div(units, largest), 3 * threads);
  return min64(units, ceil_div(chunks, threads) * threads);
}

static int32_t multiply_all(mr_stream* s, const Product& p) {
  int64_t threads = s->threads, panels_a = panels_of(p.m), panels_b = ceil_div(p.n, NR);
  int64_t own = p.share_a ? panels_b : panels_a, other = p.share_a ? panels_a : panels_b;
  int64_t chunks = chunks_of(own, p.share_a ? COLS / NR : 14, threads);
  int64_t chunk = own / chunks, longer = own % chunks;  // the first `longer` chunks have one unit more
  // Many cores: cut the shared side too, at the price of packing a chunk more than once.
  int64_t parts = chunks >= 2 * threads ? 1 : min64(ceil_div(2 * threads, chunks), max64(1, other / 4));
  int64_t part = ceil_div(other, parts);
  parts = ceil_div(other, part);
  int64_t bytes = (chunk + (longer > 0)) * (p.share_a ? NR : TALL_MR) * p.block * 4;
  bool no_memory = false;
  parallel(s, chunks * parts, [&](int64_t task) {
    float* packed = (float*)scratch(SCRATCH_PACK_A, bytes);
    if (packed == nullptr) {
      __atomic_store_n(&no_memory, true, __ATOMIC_RELAXED);
      return;
    }
    int64_t at = task / parts, begin = at * chunk + min64(at, longer), end = begin + chunk + (at < longer);
    int64_t other_begin = task % parts * part, other_end = min64(other_begin + part, other);
    if (p.share_a) {
      multiply_columns(p, begin * NR, min64(end * NR, p.n) - begin * NR, other_begin, other_end, packed);
    } else {
      int64_t row = panel_begin(begin, p.m);
      multiply_rows(p, row, panel_begin(end, p.m) - row, other_begin * NR, min64(other_end * NR, p.n) - other_begin * NR, packed);
    }
  });
  return no_memory ? fail(MR_ERR_MEMORY, "mr_gemm: no memory for packing") : MR_OK;
}

// ---- the op -------------------------------------------------------------------------------------------------------

static int32_t multiply(mr_stream* s, Product p) {
  if (p.n <= TALL_MR && p.n < p.m && p.a.k_stride != 1 && p.b.four == nullptr && readable_in_place(p.mode, p.a) &&
      (p.c_dtype == MR_F32 || p.words <= p.block)) {
    Operand a = p.a;
    p.a = p.b, p.b = a;
    p.m = p.a.lanes, p.n = p.b.lanes;
    p.transposed = true;
  }
  p.share_a = p.m <= p.n;
  p.direct_b = p.share_a && p.m <= TALL_MR && p.b.lane_stride == 1 && readable_in_place(p.mode, p.b);
  p.few = p.share_a && p.m <= FEW_ROWS && p.b.k_stride == 1 && !p.transposed && p.words * p.m * 4 <= SHARED_BYTES;
  p.rows_a = !p.few && p.m > TALL_MR && p.a.k_stride == 1;
  p.direct_a = p.rows_a && readable_in_place(p.mode, p.a);
  int64_t lanes = shared_lanes(p);
  int64_t slab = max64(p.block, SHARED_BYTES / (lanes * 4) / p.block * p.block);
  p.shared = (float*)shared_scratch(s, SCRATCH_PACK_B, lanes * min64(slab, p.words) * 4);
  if (p.c_dtype != MR_F32 && p.words > p.block && !p.few) {
    p.wide_c = (float*)shared_scratch(s, SCRATCH_PACK_C, p.m * p.n * 4);
    if (p.wide_c == nullptr) return fail(MR_ERR_MEMORY, "mr_gemm: no memory for the sums");
  }
  if (p.shared == nullptr) return fail(MR_ERR_MEMORY, "mr_gemm: no memory for packing");
  for (p.slab0 = 0; p.slab0 < p.words; p.slab0 += slab) {
    p.slab = min64(slab, p.words - p.slab0);
    if (!(p.share_a && p.direct_a)) pack_shared(s, p);
    int32_t code = multiply_all(s, p);
    if (code != MR_OK) return code;
  }
  return MR_OK;
}

static bool is_dtype(int32_t dtype) { return dtype == MR_F32 || dtype == MR_BF16 || dtype == MR_F16; }

// A stored matrix of rows x cols with row stride ld is possible: no overflow of its size in bytes.
static bool is_matrix(int64_t rows, int64_t cols, int64_t ld) {
  int64_t elements;
  return ld >= cols && !__builtin_mul_overflow(rows, ld, &elements) && elements < INT64_MAX / 8;
}

int32_t gemm(mr_stream* s, int32_t compute, int32_t trans_a, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha,
             int32_t a_dtype, const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb, int32_t c_dtype, void* c,
             int64_t ldc, int32_t accumulate) {
  if (!is_dtype(compute) || !is_dtype(a_dtype) || !is_dtype(b_dtype) || !is_dtype(c_dtype))
    return fail(MR_ERR_ARGUMENT, "mr_gemm: compute and dtypes must be fp32, bf16 or fp16 (compute %d, a %d, b %d, c %d)", compute,
                a_dtype, b_dtype, c_dtype);
  if (m < 0 || n < 0 || k < 0 || !is_matrix(trans_a ? k : m, trans_a ? m : k, lda) ||
      !is_matrix(trans_b ? n : k, trans_b ? k : n, ldb) || !is_matrix(m, n, ldc))
    return fail(MR_ERR_ARGUMENT, "mr_gemm: impossible sizes m %lld, n %lld, k %lld, lda %lld, ldb %lld, ldc %lld", (long long)m,
                (long long)n, (long long)k, (long long)lda, (long long)ldb, (long long)ldc);
  if (m == 0 || n == 0) return MR_OK;
  if (c == nullptr || (k > 0 && (a == nullptr || b == nullptr))) return fail(MR_ERR_ARGUMENT, "mr_gemm: a pointer is NULL");
  if (k == 0) {
    int64_t row_bytes = n * dtype_bytes(c_dtype), stride = ldc * dtype_bytes(c_dtype);
    for (int64_t i = 0; i < m && !accumulate; i++) memset((char*)c + i * stride, 0, (size_t)row_bytes);
    return MR_OK;
  }
  Product p = {};
  p.mode = mode_of(compute);
  p.a = operand_a(trans_a, m, k, a, lda, a_dtype);
  p.b = operand_b(trans_b, n, k, b, ldb, b_dtype);
  p.m = m, p.n = n, p.words = words_of(p.mode, k), p.block = k_block(p.words);
  p.alpha = alpha, p.threads = s->threads, p.c = c, p.c_dtype = c_dtype, p.ldc = ldc, p.accumulate = accumulate != 0;
  return multiply(s, p);
}

int32_t gemm_low_rank(mr_stream* s, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, int32_t a_dtype,
                      const void* a, int64_t lda, int32_t b_dtype, const void* b, int64_t ldb, int64_t rank, float alpha,
                      int32_t u_dtype, const void* u, int64_t ldu, int32_t v_dtype, const void* v, int64_t ldv, int32_t c_dtype,
                      void* c, int64_t ldc, int32_t accumulate) {
  int32_t code = gemm(s, compute, 0, trans_b, m, n, k, 1.0f, a_dtype, a, lda, b_dtype, b, ldb, c_dtype, c, ldc, accumulate);
  if (code != MR_OK) return code;
  return gemm(s, compute, 0, trans_b, m, n, rank, alpha, u_dtype, u, ldu, v_dtype, v, ldv, c_dtype, c, ldc, 1);
}

int32_t gemm_several(mr_stream* s, int32_t compute, int64_t m, int64_t k, int32_t a_dtype, const void* a, int32_t b_dtype,
                     int64_t n0, const void* b0, int64_t n1, const void* b1, int64_t n2, const void* b2, int32_t c_dtype, void* c0,
                     void* c1, void* c2) {
  const int64_t n[] = {n0, n1, n2};
  const void* b[] = {b0, b1, b2};
  void* c[] = {c0, c1, c2};
  for (int i = 0; i < 3; i++) {
    int32_t code = gemm(s, compute, 0, 1, m, n[i], k, 1.0f, a_dtype, a, k, b_dtype, b[i], k, c_dtype, c[i], n[i], 0);
    if (code != MR_OK) return code;
  }
  return MR_OK;
}

int32_t add(mr_stream*, int32_t, int64_t, const void*, const void*, void*);

int32_t gemm_residual(mr_stream* s, int32_t compute, int64_t m, int64_t n, int64_t k, int32_t a_dtype, const void* a,
                      int32_t b_dtype, const void* b, int32_t c_dtype, const void* r, void* c) {
  int32_t code = gemm(s, compute, 0, 1, m, n, k, 1.0f, a_dtype, a, k, b_dtype, b, k, c_dtype, c, n, 0);
  if (code != MR_OK) return code;
  return add(s, c_dtype, m * n, r, c, c);
}

int32_t swiglu_forward(mr_stream*, int32_t, int64_t, const void*, const void*, void*);
int32_t geglu_forward(mr_stream*, int32_t, int64_t, const void*, const void*, void*);

int32_t gemm_gated(mr_stream* s, int32_t compute, int32_t kind, int64_t m, int64_t n, int64_t k, int32_t a_dtype, const void* a,
                   int32_t b_dtype, const void* bg, const void* bu, int32_t c_dtype, void* gate, void* up, void* y) {
  if (kind != MR_GATE_SILU && kind != MR_GATE_GELU) return fail(MR_ERR_ARGUMENT, "mr_gemm_gated: kind %d", kind);
  int32_t code = gemm_several(s, compute, m, k, a_dtype, a, b_dtype, n, bg, n, bu, 0, nullptr, c_dtype, gate, up, nullptr);
  if (code != MR_OK) return code;
  return (kind == MR_GATE_SILU ? swiglu_forward : geglu_forward)(s, c_dtype, m * n, gate, up, y);
}

int32_t gemm_4bit(mr_stream* s, int32_t compute, int32_t trans_b, int64_t m, int64_t n, int64_t k, float alpha, int32_t a_dtype,
                  const void* a, int64_t lda, int32_t kind, int64_t blocksize, const uint8_t* packed, const float* absmax,
                  int32_t c_dtype, void* c, int64_t ldc, int32_t accumulate) {
  if (!is_dtype(compute) || !is_dtype(a_dtype) || !is_dtype(c_dtype))
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: compute and dtypes must be fp32, bf16 or fp16 (compute %d, a %d, c %d)", compute,
                a_dtype, c_dtype);
  int64_t cols = trans_b ? k : n, rows = trans_b ? n : k;
  if (m < 0 || n < 0 || k < 1 || !is_matrix(m, k, lda) || !is_matrix(m, n, ldc) || !is_matrix(rows, cols, cols))
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: impossible sizes m %lld, n %lld, k %lld, lda %lld, ldc %lld", (long long)m,
                (long long)n, (long long)k, (long long)lda, (long long)ldc);
  if ((kind != MR_FP4 && kind != MR_NF4) || blocksize < 32 || blocksize % 32 != 0 || cols % blocksize != 0)
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: kind %d, blocks of %lld in rows of %lld", kind, (long long)blocksize,
                (long long)cols);
  if (rows * (cols / blocksize) > INT32_MAX)
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: %lld blocks", (long long)(rows * (cols / blocksize)));
  if (m == 0 || n == 0) return MR_OK;
  if (a == nullptr || packed == nullptr || absmax == nullptr || c == nullptr)
    return fail(MR_ERR_ARGUMENT, "mr_gemm_4bit: a pointer is NULL");
  FourBit four = {absmax, blocksize, {}};
  code_book(kind, four.table);
  Product p = {};
  p.mode = mode_of(compute);
  p.a = operand_a(0, m, k, a, lda, a_dtype);
  p.b = operand_b(trans_b, n, k, packed, cols, compute);
  p.b.four = &four;
  p.m = m, p.n = n, p.words = words_of(p.mode, k), p.block = k_block(p.words);
  p.alpha = alpha, p.threads = s->threads, p.c = c, p.c_dtype = c_dtype, p.ldc = ldc, p.accumulate = accumulate != 0;
  return multiply(s, p);
}

}  // namespace MR_PATH
}  // namespace mr
