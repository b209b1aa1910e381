// C = A B in its three uses: x W^T (B = W^T in packed panels), dz W and dz^T x (B as it lies in memory); and the same
// three with the patches of images as rows or columns of A (ops/conv2d.h).
//
// Panels of B are the outer loop: one panel stays in cache while all rows of A pass. Rows go by kChunkRows, and what
// follows the product (bias and activation; the derivative of the activation below; the update of a weight) takes each
// chunk of a panel while it is in the first level.
#pragma once

#include "kernels/gemm_tile.h"
#include "kernels/pack.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// As many lines of the rows wanted next as `steps` steps of k pay for.
PRELUNET_INLINE void add_ahead(Lines& lines, Ahead& a, std::size_t steps) {
  const std::size_t row_lines = (a.row_bytes + kLineBytes - 1) / kLineBytes;
  a.credit += steps;
  while (a.credit >= a.pace && a.begin < a.end && lines.columns < Lines::kMost) {
    const std::size_t row = a.order == nullptr ? a.begin : static_cast<std::size_t>(a.order[a.begin]);
    const std::size_t paid = a.credit / a.pace, left = row_lines - a.line;
    const std::size_t count = paid < left ? paid : left;
    const unsigned char* const from = a.data + static_cast<std::ptrdiff_t>(row) * a.row_stride + a.line * kLineBytes;
    lines.column[lines.columns++] = {reinterpret_cast<const char*>(from), kLineBytes, count};
    a.credit -= count * a.pace;
    a.line += count;
    if (a.line < row_lines) break;
    a.line = 0;
    ++a.begin;
  }
}

// What the epilogue of a block will touch.
template <class T>
PRELUNET_INLINE Lines lines_of(const Gemm<T>& g, const Block& block) {
  Lines lines;
  if (g.ahead != nullptr) add_ahead(lines, *g.ahead, g.k);
  const auto add = [&](const T* p, std::size_t stride) {
    lines.add(moved(p, block.row * stride + block.column), stride, block.rows, block.columns);
  };
  const Epilogue<T>* const e = g.epilogue;
  if (e == nullptr || e->update == nullptr) add(g.c, g.c_stride);
  if (e == nullptr) return lines;
  if (e->forward != nullptr && e->activation.y != g.c) add(e->activation.y, e->activation.y_stride);
  if (e->backward != nullptr) {
    add(e->gradient.x, e->gradient.x_stride);
    add(e->gradient.y, e->gradient.y_stride);
  }
  if (e->update != nullptr) {
    add(e->parameter.parameter, e->parameter.stride);
    add(e->parameter.slot[0], e->parameter.stride);
    add(e->parameter.slot[1], e->parameter.stride);
    if (e->panels.panels != nullptr) add_packed(lines, e->panels, block);
  }
  return lines;
}

template <class T>
PRELUNET_INLINE void run_epilogue(const Epilogue<T>& e, const Block& block, const T* gradient) {
  if (e.forward != nullptr) e.forward(e.activation.at(block));
  if (e.backward != nullptr) e.backward(e.gradient.at(block));
  if (e.update == nullptr) return;
  Update<T> update = e.parameter.at(block);
  update.gradient = gradient;
  update.gradient_stride = kPanelColumns<T>;
  e.update(update);
  if (e.panels.panels != nullptr) pack_block(e.panels, block);
}

// How many steps of k go at a time, so that what they read stays in cache while all rows pass: a panel of B, and of A
// either rows or (the transposed A of a weight gradient) whole lines of which a tile uses a few elements.
constexpr std::size_t kPackedSteps = 1024;
template <class T>
constexpr std::size_t kSliceSteps = (std::size_t{48} << 10) / (kPanelColumns<T> * sizeof(T));  // 48 KiB of a panel

// k in blocks of about one size.
PRELUNET_INLINE std::size_t k_block(std::size_t k, std::size_t most) {
  const std::size_t blocks = (k + most - 1) / most;
  return blocks <= 1 ? k : ((k + blocks - 1) / blocks + 7) / 8 * 8;
}

// So many rows of A repay a copy of the slice of B that they all read: rows of B lie far apart, each begins and ends
// within a cache line, and many of them share few sets of the cache.
constexpr std::size_t kWorthCopying = 32;

