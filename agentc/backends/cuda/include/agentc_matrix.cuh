// Matrix products by tiles: out(i, j) = sum over k of a(i, k) * b(k, j), handed to the kernel element by element.
//
// A block of 256 threads makes a tile of the result. Tiles of both factors pass through shared memory, some ahead of
// the one that is worked on (cp.async). Floats of 32 bits are multiplied in registers, 16-bit ones by the tensor cores
// (mma.sync, sums in 32 bits). A factor lies in memory with neighbors along k ("along") or along i or j ("across");
// sizes need not divide anything.
#pragma once

#include "agentc_cuda.cuh"

namespace agentc {

// Copies of 16 bytes to shared memory that run while the thread goes on; sm_75 has none and copies at once.
template <class T> __device__ __forceinline__ void copy_ahead(T* to, const T* from, bool real) {
  AGENTC_EXPECT_ALIGNED(to, 16);
  AGENTC_EXPECT_ALIGNED(from, 16);
#if defined(AGENTC_ON_HOST)
  agentc_host::copy_ahead(to, from, real ? 16 : 0);
#elif __CUDA_ARCH__ >= 800
  const unsigned place = static_cast<unsigned>(__cvta_generic_to_shared(to));
  const int bytes = real ? 16 : 0;  // the rest of the 16 is filled with zeros
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(bytes) : "memory");
#else
  *reinterpret_cast<uint4*>(to) = real ? *reinterpret_cast<const uint4*>(from) : uint4{0, 0, 0, 0};
#endif
}
__device__ __forceinline__ void close_copies() {
#if defined(AGENTC_ON_HOST)
  agentc_host::close_copies();
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits until at most `kLeft` groups of this thread's copies are under way.
template <int kLeft> __device__ __forceinline__ void wait_copies() {
#if defined(AGENTC_ON_HOST)
  agentc_host::wait_copies(kLeft);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
#endif
}

// A tile of a factor in shared memory: kLines lines of kWidth neighbors, with a gap that keeps banks apart.
template <class T, int kLines, int kWidth, int kThreads> struct Staged {
  static constexpr int pack = 16 / sizeof(T);
  static constexpr int pitch = kWidth + pack;
  static constexpr int count = kLines * pitch;

  // Lines `line` … and places `place` … of a matrix of `lines` lines of `width`; zeros beyond. `fast`: by 16 bytes.
  __device__ static void load(T* to, const T* from, int64_t line, int64_t place, int64_t lines, int64_t width, bool fast) {
#pragma unroll
    for (int piece = threadIdx.x; piece < kLines * kWidth / pack; piece += kThreads) {
      const int at = piece / (kWidth / pack), first = piece % (kWidth / pack) * pack;
      const int64_t source = (line + at) * width + place + first;
      T* target = to + at * pitch + first;
      if (fast) {
        const bool real = line + at < lines && place + first < width;
        copy_ahead(target, real ? from + source : from, real);
      } else {
#pragma unroll
        for (int e = 0; e < pack; ++e) {
          const bool real = line + at < lines && place + first + e < width;
          target[e] = real ? from[source + e] : T(0);
        }
      }
    }
  }
};

// The tile that this block makes: neighbors in the grid share lines of both factors, which the L2 cache then holds.
template <int kRows, int kColumns> struct Corner {
  int64_t row, column;
  __device__ Corner(int64_t n, int64_t m) {
    constexpr int64_t together = 8;
    const int64_t down = (n + kRows - 1) / kRows, along = (m + kColumns - 1) / kColumns;
    const int64_t group = blockIdx.x / (together * along), first = group * together;
    const int64_t height = down - first < together ? down - first : together;
    const int64_t inside = blockIdx.x % (together * along);
    row = (first + inside % height) * kRows;
    column = inside / height * kColumns;
  }
};

// 32-bit floats in registers: each thread makes 8 x 8 (or 4 x 4) elements.
template <int kTile> struct FloatTile {
  using T = float;
  static constexpr int rows = kTile, columns = kTile, depth = 16, stages = 2, threads = 256;
  static constexpr int mine = kTile / 16;  // rows and columns of a thread
  float sum[mine][mine];

  // Which line of the tile is the u-th of a thread: neighbors where they are read by fours, else 16 apart.
  template <bool kAlong> __device__ static int line(int thread, int u) {
    return kAlong ? thread + 16 * u : u / 4 * 64 + thread * 4 + u % 4;
  }
  __device__ FloatTile() {
#pragma unroll
    for (int u = 0; u < mine; ++u)
#pragma unroll
      for (int v = 0; v < mine; ++v) sum[u][v] = 0.0f;
  }
  // The thread's lines of a factor at four depths.
  template <bool kAlong> __device__ static void fetch(float (&to)[mine][4], const float* from, int thread, int depth_at) {
    if constexpr (kAlong) {
      constexpr int pitch = Staged<float, kTile, depth, threads>::pitch;
#pragma unroll
      for (int u = 0; u < mine; ++u) {
        const auto four = load_pack<4>(from + line<true>(thread, u) * pitch + depth_at);
#pragma unroll
        for (int k = 0; k < 4; ++k) to[u][k] = four.at[k];
      }
    } else {
      constexpr int pitch = Staged<float, depth, kTile, threads>::pitch;
#pragma unroll
      for (int k = 0; k < 4; ++k)
#pragma unroll
        for (int u = 0; u < mine; u += 4) {
          const auto four = load_pack<4>(from + (depth_at + k) * pitch + line<false>(thread, u));
#pragma unroll
          for (int e = 0; e < 4; ++e) to[u + e][k] = four.at[e];
        }
    }
  }
  template <bool kAlongA, bool kAlongB> __device__ void multiply(const float* a, const float* b) {
#pragma unroll
    for (int k = 0; k < depth; k += 4) {
      float left[mine][4], right[mine][4];
      fetch<kAlongA>(left, a, threadIdx.x / 16, k);
      fetch<kAlongB>(right, b, threadIdx.x % 16, k);
#pragma unroll
      for (int e = 0; e < 4; ++e)
#pragma unroll
        for (int u = 0; u < mine; ++u)
#pragma unroll
          for (int v = 0; v < mine; ++v) sum[u][v] += left[u][e] * right[v][e];
    }
  }
  template <bool kAlongA, bool kAlongB, class F> __device__ void each(F give) const {
#pragma unroll
    for (int u = 0; u < mine; ++u)
#pragma unroll
      for (int v = 0; v < mine; ++v)
        give(line<kAlongA>(threadIdx.x / 16, u), line<kAlongB>(threadIdx.x % 16, v), sum[u][v]);
  }
};

// Four 8 x 8 matrices of 16-bit elements from shared memory into the registers that mma wants them in; each group of 8
// lanes names the lines of one. `kTurned`: rows become columns.
template <bool kTurned, class T> __device__ __forceinline__ void load_matrices(uint32_t (&to)[4], const T* line) {
#if defined(AGENTC_ON_HOST)
  agentc_host::load_matrices(kTurned, to, line);
#else
  const unsigned place = static_cast<unsigned>(__cvta_generic_to_shared(line));
  if constexpr (kTurned) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(place) : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(place) : "memory");
  }
