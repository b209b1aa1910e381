// Products of bfloat16 matrices with columns of C as lanes: by VDPBF16PS, or by float32 arithmetic in either order.
//
// The emulation gives the same bits as the instructions: a fused multiply-add computes the product of two bfloat16
// exactly, and the processor's mode flushes subnormal numbers as the instructions do. Arm flushes before it rounds, so
// a result that would round up to 2^-126 becomes zero there.
#pragma once

#include "kernels/bfloat16_convert.h"
#include "kernels/bfloat16_staging.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Rounds to nearest even, flushes subnormal numbers and masks exceptions. The destructor restores the caller's mode.
class InstructionMode {
 public:
#if defined(__x86_64__)
  InstructionMode() : before_(_mm_getcsr()) { _mm_setcsr(kMode); }
  ~InstructionMode() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned kMode = 0x9fc0;  // FTZ, DAZ and all exceptions masked
  unsigned before_;
#else
  InstructionMode() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(kMode));
  }
  ~InstructionMode() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  static constexpr std::uint64_t kMode = std::uint64_t{1} << 24;  // FZ
  std::uint64_t before_;
#endif
};

#if !defined(__AVX2__) && !defined(__aarch64__)
// a * b + c rounded once, for a and b that are bfloat16. a * b is exact in float64. If float64 rounds the sum, one term
// is smaller than 2^-28 times the other, so that the result is not near a tie of float32.
PRELUNET_INLINE VecF32 multiply_add(VecF32 a, VecF32 b, VecF32 c) {
  const auto half = [](VecF32 x, VecF32 y, VecF32 z) __attribute__((always_inline)) {
    return _mm_cvtpd_ps(
        (__m128d)((VecF64)_mm_cvtps_pd((__m128)x) * (VecF64)_mm_cvtps_pd((__m128)y) + (VecF64)_mm_cvtps_pd((__m128)z)));
  };
  const auto upper = [](VecF32 x)
                         __attribute__((always_inline)) { return (VecF32)_mm_movehl_ps((__m128)x, (__m128)x); };
  return (VecF32)_mm_movelh_ps(half(a, b, c), half(upper(a), upper(b), upper(c)));
}
#else
PRELUNET_INLINE VecF32 multiply_add(VecF32 a, VecF32 b, VecF32 c) { return fma(a, b, c); }
#endif

// The even and the odd numbers of a vector of pairs, as floats.
PRELUNET_INLINE VecF32 even_of(VecU32 pairs) { return (VecF32)(pairs << 16); }
PRELUNET_INLINE VecF32 odd_of(VecU32 pairs) { return (VecF32)(pairs & 0xffff0000u); }

PRELUNET_INLINE VecU32 splat_pair_bits(const std::uint16_t* p) {
  float pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return (VecU32)splat(pair);
}
PRELUNET_INLINE VecU32 load_pairs(const std::uint16_t* p) {
  VecU32 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

// The operands of a tile in registers. Its rows are in one panel of A.
struct LaneTile {
  std::size_t k;
  const std::uint16_t* a;  // the tile's first row
  const std::uint16_t* b;
  std::size_t panel_size;
  std::size_t column;  // the tile's first column, counted from b
  StagedBlock c;       // begins at the tile's first element

  // Vector v of the tile's columns, in the first row of its panel of B.
  PRELUNET_INLINE const std::uint16_t* pairs(std::size_t v) const {
    const std::size_t at = column + v * kLanes<float>, within = at % kBfloat16Panel;
    return b + at / kBfloat16Panel * panel_size + 2 * within;
  }
};

// Adds the pairs of a and b to c as VDPBF16PS does.
struct EmulatedPair {
#if defined(__AVX512F__)
  static constexpr std::size_t kRows = 8, kVectors = 3;
#elif defined(__AVX2__)
  static constexpr std::size_t kRows = 4, kVectors = 2;
#else
  static constexpr std::size_t kRows = 4, kVectors = 1;
#endif
  static PRELUNET_INLINE void add(VecF32& c, VecU32 a, VecU32 b) {
    c = multiply_add(odd_of(a), odd_of(b), c);
    c = multiply_add(even_of(a), even_of(b), c);
  }
};
#if defined(__AVX512BF16__)
struct Vdpbf16ps {
  static constexpr std::size_t kRows = 8, kVectors = 3;
  static PRELUNET_INLINE void add(VecF32& c, VecU32 a, VecU32 b) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
  }
};
#endif

