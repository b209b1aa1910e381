// Products of compressed rows (CSR) X: x W^T, and dz^T x, the gradient of W.
//
// A sum has one term for each stored element of X, in the order of the dense product. The dense product adds terms
// 0 * w as well. fma(0, w, c) is c if w is finite, so the bits are the same except for the sign of a zero.
#pragma once

#include "kernels/epilogue.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// ---- x W^T -------------------------------------------------------------------------------------------------------

// Elements of X between the prefetch of a row of the panel and its use: the rows of a large W are not in cache.
constexpr std::size_t kSparseDistance = 12;

// Computes one row of C in one panel, which is kVectors vectors wide.
template <class T, class Width, std::size_t kVectors>
void sparse_chains(std::size_t count, const std::int64_t* column, const T* value, const T* panel, std::size_t last,
                   T* c) {
  using Vector = typename Width::Vector;
  constexpr std::size_t kCount = Width::kCount, kWidth = kVectors * kCount;
  Vector chain[kVectors] = {};
  for (std::size_t p = 0; p < count; ++p) {
    if (p + kSparseDistance < count) {
      const T* const ahead = panel + static_cast<std::size_t>(column[p + kSparseDistance]) * kWidth;
#pragma GCC unroll 4
      for (std::size_t j = 0; j < kWidth; j += kLineBytes / sizeof(T)) prefetch(ahead + j);
    }
    const T* const row = panel + static_cast<std::size_t>(column[p]) * kWidth;
    const Vector element = Width::broadcast(value[p]);
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kVectors; ++v) accumulate(chain[v], element, load_whole<Vector>(row + v * kCount));
  }
#pragma GCC unroll 3
  for (std::size_t v = 0; v + 1 < kVectors; ++v) store_whole(c + v * kCount, chain[v]);
  Width::store_first(c + (kVectors - 1) * kCount, chain[kVectors - 1], last);
}

template <class T>
PRELUNET_INLINE void sparse_row(const Panel& panel, std::size_t count, const std::int64_t* column, const T* value,
                                const T* b, T* c) {
  if constexpr (kHasHalf) {
    if (panel.vectors == 0) return sparse_chains<T, Half<T>, 1>(count, column, value, b, panel.last, c);
  }
  if (panel.vectors == 1) return sparse_chains<T, Whole<T>, 1>(count, column, value, b, panel.last, c);
  if constexpr (kTuning.tile_vectors == 3) {
    if (panel.vectors == 3) return sparse_chains<T, Whole<T>, 3>(count, column, value, b, panel.last, c);
  }
  sparse_chains<T, Whole<T>, 2>(count, column, value, b, panel.last, c);
}

// Rows [begin, end) of C.
template <class T>
void sparse_product(const SparseProduct<T>& g, std::size_t begin, std::size_t end) {
  for (std::size_t row = begin; row < end; row += kEpilogueRows<T>) {
    const std::size_t rows = end - row < kEpilogueRows<T> ? end - row : kEpilogueRows<T>;
    for (std::size_t column = 0; column < g.n;) {
      const Panel panel = next_panel<T>(g.n - column);
      for (std::size_t i = row; i < row + rows; ++i) {
        const std::size_t first = g.x.first(i), count = g.x.last(i) - first;
        sparse_row(panel, count, g.x.column + first, g.x.value + first, g.panels + column * g.k,
                   g.c + i * g.c_stride + column);
      }
      if (g.epilogue != nullptr) {
        g.epilogue->run(g.epilogue->context, {row, column, rows, panel.columns}, g.c + row * g.c_stride + column,
                        g.c_stride);
      }
      column += panel.columns;
    }
  }
}

// ---- dz^T x ------------------------------------------------------------------------------------------------------

// The gradient is computed in blocks of kSparseUnits rows and kSparseColumns columns of W. A block is transposed, so
// that an element of X adds to adjacent sums. kSparseColumns is the maximum that the epilogue of a weight in panels
// accepts.
constexpr std::size_t kSparseUnits = 64;
template <class T>
constexpr std::size_t kSparseColumns = 2 * kPanelColumns<T>;
// Maximum rows of X in one pass, which stores the position in each row on the stack.
constexpr std::size_t kSparseRows = 1024;

// One pass over rows [row, row + rows) of X. It computes rows [unit, unit + units) of the gradient of W.
struct SparsePass {
  std::size_t row, rows;
  std::size_t unit, units;
  bool starts;  // chains start at zero
  bool ends;    // the sums are complete
};

