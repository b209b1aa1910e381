// The micro-kernel for narrow panels. Lanes are rows of C, because a row of C would fill few lanes.
//
// Rows of A are transposed as they are loaded, a few columns at a time. Each element of C is still one chain of fused
// multiply-adds, in the order of k.
#pragma once

#include "kernels/gemm_tile.h"
#include "kernels/transpose.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Maximum columns of a narrow panel; see Tuning.
template <class T>
constexpr std::size_t kNarrowColumns = kLanes<T> >= 16 ? kTuning.narrow_columns : 0;

// The number of groups of kLanes rows that one tile computes: the full groups in `rows`, at most narrow_groups.
template <class T>
PRELUNET_INLINE std::size_t narrow_groups(std::size_t rows) {
  const std::size_t groups = rows / kLanes<T>;
  return groups < kTuning.narrow_groups ? groups : kTuning.narrow_groups;
}

// Transposes columns of C and stores the rows, `stride` apart.
template <class T, std::size_t kColumns>
PRELUNET_INLINE void store_rows(const Vec<T> (&column)[kColumns], T* p, std::size_t stride) {
  constexpr std::size_t kCount = kLanes<T>, kPart = kPartBytes / sizeof(T);
  constexpr std::make_index_sequence<kCount> kIndices{};
  if constexpr (kColumns == 1) {
    if (stride == 1) return store(p, column[0]);
  } else if constexpr (kColumns == 2) {
    if (stride == 2) {
      store(p, interleave<0, kVectorBytes>(column[0], column[1], kIndices));
      return store(p + kCount, interleave<1, kVectorBytes>(column[0], column[1], kIndices));
    }
  }
  static_assert(kColumns <= kPart);
  Vec<T> all[kPart] = {};
  for (std::size_t j = 0; j < kColumns; ++j) all[j] = column[j];
  alignas(kVectorBytes) T row[kPart][kCount];
  transpose_parts(all, [&](std::size_t i, Vec<T> v) __attribute__((always_inline)) { store(row[i], v); });
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kCount; ++i, p = opaque(p + stride)) {
    __builtin_memcpy(p, row[i % kPart] + i / kPart * kPart, kColumns * sizeof(T));
  }
}

// Reads kSteps steps of k and adds steps [first, end) of them to the sums of all groups.
template <std::size_t kSteps, class T, std::size_t kGroups, std::size_t kColumns>
PRELUNET_INLINE void narrow_steps(const T* a, std::size_t a_stride, const T* b, std::size_t b_stride, std::size_t first,
                                  std::size_t end, Vec<T> (&c)[kGroups][kColumns]) {
#pragma GCC unroll 2
  for (std::size_t group = 0; group < kGroups; ++group) {
    const RowParts<Vec<T>, T> rows(a + group * kLanes<T> * a_stride, a_stride);
    const T* row = b;
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kSteps; p += rows.kPart) {
      rows.transpose(p, [&](std::size_t step, Vec<T> column) __attribute__((always_inline)) {
        if (step >= first && step < end) {
#pragma GCC unroll 4
          for (std::size_t j = 0; j < kColumns; ++j) accumulate(c[group][j], column, splat(row[j]));
        }
        row = opaque(row + b_stride);  // GCC would otherwise keep the addresses of all steps
      });
    }
  }
}

// Computes kGroups * kLanes rows of C from a row-major A.
template <class T, std::size_t kGroups, std::size_t kColumns>
void narrow_tile(const TileArgs<T>& g) {
  constexpr std::size_t kCount = kLanes<T>, kRows = kGroups * kCount, kPart = RowParts<Vec<T>, T>::kPart;
  const std::size_t a_stride = g.a_row_stride, b_stride = g.b_stride, k = g.k;
  const T* const a = g.a;
  const T* const b = g.b;
  Vec<T> c[kGroups][kColumns] = {};
  if (g.start != nullptr) {
    T lane[kGroups][kColumns][kCount];
    for (std::size_t i = 0; i < kRows; ++i) {
      for (std::size_t j = 0; j < kColumns; ++j) lane[i / kCount][j][i % kCount] = g.start[i * g.start_stride + j];
    }
    for (std::size_t group = 0; group < kGroups; ++group) {
      for (std::size_t j = 0; j < kColumns; ++j) c[group][j] = load(lane[group][j]);
    }
  }
  std::size_t p = 0;
  for (; p + kCount <= k; p += kCount) narrow_steps<kCount>(a + p, a_stride, b + p * b_stride, b_stride, 0, kCount, c);
  for (; p + kPart <= k; p += kPart) narrow_steps<kPart>(a + p, a_stride, b + p * b_stride, b_stride, 0, kPart, c);
  if (p < k && k >= kPart) {  // reads the last kPart steps; the first of them have been added already
    const std::size_t last = k - kPart;
    narrow_steps<kPart>(a + last, a_stride, b + last * b_stride, b_stride, p - last, kPart, c);
  } else if (p < k) {  // fewer than kPart steps in all: copies the rows, so that nothing past their ends is read
    alignas(kVectorBytes) T copy[kRows][kCount];
    for (std::size_t i = 0; i < kRows; ++i) store(copy[i], load_partial(a + i * a_stride, k));
    narrow_steps<kPart>(copy[0], kCount, b, b_stride, 0, k, c);
  }
  for (std::size_t group = 0; group < kGroups; ++group) {
    store_rows(c[group], g.c + group * kCount * g.c_stride, g.c_stride);
  }
}

// Indexed by groups - 1 and columns - 1.
template <class T>
constexpr Tile<T> kNarrowTiles[kTuning.narrow_groups][4] = {
    {narrow_tile<T, 1, 1>, narrow_tile<T, 1, 2>, narrow_tile<T, 1, 3>, narrow_tile<T, 1, 4>},
    {narrow_tile<T, 2, 1>, narrow_tile<T, 2, 2>, narrow_tile<T, 2, 3>, narrow_tile<T, 2, 4>}};

// Null if no panel is narrow on this ISA; then no narrow tiles are compiled.
template <class T>
PRELUNET_INLINE Tile<T> narrow_tile_for(std::size_t groups, std::size_t columns) {
  if constexpr (kNarrowColumns<T> == 0) {
    return nullptr;
  } else {
    return kNarrowTiles<T>[groups - 1][columns - 1];
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
