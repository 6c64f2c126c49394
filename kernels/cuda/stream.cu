// stream.cu: streams, device memory, copies between host and device, errors.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "families.h"

namespace mr {

static thread_local char last_error[512] = "no error";

int32_t fail(int32_t code, const char* format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(last_error, sizeof last_error, format, list);
  va_end(list);
  return code;
}

int32_t check(cudaError_t error, const char* op) {
  if (error == cudaSuccess) return MR_OK;
  // cleared here, so that the check of the next launch does not report it again; an error of the context comes back by itself
  cudaGetLastError();
  return fail(error == cudaErrorMemoryAllocation ? MR_ERR_MEMORY : MR_ERR_DEVICE, "%s: %s", op, cudaGetErrorString(error));
}

void* workspace(mr_stream* s, int64_t bytes) {
  if (bytes <= s->workspace_bytes) return s->workspace;
  if (bytes > WORKSPACE_LIMIT) return fail(MR_ERR_INTERNAL, "an op asks for %lld bytes of workspace", (long long)bytes), nullptr;
  // the whole of it at once: it never moves again, so that no op waits for another one's end
  if (check(cudaMalloc(&s->workspace, (size_t)WORKSPACE_LIMIT), "workspace") != MR_OK) return nullptr;
  s->workspace_bytes = WORKSPACE_LIMIT;
  return s->workspace;
}

#ifndef MR_EMULATED
int32_t allow_shared_memory(mr_stream* s, const void* kernel, int64_t bytes, const char* op) {
  LargeKernel* known = s->large;
  while (known->kernel != nullptr && known->kernel != kernel) known++;
  if (known->kernel == kernel && known->bytes >= bytes) return MR_OK;
  MR_TRY(check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes), op));
  // The driver's own choice of how much of the first-level cache is shared memory may have room for one block only; these kernels read
  // past that cache.
  MR_TRY(check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout, cudaSharedmemCarveoutMaxShared), op));
  // the last place stays empty: kernels for which there is none are asked for every time
  if (known < s->large + LARGE_KERNELS - 1) *known = {kernel, bytes};
  return MR_OK;
}
#endif

namespace {

// What kernels found in their inputs since the last call.
int32_t take_fault(mr_stream* s) {
  Fault fault = *s->fault;
  if (fault.kind == FAULT_NONE) return MR_OK;
  *s->fault = Fault{};
  const char* what = fault.kind == FAULT_TOKEN_ID ? "embedding: token %lld has the id %d, which the vocabulary has not"
                     : fault.kind == FAULT_LABEL  ? "row %lld has the label %d, which is no class"
                                                  : "gather_rows: entry %lld names row %d";
  return fail(MR_ERR_ARGUMENT, what, (long long)fault.index, fault.value);
}

int32_t attribute(cudaDeviceAttr which, int device, int32_t* value) {
  int found = 0;
  MR_TRY(check(cudaDeviceGetAttribute(&found, which, device), "mr_stream_create"));
  *value = found;
  return MR_OK;
}

// Whether these kernels are on by default, on a device that has their instructions.
constexpr bool by_default(const Family& family) {
#ifdef MR_EMULATED
  (void)family;
  return true;
#else
  return family.proof != UNPROVEN;
#endif
}

// The families that a device of compute capability 9.0 can choose: machine code for it alone has their instructions.
int32_t choose_kernels(mr_stream* s) {
#ifdef MR_EMULATED
  bool available = true;
#else
  bool available = s->compute_capability == 90;
#endif
  for (const Family& family : FAMILIES) {
    if (family.variable == nullptr) continue;
    bool& taken = s->*family.taken;
    taken = available && by_default(family) && (family.needs == nullptr || s->*family.needs);
    const char* value = getenv(family.variable);
    if (value == nullptr || value[0] == 0) continue;
    if (strcmp(value, family.off) != 0 && strcmp(value, family.on) != 0)
      return fail(MR_ERR_ARGUMENT, "%s is %.20s and can be %s or %s", family.variable, value, family.off, family.on);
    taken = strcmp(value, family.on) == 0;
    if (taken && !available)
      return fail(MR_ERR_DEVICE, "%s is %s, which takes compute capability 9.0, and the GPU has %d.%d", family.variable, family.on,
                  s->compute_capability / 10, s->compute_capability % 10);
  }
  return MR_OK;
}

int32_t open_stream(mr_stream* s, int32_t device) {
  int count = 0, driver = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorInsufficientDriver) {
    cudaDriverGetVersion(&driver);
    if (driver == 0) return fail(MR_ERR_DEVICE, "no NVIDIA driver is installed");
    return fail(MR_ERR_DEVICE, "the NVIDIA driver is for CUDA %d.%d and this build needs 13.0 or newer", driver / 1000,
                driver % 1000 / 10);
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
    return fail(MR_ERR_DEVICE, "the NVIDIA driver finds no GPU");
  MR_TRY(check(error, "mr_stream_create"));
  if (device < 0 || device >= count) return fail(MR_ERR_ARGUMENT, "there is no GPU %d: the driver has %d", device, count);
  MR_TRY(check(cudaSetDevice(device), "mr_stream_create"));
  int32_t major = 0, minor = 0, room = 0;
  MR_TRY(attribute(cudaDevAttrComputeCapabilityMajor, device, &major));
  MR_TRY(attribute(cudaDevAttrComputeCapabilityMinor, device, &minor));
  MR_TRY(attribute(cudaDevAttrMultiProcessorCount, device, &s->multiprocessors));
  MR_TRY(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device, &room));
  s->device = device;
  cudaDeviceProp properties;
  MR_TRY(check(cudaGetDeviceProperties(&properties, device), "mr_stream_create"));
  snprintf(s->name, sizeof s->name, "%s", properties.name);
  s->compute_capability = major * 10 + minor;
  s->shared_memory = room;
  if (s->compute_capability < 80)
    return fail(MR_ERR_DEVICE, "GPU %d has compute capability %d.%d and the kernels need 8.0 or newer", device, major, minor);
  MR_TRY(choose_kernels(s));
  MR_TRY(check(cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking), "mr_stream_create"));
  void* fault = nullptr;
  MR_TRY(check(cudaHostAlloc(&fault, sizeof(Fault), cudaHostAllocMapped), "mr_stream_create"));
  s->fault = static_cast<Fault*>(fault);
  *s->fault = Fault{};
  return MR_OK;
}

}  // namespace
}  // namespace mr

