// replay.cpp: the cases of the self-test (src/selftest), read from the file that scripts/replay.ts writes, run for the sanitizers.
//
// A case is a call or a few: ops, their arguments, the buffers they point to, and what the outputs should be. Every buffer is an allocation of
// exactly its size, so that the address sanitizer reports the first byte beyond it. Outputs must be equal bit for bit with one thread
// and three, at another alignment and (unless the case says otherwise) on every path, and as near to the reference as the case demands.
#include "replay.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>
#include <tuple>
#include <vector>

#include "../medrepro_host.h"
#include "op_check.h"

namespace replay {
namespace {

typedef std::vector<uint8_t> Bytes;

struct Buffer {
  int32_t dtype;
  bool written, has_values;
  int64_t elements;
  Bytes before;  // the poison where it has no values
};
struct Argument {
  int32_t buffer;  // -1: the number in `value`; -2: NULL
  double value;    // of a pointer, bytes from the start of the buffer
};
struct Op;
struct Call {
  const Op* op;
  std::vector<Argument> arguments;
};
struct Expected {
  uint32_t buffer;
  double tolerance, norm;  // tolerance 0: every element is equal; norm NaN: that of the values
  bool some;               // only the elements in `only` are compared
  std::vector<uint32_t> only, untouched;
  std::vector<double> values;
};
struct Case {
  std::string name;
  bool same_paths;
  std::vector<Buffer> buffers;
  std::vector<Call> calls;
  std::vector<Expected> expected;
};

int64_t width_of(int32_t dtype) {
  switch (dtype) {
    case MR_F64: return 8;
    case MR_BF16:
    case MR_F16: return 2;
    case MR_U8: return 1;
    default: return 4;
  }
}

double element(int32_t dtype, const uint8_t* p) {
  switch (dtype) {
    case MR_F64: {
      double x;
      memcpy(&x, p, 8);
      return x;
    }
    case MR_F32: {
      float x;
      memcpy(&x, p, 4);
      return x;
    }
    case MR_I32: {
      int32_t x;
      memcpy(&x, p, 4);
      return x;
    }
    case MR_U8: return *p;
    default: {
      uint16_t x;
      memcpy(&x, p, 2);
      return op_check::narrow_to_float(dtype, x);
    }
  }
}

// ---- reading --------------------------------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(FILE* file) : file_(file) {}
  bool ok() const { return ok_; }
  void bytes(void* to, size_t count) {
    if (count > 0 && fread(to, 1, count, file_) != count) ok_ = false;
  }
  template <class T>
  T number() {
    T value{};
    bytes(&value, sizeof value);
    return value;
  }
  std::string text() {
    std::string s(size(), ' ');
    bytes(&s[0], s.size());
    return s;
  }
  template <class T>
  std::vector<T> list() {
    std::vector<T> values(size());
    bytes(values.data(), values.size() * sizeof(T));
    return values;
  }
  // a count; 0 once something was wrong
  uint32_t size() {
    uint32_t count = number<uint32_t>();
    if (count > 1u << 28) ok_ = false;
    return ok_ ? count : 0;
  }

 private:
  FILE* file_;
  bool ok_ = true;
};

// ---- running --------------------------------------------------------------------------------------------------------------

// Allocations of exactly their size; the contents begin `shift` elements after the start.
class Memory {
 public:
  Memory(const Case& c, int64_t shift) {
    for (const Buffer& b : c.buffers) {
      size_t offset = (size_t)(shift * width_of(b.dtype));
      uint8_t* p = static_cast<uint8_t*>(malloc(offset + b.before.size() + (offset + b.before.size() == 0)));
      if (!b.before.empty()) memcpy(p + offset, b.before.data(), b.before.size());
      allocations_.push_back(p), contents_.push_back(p + offset);
    }
  }
  ~Memory() {
    for (uint8_t* p : allocations_) free(p);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  uint8_t* at(size_t buffer) const { return contents_[buffer]; }

 private:
  std::vector<uint8_t*> allocations_, contents_;
};

struct Arguments {
  const Call& call;
  const Memory& memory;
  size_t next_argument;

