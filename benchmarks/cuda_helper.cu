// What cuda_kernels.py needs of the CUDA runtime: memory, times, streams, graphs.
#include <cstdio>
#include <cuda_runtime.h>
extern "C" int bench_devices() {
  int n = 0;
  if (cudaGetDeviceCount(&n) != cudaSuccess || n == 0) return 0;
  // Else the pool gives its memory back at each wait, and the next launch has to fetch it again.
  cudaMemPool_t pool;
  unsigned long long all = ~0ull;
  if (cudaDeviceGetDefaultMemPool(&pool, 0) == cudaSuccess)
    cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all);
  return n;
}
extern "C" int bench_describe(char* text, size_t room) {
  cudaDeviceProp p;
  int driver = 0, clock = 0, memory = 0;
  if (cudaError_t error = cudaGetDeviceProperties(&p, 0)) return error;
  cudaDriverGetVersion(&driver);
  cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, 0);
  cudaDeviceGetAttribute(&memory, cudaDevAttrMemoryClockRate, 0);
  snprintf(text, room, "%s, sm_%d%d, %d multiprocessors at %d MHz, %zu MB of memory (%d bits at %d MHz), CUDA %d.%d",
           p.name, p.major, p.minor, p.multiProcessorCount, clock / 1000, p.totalGlobalMem >> 20, p.memoryBusWidth,
           memory / 1000, driver / 1000, driver % 1000 / 10);
  return 0;
}
extern "C" void* bench_stream() {
  cudaStream_t stream = nullptr;
  return cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) ? nullptr : stream;
}
extern "C" int bench_capture(cudaStream_t stream) {
  return cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
}
extern "C" int bench_replay(cudaStream_t stream) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  if (cudaError_t error = cudaStreamEndCapture(stream, &graph)) return error;
  cudaError_t error = cudaGraphInstantiate(&ready, graph, 0);
  for (int i = 0; i < 2 && !error; ++i) error = cudaGraphLaunch(ready, stream);
  if (!error) error = cudaStreamSynchronize(stream);
  if (ready) cudaGraphExecDestroy(ready);
  cudaGraphDestroy(graph);
  return error;
}
extern "C" const char* bench_words(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
extern "C" int bench_clear(void* p, size_t n) { return cudaMemset(p, 0xff, n); }
extern "C" void* bench_alloc(size_t n) { void* p = nullptr; return cudaMalloc(&p, n) ? nullptr : p; }
extern "C" void bench_free(void* p) { cudaFree(p); }
extern "C" int bench_put(void* to, const void* from, size_t n) {
  return cudaMemcpy(to, from, n, cudaMemcpyHostToDevice);
}
extern "C" int bench_get(void* to, const void* from, size_t n) {
  return cudaMemcpy(to, from, n, cudaMemcpyDeviceToHost);
}
extern "C" int bench_copy(void* to, const void* from, size_t n) {
  return cudaMemcpyAsync(to, from, n, cudaMemcpyDeviceToDevice, nullptr);
}
extern "C" int bench_wait() { return cudaDeviceSynchronize(); }
static cudaEvent_t begin, end;
extern "C" void bench_start() {
  if (!begin) { cudaEventCreate(&begin); cudaEventCreate(&end); }
  cudaEventRecord(begin, nullptr);
}
extern "C" float bench_stop() {
  float ms = 0;
  cudaEventRecord(end, nullptr);
  cudaEventSynchronize(end);
  cudaEventElapsedTime(&ms, begin, end);
  return ms;
}
