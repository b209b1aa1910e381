// Rows as lanes: the tile of products of a few columns, which would leave most lanes of a vector of columns idle.
//
// Rows of A are transposed on their way from memory, a square at a time. Each element of C is still one chain of fused
// multiply-adds over k in order.
#pragma once

#include "kernels/gemm_tile.h"
#include "kernels/transpose.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Columns that repay the transposition: it costs as much as the sums of some four where a vector has 16 lanes, and more
// than is saved where it has less.
template <class T>
constexpr std::size_t kNarrowColumns = kLanes<T> >= 16 ? 4 : 0;

// Groups of kLanes rows at a time: two have chains enough to hide the latency of their sums.
constexpr std::size_t kNarrowGroups = 2;

// How many groups `rows` rows fill, and one tile takes.
template <class T>
PRELUNET_INLINE std::size_t narrow_groups(std::size_t rows) {
  const std::size_t groups = rows / kLanes<T>;
  return groups < kNarrowGroups ? groups : kNarrowGroups;
}

// Steps [p, p + count) of k for all groups; count == kLanes but for the last.
template <class T, std::size_t kGroups, std::size_t kColumns>
PRELUNET_INLINE void narrow_steps(const T* a, std::size_t a_stride, const T* b, std::size_t b_stride, std::size_t count,
                                  Vec<T> (&c)[kGroups][kColumns]) {
#pragma GCC unroll 2
  for (std::size_t group = 0; group < kGroups; ++group) {
    const T* row = b;
    transpose<Vec<T>>(a + group * kLanes<T> * a_stride, a_stride,
                      [&](std::size_t step, Vec<T> rows) __attribute__((always_inline)) {
                        if (step >= count) return;
#pragma GCC unroll 4
                        for (std::size_t j = 0; j < kColumns; ++j) accumulate(c[group][j], rows, splat(row[j]));
                        row = opaque(row + b_stride);  // else the addresses of all steps are kept
                      });
  }
}

// kGroups * kLanes rows of A, as RowsOfA finds them.
template <class T, std::size_t kGroups, std::size_t kColumns>
void narrow_tile(const TileArgs<T>& g) {
  constexpr std::size_t kCount = kLanes<T>, kRows = kGroups * kCount;
  const std::size_t a_stride = g.a_row_stride, b_stride = g.b_stride, c_stride = g.c_stride, k = g.k;
  const T* const a = g.a;
  const T* const b = g.b;
  alignas(64) T lane[kGroups][kColumns][kCount] = {};
  if (g.start != nullptr) {
    for (std::size_t i = 0; i < kRows; ++i) {
      for (std::size_t j = 0; j < kColumns; ++j) lane[i / kCount][j][i % kCount] = g.start[i * g.start_stride + j];
    }
  }
  Vec<T> c[kGroups][kColumns];
  for (std::size_t group = 0; group < kGroups; ++group) {
    for (std::size_t j = 0; j < kColumns; ++j) c[group][j] = load(lane[group][j]);
  }
  std::size_t p = 0;
  for (; p + kCount <= k; p += kCount) narrow_steps(a + p, a_stride, b + p * b_stride, b_stride, kCount, c);
  if (p < k) {
    alignas(64) T last[kRows * kCount];
    for (std::size_t i = 0; i < kRows; ++i) store(last + i * kCount, load_partial(a + i * a_stride + p, k - p));
    narrow_steps(last, kCount, b + p * b_stride, b_stride, k - p, c);
  }
  for (std::size_t group = 0; group < kGroups; ++group) {
    for (std::size_t j = 0; j < kColumns; ++j) store(lane[group][j], c[group][j]);
  }
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kColumns; ++j) g.c[i * c_stride + j] = lane[i / kCount][j][i % kCount];
  }
}

// By groups and columns, each less one.
template <class T>
constexpr Tile<T> kNarrowTiles[kNarrowGroups][4] = {
    {narrow_tile<T, 1, 1>, narrow_tile<T, 1, 2>, narrow_tile<T, 1, 3>, narrow_tile<T, 1, 4>},
    {narrow_tile<T, 2, 1>, narrow_tile<T, 2, 2>, narrow_tile<T, 2, 3>, narrow_tile<T, 2, 4>}};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
