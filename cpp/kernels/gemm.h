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

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
