// Runs CUDA C++ kernel text on the CPU, unchanged: to check results where there is no GPU, not to be fast.
//
// A block's threads are fibers (ucontext) that take turns. A barrier or a shuffle is a meeting: a fiber that arrives
// waits until all of its block, or warp, that still run have arrived at the same meeting. If no fiber can go on, the
// kernel's barriers diverge: the run is aborted with a message, where a GPU would hang or go wrong. So it is where a
// lane asks one that is not there, where lanes of a warp meet at different calls, and where a pack is not aligned.
// Blocks run one after the other, every other launch from the last on; so do the threads of every other block. Atomics
// are not provided. Asynchronous copies arrive when they are waited for. A launch beyond the limits of a GPU is refused,
// and any call of the runtime can be made to fail (agentc_host_fail_in).
//
// With AGENTC_CHECK, and the text compiled (not linked) by -fsanitize=thread, agentc_check.h is told of each access to
// memory and looks for races and for accesses outside of arrays.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstddef>
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
#define AGENTC_DYNAMIC_SHARED(T, name) T* name = reinterpret_cast<T*>(agentc_host::machine().dynamic.get())
#ifdef AGENTC_CHECK
#define AGENTC_UNSEEN __attribute__((no_sanitize("thread")))
#else
#define AGENTC_UNSEEN
#endif

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
using cudaStream_t = void*;
using cudaError_t = int;
constexpr cudaError_t cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2,
                      cudaErrorInvalidConfiguration = 9;
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  void* attrs;
  unsigned numAttrs;
};
#ifdef AGENTC_CHECK
#include "agentc_check.h"
#endif

namespace agentc_host {

inline int the_countdown = 0;  // the call that fails; 0: none
inline long the_scratch = 0;   // arrays that launchers hold
AGENTC_UNSEEN inline bool fails() { return the_countdown > 0 && --the_countdown == 0; }

}  // namespace agentc_host

extern "C" {
inline __attribute__((used)) void agentc_host_fail_in(int calls) { agentc_host::the_countdown = calls; }
inline __attribute__((used)) long agentc_host_scratch() { return agentc_host::the_scratch; }
}

template <class T> cudaError_t cudaMallocAsync(T** to, std::size_t bytes, cudaStream_t) {
  if (agentc_host::fails()) return cudaErrorMemoryAllocation;
#ifdef AGENTC_CHECK
  *to = static_cast<T*>(agentc_check::allocate(bytes, 0, false));
#else
  *to = static_cast<T*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
#endif
  if (!*to) return cudaErrorMemoryAllocation;
  ++agentc_host::the_scratch;
  return cudaSuccess;
}
inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t) {
  --agentc_host::the_scratch;
#ifdef AGENTC_CHECK
  agentc_check::release(memory);
#else
  std::free(memory);
#endif
  return cudaSuccess;
}

namespace agentc_host {

enum class Call { sync_threads, sync_warp, shuffle };

struct Meeting {
  unsigned members = 0, arrived = 0, round = 0;
  Call call = Call::sync_threads;  // of those that have arrived
};

struct Copy {
  void* to;
  unsigned char data[16];
  unsigned group;
};

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  dim3 thread;
  unsigned index = 0;
  bool done = false;
  std::vector<Copy> copies;  // under way
  unsigned closed = 0;       // groups of copies
};

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr std::size_t kDynamicBytes = 227 * 1024;  // what a block can have on sm_90

struct Machine {
  ucontext_t scheduler;
  std::vector<Fiber> fibers;
  std::vector<Meeting> warps;
  std::vector<std::uint64_t> mailbox;
  Meeting block;
  Fiber* current = nullptr;
  bool progress = false;
  bool running = false;  // a fiber, that is, and no part of this file
  bool backward = false;
  unsigned launches = 0;
  std::size_t allowed = 48 * 1024;  // of dynamic shared memory
  std::unique_ptr<std::max_align_t[]> dynamic{new std::max_align_t[kDynamicBytes / sizeof(std::max_align_t)]};
  dim3 block_index, block_size, grid_size;
  std::function<void()> body;
};

inline Machine the_machine;
AGENTC_UNSEEN inline Machine& machine() { return the_machine; }

AGENTC_UNSEEN inline void leave(Meeting& meeting) {
  --meeting.members;
  if (meeting.members && meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.round;
  }
}

AGENTC_UNSEEN inline void yield() { swapcontext(&machine().current->context, &machine().scheduler); }

