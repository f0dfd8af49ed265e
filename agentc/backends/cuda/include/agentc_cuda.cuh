// What agentc's generated kernels share: groups of threads that work on one row, reductions within a group, packed
// loads and stores, 16-bit floats. Compiles with nvcc and NVRTC, and with a plain C++ compiler through agentc_host.h.
#pragma once

#ifdef AGENTC_ON_HOST
#include "agentc_host.h"
#elif defined(__CUDACC_RTC__)
using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned;
using uint64_t = unsigned long long;
#else
#include <cstdint>
#include <cuda_runtime.h>
#endif

#if defined(__CUDACC_RTC__)
#define AGENTC_INFINITY __int_as_float(0x7f800000)
#else
#define AGENTC_INFINITY __builtin_huge_valf()
#endif

// Launches, or leaves the launcher with the error of this launch (and of no other call).
#define AGENTC_LAUNCH(kernel, grid, block, stream, ...) \
  AGENTC_LAUNCH_SHARED(kernel, grid, block, 0, stream, __VA_ARGS__)
// With `bytes` of shared memory.
#define AGENTC_LAUNCH_SHARED(kernel, grid, block, bytes, stream, ...)                                          \
  do {                                                                                                         \
    if (cudaError_t error = agentc::launch(kernel, grid, block, bytes, stream, __VA_ARGS__)) return error; \
  } while (false)