#endif
}

// sum (16 x 8) += a (16 x 16) * b (16 x 8), spread over a warp as PTX lays down for mma.m16n8k16.
template <class T> __device__ __forceinline__ void multiply_add(float (&sum)[4], const uint32_t (&a)[4], const uint32_t* b) {
#if !defined(AGENTC_ON_HOST) && __CUDA_ARCH__ >= 800
#define AGENTC_MMA(KIND)                                                                                              \
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." KIND "." KIND ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "     \
               "{%8, %9}, {%0, %1, %2, %3};"                                                                          \
               : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])                                               \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
  if constexpr (sizeof(T) == sizeof(bfloat16) && T::is_brain) {
    AGENTC_MMA("bf16");
  } else {
    AGENTC_MMA("f16");
  }
#undef AGENTC_MMA
#else
  // The same by shuffles: on the CPU, and on sm_75, whose tensor cores know other shapes only.
  const int lane = threadIdx.x % 32, row = lane / 4, column = lane % 4 * 2;
  for (int part = 0; part < 4; ++part) {
    uint32_t left[4], right[2][2];
    for (int r = 0; r < 4; ++r) left[r] = __shfl_sync(0xffffffffu, a[r], row * 4 + part);
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < 2; ++c) right[c][r] = __shfl_sync(0xffffffffu, b[r], (column + c) * 4 + part);
    for (int deep = 0; deep < 2; ++deep)
      for (int e = 0; e < 2; ++e)
        for (int r = 0; r < 2; ++r)
          for (int c = 0; c < 2; ++c) {
            const T x = bits_as<T>(static_cast<uint16_t>(left[r + 2 * deep] >> 16 * e));
            const T y = bits_as<T>(static_cast<uint16_t>(right[c][deep] >> 16 * e));
            sum[2 * r + c] += static_cast<float>(x) * static_cast<float>(y);
          }
  }
#endif
}