[[noreturn]] AGENTC_UNSEEN inline void stop(const char* what) {
  std::fprintf(stderr, "agentc_host: %s in block %u\n", what, machine().block_index.x);
  std::abort();
}

AGENTC_UNSEEN inline void meet(Meeting& meeting, Call call) {
  machine().progress = true;
  const unsigned round = meeting.round;
  if (meeting.arrived && meeting.call != call) stop("lanes of a warp at different calls");
  meeting.call = call;
  if (++meeting.arrived == meeting.members) {
    meeting.arrived = 0;
    ++meeting.round;
    return;
  }
  while (meeting.round == round) yield();
  machine().progress = true;
}

inline Meeting& my_warp() { return machine().warps[machine().current->index / 32]; }

// A group of copies arrives as late as the program allows: when it is waited for.
inline void close_copies() { ++machine().current->closed; }
AGENTC_UNSEEN inline void copy_ahead(void* to, const void* from, int bytes) {
  Fiber& me = *machine().current;
  Copy copy{to, {}, me.closed};
  std::memcpy(copy.data, from, bytes);
#ifdef AGENTC_CHECK
  if (bytes) agentc_check::access(from, bytes, false);
  agentc_check::access(to, sizeof copy.data, true);
#endif
  me.copies.push_back(copy);
}
AGENTC_UNSEEN inline void wait_copies(unsigned left) {
  Fiber& me = *machine().current;
  std::size_t kept = 0;
  for (const Copy& copy : me.copies) {
    if (copy.group + left < me.closed) {
      std::memcpy(copy.to, copy.data, sizeof copy.data);
#ifdef AGENTC_CHECK
      agentc_check::access(copy.to, sizeof copy.data, true);
#endif
    } else {
      me.copies[kept++] = copy;
    }
  }
  me.copies.resize(kept);
}

AGENTC_UNSEEN inline void enter() {
  Machine& m = machine();
  m.body();
  m.progress = true;
  wait_copies(0);
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
    fiber.closed = 0;
    fiber.thread = dim3(i % m.block_size.x, i / m.block_size.x % m.block_size.y, i / m.block_size.x / m.block_size.y);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, enter, 0);
  }
#ifdef AGENTC_CHECK
  agentc_check::begin_block();
#endif
  for (unsigned live = count; live;) {
    live = 0;
    m.progress = false;
    for (unsigned i = 0; i < count; ++i) {
      Fiber& fiber = m.fibers[m.backward ? count - 1 - i : i];
      if (fiber.done) continue;
      m.current = &fiber;
      m.running = true;
      swapcontext(&m.scheduler, &fiber.context);
      m.running = false;
      live += !fiber.done;
    }
    if (live && !m.progress) stop("divergent barrier");
  }
}

constexpr unsigned kMostAcross = 65535, kMostThreads = 1024;  // CUDA C++ programming guide, technical specifications

inline cudaError_t launch(const cudaLaunchConfig_t& config, std::function<void()> body) {
  Machine& m = machine();
  const dim3 grid = config.gridDim, block = config.blockDim;
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  const bool blocks = grid.x && grid.y && grid.z && grid.x <= 0x7fffffffu && grid.y <= kMostAcross && grid.z <= kMostAcross;
  if (!blocks || !threads || threads > kMostThreads || block.z > 64) return cudaErrorInvalidConfiguration;
  if (config.dynamicSmemBytes > m.allowed) return cudaErrorInvalidValue;
  if (fails()) return cudaErrorInvalidConfiguration;
  m.grid_size = grid;
  m.block_size = block;
  m.body = std::move(body);
#ifdef AGENTC_CHECK
  agentc_check::begin_launch();
#endif
  const std::uint64_t count = std::uint64_t{grid.x} * grid.y * grid.z;
  ++m.launches;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = m.launches % 2 ? i : count - 1 - i;
    m.backward = (m.launches + i) % 2 == 0;
    m.block_index = dim3(at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y);
    run_block();
  }
  return cudaSuccess;
}

// Lane `source` of the warp gives its value to the caller.
template <class T> AGENTC_UNSEEN T exchange(T value, unsigned source) {
  static_assert(sizeof(T) <= 8);
  Machine& m = machine();
  const unsigned me = m.current->index, base = me / 32 * 32;
  std::memcpy(&m.mailbox[me], &value, sizeof value);
  meet(my_warp(), Call::shuffle);
  const unsigned from = base + source;
  if (from >= m.fibers.size() || m.fibers[from].done) stop("a shuffle from a lane that is not there");
  T result;
  std::memcpy(&result, &m.mailbox[from], sizeof result);
  meet(my_warp(), Call::shuffle);
  return result;
}