using mr::check;
using mr::fail;

extern "C" {

MR_API const char* mr_last_error(void) { return mr::last_error; }

MR_API mr_stream* mr_stream_create(int32_t device, int32_t, int32_t) {
  mr_stream* s = new mr_stream{};
  if (mr::open_stream(s, device) == MR_OK) return s;
  mr_stream_destroy(s);
  return nullptr;
}

MR_API void mr_stream_destroy(mr_stream* s) {
  if (s == nullptr) return;
  if (s->stream != nullptr) {
    cudaStreamSynchronize(s->stream);
    cudaStreamDestroy(s->stream);
  }
  cudaFree(s->workspace);
  cudaFreeHost(s->fault);
  delete s;
}

MR_API int32_t mr_stream_synchronize(mr_stream* s) {
  MR_REQUIRE(s != nullptr, "mr_stream_synchronize: the stream is NULL");
  MR_TRY(check(cudaStreamSynchronize(s->stream), "mr_stream_synchronize"));
  return mr::take_fault(s);
}

MR_API void* mr_device_alloc(mr_stream* s, int64_t bytes) {
  if (s == nullptr) return fail(MR_ERR_ARGUMENT, "mr_device_alloc: the stream is NULL"), nullptr;
  if (bytes <= 0) return fail(MR_ERR_ARGUMENT, "mr_device_alloc: cannot allocate %lld bytes", (long long)bytes), nullptr;
  void* p = nullptr;
  cudaError_t error = cudaMalloc(&p, (size_t)bytes);
  if (check(error, "mr_device_alloc") == MR_OK) return p;
  if (error != cudaErrorMemoryAllocation) return nullptr;
  size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "mr_device_alloc");
  return fail(MR_ERR_MEMORY, "the GPU has %zu of its %zu bytes free, %lld are needed", free, total, (long long)bytes), nullptr;
}

MR_API int32_t mr_device_free(mr_stream* s, void* p, int64_t) {
  MR_REQUIRE(s != nullptr, "mr_device_free: the stream is NULL");
  MR_TRY(check(cudaStreamSynchronize(s->stream), "mr_device_free"));
  return check(cudaFree(p), "mr_device_free");
}

MR_API const char* mr_device_name(mr_stream* s) { return s == nullptr ? "no GPU" : s->name; }

MR_API double mr_device_free_memory(mr_stream* s) {
  size_t free = 0, total = 0;
  if (s == nullptr || check(cudaMemGetInfo(&free, &total), "mr_device_free_memory") != MR_OK) return 0;
  return (double)free;
}