// The order vdpbf16.
template <class Pair>
struct OneChain {
  static constexpr std::size_t kRows = Pair::kRows, kVectors = Pair::kVectors, kGroup = 2;

  template <std::size_t kTileRows, std::size_t kVectorsNow>
  static void run(const LaneTile& g) {
    VecF32 c[kTileRows][kVectorsNow] = {};
    if (g.c.continued) {
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 3
        for (std::size_t v = 0; v < kVectorsNow; ++v) c[i][v] = load(g.c.c + i * g.c.stride + v * kLanes<float>);
      }
    }
    const std::uint16_t* b[kVectorsNow];
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kVectorsNow; ++v) b[v] = g.pairs(v);
    std::size_t row = 0;  // offset of a row of pairs in the panels of B
    for (std::size_t group = 0; group < g.k; group += kBfloat16Group) {
      const std::uint16_t* a = g.a + group * kBfloat16Panel;
      const std::size_t left = g.k - group;
      const std::uint16_t* const end = a + (left < kBfloat16Group ? left : kBfloat16Group);
      for (; a != end; a += 2, row += kBfloat16PairRow) {
        VecU32 pairs[kVectorsNow];
#pragma GCC unroll 3
        for (std::size_t v = 0; v < kVectorsNow; ++v) pairs[v] = load_pairs(b[v] + row);
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kTileRows; ++i) {
          const VecU32 element = splat_pair_bits(a + i * kBfloat16Group);
#pragma GCC unroll 3
          for (std::size_t v = 0; v < kVectorsNow; ++v) Pair::add(c[i][v], element, pairs[v]);
        }
      }
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kVectorsNow; ++v) store(g.c.c + i * g.c.stride + v * kLanes<float>, c[i][v]);
    }
  }
};

// The order amx. Sums of groups are added to C in memory.
struct TwoChains {
#if defined(__AVX512F__)
  static constexpr std::size_t kRows = 4, kVectors = 3;
#elif defined(__AVX2__)
  static constexpr std::size_t kRows = 2, kVectors = 2;
#else
  static constexpr std::size_t kRows = 2, kVectors = 1;
#endif
  static constexpr std::size_t kGroup = kBfloat16Group;

  template <std::size_t kTileRows, std::size_t kVectorsNow>
  static void run(const LaneTile& g) {
    bool continued = g.c.continued;
    const std::uint16_t* b[kVectorsNow];
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kVectorsNow; ++v) b[v] = g.pairs(v);
    for (std::size_t group = 0; group < g.k || !continued; group += kGroup, continued = true) {
      VecF32 even[kTileRows][kVectorsNow] = {}, odd[kTileRows][kVectorsNow] = {};
      const std::size_t pairs = group < g.k ? kGroup / 2 : 0;  // k = 0 has an empty group
      for (std::size_t p = 0; p < pairs; ++p) {
        VecF32 b_even[kVectorsNow], b_odd[kVectorsNow];
#pragma GCC unroll 3
        for (std::size_t v = 0; v < kVectorsNow; ++v) {
          const VecU32 pair = load_pairs(b[v] + group * kBfloat16Panel + p * kBfloat16PairRow);
          b_even[v] = even_of(pair);
          b_odd[v] = odd_of(pair);
        }
#pragma GCC unroll 4
        for (std::size_t i = 0; i < kTileRows; ++i) {
          const VecU32 element = splat_pair_bits(g.a + group * kBfloat16Panel + i * kBfloat16Group + 2 * p);
#pragma GCC unroll 3
          for (std::size_t v = 0; v < kVectorsNow; ++v) {
            even[i][v] = multiply_add(even_of(element), b_even[v], even[i][v]);
            odd[i][v] = multiply_add(odd_of(element), b_odd[v], odd[i][v]);
          }
        }
      }
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 3
        for (std::size_t v = 0; v < kVectorsNow; ++v) {
          float* const c = g.c.c + i * g.c.stride + v * kLanes<float>;
          const VecF32 sum = even[i][v] + odd[i][v], zero = {};
          store(c, (continued ? load(c) : zero) + sum);
        }
      }
    }
  }
};

