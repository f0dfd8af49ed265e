// What code compiled by -fsanitize=thread calls at each access to memory, and what agentc_check.h makes of it.
#pragma once

#include <link.h>

namespace agentc_check {

// The writable memory of the library that this is compiled into.
AGENTC_UNSEEN inline int find_static(dl_phdr_info* info, std::size_t, void* to) {
  auto* range = static_cast<std::uintptr_t*>(to);
  const auto mine = reinterpret_cast<std::uintptr_t>(&the_knowledge);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr, end = begin + part.p_memsz;
    if (part.p_type == PT_LOAD && (part.p_flags & PF_W) && mine >= begin && mine < end) {
      range[0] = begin;
      range[1] = end;
      return 1;
    }
  }
  return 0;
}

AGENTC_UNSEEN inline void begin_launch() {
  ++knowledge().launch;
  knowledge().block = 0;
}
AGENTC_UNSEEN inline void begin_block() {
  Knowledge& k = knowledge();
  ++k.block;
  k.barriers.assign(agentc_host::machine().fibers.size(), 0);
  k.warp_barriers.assign(agentc_host::machine().fibers.size(), 0);
}
AGENTC_UNSEEN inline void passed_barrier() { ++knowledge().barriers[agentc_host::machine().current->index]; }
AGENTC_UNSEEN inline void passed_warp_barrier() { ++knowledge().warp_barriers[agentc_host::machine().current->index]; }

// Whether a variable is the text's own static one: what is declared __shared__.
AGENTC_UNSEEN inline bool is_static(std::uintptr_t at) {
  static std::uintptr_t range[2];
  if (!range[1]) dl_iterate_phdr(find_static, range);
  const auto inside = [at](const void* object, std::size_t bytes) {
    return at - reinterpret_cast<std::uintptr_t>(object) < bytes;
  };
  return at >= range[0] && at < range[1] && !inside(&agentc_host::the_machine, sizeof(agentc_host::the_machine)) &&
         !inside(&the_knowledge, sizeof the_knowledge);
}

AGENTC_UNSEEN inline void fail(const char* what, const Access& one, const Access& two) {
  char* text = knowledge().problem;
  if (!*text)
    std::snprintf(text, sizeof knowledge().problem, "%s: thread %u of block %u and thread %u of block %u", what,
                  one.thread, one.block - 1, two.thread, two.block - 1);
}

AGENTC_UNSEEN inline bool ordered(const Access& before, const Access& now) {
  if (before.launch != now.launch) return true;
  if (before.block != now.block) return false;
  if (before.thread == now.thread || before.barrier != now.barrier) return true;
  return before.thread / 32 == now.thread / 32 && before.warp_barrier != now.warp_barrier;
}

// `array` is null for shared memory.
AGENTC_UNSEEN inline void see(std::uintptr_t byte, const Access& now, bool writes, const Array* array) {
  Cell& cell = knowledge().cells[byte];
  const auto old = [&](const Access& a) { return !array && (a.launch != now.launch || a.block != now.block); };
  const bool known = array ? array->given || cell.write.launch > array->born : !old(cell.write);
  if (!writes && !known) fail("a thread reads what nobody has written", now, now);
  if (!old(cell.write) && !ordered(cell.write, now))
    fail(writes ? "two threads write the same place" : "a thread reads what another writes", cell.write, now);
  if (writes) {
    for (const Access& read : cell.reads)
      if (!old(read) && !ordered(read, now)) fail("a thread writes what another reads", read, now);
    cell.write = now;
    return;
  }
  cell.reads[old(cell.reads[0]) || ordered(cell.reads[0], now) ? 0 : 1] = now;
}