inline unsigned lane() { return machine().current->index % 32; }

inline float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16, exponent = half >> 10 & 31, rest = half & 1023;
  const float small = std::ldexp(static_cast<float>(rest), -24);
  std::uint32_t bits;
  if (exponent == 0) {
    std::memcpy(&bits, &small, sizeof bits);
  } else {
    bits = (exponent == 31 ? 255u : exponent + 112) << 23 | rest << 13;
  }
  bits |= sign;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// To nearest, ties to even.
inline std::uint16_t half_of_float(float value) {
  const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  if (value != value) return sign | 0x7fff;
  const float size = std::fabs(value);
  if (size >= 65520.0f) return sign | 0x7c00;
  if (size < 0x1p-14f) return sign | static_cast<std::uint16_t>(std::nearbyint(std::ldexp(size, 24)));
  std::uint32_t bits;
  std::memcpy(&bits, &size, sizeof bits);
  bits += 0xfff + (bits >> 13 & 1);
  return sign | static_cast<std::uint16_t>((bits >> 13) - (112 << 10));
}

// ldmatrix.x4 of PTX: `line` of lane 8 i + r is line r of matrix i; a lane gets two neighbors of each matrix.
template <class T> AGENTC_UNSEEN void load_matrices(bool turned, std::uint32_t (&to)[4], const T* line) {
  const unsigned me = lane(), row = me / 4, column = me % 4 * 2;
  for (unsigned matrix = 0; matrix < 4; ++matrix) {
    const T* found[2];
    for (unsigned e = 0; e < 2; ++e) {
      const T* start = exchange(line, 8 * matrix + (turned ? column + e : row));
      found[e] = start + (turned ? row : column + e);
      if (reinterpret_cast<std::uintptr_t>(start) % 16) stop("a line of ldmatrix that is not aligned");
#ifdef AGENTC_CHECK
      agentc_check::access(found[e], sizeof(T), false);
#endif
    }
    std::uint16_t low, high;
    std::memcpy(&low, found[0], sizeof low);
    std::memcpy(&high, found[1], sizeof high);
    to[matrix] = low | static_cast<std::uint32_t>(high) << 16;
  }
}

}  // namespace agentc_host

#define threadIdx (agentc_host::machine().current->thread)
#define blockIdx (agentc_host::machine().block_index)
#define blockDim (agentc_host::machine().block_size)
#define gridDim (agentc_host::machine().grid_size)
#define AGENTC_EXPECT_ALIGNED(pointer, bytes) \
  (reinterpret_cast<std::uintptr_t>(pointer) % (bytes) ? agentc_host::stop("a pack that is not aligned") : void())

template <class... Declared> cudaError_t cudaFuncSetAttribute(void (*)(Declared...), cudaFuncAttribute, int bytes) {
  if (agentc_host::fails() || static_cast<std::size_t>(bytes) > agentc_host::kDynamicBytes) return cudaErrorInvalidValue;
  agentc_host::machine().allowed = bytes;
  return cudaSuccess;
}
template <class... Declared>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Declared...), Declared... given) {
  return agentc_host::launch(*config, [=] { kernel(given...); });
}

AGENTC_UNSEEN inline void __syncthreads() {
  agentc_host::meet(agentc_host::machine().block, agentc_host::Call::sync_threads);
#ifdef AGENTC_CHECK
  agentc_check::passed_barrier();
#endif
}
AGENTC_UNSEEN inline void __syncwarp(unsigned = 0xffffffffu) {
  agentc_host::meet(agentc_host::my_warp(), agentc_host::Call::sync_warp);
#ifdef AGENTC_CHECK
  agentc_check::passed_warp_barrier();
#endif
}
template <class T> T __shfl_xor_sync(unsigned, T value, int mask) {
  return agentc_host::exchange(value, agentc_host::lane() ^ static_cast<unsigned>(mask));
}
template <class T> T __shfl_sync(unsigned, T value, int source) { return agentc_host::exchange(value, source % 32u); }
template <class T> T __shfl_down_sync(unsigned, T value, unsigned delta) {
  const unsigned lane = agentc_host::lane();
  return agentc_host::exchange(value, lane + delta < 32 ? lane + delta : lane);
}

using std::size_t;
#ifdef AGENTC_CHECK
#include "agentc_hooks.h"
#endif
