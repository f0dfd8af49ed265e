// Looks for races and stray accesses of kernel text that runs on the CPU: what compute-sanitizer's racecheck and memcheck
// look for on a GPU.
//
// Two accesses of different threads to the same byte, one of them a write, are a race
//   in one block: unless a barrier of the block lies between, or one of the warp where both are of one warp;
//   of two blocks of one launch: always, as atomics are not provided.
// Shuffles order nothing. Every array lies between two guards; an access to a guard is outside of the array. Nobody may
// read what nobody has written: of shared memory what the block has not, of other memory what no launch has.
#pragma once

#include <map>
#include <unordered_map>

namespace agentc_check {

constexpr std::size_t kGuard = 4096;

struct Access {
  std::uint64_t launch = 0;  // 0: none yet
  unsigned block = 0, thread = 0, barrier = 0, warp_barrier = 0;
};

struct Cell {
  Access write, reads[2];  // the last readers of two threads: a write races with one of them, if with any
};

struct Array {
  std::size_t bytes = 0, room = 0;  // room: of the guard before it
  bool given = false;               // written by the host
  std::uint64_t born = 0;           // the launch before it
};

// What is declared shared dies with its block, as does this knowledge of it.
struct Knowledge {
  std::unordered_map<std::uintptr_t, Cell> cells;
  std::map<std::uintptr_t, Array> arrays;         // by first byte
  std::uint64_t launch = 0;
  unsigned block = 0;
  std::vector<unsigned> barriers, warp_barriers;  // how many each thread has passed
  char problem[200] = "";                         // the first that was found
};
inline Knowledge the_knowledge;
AGENTC_UNSEEN inline Knowledge& knowledge() { return the_knowledge; }

AGENTC_UNSEEN inline void begin_launch();
AGENTC_UNSEEN inline void begin_block();
AGENTC_UNSEEN inline void passed_barrier();
AGENTC_UNSEEN inline void passed_warp_barrier();
AGENTC_UNSEEN inline void access(const void* place, std::size_t bytes, bool writes);

// `shift` bytes off the alignment that memory of a GPU has.
inline void* allocate(std::size_t bytes, std::size_t shift, bool given) {
  const std::size_t whole = (bytes + shift + 255) / 256 * 256 + 2 * kGuard;
  auto* memory = static_cast<unsigned char*>(std::aligned_alloc(256, whole));
  if (!memory) return nullptr;
  std::memset(memory, 0xff, whole);  // NaN: what nobody has written shows
  unsigned char* first = memory + kGuard + shift;
  knowledge().arrays[reinterpret_cast<std::uintptr_t>(first)] = {bytes, kGuard + shift, given, knowledge().launch};
  return first;
}
inline void release(void* memory) {
  auto& arrays = knowledge().arrays;
  const auto found = arrays.find(reinterpret_cast<std::uintptr_t>(memory));
  std::free(static_cast<unsigned char*>(memory) - found->second.room);
  arrays.erase(found);
}

}  // namespace agentc_check

extern "C" {
inline __attribute__((used)) void* agentc_host_allocate(std::size_t bytes, std::size_t shift, bool given) {
  return agentc_check::allocate(bytes, shift, given);
}
inline __attribute__((used)) void agentc_host_release(void* memory) { agentc_check::release(memory); }
inline __attribute__((used)) const char* agentc_host_problem() { return agentc_check::knowledge().problem; }
}
