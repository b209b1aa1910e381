// W^T in panels, as the forward product reads it: squares of a vector's (or half a vector's) lanes, transposed in
// registers.
#pragma once

#include <utility>

#include "kernels/activation.h"
#include "kernels/gemm_tile.h"
#include "kernels/table.h"

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

// Transposes a square of kCount rows, block by block: halves first, then quarters, down to elements.
template <class Vector, std::size_t kCount, std::size_t kDistance = kCount / 2>
PRELUNET_INLINE void transpose(Vector (&row)[kCount]) {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kCount; ++i) {
    if ((i & kDistance) == 0) {
      exchange_blocks<kDistance>(row[i], row[i + kDistance], std::make_index_sequence<kCount>{});
    }
  }
  if constexpr (kDistance > 1) transpose<Vector, kCount, kDistance / 2>(row);
}

// A square of W, transposed, into a panel.
template <class T, class Width>
PRELUNET_INLINE void pack_square(const T* w, std::size_t w_stride, T* out, std::size_t out_stride) {
  constexpr std::size_t kCount = Width::kCount;
  typename Width::Vector row[kCount];
#pragma GCC unroll 16
  for (std::size_t j = 0; j < kCount; ++j) row[j] = load_whole<typename Width::Vector>(w + j * w_stride);
  transpose(row);
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kCount; ++i) store_whole(out + i * out_stride, row[i]);
}

// The same for an edge: up to kCount rows and columns, into the first `width` lanes; lanes without a row become zeros.
template <class T, class Width>
void pack_edge(std::size_t rows, std::size_t columns, const T* w, std::size_t w_stride, std::size_t width, T* out,
               std::size_t out_stride) {
  constexpr std::size_t kCount = Width::kCount;
  typename Width::Vector row[kCount] = {};
#pragma GCC unroll 16
  for (std::size_t j = 0; j < kCount; ++j) {
    if (j < rows) row[j] = Width::load_first(w + j * w_stride, columns);
  }
  transpose(row);
#pragma GCC unroll 16
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i < columns) Width::store_first(out + i * out_stride, row[i], width);
  }
}

// Columns [0, columns) of up to kCount rows of W, transposed, into the first `width` lanes of a panel's rows.
template <class T, class Width>
PRELUNET_INLINE void pack_strip(std::size_t rows, std::size_t columns, const T* w, std::size_t w_stride,
                                std::size_t width, T* out, std::size_t out_stride) {
  constexpr std::size_t kCount = Width::kCount;
  std::size_t p = 0;
  if (rows == kCount && width == kCount) {
    for (; p + kCount <= columns; p += kCount) {
      pack_square<T, Width>(w + p, w_stride, out + p * out_stride, out_stride);
    }
  }
  for (; p < columns; p += kCount) {
    const std::size_t depth = columns - p < kCount ? columns - p : kCount;
    pack_edge<T, Width>(rows, depth, w + p, w_stride, width, out + p * out_stride, out_stride);
  }
}
template <class T>
void pack_strip(std::size_t rows, std::size_t columns, const T* w, std::size_t w_stride, std::size_t width, T* out,
                std::size_t out_stride) {
#if defined(__AVX2__)
  if (width <= Half<T>::kCount) return pack_strip<T, Half<T>>(rows, columns, w, w_stride, width, out, out_stride);
#endif
  pack_strip<T, Whole<T>>(rows, columns, w, w_stride, width, out, out_stride);
}

// How wide n columns become in panels.
template <class T>
std::size_t packed_columns(std::size_t n) {
  std::size_t column = full_panels<T>(n);
  std::size_t width = column;
  while (column < n) {
    const Panel panel = next_panel<T>(n - column);
    column += panel.columns;
    width += panel.width;
  }
  return width;
}

// Panel by panel (next_panel), row p of W^T after row p, each padded with zeros to the panel's width.
template <class T>
void pack_panels(const Panels<T>& g, std::size_t begin, std::size_t end) {
  const std::size_t full = full_panels<T>(g.n);
  for (std::size_t column = begin < full ? begin : full; column < end;) {
    const Panel panel = next_panel<T>(g.n - column);
    if (column < begin) {  // a panel of the last few, which another thread packs
      column += panel.columns;
      continue;
    }
    for (std::size_t j = 0; j < panel.width; j += kLanes<T>) {
      const std::size_t rows = panel.columns - j < kLanes<T> ? panel.columns - j : kLanes<T>;
      const std::size_t width = panel.width - j < kLanes<T> ? panel.width - j : kLanes<T>;
      pack_strip(rows, g.k, g.w + (column + j) * g.w_stride, g.w_stride, width, g.panels + column * g.k + j,
                 panel.width);
    }
    column += panel.columns;
  }
}

// B given by rows into the same panels.
template <class T>
void pack_rows(std::size_t n, std::size_t k, const T* b, const std::ptrdiff_t* row_offset, T* panels) {
  for (std::size_t column = 0; column < n;) {
    const Panel panel = next_panel<T>(n - column);
    T* to = panels + column * k;
    for (std::size_t p = 0; p < k; ++p, to += panel.width) {
      const T* const from = b + row_offset[p] + column;
      std::size_t j = 0;
      for (; j < panel.columns; ++j) to[j] = from[j];
      for (; j < panel.width; ++j) to[j] = T(0);
    }
    column += panel.columns;
  }
}

// Where row `row` of W lies in the panels: its panel's first column, and the panel's width.
struct PanelPlace {
  std::size_t column, width;
};
template <class T>
PRELUNET_INLINE PanelPlace panel_of(std::size_t n, std::size_t row) {
  const std::size_t full = full_panels<T>(n);
  std::size_t column = row < full ? row / kPanelColumns<T> * kPanelColumns<T> : full;
  Panel panel = next_panel<T>(n - column);
  while (row >= column + panel.columns) {
    column += panel.columns;
    panel = next_panel<T>(n - column);
  }
  return {column, panel.width};
}

// The lines that pack_block will write.
template <class T>
PRELUNET_INLINE void add_packed(Lines& lines, const Panels<T>& g, const Block& block) {
  const std::size_t row = g.row + block.row;
  const PanelPlace place = panel_of<T>(g.n, row);
  const T* const to = g.panels + place.column * g.k + (g.column + block.column) * place.width + (row - place.column);
  lines.add(to, place.width, block.columns, 1, true);
}

// A block of W again, as an epilogue takes it (kEpilogueRows); the padding stays as it is. Panels begin at multiples of
// kLanes<T>, and a block passes one only where it begins at one, so that no strip lies in two.
template <class T>
void pack_block(const Panels<T>& g, const Block& block) {
  const std::size_t first = g.row + block.row;
  const std::size_t k = g.column + block.column;
  for (std::size_t j = 0; j < block.rows; j += kLanes<T>) {
    const std::size_t row = first + j;
    const PanelPlace place = panel_of<T>(g.n, row);
    const std::size_t rows = block.rows - j < kLanes<T> ? block.rows - j : kLanes<T>;
    pack_strip(rows, block.columns, g.w + row * g.w_stride + k, g.w_stride, rows,
               g.panels + place.column * g.k + k * place.width + (row - place.column), place.width);
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