AGENTC_UNSEEN inline void judge(agentc_host::Machine& m, const void* place, std::size_t bytes, bool writes) {
  Knowledge& k = knowledge();
  const auto at = reinterpret_cast<std::uintptr_t>(place);
  const auto* stack = static_cast<const char*>(place);
  if (stack >= m.current->stack.get() && stack < m.current->stack.get() + agentc_host::kStackBytes) return;
  const bool dynamic = at >= reinterpret_cast<std::uintptr_t>(m.dynamic.get()) &&
                       at < reinterpret_cast<std::uintptr_t>(m.dynamic.get()) + agentc_host::kDynamicBytes;
  const bool fixed = !dynamic && is_static(at);
  const Array* array = nullptr;
  if (!dynamic && !fixed) {
    auto next = k.arrays.upper_bound(at + kGuard);
    if (next == k.arrays.begin()) return;
    --next;
    if (at >= next->first + next->second.bytes + kGuard) return;  // no array of the kernel: the machine's own memory
    if (at < next->first || at + bytes > next->first + next->second.bytes) {
      const long long offset = static_cast<long long>(at) - static_cast<long long>(next->first);
      if (!*k.problem)
        std::snprintf(k.problem, sizeof k.problem, "thread %u of block %u %s %zu bytes at byte %lld of an array of %zu",
                      m.current->index, k.block - 1, writes ? "writes" : "reads", bytes, offset, next->second.bytes);
      return;
    }
    array = &next->second;
  }
  Access now;
  now.launch = k.launch;
  now.block = k.block;
  now.thread = m.current->index;
  now.barrier = k.barriers[now.thread];
  now.warp_barrier = k.warp_barriers[now.thread];
  for (std::size_t i = 0; i < bytes; ++i) see(at + i, now, writes, array);
}

AGENTC_UNSEEN inline void access(const void* place, std::size_t bytes, bool writes) {
  agentc_host::Machine& m = agentc_host::machine();
  if (!m.running) return;  // the scheduler, or the host's own code
  m.running = false;
  judge(m, place, bytes, writes);
  m.running = true;
}

}  // namespace agentc_check
extern "C" {
#define AGENTC_HOOK(NAME, BYTES)                                                                                  \
  AGENTC_UNSEEN __attribute__((used)) void __tsan_read##NAME(void* p) { agentc_check::access(p, BYTES, false); } \
  AGENTC_UNSEEN __attribute__((used)) void __tsan_write##NAME(void* p) { agentc_check::access(p, BYTES, true); }
AGENTC_HOOK(1, 1)
AGENTC_HOOK(2, 2)
AGENTC_HOOK(4, 4)
AGENTC_HOOK(8, 8)
AGENTC_HOOK(16, 16)
AGENTC_HOOK(_pc1, 1)
#undef AGENTC_HOOK
#define AGENTC_HOOK(BYTES)                                                                                        \
  AGENTC_UNSEEN __attribute__((used)) void __tsan_unaligned_read##BYTES(void* p) {                               \
    agentc_check::access(p, BYTES, false);                                                                        \
  }                                                                                                               \
  AGENTC_UNSEEN __attribute__((used)) void __tsan_unaligned_write##BYTES(void* p) {                              \
    agentc_check::access(p, BYTES, true);                                                                         \
  }
AGENTC_HOOK(2)
AGENTC_HOOK(4)
AGENTC_HOOK(8)
AGENTC_HOOK(16)
#undef AGENTC_HOOK
AGENTC_UNSEEN __attribute__((used)) void __tsan_read_range(void* p, unsigned long n) { agentc_check::access(p, n, false); }
AGENTC_UNSEEN __attribute__((used)) void __tsan_write_range(void* p, unsigned long n) { agentc_check::access(p, n, true); }
AGENTC_UNSEEN __attribute__((used)) void __tsan_init() {}
AGENTC_UNSEEN __attribute__((used)) void __tsan_func_entry(void*) {}
AGENTC_UNSEEN __attribute__((used)) void __tsan_func_exit(void*) {}
AGENTC_UNSEEN __attribute__((used)) void __tsan_vptr_update(void**, void*) {}
AGENTC_UNSEEN __attribute__((used)) void __tsan_vptr_read(void**) {}
}
