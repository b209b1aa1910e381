// W^T in panels, as the forward product reads it: squares of a vector's (or half a vector's) lanes, transposed.
#pragma once

#include "kernels/activation.h"
#include "kernels/gemm_tile.h"
#include "kernels/table.h"
#include "kernels/transpose.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// A square of W, transposed, into a panel.
template <class T, class Width>
PRELUNET_INLINE void pack_square(const T* w, std::size_t w_stride, T* out, std::size_t out_stride) {
  using Vector = typename Width::Vector;
  transpose<Vector>(w, w_stride, [&](std::size_t j, Vector v) __attribute__((always_inline)) {
    store_whole(out + j * out_stride, v);
  });
}

// The same for an edge: up to kCount rows and columns, into the first `width` lanes; lanes without a row become zeros.
template <class T, class Width>
void pack_edge(std::size_t rows, std::size_t columns, const T* w, std::size_t w_stride, std::size_t width, T* out,
               std::size_t out_stride) {
  using Vector = typename Width::Vector;
  constexpr std::size_t kCount = Width::kCount;
  alignas(64) T square[kCount * kCount] = {};
  for (std::size_t j = 0; j < rows; ++j) {
    store_whole(square + j * kCount, Width::load_first(w + j * w_stride, columns));
  }
  transpose<Vector>(square, kCount, [&](std::size_t j, Vector v) __attribute__((always_inline)) {
    if (j < columns) Width::store_first(out + j * out_stride, v, width);
  });
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

// Of n columns, those whose gradient can be made as panels lie: in the panels of whole vectors that they begin with,
// and beside full ones.
template <class T>
std::size_t transposed_columns(std::size_t n) {
  std::size_t column = full_panels<T>(n);
  if (column > 0 && n - column == kBesideColumns<T>) return n;
  while (column < n) {
    const Panel panel = next_panel<T>(n - column);
    if (panel.vectors == 0) break;
    column += panel.columns;
  }
  return column;
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

// Rows of W that are a vector of a panel's rows, and where they lie there.
template <class T>
struct Strip {
  std::size_t row, rows;
  std::size_t width;  // rows, or those with the padding
  std::size_t offset, stride;
};

// Calls f(strip) for all strips of the panels that begin in columns [begin, end) of W^T, which both begin panels.
template <class T, class F>
PRELUNET_INLINE void for_each_strip(std::size_t n, std::size_t k, std::size_t begin, std::size_t end, F&& f) {
  const std::size_t full = full_panels<T>(n);
  for (std::size_t column = begin < full ? begin : full; column < end;) {
    const Panel panel = next_panel<T>(n - column);
    for (std::size_t j = 0; j < panel.width && column >= begin; j += kLanes<T>) {  // before begin: another thread's
      const std::size_t rows = panel.columns - j < kLanes<T> ? panel.columns - j : kLanes<T>;
      const std::size_t width = panel.width - j < kLanes<T> ? panel.width - j : kLanes<T>;
      f(Strip<T>{column + j, rows, width, column * k + j, panel.width});
    }
    column += panel.columns;
  }
}

// Panel by panel (next_panel), row p of W^T after row p, each padded with zeros to the panel's width.
template <class T>
void pack_panels(const Panels<T>& g, std::size_t begin, std::size_t end) {
  for_each_strip<T>(g.n, g.k, begin, end, [&](const Strip<T>& s) {
    pack_strip(s.rows, g.k, g.w + s.row * g.w_stride, g.w_stride, s.width, g.panels + s.offset, s.stride);
  });
}

template <class T>
void unpack_panels(const Panels<T>& g, T* w, std::size_t begin, std::size_t end) {
  for_each_strip<T>(g.n, g.k, begin, end, [&](const Strip<T>& s) {
    for (std::size_t p = 0; p < g.k; p += kLanes<T>) {
      const std::size_t rows = g.k - p < kLanes<T> ? g.k - p : kLanes<T>;
      pack_strip(rows, s.rows, g.panels + s.offset + p * s.stride, s.stride, rows, w + s.row * g.w_stride + p,
                 g.w_stride);
    }
  });
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

// The strip of up to kLanes rows of W that begins at row `row`, from column `column` of W on. Panels begin at multiples
// of kLanes<T>, and a block passes one only where it begins at one, so that no strip lies in two. Without the padding,
// which holds its zeros already.
template <class T>
PRELUNET_INLINE Strip<T> strip_at(const Panels<T>& g, std::size_t row, std::size_t rows, std::size_t column) {
  const PanelPlace place = panel_of<T>(g.n, row);
  if (rows > kLanes<T>) rows = kLanes<T>;
  return {row, rows, rows, place.column * g.k + column * place.width + (row - place.column), place.width};
}

// Calls f(strip, its first row in the block) for a block of W as an epilogue takes it (kEpilogueRows).
template <class T, class F>
PRELUNET_INLINE void for_each_strip_of(const Panels<T>& g, const Block& block, F&& f) {
  for (std::size_t j = 0; j < block.rows; j += kLanes<T>) {
    f(strip_at(g, g.row + block.row + j, block.rows - j, g.column + block.column), j);
  }
}

// The lines of an array in panels that an epilogue will write.
template <class T>
PRELUNET_INLINE void add_packed(Lines& lines, const Panels<T>& g, const T* array, const Block& block) {
  if (array == nullptr) return;
  const Strip<T> s = strip_at(g, g.row + block.row, block.rows, g.column + block.column);
  lines.add(array + s.offset, s.stride, block.columns, 1, true);
}

// Where a block of a panel of W^T lies: its rows one after another, each with its padding.
template <class T>
PRELUNET_INLINE Strip<T> transposed_strip(const Panels<T>& g, const Block& block) {
  const std::size_t row = g.row + block.column, column = g.column + block.row;
  const PanelPlace place = panel_of<T>(g.n, row);
  return {row, place.width, place.width, place.column * g.k + column * place.width, place.width};
}

// What of a block is beside a full panel: no columns, or up to kBesideColumns.
template <class T>
PRELUNET_INLINE Block beside_panel(const Block& block) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  return {block.row, block.column + kPanel, block.rows, block.columns > kPanel ? block.columns - kPanel : 0};
}

// The lines of such a block that an epilogue will write.
template <class T>
PRELUNET_INLINE void add_transposed(Lines& lines, const Panels<T>& g, const T* array, const Block& block) {
  constexpr std::size_t kLine = kLineBytes / sizeof(T);
  if (array == nullptr) return;
  for (const Block& part : {block, beside_panel<T>(block)}) {
    if (part.columns == 0) continue;
    const Strip<T> s = transposed_strip(g, part);
    lines.add(array + s.offset, kLine, block.rows * s.stride / kLine, 1, true);
  }
}

// A block of W again; the padding stays as it is.
template <class T>
void pack_block(const Panels<T>& g, const Block& block) {
  for_each_strip_of(g, block, [&](const Strip<T>& s, std::size_t) {
    pack_strip(s.rows, block.columns, g.w + s.row * g.w_stride + g.column + block.column, g.w_stride, s.width,
               g.panels + s.offset, s.stride);
  });
}

// Moves a block of a panel of W^T by its gradient, which lies the same way: zeros move the padding.
template <class T>
void update_panel(const Epilogue<T>& e, const Block& block, const T* gradient, std::size_t gradient_stride) {
  const Strip<T> s = transposed_strip(e.panels, block);
  Update<T> part = e.parameter;
  part.rows = block.rows;
  part.columns = s.rows;
  part.move(s.offset);
  part.stride = s.stride;
  part.gradient = gradient;
  part.gradient_stride = gradient_stride;
  e.update(part);
}

// The same, and of the columns beside a full panel, whose gradient is beside its own with zeros for the padding.
template <class T>
void update_transposed(const Epilogue<T>& e, const Block& block, const T* gradient, std::size_t gradient_stride) {
  constexpr std::size_t kHalf = kLanes<T> / 2, kPanel = kPanelColumns<T>;
  const std::size_t beside = beside_panel<T>(block).columns;
  update_panel(e, {block.row, block.column, block.rows, block.columns - beside}, gradient, gradient_stride);
  if (beside == 0) return;
  alignas(64) T joined[kPanel * kHalf];  // without gaps its rows are updated as one
  for (std::size_t i = 0; i < block.rows; ++i) {
    for (std::size_t j = 0; j < kHalf; ++j) joined[i * kHalf + j] = gradient[i * gradient_stride + kPanel + j];
  }
  update_panel(e, beside_panel<T>(block), joined, kHalf);
}

// Moves a block of a parameter that lies in panels, as do its slots. The last few columns of W^T, whose rows are half a
// vector long, are taken as one row with zeros for the padding: what one store writes the next load would have to wait
// for.
template <class T>
void update_in_panels(const Epilogue<T>& e, const Block& block, const T* gradient, std::size_t gradient_stride) {
  for_each_strip_of(e.panels, block, [&](const Strip<T>& s, std::size_t row) {
    const bool half = s.stride < kLanes<T>;
    alignas(64) T turned[kPanelColumns<T> * kLanes<T>];
    Update<T> part = e.parameter;
    part.move(s.offset);
    part.stride = s.stride;
    part.rows = half ? 1 : block.columns;
    part.columns = half ? block.columns * s.stride : s.rows;
    part.gradient = gradient + row * gradient_stride;
    part.gradient_stride = gradient_stride;
    if (half) {
      pack_strip(s.rows, block.columns, part.gradient, gradient_stride, s.stride, turned, s.stride);
      part.gradient = turned;
    }
    (half ? e.update : e.update_turned)(part);
  });
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