  template <class T>
  T next() {
    const Argument& a = call.arguments[next_argument++];
    if constexpr (std::is_pointer_v<T>) {
      return a.buffer < 0 ? nullptr : reinterpret_cast<T>(memory.at((size_t)a.buffer) + (int64_t)a.value);
    } else {
      return (T)a.value;
    }
  }
};

template <class... A>
int32_t invoke(int32_t (*op)(mr_stream*, A...), mr_stream* s, Arguments& arguments) {
  if (arguments.call.arguments.size() != sizeof...(A)) return MR_ERR_INTERNAL;
  std::tuple<A...> values{arguments.next<A>()...};  // braces: from left to right
  return std::apply([&](A... each) { return op(s, each...); }, values);
}

struct Op {
  const char* name;
  int32_t (*run)(mr_stream* s, Arguments& arguments);
};
const Op OPS[] = {
#define MR_OP(name) {"mr_" #name, [](mr_stream* s, Arguments& arguments) { return invoke(mr_##name, s, arguments); }},
#define MR_DISPATCH_NAMES
#include "../cpu/dispatch.inc"
#undef MR_OP
};

const Op* find(const std::string& name) {
  for (const Op& op : OPS)
    if (name == op.name) return &op;
  return nullptr;
}

constexpr uint8_t POISON = 0xff;  // NaN in every float format, -1 as an index

Case read_case(Reader& in) {
  Case c;
  c.name = in.text();
  c.same_paths = in.number<uint8_t>() != 0;
  for (uint32_t i = in.size(); i > 0; i--) {
    Buffer b;
    b.dtype = in.number<uint8_t>();
    b.written = in.number<uint8_t>() != 0;
    b.has_values = in.number<uint8_t>() != 0;
    b.elements = in.size();
    b.before.assign((size_t)(b.elements * width_of(b.dtype)), POISON);
    if (b.has_values) in.bytes(b.before.data(), b.before.size());
    c.buffers.push_back(b);
  }
  for (uint32_t i = in.size(); i > 0; i--) {
    Call call{find(in.text()), {}};
    for (uint32_t j = in.size(); j > 0; j--) {
      int32_t buffer = in.number<int32_t>();
      call.arguments.push_back({buffer, in.number<double>()});
    }
    c.calls.push_back(call);
  }
  for (uint32_t i = in.size(); i > 0; i--) {
    Expected e;
    e.buffer = in.number<uint32_t>();
    e.tolerance = in.number<double>();
    e.norm = in.number<double>();
    e.some = in.number<uint8_t>() != 0;
    e.only = in.list<uint32_t>();
    e.untouched = in.list<uint32_t>();
    e.values = in.list<double>();
    c.expected.push_back(e);
  }
  return c;
}

// The written buffers of a case, after its calls.
typedef std::vector<Bytes> Outputs;

class Replay {
 public:
  explicit Replay(const Case& c) : c_(c) {
    for (const Buffer& b : c.buffers) touched_.push_back(std::vector<bool>((size_t)b.elements, true));
    for (const Expected& e : c.expected)
      for (uint32_t i : e.untouched) touched_[e.buffer][i] = false;
  }

  bool run() {
    Outputs best = compare(mr_cpu_best_isa(), 1, 0, nullptr);
    compare(mr_cpu_best_isa(), 3, 0, &best);
    compare(mr_cpu_best_isa(), 1, 1, &best);
    for (int32_t isa = 0; isa < mr_cpu_best_isa(); isa++) {
      Outputs first = compare(isa, 1, 0, c_.same_paths ? &best : nullptr);
      compare(isa, 3, 0, &first);
    }
    return problems_ == 0;
  }

 private:
  __attribute__((format(printf, 2, 3))) void problem(const char* format, ...) {
    if (++problems_ > 5) return;
    printf("%s: ", c_.name.c_str());
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
  }

