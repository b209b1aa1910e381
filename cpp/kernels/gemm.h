// C = A B in its three uses: x W^T (B = W^T in packed panels), dz W and dz^T x (B as it lies in memory).
//
// Panels of B are the outer loop: one panel stays in L2 while all rows of A pass.
#pragma once

#include "kernels/gemm_tile.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
void run_epilogue(const Gemm<T>& g, std::size_t row, std::size_t rows, std::size_t column, std::size_t columns) {
  const Epilogue<T>& e = *g.epilogue;
  T* const c = g.c + row * g.c_stride + column;
  e.forward({.rows = rows,
             .columns = columns,
             .x = c,
             .x_stride = g.c_stride,
             .y = e.y + row * e.y_stride + column,
             .y_stride = e.y_stride,
             .bias = e.bias == nullptr ? nullptr : e.bias + column,
             .parameter = e.parameter == nullptr ? nullptr : e.parameter + column * e.parameter_stride,
             .parameter_stride = e.parameter_stride});
}

template <class T>
void gemm(const Gemm<T>& g) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  const bool packed = g.b_stride == 0;
  for (std::size_t column = 0; column < g.n; column += kPanel) {
    const std::size_t columns = g.n - column < kPanel ? g.n - column : kPanel;
    const std::size_t vectors = (columns + kLanes<T> - 1) / kLanes<T>;
    const std::size_t last = columns - (vectors - 1) * kLanes<T>;
    const bool partial = !packed && last != kLanes<T>;
    const T* const b = packed ? g.b + column * g.k : g.b + column;
    const std::size_t b_stride = packed ? vectors * kLanes<T> : g.b_stride;
    for (std::size_t row = 0; row < g.m; row += kTileRows) {
      const std::size_t rows = g.m - row < kTileRows ? g.m - row : kTileRows;
      kTiles<T>.row[rows - 1].tile[vectors - 1][partial]({.k = g.k,
                                                          .a = g.a + row * g.a_row_stride,
                                                          .a_row_stride = g.a_row_stride,
                                                          .a_k_stride = g.a_k_stride,
                                                          .b = b,
                                                          .b_stride = b_stride,
                                                          .last = last,
                                                          .c = g.c + row * g.c_stride + column,
                                                          .c_stride = g.c_stride,
                                                          .accumulate = g.accumulate});
      if (g.epilogue != nullptr) run_epilogue(g, row, rows, column, columns);
    }
  }
}

// Panel q holds columns [q * kPanel, ...) of W^T, row p after row p, each padded with zeros to whole vectors.
template <class T>
void pack_panels(std::size_t n, std::size_t k, const T* w, std::size_t stride, T* panels, std::size_t begin,
                 std::size_t end) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  constexpr std::size_t kDepth = 64 / sizeof(T);  // a cache line of each row of W at a time
  for (std::size_t panel = begin; panel < end; ++panel) {
    const std::size_t column = panel * kPanel;
    const std::size_t columns = n - column < kPanel ? n - column : kPanel;
    const std::size_t padded = (columns + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
    T* const out = panels + column * k;
    for (std::size_t p0 = 0; p0 < k; p0 += kDepth) {
      const std::size_t p1 = k - p0 < kDepth ? k : p0 + kDepth;
      for (std::size_t j = 0; j < columns; ++j) {
        const T* const row = w + (column + j) * stride;
        for (std::size_t p = p0; p < p1; ++p) out[p * padded + j] = row[p];
      }
      for (std::size_t p = p0; p < p1; ++p) {
        for (std::size_t j = columns; j < padded; ++j) out[p * padded + j] = 0;
      }
    }
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
