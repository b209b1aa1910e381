// W^T in panels, as the forward product reads it: blocks of lanes x lanes, transposed in registers.
#pragma once

#include <utility>

#include "kernels/gemm_tile.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Element j of the first two rows of a 2 x 2 exchange of blocks kDistance wide: [a b; c d] becomes [a c; b d].
template <std::size_t kDistance, class V, std::size_t... j>
PRELUNET_INLINE void exchange_blocks(V& upper, V& lower, std::index_sequence<j...>) {
  constexpr int kCount = sizeof...(j);
  const V a = upper;
  const V b = lower;
  upper = __builtin_shufflevector(a, b, ((j & kDistance) == 0 ? int(j) : kCount + int(j) - int(kDistance))...);
  lower = __builtin_shufflevector(a, b, ((j & kDistance) == 0 ? int(j) + int(kDistance) : kCount + int(j))...);
}

// Transposes a square of kLanes<T> rows, block by block: halves first, then quarters, down to elements.
template <class T, std::size_t kDistance = kLanes<T> / 2>
PRELUNET_INLINE void transpose(Vec<T> (&row)[kLanes<T>]) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kLanes<T>; ++i) {
    if ((i & kDistance) == 0) {
      exchange_blocks<kDistance>(row[i], row[i + kDistance], std::make_index_sequence<kLanes<T>>{});
    }
  }
  if constexpr (kDistance > 1) transpose<T, kDistance / 2>(row);
}

// Columns [0, columns) of one vector's width of a panel, from as many rows of W; the other lanes are zeros.
template <class T>
void pack_strip(std::size_t columns, std::size_t k, const T* w, std::size_t stride, T* out, std::size_t out_stride) {
  constexpr std::size_t kCount = kLanes<T>;
  for (std::size_t p = 0; p < k; p += kCount) {
    const std::size_t depth = k - p < kCount ? k - p : kCount;
    Vec<T> row[kCount] = {};
#pragma GCC unroll 16
    for (std::size_t j = 0; j < kCount; ++j) {
      if (j < columns) row[j] = depth == kCount ? load(w + j * stride + p) : load_partial(w + j * stride + p, depth);
    }
    transpose<T>(row);
#pragma GCC unroll 16
    for (std::size_t i = 0; i < kCount; ++i) {
      if (i < depth) store(out + (p + i) * out_stride, row[i]);
    }
  }
}

// Panel q holds columns [q * kPanel, ...) of W^T, row p after row p, each padded with zeros to whole vectors.
template <class T>
void pack_panels(std::size_t n, std::size_t k, const T* w, std::size_t stride, T* panels, std::size_t begin,
                 std::size_t end) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  for (std::size_t panel = begin; panel < end; ++panel) {
    const std::size_t first = panel * kPanel;
    const std::size_t columns = n - first < kPanel ? n - first : kPanel;
    const std::size_t padded = (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    for (std::size_t j = 0; j < columns; j += kLanes<T>) {
      const std::size_t count = columns - j < kLanes<T> ? columns - j : kLanes<T>;
      pack_strip(count, k, w + (first + j) * stride, stride, panels + first * k + j, padded);
    }
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
