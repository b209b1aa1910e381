// Products of bfloat16 matrices by TDPBF16PS, in the order `amx`.
//
// A block of C is 32 x 32. It uses all eight tile registers: four for C (16 x 16 floats each), two for A and two for B.
// If C has at most 16 rows, a block is 16 x 64, so that four sums hide the latency of a multiplication.
#pragma once

#include "kernels/bfloat16_staging.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Inline assembly, because GCC 12's intrinsics do not declare that they read memory.
template <int kTile>
PRELUNET_INLINE void tile_load(const void* p, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
PRELUNET_INLINE void tile_store(void* p, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
PRELUNET_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kTile));
}
// kC += kA kB.
template <int kC, int kA, int kB>
PRELUNET_INLINE void tile_multiply() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kC), "i"(kA), "i"(kB));
}

constexpr std::size_t kTileBytes = 64;  // of a row of any tile

// Tiles 0 to 3 are C, row by row; 4 and 5 are A, 6 and 7 are B. With `few_rows`, only tile 4 is A, and tiles of C and A
// have that number of rows.
PRELUNET_INLINE void configure_tiles(std::size_t few_rows = kBfloat16Panel) {
  struct alignas(64) {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};
  } t;
  for (int i = 0; i < 8; ++i) {
    t.row_bytes[i] = kTileBytes;
    t.rows[i] = static_cast<std::uint8_t>(i <= 4 ? few_rows : kBfloat16Panel);
  }
  asm volatile("ldtilecfg %0" : : "m"(t));
}
PRELUNET_INLINE void release_tiles() { asm volatile("tilerelease" : :); }

// C += A B for the loaded tiles. If kMore, loads the next tile of A or B right after the last use of the previous one.
// Loads then overlap with multiplications, even if another thread shares the core.
template <bool kTwoRows, bool kTwoColumns, bool kMore>
PRELUNET_INLINE void multiply_tiles(const std::uint16_t* next_a, const std::uint16_t* next_b, std::size_t panel_size) {
  tile_multiply<0, 4, 6>();
  if constexpr (kTwoRows) tile_multiply<2, 5, 6>();
  if constexpr (kMore) tile_load<6>(next_b, kTileBytes);
  if constexpr (kTwoColumns) tile_multiply<1, 4, 7>();
  if constexpr (kMore) tile_load<4>(next_a, kTileBytes);
  if constexpr (kTwoRows && kTwoColumns) tile_multiply<3, 5, 7>();
  if constexpr (kMore && kTwoRows) tile_load<5>(next_a + panel_size, kTileBytes);
  if constexpr (kMore && kTwoColumns) tile_load<7>(next_b + panel_size, kTileBytes);
}

// Computes one block for all k, from one or two panels of A and one or two panels of B.
template <bool kTwoRows, bool kTwoColumns>
PRELUNET_INLINE void multiply_block(const std::uint16_t* a, const std::uint16_t* b, std::size_t panel_size,
                                    std::size_t depth, const StagedBlock& s) {
  const std::size_t c_bytes = s.stride * sizeof(float);
  float* const c = s.c;
  float* const c_second = c + kBfloat16Panel * s.stride;
  if (!s.continued) {
    tile_zero<0>();
    if constexpr (kTwoColumns) tile_zero<1>();
    if constexpr (kTwoRows) tile_zero<2>();
    if constexpr (kTwoRows && kTwoColumns) tile_zero<3>();
  } else {
    tile_load<0>(c, c_bytes);
    if constexpr (kTwoColumns) tile_load<1>(c + kBfloat16Panel, c_bytes);
    if constexpr (kTwoRows) tile_load<2>(c_second, c_bytes);
    if constexpr (kTwoRows && kTwoColumns) tile_load<3>(c_second + kBfloat16Panel, c_bytes);
  }
  if (depth > 0) {
    tile_load<6>(b, kTileBytes);
    tile_load<4>(a, kTileBytes);
    if constexpr (kTwoRows) tile_load<5>(a + panel_size, kTileBytes);
    if constexpr (kTwoColumns) tile_load<7>(b + panel_size, kTileBytes);
    for (const std::uint16_t* const last = a + (depth - kBfloat16Group) * kBfloat16Panel; a != last;) {
      a += kBfloat16Tile;
      b += kBfloat16Tile;
      multiply_tiles<kTwoRows, kTwoColumns, true>(a, b, panel_size);
    }
    multiply_tiles<kTwoRows, kTwoColumns, false>(nullptr, nullptr, panel_size);
  }
  tile_store<0>(c, c_bytes);
  if constexpr (kTwoColumns) tile_store<1>(c + kBfloat16Panel, c_bytes);
  if constexpr (kTwoRows) tile_store<2>(c_second, c_bytes);
  if constexpr (kTwoRows && kTwoColumns) tile_store<3>(c_second + kBfloat16Panel, c_bytes);
}