// Adds the terms of the elements of X in columns [begin, end) to `sums` (columns, kSparseUnits). place[i] is the next
// element of row i; it is advanced past the block.
template <class T>
PRELUNET_INLINE void add_elements(const SparseGradient<T>& g, const SparsePass& pass, std::size_t begin,
                                  std::size_t end, std::size_t* place, T* sums) {
  for (std::size_t i = 0; i < pass.rows; ++i) {
    const std::size_t last = g.x.last(pass.row + i);
    const T* const dz = g.grad_y + (pass.row + i) * g.n + pass.unit;
    std::size_t p = place[i];
    for (; p < last && static_cast<std::size_t>(g.x.column[p]) < end; ++p) {
      T* const sum = sums + (static_cast<std::size_t>(g.x.column[p]) - begin) * kSparseUnits;
      const Vec<T> element = splat(g.x.value[p]);
      for_each_vector<T>(pass.units, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
        store(sum + j, fma(load_count(dz + j, count), element, load(sum + j)));
      });
    }
    place[i] = p;
  }
}

// out (units, columns) = the transpose of sums (columns, units). `whole`: rows of `out` are zero-padded to whole
// vectors.
template <class T>
PRELUNET_INLINE void transpose_sums(const T* sums, std::size_t columns, std::size_t units, bool whole, T* out,
                                    std::size_t out_stride) {
  for (std::size_t j = 0; j < columns; j += kLanes<T>) {
    const std::size_t count = columns - j < kLanes<T> ? columns - j : kLanes<T>;
    pack_strip(count, units, sums + j * kSparseUnits, kSparseUnits, whole ? kLanes<T> : count, out + j, out_stride);
  }
}

// Computes columns [begin, end) of the gradient, at most kSparseColumns, in one pass.
template <class T>
PRELUNET_INLINE void sparse_block(const SparseGradient<T>& g, const SparsePass& pass, std::size_t begin,
                                  std::size_t end, std::size_t* place) {
  alignas(64) T sums[kSparseColumns<T> * kSparseUnits];
  const std::size_t columns = end - begin;
  T* const c = g.c + pass.unit * g.k + begin;
  for (std::size_t i = 0; i < columns * kSparseUnits; ++i) sums[i] = T(0);
  for (std::size_t u = 0; !pass.starts && u < pass.units; u += kLanes<T>) {
    const std::size_t count = pass.units - u < kLanes<T> ? pass.units - u : kLanes<T>;
    pack_strip(count, columns, c + u * g.k, g.k, kLanes<T>, sums + u, kSparseUnits);
  }
  add_elements(g, pass, begin, end, place, sums);
  if (!pass.ends || g.epilogue == nullptr) return transpose_sums(sums, columns, pass.units, false, c, g.k);
  alignas(64) T staged[kEpilogueRows<T> * kSparseColumns<T>];
  for (std::size_t u = 0; u < pass.units; u += kEpilogueRows<T>) {
    const std::size_t units = pass.units - u < kEpilogueRows<T> ? pass.units - u : kEpilogueRows<T>;
    transpose_sums(sums + u, columns, kEpilogueRows<T>, true, staged, kSparseColumns<T>);
    g.epilogue->run(g.epilogue->context, {pass.unit + u, begin, units, columns}, staged, kSparseColumns<T>);
  }
}

// The position of a row's first element whose column is at least `column`; the row's end if there is none.
template <class T>
PRELUNET_INLINE std::size_t first_element(const SparseRows<T>& x, std::size_t row, std::size_t column) {
  std::size_t low = x.first(row), high = x.last(row);
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (static_cast<std::size_t>(x.column[middle]) < column) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// Columns [begin, end) of the gradient.
template <class T>
void sparse_gradient(const SparseGradient<T>& g, std::size_t begin, std::size_t end) {
  std::size_t first[kSparseRows], place[kSparseRows];
  std::size_t row = 0;
  do {
    const std::size_t rows = g.rows - row < kSparseRows ? g.rows - row : kSparseRows;
    for (std::size_t i = 0; i < rows; ++i) first[i] = first_element(g.x, row + i, begin);
    for (std::size_t unit = 0; unit < g.n; unit += kSparseUnits) {
      const std::size_t units = g.n - unit < kSparseUnits ? g.n - unit : kSparseUnits;
      const SparsePass pass{row, rows, unit, units, row == 0 && !g.accumulate, row + rows == g.rows};
      for (std::size_t i = 0; i < rows; ++i) place[i] = first[i];
      for (std::size_t column = begin; column < end; column += kSparseColumns<T>) {
        const std::size_t left = end - column;
        sparse_block(g, pass, column, column + (left < kSparseColumns<T> ? left : kSparseColumns<T>), place);
      }
    }
    row += rows;
  } while (row < g.rows);
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
