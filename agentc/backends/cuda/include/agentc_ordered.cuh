// Selection and sorting of rows. An element's rank and place are one 64-bit key, so that no two keys are equal and the
// answer does not depend on how the work is cut: larger keys come first, equal elements in the order of their places,
// NaN last. A round finds the next 1,024 keys of each row, below the last of the round before: blocks find those of
// their parts, then one block those of all parts.
#pragma once

#include "agentc_cuda.cuh"

namespace agentc {

constexpr int kRound = 1024;
constexpr int kSelectThreads = 512;

// How elements are ordered: by size, unsigned or not, the largest or the smallest first.
template <bool kUnsigned, bool kLargest> struct Order {
  __device__ static uint32_t rank(float x) {
    if (x != x) return 0;
    const uint32_t bits = bits_as<uint32_t>(x == 0.0f ? 0.0f : x);  // -0 equals 0
    const uint32_t rising = bits >> 31 ? ~bits : bits | 0x80000000u;
    return kLargest ? rising : ~rising;
  }
  __device__ static uint32_t rank(float16 x) { return rank(static_cast<float>(x)); }
  __device__ static uint32_t rank(bfloat16 x) { return rank(static_cast<float>(x)); }
  template <class T> __device__ static uint32_t rank(T x) {
    constexpr uint64_t mask = ~0ull >> (64 - 8 * sizeof(T));
    const uint32_t rising = kUnsigned ? static_cast<uint32_t>(static_cast<uint64_t>(x) & mask)
                                      : static_cast<uint32_t>(static_cast<int32_t>(x)) ^ 0x80000000u;
    return kLargest ? rising : ~rising;
  }
  // 0 is no key of any element.
  template <class T> __device__ static uint64_t key(T x, int64_t place) {
    return static_cast<uint64_t>(rank(x)) << 32 | (0xffffffffull - static_cast<uint64_t>(place));
  }
};
__device__ __forceinline__ int64_t place_of(uint64_t key) { return static_cast<int64_t>(0xffffffffull - (key & 0xffffffffull)); }

// One step of a bitonic network over kRound keys: pairs `apart`; runs of `run` alternate in direction.
__device__ __forceinline__ void compare_step(uint64_t* keys, int apart, int run, bool falling) {
  const int low = 2 * threadIdx.x - (threadIdx.x & (apart - 1)), high = low + apart;
  const bool down = ((low & run) == 0) == falling;
  const uint64_t a = keys[low], b = keys[high];
  if ((a < b) == down) {
    keys[low] = b;
    keys[high] = a;
  }
  __syncthreads();
}

// The largest kRound of the keys that `key(i)` gives for i in [begin, end), in falling order in `best`.
template <class F> __device__ void select_keys(uint64_t* best, uint64_t* chunk, int64_t begin, int64_t end, F key) {
  const Block<kSelectThreads> group;
  const auto larger = [](uint64_t a, uint64_t b) { return a > b ? a : b; };
  best[threadIdx.x] = best[threadIdx.x + kSelectThreads] = 0;
  __syncthreads();
  for (int64_t base = begin; base < end; base += kRound) {
    uint64_t most = 0;
    for (int i = threadIdx.x; i < kRound; i += kSelectThreads) {
      const uint64_t found = base + i < end ? key(base + i) : 0;
      chunk[i] = found;
      most = larger(most, found);
    }
    const uint64_t last = best[kRound - 1];
    if (group.reduce(most, larger) <= last) continue;  // nothing here is among the best; all threads agree
    for (int run = 2; run <= kRound; run *= 2)
      for (int apart = run / 2; apart > 0; apart /= 2) compare_step(chunk, apart, run, false);
    for (int i = threadIdx.x; i < kRound; i += kSelectThreads) best[i] = larger(best[i], chunk[i]);
    __syncthreads();
    for (int apart = kRound / 2; apart > 0; apart /= 2) compare_step(best, apart, 0, true);
  }
}

// The keys of part blockIdx.y of row blockIdx.x that are below the row's bound.
template <class Order, class T>
__device__ __forceinline__ void select_part(const T* from, int64_t n, uint64_t* candidates, const uint64_t* bounds, bool first) {
  __shared__ uint64_t best[kRound], chunk[kRound];
  const int64_t row = blockIdx.x, share = (n + gridDim.y - 1) / gridDim.y, begin = share * blockIdx.y;
  const uint64_t bound = first ? ~0ull : bounds[row];
  select_keys(best, chunk, begin, begin + share < n ? begin + share : n, [&](int64_t i) {
    const uint64_t key = Order::key(from[row * n + i], i);
    return key < bound ? key : 0;
  });
  for (int i = threadIdx.x; i < kRound; i += kSelectThreads)
    candidates[(row * gridDim.y + blockIdx.y) * kRound + i] = best[i];
}

// The best of all parts' candidates; give(row, i, place) is told each of the first `wanted`, with place -1 for none.
template <class F>
__device__ __forceinline__ void select_whole(const uint64_t* candidates, int parts, int64_t wanted, uint64_t* bounds, F give) {
  __shared__ uint64_t best[kRound], chunk[kRound];
  const int64_t row = blockIdx.x, each = wanted < kRound ? wanted : kRound;
  select_keys(best, chunk, 0, parts * each, [&](int64_t i) {
    return candidates[(row * parts + i / each) * kRound + i % each];
  });
  if (threadIdx.x == 0) bounds[row] = best[kRound - 1];
  for (int i = threadIdx.x; i < each; i += kSelectThreads) give(row, i, best[i] ? place_of(best[i]) : -1);
}

// A bitonic network over keys in memory, smallest first, as many as a power of two from kSortChunk on. Runs of `run`
// alternate in direction; pairs stand `apart`.
constexpr int kSortChunk = 1024;
constexpr int kSortThreads = 512;

// The steps that stay inside a chunk: of `run`, or of all runs up to a chunk's length where `run` is 0.
__device__ __forceinline__ void sort_near(uint64_t* keys, int64_t run) {
  __shared__ uint64_t chunk[kSortChunk];
  const int64_t base = static_cast<int64_t>(blockIdx.x) * kSortChunk;
  for (int i = threadIdx.x; i < kSortChunk; i += kSortThreads) chunk[i] = keys[base + i];
  __syncthreads();
  for (int64_t own = run ? run : 2; own <= (run ? run : kSortChunk); own *= 2) {
    for (int apart = own < kSortChunk ? static_cast<int>(own) / 2 : kSortChunk / 2; apart > 0; apart /= 2) {
      const int low = 2 * threadIdx.x - (threadIdx.x & (apart - 1)), high = low + apart;
      const bool rising = ((base + low) & own) == 0;
      const uint64_t a = chunk[low], b = chunk[high];
      if ((a > b) == rising) {
        chunk[low] = b;
        chunk[high] = a;
      }
      __syncthreads();
    }
  }
  for (int i = threadIdx.x; i < kSortChunk; i += kSortThreads) keys[base + i] = chunk[i];
}

// One step whose pairs stand in two chunks.
__device__ __forceinline__ void sort_far(uint64_t* keys, int64_t count, int64_t run, int64_t apart) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t pair = thread; pair < count / 2; pair += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const int64_t low = 2 * pair - (pair & (apart - 1)), high = low + apart;
    const bool rising = (low & run) == 0;
    const uint64_t a = keys[low], b = keys[high];
    if ((a > b) == rising) {
      keys[low] = b;
      keys[high] = a;
    }
  }
}

}  // namespace agentc