// Computes kPanels * 16 columns of at most 16 rows. Tiles 0 to 3 are C, 4 is A, and 5 to 7 are panels of B in turn.
template <int kPanels>
PRELUNET_INLINE void multiply_few_rows(const std::uint16_t* a, const std::uint16_t* b, std::size_t panel_size,
                                       std::size_t depth, const StagedBlock& s) {
  const auto each = [](auto f) __attribute__((always_inline)) {
    f.template operator()<0>();
    if constexpr (kPanels > 1) f.template operator()<1>();
    if constexpr (kPanels > 2) f.template operator()<2>();
    if constexpr (kPanels > 3) f.template operator()<3>();
  };
  const std::size_t c_bytes = s.stride * sizeof(float);
  each([&]<int kPanel>() __attribute__((always_inline)) {
    if (s.continued) {
      tile_load<kPanel>(s.c + kPanel * kBfloat16Panel, c_bytes);
    } else {
      tile_zero<kPanel>();
    }
  });
  for (const std::uint16_t* const end = a + depth * kBfloat16Panel; a != end; a += kBfloat16Tile, b += kBfloat16Tile) {
    tile_load<4>(a, kTileBytes);
    each([&]<int kPanel>() __attribute__((always_inline)) {
      constexpr int kB = 5 + kPanel % 3;
      tile_load<kB>(b + kPanel * panel_size, kTileBytes);
      tile_multiply<kPanel, 4, kB>();
    });
  }
  each([&]<int kPanel>()
           __attribute__((always_inline)) { tile_store<kPanel>(s.c + kPanel * kBfloat16Panel, c_bytes); });
}

void gemm_amx_few_rows(const Bfloat16Gemm& g) {
  constexpr std::size_t kColumns = 4 * kBfloat16Panel;
  static_assert(kColumns * kBfloat16Panel <= kStagedRows * kMostStagedColumns);
  const std::size_t depth = bfloat16_padded_depth(g.k);
  Staging staging;
  configure_tiles(g.m);
  for (std::size_t column = 0; column < g.n; column += kColumns) {
    const Block block = block_at(g, 0, column, kColumns);
    const StagedBlock s = staging.begin(g, block);
    const std::uint16_t* const b = g.b + column / kBfloat16Panel * g.panel_size;
    switch (bfloat16_padded_lines(block.columns) / kBfloat16Panel) {
      case 4:
        multiply_few_rows<4>(g.a, b, g.panel_size, depth, s);
        break;
      case 3:
        multiply_few_rows<3>(g.a, b, g.panel_size, depth, s);
        break;
      case 2:
        multiply_few_rows<2>(g.a, b, g.panel_size, depth, s);
        break;
      default:
        multiply_few_rows<1>(g.a, b, g.panel_size, depth, s);
    }
    staging.end(g, block, s);
  }
  release_tiles();
}

void gemm_amx(const Bfloat16Gemm& g) {
  if (g.m == 0) return;
  if (g.m <= kBfloat16Panel) return gemm_amx_few_rows(g);
  const std::size_t depth = bfloat16_padded_depth(g.k);
  Staging staging;
  configure_tiles();
  for (std::size_t column = 0; column < g.n; column += 2 * kBfloat16Panel) {
    const std::uint16_t* const b = g.b + column / kBfloat16Panel * g.panel_size;
    for (std::size_t row = 0; row < g.m; row += kStagedRows) {
      if (g.prefetch != nullptr) {
        const bool more = row + kStagedRows < g.m;
        const std::size_t next_row = more ? row + kStagedRows : 0,
                          next_column = more ? column : column + 2 * kBfloat16Panel;
        if (next_column < g.n) g.prefetch(g.context, block_at(g, next_row, next_column, 2 * kBfloat16Panel));
      }
      const Block block = block_at(g, row, column, 2 * kBfloat16Panel);
      const StagedBlock s = staging.begin(g, block);
      const std::uint16_t* const a = g.a + row / kBfloat16Panel * g.panel_size;
      const bool two_rows = block.rows > kBfloat16Panel, two_columns = block.columns > kBfloat16Panel;
      if (two_rows && two_columns) {
        multiply_block<true, true>(a, b, g.panel_size, depth, s);
      } else if (two_rows) {
        multiply_block<true, false>(a, b, g.panel_size, depth, s);
      } else if (two_columns) {
        multiply_block<false, true>(a, b, g.panel_size, depth, s);
      } else {
        multiply_block<false, false>(a, b, g.panel_size, depth, s);
      }
      staging.end(g, block, s);
    }
  }
  release_tiles();
}

// Multiplies into four tiles of C in turn, to hide the latency of a multiplication.
constexpr std::size_t kAmxCeilingFlops = 4 * 2 * kBfloat16Panel * kBfloat16Tile;
float amx_ceiling(std::size_t iterations) {
  configure_tiles();
  alignas(64) float c[kBfloat16Panel * kBfloat16Panel] = {};
  tile_load<4>(c, kTileBytes), tile_load<5>(c, kTileBytes), tile_load<6>(c, kTileBytes), tile_load<7>(c, kTileBytes);
  tile_zero<0>(), tile_zero<1>(), tile_zero<2>(), tile_zero<3>();
  for (std::size_t n = 0; n < iterations; ++n) {
    tile_multiply<0, 4, 6>(), tile_multiply<1, 4, 7>(), tile_multiply<2, 5, 6>(), tile_multiply<3, 5, 7>();
  }
  tile_store<0>(c, kTileBytes);
  release_tiles();
  return c[0];
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
