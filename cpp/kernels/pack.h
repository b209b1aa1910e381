// Packs W^T into the panels that the forward product reads, and unpacks it. Packing transposes W in squares, which have
// as many rows and columns as a vector (or half a vector) has lanes.
#pragma once

#include "kernels/lanes.h"
#include "kernels/panels.h"
#include "kernels/transpose.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Packs a square of W, transposed.
template <class T, class Width>
PRELUNET_INLINE void pack_square(const T* w, std::size_t w_stride, T* out, std::size_t out_stride) {
  using Vector = typename Width::Vector;
  transpose<Vector>(w, w_stride, [&](std::size_t j, Vector v) __attribute__((always_inline)) {
    store_whole(out + j * out_stride, v);
  });
}

// Packs an edge case of up to kCount rows and columns into the first `width` lanes. Lanes without a row of W become
// zero.
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

// Packs columns [0, columns) of up to kCount rows of W, transposed, into the first `width` lanes of a panel's rows.
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
  if constexpr (kHasHalf) {
    if (width <= Half<T>::kCount) return pack_strip<T, Half<T>>(rows, columns, w, w_stride, width, out, out_stride);
  }
  pack_strip<T, Whole<T>>(rows, columns, w, w_stride, width, out, out_stride);
}

// Packs all panels that begin in columns [begin, end) of W^T. Row p of a panel is a part of row p of W^T.
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

template <class T>
void transpose_rows(std::size_t rows, std::size_t columns, const T* from, std::size_t from_stride, T* to,
                    std::size_t to_stride) {
  for (std::size_t i = 0; i < rows; i += kLanes<T>) {
    const std::size_t count = rows - i < kLanes<T> ? rows - i : kLanes<T>;
    pack_strip(count, columns, from + i * from_stride, from_stride, count, to + i, to_stride);
  }
}

// Packs B. Row p of B begins at b + row_offset[p].
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

// Packs a block of a row-major W again after an update; the padding is unchanged.
template <class T>
void pack_block(const Panels<T>& g, const Block& block) {
  for_each_strip_of(g, block, [&](const Strip<T>& s, std::size_t) {
    pack_strip(s.rows, block.columns, g.w + s.row * g.w_stride + block.column, g.w_stride, s.width, g.panels + s.offset,
               s.stride);
  });
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
