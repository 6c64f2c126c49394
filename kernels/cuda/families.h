// families.h: which kernels a stream takes, and which of them a device has shown to be right. The one place that says so: stream.cu
// chooses by it, and mr_family_* hand it to `medrepro doctor` and the documentation.
//
// "As it is" means as on the day of bench/results/2026-11-28-h200.json. After a run of `selftest --device cuda` (and decoding, with
// and without overlap) on a device, set what agreed to RAN.
#pragma once

#include "device.h"

namespace mr {

// Whether a device has run these kernels as they are, or all but what is new since; or none at all. What is UNPROVEN is off on a device until
// it is asked for; the emulation always takes it.
enum Proof { RAN, CHANGED, UNPROVEN };

using Choice = bool mr_stream::*;

struct Family {
  const char* name;
  Proof proof;
  Choice taken;  // the stream's choice; NULL: there is none, these kernels always run
  // The environment variable that chooses, and its two values; NULL where the choice follows another family's. A choice takes
  // compute capability 9.0.
  const char *variable, *off, *on;
  Choice needs;  // off, unasked, where this is off
};

constexpr Family FAMILIES[] = {
    {"fp32 products, optimisers, losses but cross-entropy, 4-bit and 8-bit formats", RAN, nullptr, nullptr, nullptr, nullptr,
     nullptr},
    {"16-bit products by mma.sync", CHANGED, nullptr, nullptr, nullptr, nullptr, nullptr},
    {"16-bit products by wgmma", CHANGED, &mr_stream::wgmma, "MEDREPRO_CUDA_GEMM", "sm80", "sm90", nullptr},
    {"thin 16-bit products (LoRA's factors)", CHANGED, &mr_stream::wgmma, nullptr, nullptr, nullptr, nullptr},
    {"attention by mma.sync", CHANGED, nullptr, nullptr, nullptr, nullptr, nullptr},
    {"attention by wgmma", UNPROVEN, &mr_stream::wgmma_attention, "MEDREPRO_CUDA_ATTENTION", "sm80", "sm90", &mr_stream::wgmma},
    {"embedding, RMSNorm, RoPE, gated units, cross-entropy", CHANGED, nullptr, nullptr, nullptr, nullptr, nullptr},
    {"joined ops of decoding", CHANGED, nullptr, nullptr, nullptr, nullptr, nullptr},
    {"LLM.int8 with outlier columns per group of rows", CHANGED, nullptr, nullptr, nullptr, nullptr, nullptr},
    {"kernels that start before their predecessors end", UNPROVEN, &mr_stream::overlaps, "MEDREPRO_CUDA_OVERLAP", "off", "on",
     nullptr},
};
constexpr int32_t FAMILY_COUNT = (int32_t)(sizeof FAMILIES / sizeof *FAMILIES);

}  // namespace mr
