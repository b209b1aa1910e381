// The geometry of micro-panels: which columns of B each panel contains, and where each element is in packed memory. If
// B is W^T, the columns of B are the rows of W.
#pragma once

#include "kernels/table.h"
#include "kernels/tuning.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Maximum tail columns that a tile computes together with a full panel. The tail columns of all its rows fit in one
// vector.
template <class T>
constexpr std::size_t kTailColumns = kHasPairs && kLanes<T> == 2 * kTuning.tile_rows ? 2 : 0;

// Rows of C in one call of an epilogue. They fill whole chunks. If C is the gradient of W, they also fill whole vectors
// of the panels of W^T.
template <class T>
constexpr std::size_t kEpilogueRows = kLanes<T> > kChunkRows ? kLanes<T> : kChunkRows;

// Whether the next panels are two of two vectors; see Tuning::pairs_last_panels. A panel of half a vector may follow.
template <class T>
PRELUNET_INLINE bool ends_in_pairs(std::size_t columns_left) {
  constexpr std::size_t kHalf = kLanes<T> / 2, kPanel = kPanelColumns<T>;
  return kTuning.pairs_last_panels && columns_left > kPanel + kHalf && columns_left <= kPanel + kLanes<T> + kHalf;
}

// The number of columns of B that are in full panels. Full panels come first.
template <class T>
PRELUNET_INLINE std::size_t full_panels(std::size_t n) {
  const std::size_t full = n / kPanelColumns<T> * kPanelColumns<T>;
  return full > 0 && ends_in_pairs<T>(n - full + kPanelColumns<T>) ? full - kPanelColumns<T> : full;
}

// The columns of C that one tile computes. A panel is up to tile_vectors vectors wide. Its last vector is partial only
// if more than half of it is used; otherwise the last columns form a panel of half a vector. Packed rows are padded to
// `width`. Only the last panels need padding, so the panel that begins at column j starts at element j * k.
struct Panel {
  std::size_t columns;
  std::size_t vectors;  // 0: half a vector
  std::size_t width;
  std::size_t last;  // columns of the last vector
};
template <class T>
PRELUNET_INLINE Panel next_panel(std::size_t columns_left) {
  constexpr std::size_t kCount = kLanes<T>;
  if (ends_in_pairs<T>(columns_left)) return {2 * kCount, 2, 2 * kCount, kCount};
  if (columns_left >= kPanelColumns<T>) return {kPanelColumns<T>, kTuning.tile_vectors, kPanelColumns<T>, kCount};
  const std::size_t full = columns_left / kCount, rest = columns_left % kCount;
  if (kHasHalf && rest > 0 && rest <= kCount / 2) {
    if (full == 0) return {rest, 0, kCount / 2, rest};
    return {full * kCount, full, full * kCount, kCount};
  }
  const std::size_t vectors = full + (rest > 0 ? 1 : 0);
  return {columns_left, vectors, vectors * kCount, rest > 0 ? rest : kCount};
}

// n rounded up: the sum of the widths of all panels of n columns.
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

// How many of n columns Staging::transposed can update. These are the columns in panels of whole vectors, and the tail
// columns of the last full panel.
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

// A part of a panel of W^T that is one vector wide. It holds up to kLanes rows of W.
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
         j += kLanes<T>) {  // panels before `begin` belong to other threads
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

// The strip that begins at row `row` and column `column` of W. It excludes the padding, which stays zero. A strip never
// spans two panels: panels begin at multiples of kLanes, and blocks end at such multiples. A block that begins
// elsewhere has fewer than kLanes rows.
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

// The strip of a block of W^T that is one panel wide. Its rows include the padding and are adjacent in memory.
template <class T>
PRELUNET_INLINE Strip<T> transposed_strip(const Panels<T>& g, const Block& block) {
  const std::size_t row = block.column, column = block.row;
  const PanelPlace place = panel_of<T>(g.n, row);
  return {row, place.width, place.width, place.column * g.k + column * place.width, place.width};
}

// The tail columns of a block; empty if it has none.
template <class T>
PRELUNET_INLINE Block tail_of(const Block& block) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  return {block.row, block.column + kPanel, block.rows, block.columns > kPanel ? block.columns - kPanel : 0};
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