template <class Order, std::size_t kTileRows>
PRELUNET_INLINE void run_rows(const LaneTile& g, std::size_t vectors) {
  if constexpr (Order::kVectors == 3) {
    if (vectors == 1) return Order::template run<kTileRows, 1>(g);
    if (vectors == 2) return Order::template run<kTileRows, 2>(g);
  }
  Order::template run<kTileRows, Order::kVectors>(g);
}

// The tile of `rows` rows, at most Order::kRows.
template <class Order, std::size_t kTileRows = Order::kRows>
PRELUNET_INLINE void run_tile(const LaneTile& g, std::size_t rows, std::size_t vectors) {
  if constexpr (kTileRows > 1) {
    if (rows < kTileRows) return run_tile<Order, kTileRows - 1>(g, rows, vectors);
  }
  run_rows<Order, kTileRows>(g, vectors);
}

template <class Order>
void gemm_by_lanes(const Bfloat16Gemm& g) {
  constexpr std::size_t kColumns = Order::kVectors * kLanes<float>;
  static_assert(kBfloat16Panel % Order::kRows == 0);
  const InstructionMode mode;
  Staging staging;
  for (std::size_t column = 0; column < g.n; column += kMostStagedColumns) {
    for (std::size_t row = 0; row < g.m; row += kStagedRows) {
      const Block block = block_at(g, row, column, kMostStagedColumns);
      const StagedBlock s = staging.begin(g, block);
      const std::size_t width = bfloat16_padded_lines(block.columns);
      for (std::size_t j = 0; j < width; j += kColumns) {
        const std::size_t columns = width - j < kColumns ? width - j : kColumns;
        for (std::size_t i = 0; i < block.rows; i += Order::kRows) {
          const std::size_t at = row + i, left = block.rows - i;
          const LaneTile tile{.k = (g.k + Order::kGroup - 1) / Order::kGroup * Order::kGroup,
                              .a = g.a + at / kBfloat16Panel * g.panel_size + at % kBfloat16Panel * kBfloat16Group,
                              .b = g.b,
                              .panel_size = g.panel_size,
                              .column = column + j,
                              .c = {s.c + i * s.stride + j, s.stride, s.continued}};
          run_tile<Order>(tile, left < Order::kRows ? left : Order::kRows, columns / kLanes<float>);
        }
      }
      staging.end(g, block, s);
    }
  }
}

#if defined(__AVX512BF16__)
constexpr std::size_t kVdpbf16psChains = 24;
constexpr std::size_t kVdpbf16psCeilingFlops = kVdpbf16psChains * 4 * kLanes<float>;
float vdpbf16ps_ceiling(std::size_t iterations) {
  VecF32 chain[kVdpbf16psChains] = {};
  const VecU32 factor = {};
  for (std::size_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 24
    for (std::size_t i = 0; i < kVdpbf16psChains; ++i) Vdpbf16ps::add(chain[i], factor, factor);
  }
  VecF32 sum = chain[0];
#pragma GCC unroll 24
  for (std::size_t i = 1; i < kVdpbf16psChains; ++i) sum = sum + chain[i];
  return sum[0];
}
#endif

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
