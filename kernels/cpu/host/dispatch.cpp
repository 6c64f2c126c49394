// dispatch.cpp: the exported mr_<op> functions, generated from the header, and the table of each path.
#include "dispatch.h"

#include "../stream.h"

namespace mr {

#define MR_DISPATCH_STRUCT
#include "../dispatch.inc"

namespace portable {
extern const Ops ops;
}
namespace avx2 {
extern const Ops ops;
}
namespace avx512 {
extern const Ops ops;
}
namespace avx512bf16 {
extern const Ops ops;
}

const Ops* path_ops(int32_t isa) {
  switch (isa) {
    case MR_ISA_PORTABLE: return &portable::ops;
#ifdef MR_HAS_AVX2
    case MR_ISA_AVX2: return &avx2::ops;
#endif
#ifdef MR_HAS_AVX512
    case MR_ISA_AVX512: return &avx512::ops;
#endif
#ifdef MR_HAS_AVX512BF16
    case MR_ISA_AVX512BF16: return &avx512bf16::ops;
#endif
    default: return nullptr;
  }
}

}  // namespace mr

#define MR_DISPATCH_EXPORTS
#include "../dispatch.inc"
