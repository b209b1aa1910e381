// The geometry of panels: how the columns of B, or the rows of a weight W whose transpose is B, are cut into the
// micro-panels that a tile reads, and where each element is in packed memory.
#pragma once

#include "kernels/table.h"
#include "kernels/tuning.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Tail columns that a tile computes together with a full panel: as many per row of C as fit one more vector.
template <class T>
constexpr std::size_t kTailColumns = kHasPairs && kLanes<T> == 2 * kTuning.tile_rows ? 2 : 0;

// Rows of C in one call of an epilogue: whole chunks, and for a weight whole vectors of its panels.
template <class T>
constexpr std::size_t kEpilogueRows = kLanes<T> > kChunkRows ? kLanes<T> : kChunkRows;

// How many of the n columns of B are in full panels, which come first.
template <class T>
PRELUNET_INLINE std::size_t full_panels(std::size_t n) {
  return n / kPanelColumns<T> * kPanelColumns<T>;
}

// Columns of C that one tile computes: up to tile_vectors vectors, the last one partial only if more than half of it is
// used; or, at the end, half a vector. Packed rows are padded to `width`. Only the last panels need padding, so the
// panel of column j starts at j * k.
struct Panel {
  std::size_t columns;
  std::size_t vectors;  // 0: half a vector
  std::size_t width;
  std::size_t last;  // columns of the last vector
};
template <class T>
PRELUNET_INLINE Panel next_panel(std::size_t columns_left) {
  constexpr std::size_t kCount = kLanes<T>;
  if (columns_left >= kPanelColumns<T>) return {kPanelColumns<T>, kTuning.tile_vectors, kPanelColumns<T>, kCount};
  const std::size_t full = columns_left / kCount, rest = columns_left % kCount;
  if (kHasHalf && rest > 0 && rest <= kCount / 2) {
    if (full == 0) return {rest, 0, kCount / 2, rest};
    return {full * kCount, full, full * kCount, kCount};
  }
  const std::size_t vectors = full + (rest > 0 ? 1 : 0);
  return {columns_left, vectors, vectors * kCount, rest > 0 ? rest : kCount};
}

// n with the padding of its panels.
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

// How many of n columns can have their gradient computed in the layout of panels: those in panels of whole vectors, and
// the tail columns of the last full panel.
template <class T>
std::size_t transposed_columns(std::size_t n) {
  std::size_t column = full_panels<T>(n);
  if (column > 0 && n - column == kTailColumns<T>) return n;
  while (column < n) {
    const Panel panel = next_panel<T>(n - column);
    if (panel.vectors == 0) break;
    column += panel.columns;
  }
  return column;
}

// Up to kLanes rows of W: one vector of each row of a panel.
template <class T>
struct Strip {
  std::size_t row, rows;
  std::size_t width;           // rows, or rows and padding
  std::size_t offset, stride;  // in the packed array
};

// Calls f(strip) for all strips of the panels that begin in columns [begin, end) of W^T; both must be the start of a
// panel.
template <class T, class F>
PRELUNET_INLINE void for_each_strip(std::size_t n, std::size_t k, std::size_t begin, std::size_t end, F&& f) {
  const std::size_t full = full_panels<T>(n);
  for (std::size_t column = begin < full ? begin : full; column < end;) {
    const Panel panel = next_panel<T>(n - column);
    for (std::size_t j = 0; j < panel.width && column >= begin;
         j += kLanes<T>) {  // before begin: another thread's share
      const std::size_t rows = panel.columns - j < kLanes<T> ? panel.columns - j : kLanes<T>;
      const std::size_t width = panel.width - j < kLanes<T> ? panel.width - j : kLanes<T>;
      f(Strip<T>{column + j, rows, width, column * k + j, panel.width});
    }
    column += panel.columns;
  }
}

// The panel of a row of W: its first column, and its width.
struct PanelPlace {
  std::size_t column, width;
};
template <class T>
[[gnu::noinline]] PanelPlace panel_of(std::size_t n, std::size_t row) {
  const std::size_t full = full_panels<T>(n);
  std::size_t column = row < full ? row / kPanelColumns<T> * kPanelColumns<T> : full;
  Panel panel = next_panel<T>(n - column);
  while (row >= column + panel.columns) {
    column += panel.columns;
    panel = next_panel<T>(n - column);
  }
  return {column, panel.width};
}

// The strip of up to kLanes rows of W from row `row` on, at column `column` of W, without its padding (which stays
// zero). Panels begin at multiples of kLanes, and blocks cross such a multiple only at their start, so that a strip is
// in one panel.
template <class T>
PRELUNET_INLINE Strip<T> strip_at(const Panels<T>& g, std::size_t row, std::size_t rows, std::size_t column) {
  const PanelPlace place = panel_of<T>(g.n, row);
  if (rows > kLanes<T>) rows = kLanes<T>;
  return {row, rows, rows, place.column * g.k + column * place.width + (row - place.column), place.width};
}

// Calls f(strip, first row in the block) for a block of kEpilogueRows rows of W.
template <class T, class F>
PRELUNET_INLINE void for_each_strip_of(const Panels<T>& g, const Block& block, F&& f) {
  for (std::size_t j = 0; j < block.rows; j += kLanes<T>) {
    f(strip_at(g, g.first_row + block.row + j, block.rows - j, block.column), j);
  }
}

// A block of a panel of W^T: whole rows of the panel, with their padding, adjacent in memory.
template <class T>
PRELUNET_INLINE Strip<T> transposed_strip(const Panels<T>& g, const Block& block) {
  const std::size_t row = block.column, column = block.row;
  const PanelPlace place = panel_of<T>(g.n, row);
  return {row, place.width, place.width, place.column * g.k + column * place.width, place.width};
}

// The part of a block that is tail columns: none, or up to kTailColumns.
template <class T>
PRELUNET_INLINE Block tail_of(const Block& block) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  return {block.row, block.column + kPanel, block.rows, block.columns > kPanel ? block.columns - kPanel : 0};
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