// Rows of B, a panel wide, one after another, padded with zeros to its width.
template <class T>
PRELUNET_INLINE void copy_slice(const Panel& panel, std::size_t steps, const T* b, std::size_t b_stride, T* slice) {
  for (std::size_t p = 0; p < steps; ++p, b += b_stride, slice += panel.width) {
    for (std::size_t at = 0; at < panel.columns; at += kLineBytes / sizeof(T)) prefetch(b + kAhead * b_stride + at);
    std::size_t j = 0;
    for (; j + kLanes<T> <= panel.columns; j += kLanes<T>) store(slice + j, load(b + j));
    if (j == panel.width) continue;
    const Vec<T> v = load_partial(b + j, panel.columns - j);
    store_count(slice + j, v, panel.width - j < kLanes<T> ? panel.width - j : kLanes<T>);
  }
}

// Steps [begin, begin + steps) of k of one panel, for all rows; the last ones run the epilogue.
template <class T>
PRELUNET_INLINE void gemm_panel(const Gemm<T>& g, std::size_t column, const Panel& panel, std::size_t begin,
                                std::size_t steps) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  constexpr std::size_t kWorthPrefetching = 16;  // steps of k that pay for a look at what comes next
  const bool packed = g.b_stride == 0, gathered = g.a_row_offset != nullptr;
  const bool copies = !packed && g.m >= kWorthCopying;
  const LayoutOfB b = packed || copies               ? LayoutOfB::packed
                      : panel.columns == panel.width ? LayoutOfB::whole
                                                     : LayoutOfB::partial;
  const TileTable<T>& table = gathered            ? kTiles<T, GatheredA>
                              : g.a_k_stride == 1 ? kTiles<T, RowsOfA>
                                                  : kTiles<T, ColumnsOfA>;
  const Tile<T>* const tiles = table.of[static_cast<int>(b)][panel.vectors];
  const std::size_t tile_rows = most_tile_rows(panel.vectors);
  const Epilogue<T>* const epilogue = begin + steps == g.k ? g.epilogue : nullptr;
  const bool updates = epilogue != nullptr && epilogue->update != nullptr;
  alignas(64) T gradient[kChunkRows * kPanel];
  alignas(64) T slice[kSliceSteps<T> * kPanel];
  TileArgs<T> tile;
  tile.k = steps;
  tile.a_row_stride = g.a_row_stride;
  tile.a_k_stride = g.a_k_stride;
  tile.b_stride = packed ? panel.width : g.b_stride;
  tile.b = g.b + (packed ? column * g.k : column) + begin * tile.b_stride;
  tile.last = panel.last;
  if (copies) {
    copy_slice(panel, steps, tile.b, tile.b_stride, slice);
    tile.b = slice;
    tile.b_stride = panel.width;
  }
  tile.start = nullptr;
  tile.start_stride = g.c_stride;
  tile.c_stride = updates ? kPanel : g.c_stride;
  Lines lines = {};
  tile.lines = &lines;
  for (std::size_t row = 0; row < g.m; row += kChunkRows) {
    const Block block{row, column, g.m - row < kChunkRows ? g.m - row : kChunkRows, panel.columns};
    if (steps >= kWorthPrefetching) lines = lines_of(g, block);
    for (std::size_t i = 0; i < block.rows; i += tile_rows) {
      const std::size_t rows = block.rows - i < tile_rows ? block.rows - i : tile_rows;
      T* const c = g.c + (row + i) * g.c_stride + column;
      if (gathered) {
        tile.a = g.a;
        tile.a_row_offset = g.a_row_offset + row + i;
        tile.a_k_offset = g.a_k_offset + begin;
      } else {
        tile.a = g.a + (row + i) * g.a_row_stride + begin * g.a_k_stride;
      }
      if (g.accumulate || begin > 0) tile.start = c;
      tile.c = updates ? gradient + i * kPanel : c;
      tile.b_is_far = packed && row + i == 0;
      tiles[rows - 1](tile);
    }
    if (epilogue != nullptr) run_epilogue(*epilogue, block, gradient);
  }
}

template <class T>
void gemm(const Gemm<T>& g) {
  const std::size_t most = k_block(g.k, g.b_stride == 0 ? kPackedSteps : kSliceSteps<T>);
  for (std::size_t column = 0; column < g.n;) {
    const Panel panel = next_panel<T>(g.n - column);
    std::size_t begin = 0;
    do {
      const std::size_t steps = g.k - begin < most ? g.k - begin : most;
      gemm_panel(g, column, panel, begin, steps);
      begin += steps;
    } while (begin < g.k);
    column += panel.columns;
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
