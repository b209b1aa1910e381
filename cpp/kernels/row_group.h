// Rows as lanes: a vector holds one column of several rows, so that rows too narrow to fill vectors still cost what
// their elements cost.
//
// With at most 16 columns each virtual lane of a LaneSum holds one element at most: tree_sum over columns gives the
// bits that LaneSum gives along a row.
#pragma once

#include "kernels/activation.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// As many rows as a vector has lanes, column by column. Lanes past the last row repeat it or are zeros: they are
// computed, not kept.
template <class T>
struct RowGroup {
  alignas(kVectorBytes) T lane[kVirtualLanes][kLanes<T>];

  PRELUNET_INLINE Vec<T> operator[](std::size_t column) const { return load(lane[column]); }
  PRELUNET_INLINE void set(std::size_t column, Vec<T> v) { store(lane[column], v); }

  PRELUNET_INLINE void read(std::size_t rows, std::size_t columns, const T* x, std::size_t stride) {
    if (columns == 1 && stride == 1) return set(0, load_count(x, rows));
    const T* row[kLanes<T>];
    for (std::size_t i = 0; i < kLanes<T>; ++i) row[i] = x + (i < rows ? i : rows - 1) * stride;
    for (std::size_t j = 0; j < columns; ++j) {
      for (std::size_t i = 0; i < kLanes<T>; ++i) lane[j][i] = row[i][j];
    }
  }

  PRELUNET_INLINE void write(std::size_t rows, std::size_t columns, T* x, std::size_t stride) const {
    if (columns == 1 && stride == 1) return store_count(x, load(lane[0]), rows);
    for (std::size_t i = 0; i < rows; ++i, x += stride) {
      for (std::size_t j = 0; j < columns; ++j) x[j] = lane[j][i];
    }
  }
};

// Calls f(first, rows) for groups of rows.
template <class T, class F>
PRELUNET_INLINE void for_each_group(std::size_t rows, F&& f) {
  for_each_vector<T>(rows, f);
}

// A number in double for each row of a group.
template <class T>
struct RowDoubles {
  static constexpr std::size_t kParts = sizeof(double) / sizeof(T);
  Vec<double> part[kParts];

  // How many of `rows` rows are in a part.
  static PRELUNET_INLINE std::size_t count(std::size_t part, std::size_t rows) {
    const std::size_t first = part * kLanes<double>;
    return rows <= first ? 0 : rows - first < kLanes<double> ? rows - first : kLanes<double>;
  }
  PRELUNET_INLINE void read(std::size_t rows, const double* x) {
    for (std::size_t p = 0; p < kParts; ++p) part[p] = load_count(x + p * kLanes<double>, count(p, rows));
  }
  PRELUNET_INLINE void write(std::size_t rows, double* x) const {
    for (std::size_t p = 0; p < kParts; ++p) store_count(x + p * kLanes<double>, part[p], count(p, rows));
  }
  PRELUNET_INLINE Vec<T> rounded() const {
    if constexpr (kParts == 1) {
      return part[0];
    } else {
      return narrow(part[0], part[1]);
    }
  }
};

PRELUNET_INLINE VecF64 widen_part(VecF32 x, std::size_t part) { return part == 0 ? widen_low(x) : widen_high(x); }
PRELUNET_INLINE VecF64 widen_part(VecF64 x, std::size_t) { return x; }

// Each row's sum over the columns.
template <class T>
PRELUNET_INLINE RowDoubles<T> sum_columns(std::size_t columns, const RowGroup<T>& x) {
  RowDoubles<T> sum;
  for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) {
    Vec<double> slot[kVirtualLanes];
    for (std::size_t j = 0; j < columns; ++j) slot[j] = widen_part(x[j], p);
    sum.part[p] = tree_sum(columns, slot);
  }
  return sum;
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
