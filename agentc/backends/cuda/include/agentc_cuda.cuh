// What agentc's generated kernels share: groups of threads that work on one row, reductions within a group, packed
// loads and stores. Compiles with nvcc and NVRTC, and with a plain C++ compiler through agentc_host.h.
#pragma once

#ifdef AGENTC_ON_HOST
#include "agentc_host.h"
#elif defined(__CUDACC_RTC__)
using int8_t = signed char;
using int32_t = int;
using int64_t = long long;
#else
#include <cstdint>
#include <cuda_runtime.h>
#endif

#if defined(__CUDACC_RTC__)
#define AGENTC_INFINITY __int_as_float(0x7f800000)
#else
#define AGENTC_INFINITY __builtin_huge_valf()
#endif

#ifndef AGENTC_LAUNCH
#define AGENTC_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#endif

namespace agentc {

// NaN wins, as in NumPy.
template <class T> __device__ __forceinline__ T maximum(T a, T b) { return (a > b || a != a) ? a : b; }
template <class T> __device__ __forceinline__ T minimum(T a, T b) { return (a < b || a != a) ? a : b; }

// Toward zero; out of range saturates and NaN is 0.
template <class To, class From> __device__ __forceinline__ To to_integer(From x) {
  constexpr int bits = 8 * sizeof(To);
  const From limit = static_cast<From>(1ull << (bits - 1));
  const To smallest = static_cast<To>(1ull << (bits - 1));
  if (x != x) return To(0);
  if (x >= limit) return static_cast<To>(~smallest);
  return x < -limit ? smallest : static_cast<To>(x);
}

// Four neighbors, moved at once. The address is a multiple of the size.
template <class T> struct alignas(4 * sizeof(T)) Pack {
  T at[4];
};
template <class T> __device__ __forceinline__ Pack<T> load_pack(const T* from) {
  return *reinterpret_cast<const Pack<T>*>(from);
}
template <class T> __device__ __forceinline__ void store_pack(T* to, const Pack<T>& pack) {
  *reinterpret_cast<Pack<T>*>(to) = pack;
}
template <class T> __device__ __forceinline__ bool packable(const T* pointer) {
  return reinterpret_cast<unsigned long long>(pointer) % (4 * sizeof(T)) == 0;
}

template <class T, class F> __device__ __forceinline__ T reduce_warp(T value, F combine) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

// A warp for each row: no shared memory, no barrier. For rows up to a few thousand elements.
struct Warp {
  static constexpr int size = 32;
  __device__ int lane() const { return threadIdx.x % 32; }
  __device__ int64_t first() const { return static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; }
  __device__ int64_t stride() const { return static_cast<int64_t>(gridDim.x) * (blockDim.x / 32); }
  __device__ int64_t row(int64_t base, int64_t) const { return base; }
  __device__ bool active(int64_t, int64_t) const { return true; }
  __device__ void sync() const { __syncwarp(); }
  template <class T, class F> __device__ T reduce(T value, F combine) const { return reduce_warp(value, combine); }
};

// A block for each row.
template <int kThreads> struct Block {
  static constexpr int size = kThreads;
  __device__ int lane() const { return threadIdx.x; }
  __device__ int64_t first() const { return blockIdx.x; }
  __device__ int64_t stride() const { return gridDim.x; }
  __device__ int64_t row(int64_t base, int64_t) const { return base; }
  __device__ bool active(int64_t, int64_t) const { return true; }
  __device__ void sync() const { __syncthreads(); }
  template <class T, class F> __device__ T reduce(T value, F combine) const {
    __shared__ T partial[kThreads / 32];
    value = reduce_warp(value, combine);
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    T total = partial[0];
#pragma unroll
    for (int warp = 1; warp < kThreads / 32; ++warp) total = combine(total, partial[warp]);
    __syncthreads();
    return total;
  }
};

// 32 columns side by side, 16 threads for each: for reductions down the columns of a row-major array.
struct Columns {
  static constexpr int size = 16;
  __device__ int lane() const { return threadIdx.y; }
  __device__ int64_t first() const { return static_cast<int64_t>(blockIdx.x) * 32; }
  __device__ int64_t stride() const { return static_cast<int64_t>(gridDim.x) * 32; }
  __device__ int64_t row(int64_t base, int64_t high) const {
    return base + threadIdx.x < high ? base + threadIdx.x : high - 1;
  }
  __device__ bool active(int64_t base, int64_t high) const { return base + threadIdx.x < high; }
  __device__ void sync() const { __syncthreads(); }
  template <class T, class F> __device__ T reduce(T value, F combine) const {
    __shared__ T partial[size][32];
    partial[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    T total = partial[0][threadIdx.x];
#pragma unroll
    for (int part = 1; part < size; ++part) total = combine(total, partial[part][threadIdx.x]);
    __syncthreads();
    return total;
  }
};

}  // namespace agentc