// 16-bit floats on tensor cores: 8 warps, each kTile / 2 x kTile / 4 elements.
template <class Element, int kTile> struct HalfTile {
  using T = Element;
  static constexpr int rows = kTile, columns = kTile, depth = 32, stages = 3, threads = 256;
  static constexpr int high = kTile / 2 / 16, wide = kTile / 4 / 16;  // pieces of 16 x 16 of a warp
  float sum[high][wide][2][4];

  __device__ static int warp_row() { return threadIdx.x / 32 % 2 * (kTile / 2); }
  __device__ static int warp_column() { return threadIdx.x / 64 * (kTile / 4); }
  __device__ HalfTile() {
#pragma unroll
    for (int u = 0; u < high; ++u)
#pragma unroll
      for (int v = 0; v < wide; ++v)
#pragma unroll
        for (int e = 0; e < 8; ++e) sum[u][v][e / 4][e % 4] = 0.0f;
  }
  template <bool kAlongA, bool kAlongB> __device__ void multiply(const T* a, const T* b) {
    constexpr int pitch_a = kAlongA ? Staged<T, kTile, depth, threads>::pitch : Staged<T, depth, kTile, threads>::pitch;
    constexpr int pitch_b = kAlongB ? Staged<T, kTile, depth, threads>::pitch : Staged<T, depth, kTile, threads>::pitch;
    const int lane = threadIdx.x % 32, eighth = lane % 8, first = lane / 8 % 2 * 8, second = lane / 16 * 8;
#pragma unroll
    for (int k = 0; k < depth; k += 16) {
      uint32_t left[high][4], right[wide][4];
#pragma unroll
      for (int u = 0; u < high; ++u) {  // matrices: rows 0 and 8 at depth 0, then both at depth 8
        const int row = warp_row() + 16 * u + first, deep = k + second;
        load_matrices<!kAlongA>(left[u], a + (kAlongA ? (row + eighth) * pitch_a + deep : (deep + eighth) * pitch_a + row));
      }
#pragma unroll
      for (int v = 0; v < wide; ++v) {  // depths 0 and 8 at column 0, then both at column 8
        const int column = warp_column() + 16 * v + second, deep = k + first;
        load_matrices<!kAlongB>(right[v],
                                b + (kAlongB ? (column + eighth) * pitch_b + deep : (deep + eighth) * pitch_b + column));
      }
#pragma unroll
      for (int u = 0; u < high; ++u)
#pragma unroll
        for (int v = 0; v < wide; ++v)
#pragma unroll
          for (int half = 0; half < 2; ++half) multiply_add<T>(sum[u][v][half], left[u], right[v] + 2 * half);
    }
  }
  template <bool kAlongA, bool kAlongB, class F> __device__ void each(F give) const {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int u = 0; u < high; ++u)
#pragma unroll
      for (int v = 0; v < wide; ++v)
#pragma unroll
        for (int e = 0; e < 8; ++e)
          give(warp_row() + 16 * u + lane / 4 + e % 4 / 2 * 8,
               warp_column() + 16 * v + e / 4 * 8 + lane % 4 * 2 + e % 2, sum[u][v][e / 4][e % 4]);
  }
};

// How many elements of both factors a block holds in shared memory, for all stages.
template <class Tile, bool kAlongA, bool kAlongB> struct Stages {
  using T = typename Tile::T;
  using Left = Staged<T, kAlongA ? Tile::rows : Tile::depth, kAlongA ? Tile::depth : Tile::rows, Tile::threads>;
  using Right = Staged<T, kAlongB ? Tile::columns : Tile::depth, kAlongB ? Tile::depth : Tile::columns, Tile::threads>;
  static constexpr int count = Left::count + Right::count;
  static constexpr int bytes = Tile::stages * count * static_cast<int>(sizeof(T));
};

// a is n x k (`kAlongA`) or k x n; b is m x k (`kAlongB`) or k x m; give(i, j, sum) is called for each element once.
template <class Tile, bool kAlongA, bool kAlongB, class F>
__device__ __forceinline__ void multiply(const typename Tile::T* a, const typename Tile::T* b, int64_t n, int64_t m,
                                         int64_t k, F give) {
  using T = typename Tile::T;
  using Hold = Stages<Tile, kAlongA, kAlongB>;
  constexpr int ahead = Tile::stages - 1;
  AGENTC_DYNAMIC_SHARED(T, held);
  const Corner<Tile::rows, Tile::columns> corner(n, m);
  const int64_t steps = (k + Tile::depth - 1) / Tile::depth;
  const bool fast_a = packable<16 / sizeof(T)>(a) && (kAlongA ? k : n) % (16 / sizeof(T)) == 0;
  const bool fast_b = packable<16 / sizeof(T)>(b) && (kAlongB ? k : m) % (16 / sizeof(T)) == 0;
  const auto load = [&](int64_t step) {
    if (step < steps) {
      const int64_t deep = step * Tile::depth;
      T* left = held + step % Tile::stages * Hold::count;
      if constexpr (kAlongA) Hold::Left::load(left, a, corner.row, deep, n, k, fast_a);
      else Hold::Left::load(left, a, deep, corner.row, k, n, fast_a);
      T* right = left + Hold::Left::count;
      if constexpr (kAlongB) Hold::Right::load(right, b, corner.column, deep, m, k, fast_b);
      else Hold::Right::load(right, b, deep, corner.column, k, m, fast_b);
    }
    close_copies();  // an empty group, too: groups are counted
  };
  Tile tile;
#pragma unroll
  for (int step = 0; step < ahead; ++step) load(step);
  for (int64_t step = 0; step < steps; ++step) {
    wait_copies<ahead - 1>();
    __syncthreads();  // all have arrived, and nobody still reads what is overwritten next
    load(step + ahead);
    const T* left = held + step % Tile::stages * Hold::count;
    tile.template multiply<kAlongA, kAlongB>(left, left + Hold::Left::count);
  }
  tile.template each<kAlongA, kAlongB>([&](int row, int column, float sum) {
    if (corner.row + row < n && corner.column + column < m) give(corner.row + row, corner.column + column, sum);
  });
}

}  // namespace agentc
