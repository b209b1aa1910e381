// Packs matrices of float or bfloat16 for products. bfloat16_table.h describes the layouts.
//
// Packings that transpose copy pairs to a square, which is transposed in registers.
#pragma once

#include "kernels/bfloat16_convert.h"
#include "kernels/bfloat16_table.h"
#include "kernels/transpose.h"

namespace prelunet::PRELUNET_ISA {
namespace {

struct alignas(64) PairSquare {
  VecU32 row[kPairs];

  // Calls f(column, vector) for each column.
  template <class F>
  PRELUNET_INLINE void transposed(F&& f) const {
    transpose<VecF32>(reinterpret_cast<const float*>(row), kPairs,
                      [&](std::size_t j, VecF32 column) __attribute__((always_inline)) { f(j, (VecU32)column); });
  }
};

PRELUNET_INLINE void store_pairs(std::uint16_t* p, VecU32 v) { __builtin_memcpy(p, &v, sizeof v); }

// One vector of pairs, from column `column` on: along_at() pairs elements of one row, across_at() those of rows row and
// row + 1. Elements outside the matrix are zeros.
template <class Source>
PRELUNET_INLINE VecU32 along_at(const Source& s, std::size_t row, std::size_t column) {
  if (row >= s.rows || column >= s.columns) return VecU32{};
  return pairs_along(s.at(row, column), s.columns - column);
}
template <class Source>
PRELUNET_INLINE VecU32 across_at(const Source& s, std::size_t row, std::size_t column) {
  if (row >= s.rows || column >= s.columns) return VecU32{};
  return pairs_across(s.at(row, column), row + 1 < s.rows ? s.at(row + 1, column) : nullptr, s.columns - column);
}

// Panels are rows or columns of the matrix, and k is the other axis.

template <class Source>
void pack_a_of_rows(const Source& s, std::size_t begin, std::size_t end, std::uint16_t* panels,
                    std::size_t panel_size) {
  for (std::size_t panel = begin; panel < end; ++panel) {
    std::uint16_t* to = panels + panel * panel_size;
    for (std::size_t k = 0; k < s.columns; k += kBfloat16Group) {
      for (std::size_t i = 0; i < kBfloat16Panel; ++i, to += kBfloat16Group) {
        for (std::size_t j = 0; j < kBfloat16Group; j += 2 * kPairs) {
          store_pairs(to + j, along_at(s, panel * kBfloat16Panel + i, k + j));
        }
      }
    }
  }
}

template <class Source>
void pack_a_of_columns(const Source& s, std::size_t begin, std::size_t end, std::uint16_t* panels,
                       std::size_t panel_size) {
  for (std::size_t k = 0; k < bfloat16_padded_depth(s.rows); k += 2 * kPairs) {
    for (std::size_t column = begin * kBfloat16Panel; column < end * kBfloat16Panel; column += kPairs) {
      PairSquare square;
      for (std::size_t p = 0; p < kPairs; ++p) square.row[p] = across_at(s, k + 2 * p, column);
      std::uint16_t* const tile = panels + column / kBfloat16Panel * panel_size + k / kBfloat16Group * kBfloat16Tile;
      std::uint16_t* const to = tile + column % kBfloat16Panel * kBfloat16Group + k % kBfloat16Group;
      square.transposed([&](std::size_t i, VecU32 pairs)
                            __attribute__((always_inline)) { store_pairs(to + i * kBfloat16Group, pairs); });
    }
  }
}

template <class Source>
void pack_b_of_rows(const Source& s, std::size_t begin, std::size_t end, std::uint16_t* panels,
                    std::size_t panel_size) {
  for (std::size_t row = begin * kBfloat16Panel; row < end * kBfloat16Panel; row += kPairs) {
    std::uint16_t* to = panels + row / kBfloat16Panel * panel_size + row % kBfloat16Panel * 2;
    for (std::size_t k = 0; k < bfloat16_padded_depth(s.columns); k += 2 * kPairs, to += kPairs * kBfloat16PairRow) {
      PairSquare square;
      for (std::size_t i = 0; i < kPairs; ++i) square.row[i] = along_at(s, row + i, k);
      square.transposed([&](std::size_t p, VecU32 pairs)
                            __attribute__((always_inline)) { store_pairs(to + p * kBfloat16PairRow, pairs); });
    }
  }
}

template <class Source>
void pack_b_of_columns(const Source& s, std::size_t begin, std::size_t end, std::uint16_t* panels,
                       std::size_t panel_size) {
  for (std::size_t row = 0; row < bfloat16_padded_depth(s.rows); row += 2) {  // rows are read from end to end
    std::uint16_t* const to = panels + row / 2 * kBfloat16PairRow;
    for (std::size_t column = begin * kBfloat16Panel; column < end * kBfloat16Panel; column += kPairs) {
      const std::size_t panel = column / kBfloat16Panel;
      store_pairs(to + panel * panel_size + column % kBfloat16Panel * 2, across_at(s, row, column));
    }
  }
}

template <class Source>
constexpr Bfloat16Packing<Source> kBfloat16Packing = {pack_a_of_rows<Source>, pack_a_of_columns<Source>,
                                                      pack_b_of_rows<Source>, pack_b_of_columns<Source>};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
