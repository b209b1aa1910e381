// Rows as lanes: a vector holds one column of several rows. Rows too narrow to fill a vector then waste no lanes.
#pragma once

#include "kernels/lanes.h"
#include "kernels/transpose.h"
#include "simd/lane_sum.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kGroupColumns = kTuning.group_columns;  // wider rows are processed one at a time

// kLanes rows, stored column by column. Lanes past the last row are computed but not written back.
template <class T>
struct RowGroup {
  T* lane;  // (columns, kLanes), columns rounded up to a multiple of kPart

  PRELUNET_INLINE Vec<T> operator[](std::size_t column) const { return load(lane + column * kLanes<T>); }
  PRELUNET_INLINE void set(std::size_t column, Vec<T> v) const { store(lane + column * kLanes<T>, v); }

  // Reads `rows` rows at x. `left` rows are readable there.
  PRELUNET_INLINE void read(std::size_t rows, std::size_t left, std::size_t columns, const T* x,
                            std::size_t stride) const {
    if (columns == 1 && stride == 1) return set(0, load_count(x, rows));
    constexpr std::size_t kPart = RowParts<Vec<T>, T>::kPart;
    const std::size_t past = (kPart - columns % kPart) % kPart;  // elements that transpose() reads past a row's end
    if (left >= kLanes<T> && (left - kLanes<T>)*stride >= past) return transpose(columns, x, stride);
    alignas(kVectorBytes) T copy[kLanes<T>][kGroupColumns];
    for (std::size_t i = 0; i < kLanes<T>; ++i) {
      const T* const row = x + (i < rows ? i : rows - 1) * stride;
      for_each_vector<T>(columns, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
        store(copy[i] + j, load_count(row + j, count));
      });
    }
    transpose(columns, copy[0], kGroupColumns);
  }

  PRELUNET_INLINE void write(std::size_t rows, std::size_t columns, T* x, std::size_t stride) const {
    if (columns == 1 && stride == 1) return store_count(x, (*this)[0], rows);
    for (std::size_t j = 0; j < columns; ++j) {
      const T* const from = lane + j * kLanes<T>;
      T* to = x + j;
      if (rows == kLanes<T>) {
#pragma GCC unroll 16
        for (std::size_t i = 0; i < kLanes<T>; ++i, to = opaque(to + stride)) *to = from[i];
      } else {
        for (std::size_t i = 0; i < rows; ++i, to = opaque(to + stride)) *to = from[i];  // opaque: no scatters
      }
    }
  }

 private:
  PRELUNET_INLINE void transpose(std::size_t columns, const T* x, std::size_t stride) const {
    const RowParts<Vec<T>, T> rows(x, stride);
    for (std::size_t j = 0; j < columns; j += rows.kPart) {
      rows.transpose(j, [&](std::size_t column, Vec<T> v) __attribute__((always_inline)) { set(column, v); });
    }
  }
};

// Memory for several groups. Processed together, their long chains of dependent instructions overlap.
template <class T>
class RowGroups {
 public:
  static constexpr std::size_t kMost = kTuning.row_groups;

  explicit RowGroups(std::size_t columns) : size_(columns * kLanes<T>) {}
  PRELUNET_INLINE RowGroup<T> operator[](std::size_t group) { return {lane_ + group * size_}; }

  // The number of rows that fit.
  static PRELUNET_INLINE std::size_t rows(std::size_t columns) {
    const std::size_t groups = kGroupColumns / columns;
    return (groups < kMost ? groups : kMost) * kLanes<T>;
  }

 private:
  alignas(kVectorBytes) T lane_[(kGroupColumns + RowParts<Vec<T>, T>::kPart - 1) * kLanes<T>];
  std::size_t size_;
};

// Calls f(group, first, count) for groups of rows.
template <class T, class F>
PRELUNET_INLINE void for_each_group(std::size_t rows, F&& f) {
  for (std::size_t group = 0, first = 0; first < rows; ++group, first += kLanes<T>) {
    f(group, first, rows - first < kLanes<T> ? rows - first : kLanes<T>);
  }
}

// Byte i of p = 1 if the mask is set in lane i, else 0, for the first `count` lanes.
template <class T, class Mask>
PRELUNET_INLINE void store_mask(unsigned char* p, Mask mask, std::size_t count) {
  typedef unsigned char Bytes __attribute__((vector_size(kLanes<T>)));
  const Bytes bytes = __builtin_convertvector(mask, Bytes) & 1;
  unsigned char lane[kLanes<T>];
  __builtin_memcpy(lane, &bytes, sizeof bytes);
  if (count == kLanes<T>) {
    __builtin_memcpy(p, lane, sizeof lane);
  } else {
    for (std::size_t i = 0; i < count; ++i) p[i] = lane[i];
  }
}

// The first `count` numbers of x, converted to T. A whole group is a separate case, which GCC vectorizes.
template <class T>
PRELUNET_INLINE Vec<T> load_numbers(const std::int64_t* x, std::size_t count) {
  T lane[kLanes<T>] = {};
  if (count == kLanes<T>) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kLanes<T>; ++i) lane[i] = static_cast<T>(x[i]);
  } else {
    for (std::size_t i = 0; i < count; ++i) lane[i] = static_cast<T>(x[i]);
  }
  return load(lane);
}

// One double for each row of a group.
template <class T>
struct RowDoubles {
  static constexpr std::size_t kParts = sizeof(double) / sizeof(T);
  Vec<double> part[kParts];

  // The number of rows in a part if there are `rows` rows in all.
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

// Each row's sum over the columns, with the same bits as LaneSum along a row.
template <class T>
PRELUNET_INLINE RowDoubles<T> sum_columns(std::size_t columns, const RowGroup<T>& x) {
  const std::size_t first = columns < kVirtualLanes ? columns : kVirtualLanes;
  RowDoubles<T> sum;
  for (std::size_t p = 0; p < RowDoubles<T>::kParts; ++p) {
    Vec<double> slot[kVirtualLanes];
    for (std::size_t j = 0; j < first; ++j) slot[j] = widen_part(x[j], p);
    for (std::size_t j = first; j < columns; ++j) slot[j % kVirtualLanes] += widen_part(x[j], p);
    sum.part[p] = tree_sum(first, slot);
  }
  return sum;
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