  // The calls, once; the outputs have the bits of `reference`, or, without one, are as near to the expected values as they must be.
  Outputs compare(int32_t isa, int32_t threads, int64_t shift, const Outputs* reference) {
    Outputs outputs(c_.buffers.size());
    const char* path = op_check::path_name(isa);
    Memory memory(c_, shift);
    mr_stream* s = mr_stream_create(0, threads, isa);
    for (const Call& call : c_.calls) {
      Arguments arguments{call, memory, 0};
      int32_t code = call.op == nullptr ? MR_ERR_INTERNAL : call.op->run(s, arguments);
      if (code != MR_OK) problem("%s, %d threads: error %d: %s", path, threads, code, mr_last_error());
    }
    mr_stream_destroy(s);
    for (size_t i = 0; i < c_.buffers.size(); i++) {
      const Buffer& b = c_.buffers[i];
      const uint8_t* now = memory.at(i);
      int64_t width = width_of(b.dtype);
      if (b.written) outputs[i].assign(now, now + b.before.size());
      int64_t different = 0, spoilt = 0;
      for (int64_t e = 0; e < b.elements; e++) {
        const uint8_t* old = b.before.data() + e * width;
        bool touched = b.written && touched_[i][(size_t)e];
        if (!touched) spoilt += memcmp(now + e * width, old, (size_t)width) != 0;
        if (touched && reference) different += memcmp(now + e * width, (*reference)[i].data() + e * width, (size_t)width) != 0;
      }
      if (spoilt > 0) problem("%s: %lld elements of buffer %zu were written and must not be", path, (long long)spoilt, i);
      if (different > 0)
        problem("%s, %d threads, shift %lld: %lld elements of buffer %zu have other bits", path, threads, (long long)shift,
                (long long)different, i);
    }
    if (reference == nullptr)
      for (const Expected& e : c_.expected) check(e, outputs[e.buffer], path);
    return outputs;
  }

  void check(const Expected& e, const Bytes& out, const char* path) {
    const Buffer& b = c_.buffers[e.buffer];
    int64_t width = width_of(b.dtype), unequal = 0;
    double difference = 0, norm = 0;
    auto one = [&](int64_t i) {
      double got = element(b.dtype, out.data() + i * width), wanted = e.values[(size_t)i];
      bool equal = got == wanted ? signbit(got) == signbit(wanted) : isnan(got) && isnan(wanted);
      unequal += !equal;
      difference += (got - wanted) * (got - wanted), norm += wanted * wanted;
    };
    if (e.some)
      for (uint32_t i : e.only) one(i);
    else
      for (int64_t i = 0; i < b.elements; i++)
        if (touched_[e.buffer][(size_t)i]) one(i);
    if (e.tolerance == 0) {
      if (unequal > 0) problem("%s: %lld elements of buffer %u are not those expected", path, (long long)unequal, e.buffer);
      return;
    }
    double error = difference == 0 ? 0 : sqrt(difference) / (isnan(e.norm) ? sqrt(norm) : e.norm);
    // written so that NaN fails
    if (!(error <= e.tolerance))
      problem("%s: buffer %u is off by %.3g, at most %.3g is allowed", path, e.buffer, error, e.tolerance);
  }

  const Case& c_;
  std::vector<std::vector<bool>> touched_;
  int problems_ = 0;
};

}  // namespace

bool run(const char* file, int* passed, int* failed) {
  FILE* in = fopen(file, "rb");
  if (in == nullptr) return false;
  Reader reader(in);
  char magic[8];
  reader.bytes(magic, sizeof magic);
  bool ok = reader.ok() && memcmp(magic, "MRCASES1", 8) == 0;
  for (uint32_t i = ok ? reader.size() : 0; i > 0; i--) {
    Case c = read_case(reader);
    if (!reader.ok()) break;
    ++*(Replay(c).run() ? passed : failed);
    fflush(stdout);
  }
  fclose(in);
  return ok && reader.ok();
}

}  // namespace replay
