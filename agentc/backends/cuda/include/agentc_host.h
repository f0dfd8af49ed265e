// Runs CUDA C++ kernel text on the CPU, unchanged: to check results where there is no GPU, not to be fast.
//
// A block's threads are fibers (ucontext) that take turns. A barrier or a shuffle is a meeting: a fiber that arrives
// waits until all of its block, or warp, that still run have arrived at the same meeting. If no fiber can go on, the
// kernel's barriers diverge: the run is aborted with a message, where a GPU would hang or go wrong.
// Blocks run one after the other. Atomics are not provided.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static  // blocks run one after the other

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
using cudaStream_t = void*;
using cudaError_t = int;
constexpr cudaError_t cudaSuccess = 0;
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
template <class T> cudaError_t cudaMallocAsync(T** to, std::size_t bytes, cudaStream_t) {
  *to = static_cast<T*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
  return *to ? cudaSuccess : 2;
}
inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t) { return std::free(memory), cudaSuccess; }

namespace agentc_host {

struct Meeting {
  unsigned members = 0, arrived = 0, round = 0;
};

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  dim3 thread;
  unsigned index = 0;
  bool done = false;
};

constexpr std::size_t kStackBytes = 64 * 1024;

struct Machine {
  ucontext_t scheduler;
  std::vector<Fiber> fibers;
  std::vector<Meeting> warps;
  std::vector<std::uint64_t> mailbox;
  Meeting block;
  Fiber* current = nullptr;
  bool progress = false;
  dim3 block_index, block_size, grid_size;
  std::function<void()> body;
};

inline Machine& machine() {
  static Machine instance;
  return instance;
}

inline void leave(Meeting& meeting) {
  --meeting.members;
  if (meeting.members && meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.round;
  }
}

inline void yield() { swapcontext(&machine().current->context, &machine().scheduler); }

inline void meet(Meeting& meeting) {
  machine().progress = true;
  const unsigned round = meeting.round;
  if (++meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.round;
    return;
  }
  while (meeting.round == round) yield();
  machine().progress = true;
}

inline Meeting& my_warp() { return machine().warps[machine().current->index / 32]; }

inline void enter() {
  Machine& m = machine();
  m.body();
  m.progress = true;
  m.current->done = true;
  leave(my_warp());
  leave(m.block);
  for (;;) yield();
}

inline void run_block() {
  Machine& m = machine();
  const unsigned count = m.block_size.x * m.block_size.y * m.block_size.z;
  m.fibers.resize(count);
  m.mailbox.resize(count);
  m.block = Meeting{count};
  m.warps.assign((count + 31) / 32, Meeting{});
  for (unsigned i = 0; i < count; ++i) {
    Fiber& fiber = m.fibers[i];
    ++m.warps[i / 32].members;
    if (!fiber.stack) fiber.stack.reset(new char[kStackBytes]);
    fiber.index = i;
    fiber.done = false;
    fiber.thread = dim3(i % m.block_size.x, i / m.block_size.x % m.block_size.y, i / m.block_size.x / m.block_size.y);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, enter, 0);
  }
  for (unsigned live = count; live;) {
    live = 0;
    m.progress = false;
    for (Fiber& fiber : m.fibers) {
      if (fiber.done) continue;
      m.current = &fiber;
      swapcontext(&m.scheduler, &fiber.context);
      live += !fiber.done;
    }
    if (live && !m.progress) {
      std::fprintf(stderr, "agentc_host: divergent barrier in block %u\n", m.block_index.x);
      std::abort();
    }
  }
}

inline void launch(dim3 grid, dim3 block, std::function<void()> body) {
  Machine& m = machine();
  m.grid_size = grid;
  m.block_size = block;
  m.body = std::move(body);
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        m.block_index = dim3(x, y, z);
        run_block();
      }
}

// Lane `source` of the warp gives its value to the caller.
template <class T> T exchange(T value, unsigned source) {
  static_assert(sizeof(T) <= 8);
  Machine& m = machine();
  const unsigned me = m.current->index, base = me / 32 * 32;
  std::memcpy(&m.mailbox[me], &value, sizeof value);
  meet(my_warp());
  T result = value;
  if (base + source < m.mailbox.size()) std::memcpy(&result, &m.mailbox[base + source], sizeof result);
  meet(my_warp());
  return result;
}

inline unsigned lane() { return machine().current->index % 32; }

}  // namespace agentc_host

#define threadIdx (agentc_host::machine().current->thread)
#define blockIdx (agentc_host::machine().block_index)
#define blockDim (agentc_host::machine().block_size)
#define gridDim (agentc_host::machine().grid_size)
#define AGENTC_LAUNCH(kernel, grid, block, stream, ...) agentc_host::launch(grid, block, [&] { kernel(__VA_ARGS__); })

inline void __syncthreads() { agentc_host::meet(agentc_host::machine().block); }
inline void __syncwarp(unsigned = 0xffffffffu) { agentc_host::meet(agentc_host::my_warp()); }
template <class T> T __shfl_xor_sync(unsigned, T value, int mask) {
  return agentc_host::exchange(value, agentc_host::lane() ^ static_cast<unsigned>(mask));
}
template <class T> T __shfl_sync(unsigned, T value, int source) { return agentc_host::exchange(value, source % 32u); }
template <class T> T __shfl_down_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = agentc_host::lane();
  return agentc_host::exchange(value, lane + delta < 32 ? lane + delta : lane);
}