#ifndef AGENTC_ON_HOST
#define AGENTC_DYNAMIC_SHARED(T, name)                       \
  extern __shared__ __align__(128) unsigned char name##_bytes[]; \
  T* name = reinterpret_cast<T*>(name##_bytes)
#define AGENTC_EXPECT_ALIGNED(pointer, bytes)
#endif

namespace agentc {

// The same bits, read as another type of the same size.
template <class To, class From> __device__ __forceinline__ To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// Two floats of 16 bits. They are computed with as floats of 32 bits, each result rounded to nearest even: for
// + - * / that gives what 16-bit hardware gives, as a float has more than twice the digits (Figueroa, 1995).
struct float16 {
  static constexpr bool is_brain = false;
  uint16_t bits;
  float16() = default;
  template <class T> __device__ explicit float16(T value) : bits(round(static_cast<float>(value))) {}
  __device__ operator float() const;
  __device__ static uint16_t round(float value);
};
struct bfloat16 {
  static constexpr bool is_brain = true;
  uint16_t bits;
  bfloat16() = default;
  template <class T> __device__ explicit bfloat16(T value) : bits(round(static_cast<float>(value))) {}
  __device__ operator float() const { return bits_as<float>(static_cast<uint32_t>(bits) << 16); }
  __device__ static uint16_t round(float value);
};

__device__ __forceinline__ float16::operator float() const {
#ifdef AGENTC_ON_HOST
  return agentc_host::float_of_half(bits);
#else
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
  return value;
#endif
}
__device__ __forceinline__ uint16_t float16::round(float value) {
#ifdef AGENTC_ON_HOST
  return agentc_host::half_of_float(value);
#else
  uint16_t bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
#endif
}
__device__ __forceinline__ uint16_t bfloat16::round(float value) {
  const uint32_t wide = bits_as<uint32_t>(value);
  if (value != value) return static_cast<uint16_t>(wide >> 16 | 0x40);
  return static_cast<uint16_t>((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
}

#define AGENTC_ARITHMETIC(T)                                                                                     \
  __device__ __forceinline__ T operator+(T a, T b) { return T(static_cast<float>(a) + static_cast<float>(b)); } \
  __device__ __forceinline__ T operator-(T a, T b) { return T(static_cast<float>(a) - static_cast<float>(b)); } \
  __device__ __forceinline__ T operator*(T a, T b) { return T(static_cast<float>(a) * static_cast<float>(b)); } \
  __device__ __forceinline__ T operator/(T a, T b) { return T(static_cast<float>(a) / static_cast<float>(b)); } \
  __device__ __forceinline__ T operator-(T a) { return T(-static_cast<float>(a)); }
AGENTC_ARITHMETIC(float16)
AGENTC_ARITHMETIC(bfloat16)
#undef AGENTC_ARITHMETIC

// NaN wins, as in NumPy.
template <class T> __device__ __forceinline__ T maximum(T a, T b) { return (a > b || a != a) ? a : b; }
template <class T> __device__ __forceinline__ T minimum(T a, T b) { return (a < b || a != a) ? a : b; }

// Toward zero; out of range saturates and NaN is 0.
template <class To, class From> __device__ __forceinline__ To to_integer(From x) {
  constexpr bool is_signed = To(-1) < To(0);
  constexpr int bits = 8 * sizeof(To) - is_signed;
  constexpr To largest = static_cast<To>(~0ull >> (64 - bits));
  constexpr To smallest = static_cast<To>(is_signed ? -largest - 1 : 0);
  // Twice half of it: 2 ** bits is exact where 2 ** bits - 1 is not.
  const From limit = static_cast<From>(1ull << (bits - 1)) * From(2);
  if (x != x) return To(0);
  if (x >= limit) return largest;
  if (is_signed ? x < -limit : x <= From(0)) return smallest;
  return static_cast<To>(x);
}
template <class To> __device__ __forceinline__ To to_integer(float16 x) { return to_integer<To>(static_cast<float>(x)); }
template <class To> __device__ __forceinline__ To to_integer(bfloat16 x) {
  return to_integer<To>(static_cast<float>(x));
}

// Integers, without what C++ leaves undefined: a shift by too much gives 0 (or the sign), a division by 0 gives 0.
template <class T> __device__ __forceinline__ T shift_left(T a, T by) {
  constexpr int bits = 8 * sizeof(T);
  return static_cast<uint64_t>(by) >= bits ? T(0) : static_cast<T>(static_cast<uint64_t>(a) << by);
}
template <class T> __device__ __forceinline__ T shift_right(T a, T by) {
  constexpr int bits = 8 * sizeof(T);
  const bool far = static_cast<uint64_t>(by) >= bits;
  if constexpr (T(-1) < T(0)) {
    return static_cast<T>(a >> (far ? T(bits - 1) : by));
  } else {
    return far ? T(0) : static_cast<T>(a >> by);
  }
}
template <class T> __device__ __forceinline__ T divide(T a, T b) {
  if (b == T(0)) return T(0);
  return b == static_cast<T>(-1) && T(-1) < T(0) ? static_cast<T>(0 - static_cast<uint64_t>(a)) : static_cast<T>(a / b);
}
template <class T> __device__ __forceinline__ T remainder(T a, T b) {
  if (b == T(0) || (b == static_cast<T>(-1) && T(-1) < T(0))) return T(0);
  return static_cast<T>(a % b);
}
template <class T> __device__ __forceinline__ T floor_divide(T a, T b) {
  const T quotient = divide(a, b);
  return b != T(0) && remainder(a, b) != T(0) && (a < T(0)) != (b < T(0)) ? static_cast<T>(quotient - 1) : quotient;
}

// Neighbors, moved at once: at most 16 bytes. The address is a multiple of the size.
template <class T, int kCount> struct alignas(kCount * sizeof(T)) Pack {
  T at[kCount];
};
template <int kCount, class T> __device__ __forceinline__ Pack<T, kCount> load_pack(const T* from) {
  AGENTC_EXPECT_ALIGNED(from, sizeof(Pack<T, kCount>));
  return *reinterpret_cast<const Pack<T, kCount>*>(from);
}
template <class T, int kCount> __device__ __forceinline__ void store_pack(T* to, const Pack<T, kCount>& pack) {
  AGENTC_EXPECT_ALIGNED(to, sizeof(Pack<T, kCount>));
  *reinterpret_cast<Pack<T, kCount>*>(to) = pack;
}
template <int kCount, class T> __host__ __device__ __forceinline__ bool packable(const T* pointer) {
  return reinterpret_cast<unsigned long long>(pointer) % (kCount * sizeof(T)) == 0;
}

// A value of another lane of the warp.
template <class T> __device__ __forceinline__ T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <> __device__ __forceinline__ float16 shuffle_xor(float16 value, int mask) {
  return bits_as<float16>(static_cast<uint16_t>(shuffle_xor(static_cast<int>(value.bits), mask)));
}
template <> __device__ __forceinline__ bfloat16 shuffle_xor(bfloat16 value, int mask) {
  return bits_as<bfloat16>(static_cast<uint16_t>(shuffle_xor(static_cast<int>(value.bits), mask)));
}

template <class T, class F> __device__ __forceinline__ T reduce_warp(T value, F combine) {
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) value = combine(value, shuffle_xor(value, offset));
  return value;
}

// Values of the warp's lanes up to each lane, combined in their order.
template <class T> __device__ __forceinline__ T shuffle(T value, int lane) {
  return static_cast<T>(__shfl_sync(0xffffffffu, value, lane));
}
template <> __device__ __forceinline__ float16 shuffle(float16 value, int lane) {
  return bits_as<float16>(static_cast<uint16_t>(shuffle(static_cast<int>(value.bits), lane)));
}
template <> __device__ __forceinline__ bfloat16 shuffle(bfloat16 value, int lane) {
  return bits_as<bfloat16>(static_cast<uint16_t>(shuffle(static_cast<int>(value.bits), lane)));
}
template <class T, class F> __device__ __forceinline__ T scan_warp(T value, F combine) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int offset = 1; offset < 32; offset *= 2) {
    const T before = shuffle(value, lane < offset ? lane : lane - offset);
    if (lane >= offset) value = combine(before, value);
  }
  return value;
}
// Each of a thread's neighbors becomes what it and those before it come to; the last is all of them.
template <class T, int kItems, class F> __device__ __forceinline__ T scan_items(T (&items)[kItems], F combine) {
#pragma unroll
  for (int u = 1; u < kItems; ++u) items[u] = combine(items[u - 1], items[u]);
  return items[kItems - 1];
}

// A thread by itself.
struct Alone {
  static constexpr int size = 1;
  __device__ int lane() const { return 0; }
};

// A warp for each row: no shared memory, no barrier. For rows up to a few thousand elements.
struct Warp {
  using Inner = Warp;
  static constexpr int size = 32, parts = 1;
  __device__ int lane() const { return threadIdx.x % 32; }
  __device__ int part() const { return 0; }
  template <class T, class F> __device__ T join(T value, F) const { return value; }
  __device__ int64_t first() const { return static_cast<int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32; }
  __device__ int64_t stride() const { return static_cast<int64_t>(gridDim.x) * (blockDim.x / 32); }
  __device__ int64_t row(int64_t base, int64_t) const { return base; }
  __device__ bool active(int64_t, int64_t) const { return true; }
  __device__ void sync() const { __syncwarp(); }
  template <class T, class F> __device__ T reduce(T value, F combine) const { return reduce_warp(value, combine); }
  // Every item becomes what `carry` and all items up to it come to, lane after lane; `carry` what all come to.
  template <class T, int kItems, class F> __device__ void scan(T (&items)[kItems], T& carry, F combine) const {
    const T upto = scan_warp(scan_items(items, combine), combine);
    const T before = shuffle(upto, lane() > 0 ? lane() - 1 : 0);
    const T start = lane() > 0 ? combine(carry, before) : carry;
#pragma unroll
    for (int u = 0; u < kItems; ++u) items[u] = combine(start, items[u]);
    carry = combine(carry, shuffle(upto, 31));
  }
};

// A quarter of a warp for each of four neighboring rows: 8 lanes with packs of 16 bytes read lines of 128 whole, and have
// four of them under way each. Lanes whose row would be beyond the last repeat that one.
struct Quarter {
  static constexpr int size = 8;
  __device__ int lane() const { return threadIdx.x % 8; }
  __device__ int64_t row(int64_t base, int64_t high) const { return minimum<int64_t>(base + threadIdx.x % 32 / 8, high - 1); }
  __device__ bool active(int64_t base, int64_t high) const { return base + threadIdx.x % 32 / 8 < high; }
  __device__ void sync() const { __syncwarp(); }
  template <class T, class F> __device__ T reduce(T value, F combine) const {
#pragma unroll
    for (int offset = 4; offset > 0; offset /= 2) value = combine(value, shuffle_xor(value, offset));
    return value;
  }
};

// A block for each row.
template <int kThreads> struct Block {
  using Inner = Warp;
  static constexpr int size = kThreads, parts = kThreads / 32;
  __device__ int lane() const { return threadIdx.x; }
  __device__ int part() const { return threadIdx.x / 32; }
  __device__ int64_t first() const { return blockIdx.x; }
  __device__ int64_t stride() const { return gridDim.x; }
  __device__ int64_t row(int64_t base, int64_t) const { return base; }
  __device__ bool active(int64_t, int64_t) const { return true; }
  __device__ void sync() const { __syncthreads(); }
  template <class T, class F> __device__ T reduce(T value, F combine) const {
    return join(reduce_warp(value, combine), combine);
  }
  // What the warps' values come to; each is the same in all lanes of its warp.
  template <class T, class F> __device__ T join(T value, F combine) const {
    __shared__ T partial[kThreads / 32];
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    T total = partial[0];
#pragma unroll
    for (int warp = 1; warp < kThreads / 32; ++warp) total = combine(total, partial[warp]);
    __syncthreads();
    return total;
  }
  template <class T, int kItems, class F> __device__ void scan(T (&items)[kItems], T& carry, F combine) const {
    __shared__ T partial[kThreads / 32];
    const int inside = threadIdx.x % 32, own = threadIdx.x / 32;
    const T upto = scan_warp(scan_items(items, combine), combine);
    const T before = shuffle(upto, inside > 0 ? inside - 1 : 0);
    if (inside == 31) partial[own] = upto;
    __syncthreads();
    T start = carry;
#pragma unroll
    for (int warp = 0; warp < kThreads / 32; ++warp) {
      if (warp == own) start = inside > 0 ? combine(carry, before) : carry;
      carry = combine(carry, partial[warp]);
    }
#pragma unroll
    for (int u = 0; u < kItems; ++u) items[u] = combine(start, items[u]);
    __syncthreads();
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

// The type itself, where an argument (a plain `0`) must not have a say in what it is.
template <class T> struct Same {
  using type = T;
};

// What the threads of a block come to that are on the same of `side` columns, in the first of them.
template <int kThreads, class T, class F> __device__ __forceinline__ T join_side(T value, int side, F combine) {
  __shared__ T partial[kThreads];
  partial[threadIdx.x] = value;
  __syncthreads();
  const int own = threadIdx.x;
  if (own < side) {
    for (int other = own + side; other < kThreads; other += side) value = combine(value, partial[other]);
  }
  __syncthreads();
  return value;
}

// What `count` parts of a reduction come to, each `stride` from the one before, in an order that does not vary.
template <class Group, class T, class F>
__device__ __forceinline__ T combine_parts(const Group& group, const T* parts, int64_t stride, int count, typename Same<T>::type neutral, F combine) {
  T value = neutral;
  for (int part = group.lane(); part < count; part += Group::size) value = combine(value, parts[part * stride]);
  if constexpr (Group::size == 1) {
    return value;
  } else {
    return group.reduce(value, combine);
  }
}

// Where a block's piece of a row begins: all are as long, of whole packs, and those at the end of a row may be empty.
__device__ __forceinline__ int64_t piece_of(int64_t length, int64_t piece, int64_t pieces) {
  const int64_t each = ((length + pieces - 1) / pieces + 15) / 16 * 16;
  return minimum<int64_t>(length, each * piece);
}
// How many of a block's threads stand side by side on columns: the others are on other rows.
__host__ __device__ __forceinline__ int across(int64_t columns, int threads) {
  int found = 1;
  while (found < columns && found < threads) found *= 2;
  return found;
}

#ifndef __CUDACC_RTC__
// Launches on the stream's device, which has to be the current one. `given` become the types that the kernel declares.
template <class... Declared, class... Given>
inline cudaError_t launch(void (*kernel)(Declared...), dim3 grid, dim3 block, size_t bytes, cudaStream_t stream,
                          Given&&... given) {
  constexpr size_t unasked = 48 * 1024;  // more shared memory than this has to be asked for
  if (bytes > unasked) {
    const auto most = cudaFuncAttributeMaxDynamicSharedMemorySize;
    if (cudaError_t error = cudaFuncSetAttribute(kernel, most, static_cast<int>(bytes))) return error;
  }
  const cudaLaunchConfig_t config{grid, block, bytes, stream, nullptr, 0};
  return cudaLaunchKernelEx(&config, kernel, static_cast<Declared>(given)...);
}

// Sizes that follow from others; division rounds down.
inline int64_t over(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
inline int64_t modulo(int64_t a, int64_t b) { return a - b * over(a, b); }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// In how many parts to cut `work` pieces of work: one for each `each`, at most `most`. Of sizes alone, so that a sum is
// added in the same order on every GPU.
inline int parts_of(int64_t work, int64_t each, int64_t most) {
  const int64_t wanted = (work + each - 1) / each;
  return static_cast<int>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

// As many for each of `rows`, of `work` each, that are `length` long: one where a row is short, or where there are rows
// for half of all blocks.
inline int parts_of_rows(int64_t rows, int64_t length, int64_t work, int64_t least, int64_t each, int64_t most) {
  if (rows < 1 || rows > most / 2 || work <= least) return 1;
  return parts_of(work, each, smaller(most / rows, larger(length / 16, 1)));
}
// How many blocks to have for `rows` that read the same: one, unless that leaves room for more.
inline int64_t apart(int64_t rows, int64_t blocks, int64_t most) { return smaller(rows, larger(most / blocks, 1)); }

// Memory of the stream's pool until `release`, or for as long as the launcher runs; the stream gives it back when its
// work so far is done.
template <class T> class Scratch {
 public:
  Scratch(int64_t count, cudaStream_t stream) : stream_(stream) {
    error = cudaMallocAsync(&data_, sizeof(T) * static_cast<size_t>(count > 0 ? count : 1), stream);
  }
  ~Scratch() { release(); }
  void release() {
    if (data_) cudaFreeAsync(data_, stream_);
    data_ = nullptr;
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  operator T*() const { return data_; }
  cudaError_t error;

 private:
  T* data_ = nullptr;
  cudaStream_t stream_;
};
template <int kCount, class T> bool packable(const Scratch<T>& memory) {
  return packable<kCount>(static_cast<const T*>(memory));
}
#endif

}  // namespace agentc