MR_API const char* mr_family_name(int32_t family) {
  return family < 0 || family >= mr::FAMILY_COUNT ? nullptr : mr::FAMILIES[family].name;
}

MR_API const char* mr_family_setting(int32_t family) {
  if (family < 0 || family >= mr::FAMILY_COUNT || mr::FAMILIES[family].variable == nullptr) return "";
  static thread_local char setting[64];
  snprintf(setting, sizeof setting, "%s=%s", mr::FAMILIES[family].variable, mr::FAMILIES[family].on);
  return setting;
}

MR_API int32_t mr_family_state(mr_stream* s, int32_t family) {
  if (family < 0 || family >= mr::FAMILY_COUNT) return MR_FAMILY_OFF;
  const mr::Family& f = mr::FAMILIES[family];
  bool on = f.taken == nullptr || (s == nullptr ? mr::by_default(f) : s->*f.taken);
  return (on ? MR_FAMILY_ON : MR_FAMILY_OFF) | (f.proof == mr::CHANGED    ? MR_FAMILY_CHANGED
                                                : f.proof == mr::UNPROVEN ? MR_FAMILY_UNPROVEN
                                                                          : 0);
}

MR_API void* mr_host_alloc(mr_stream* s, int64_t bytes) {
  if (s == nullptr || bytes <= 0)
    return fail(MR_ERR_ARGUMENT, "mr_host_alloc: cannot allocate %lld bytes", (long long)bytes), nullptr;
  void* p = nullptr;
  if (check(cudaHostAlloc(&p, (size_t)bytes, cudaHostAllocMapped), "mr_host_alloc") != MR_OK) return nullptr;
  memset(p, 0, (size_t)bytes);
  return p;
}

MR_API int32_t mr_host_free(mr_stream* s, void* p, int64_t) {
  MR_REQUIRE(s != nullptr, "mr_host_free: the stream is NULL");
  MR_TRY(check(cudaStreamSynchronize(s->stream), "mr_host_free"));
  return check(cudaFreeHost(p), "mr_host_free");
}

MR_API int32_t mr_record_begin(mr_stream* s) {
  MR_REQUIRE(s != nullptr, "mr_record_begin: the stream is NULL");
  return check(cudaStreamBeginCapture(s->stream, cudaStreamCaptureModeThreadLocal), "mr_record_begin");
}

MR_API void* mr_record_end(mr_stream* s) {
  if (s == nullptr) return fail(MR_ERR_ARGUMENT, "mr_record_end: the stream is NULL"), nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t recording = nullptr;
  if (check(cudaStreamEndCapture(s->stream, &graph), "mr_record_end") != MR_OK) return nullptr;
  check(cudaGraphInstantiate(&recording, graph, 0), "mr_record_end");
  cudaGraphDestroy(graph);
  return recording;
}

MR_API int32_t mr_replay(mr_stream* s, void* recording) {
  MR_REQUIRE(s != nullptr && recording != nullptr, "mr_replay: the stream or the recording is NULL");
  return check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(recording), s->stream), "mr_replay");
}

MR_API int32_t mr_recording_free(mr_stream* s, void* recording) {
  MR_REQUIRE(s != nullptr, "mr_recording_free: the stream is NULL");
  if (recording == nullptr) return MR_OK;
  MR_TRY(check(cudaStreamSynchronize(s->stream), "mr_recording_free"));
  return check(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(recording)), "mr_recording_free");
}

MR_API int32_t mr_copy_to_device(mr_stream* s, int64_t bytes, const void* host, void* device) {
  MR_REQUIRE(s != nullptr && bytes >= 0 && (bytes == 0 || (host && device)), "mr_copy_to_device: %lld bytes", (long long)bytes);
  if (bytes == 0) return MR_OK;
  // pageable memory: the runtime has taken all bytes when it returns
  return check(cudaMemcpyAsync(device, host, (size_t)bytes, cudaMemcpyHostToDevice, s->stream), "mr_copy_to_device");
}

MR_API int32_t mr_copy_to_host(mr_stream* s, int64_t bytes, const void* device, void* host) {
  MR_REQUIRE(s != nullptr && bytes >= 0 && (bytes == 0 || (host && device)), "mr_copy_to_host: %lld bytes", (long long)bytes);
  if (bytes > 0) MR_TRY(check(cudaMemcpyAsync(host, device, (size_t)bytes, cudaMemcpyDeviceToHost, s->stream), "mr_copy_to_host"));
  return mr_stream_synchronize(s);
}

}  // extern "C"
