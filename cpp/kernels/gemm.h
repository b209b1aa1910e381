// C = A B in its three uses: x W^T (B = W^T in packed panels), dz W and dz^T x (B as it lies in memory); and the same
// three with the patches of images as rows or columns of A (ops/conv2d.h).
//
// Panels of B are the outer loop: one panel stays in cache while all rows of A pass. Rows go by blocks of
// kEpilogueRows, or more where all is near, and what follows the product (bias and activation; a residual's sum; the
// derivative of the activation below; the update of a weight) takes each block while it is in the first level.
#pragma once

#include "kernels/elementwise.h"
#include "kernels/gemm_tile.h"
#include "kernels/narrow_tile.h"
#include "kernels/pack.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// A part of B that tiles read at one go: `steps` steps of k from `begin` on, of one panel. A panel of no columns: none.
template <class T>
struct Slice {
  std::size_t column;
  Panel panel;
  std::size_t beside;  // columns after the panel's that go with them
  std::size_t begin, steps;
  const T* b;
  std::size_t b_stride;
  bool copied;

  std::size_t columns() const { return panel.columns + beside; }
};

// How many steps of k go at a time, so that what they read stays in cache while all rows pass: a panel of B, and of A
// either rows or (the transposed A of a weight gradient) whole lines of which a tile uses a few elements.
constexpr std::size_t kPackedSteps = 1024, kUnpackedSteps = 512;
template <class T>
constexpr std::size_t kCopiedSteps = (std::size_t{48} << 10) / (kPanelColumns<T> * sizeof(T));  // 48 KiB of a panel

// Whether a slice of rows of B is copied first, for all rows of A to read it without a gap. So many rows of A repay it
// where rows of the slice end within a cache line, or share few sets of the cache; where they do not, it takes very
// many.
template <class T>
PRELUNET_INLINE bool worth_copying(const Gemm<T>& g, const Panel& panel) {
  constexpr std::size_t kAwkwardRows = 32, kEasyRows = 512;
  constexpr std::size_t kFewSets = 2048;  // bytes: rows so many apart, or a multiple, meet in two sets at most
  const std::size_t stride = g.b_stride * sizeof(T);
  const bool few_sets = stride > kFewSets && stride % kFewSets == 0;
  const bool whole_lines = panel.columns * sizeof(T) % kLineBytes == 0;
  return g.m >= (whole_lines && !few_sets ? kEasyRows : kAwkwardRows);
}

// k in blocks of about one size.
PRELUNET_INLINE std::size_t k_block(std::size_t k, std::size_t most) {
  const std::size_t blocks = (k + most - 1) / most;
  return blocks <= 1 ? k : ((k + blocks - 1) / blocks + 7) / 8 * 8;
}

// How many columns after a panel go with it: the last ones, where the next panel would be of those alone. Tiles that
// take them are those of x W^T and of x^T dz.
template <class T>
PRELUNET_INLINE std::size_t columns_beside(const Gemm<T>& g, std::size_t column, const Panel& panel) {
  const std::size_t rest = g.n - column - panel.columns;
  if (panel.columns < kPanelColumns<T> || rest > kBesideColumns<T> || g.a_row_offset != nullptr) return 0;
  const Epilogue<T>* const e = g.epilogue;
  if (g.b_stride == 0) return g.a_k_stride == 1 && (e == nullptr || e->forward != nullptr) ? rest : 0;
  const bool all = rest == kBesideColumns<T>;  // what is read of a row of B is its own
  return g.a_k_stride != 1 && (e == nullptr || e->transposed) && all ? rest : 0;
}

template <class T>
PRELUNET_INLINE Slice<T> slice_at(const Gemm<T>& g, std::size_t column, std::size_t begin) {
  Slice<T> s = {};
  if (column == g.n) return s;
  const bool packed = g.b_stride == 0;
  s.column = column;
  s.panel = next_panel<T>(g.n - column);
  s.beside = columns_beside(g, column, s.panel);
  s.begin = begin;
  s.copied = !packed && worth_copying(g, s.panel);
  const std::size_t most = k_block(g.k, packed ? kPackedSteps : s.copied ? kCopiedSteps<T> : kUnpackedSteps);
  s.steps = g.k - begin < most ? g.k - begin : most;
  s.b_stride = packed ? s.panel.width : g.b_stride;
  s.b = g.b + (packed ? column * g.k : column) + begin * s.b_stride;
  return s;
}

template <class T>
PRELUNET_INLINE Slice<T> slice_after(const Gemm<T>& g, const Slice<T>& s) {
  const std::size_t end = s.begin + s.steps;
  return end < g.k ? slice_at(g, s.column, end) : slice_at(g, s.column + s.columns(), 0);
}

// As many lines of the rows wanted next as `steps` steps of k pay for.
PRELUNET_INLINE void add_ahead(Lines& lines, Ahead& a, std::size_t steps) {
  const std::size_t row_lines = (a.row_bytes + kLineBytes - 1) / kLineBytes;
  a.credit += steps;
  while (a.credit >= a.pace && a.begin < a.end && lines.columns < Lines::kMost) {
    const std::size_t row = a.order == nullptr ? a.begin : static_cast<std::size_t>(a.order[a.begin]);
    const std::size_t paid = a.credit / a.pace, left = row_lines - a.line;
    const std::size_t count = paid < left ? paid : left;
    const unsigned char* const from = a.data + static_cast<std::ptrdiff_t>(row) * a.row_stride + a.line * kLineBytes;
    lines.add_column(from, kLineBytes, count, false);
    a.credit -= count * a.pace;
    a.line += count;
    if (a.line < row_lines) break;
    a.line = 0;
    ++a.begin;
  }
}

// What the epilogue of a block will touch.
template <class T>
PRELUNET_INLINE void add_epilogue(Lines& lines, const Gemm<T>& g, const Block& block) {
  const auto add = [&](const T* p, std::size_t stride, bool to_write = true) {
    lines.add(moved(p, block.row * stride + block.column), stride, block.rows, block.columns, to_write);
  };
  const Epilogue<T>* const e = g.epilogue;
  if (e == nullptr || e->update == nullptr) add(g.c, g.c_stride);
  if (e == nullptr) return;
  if (e->forward != nullptr && e->activation.y != g.c) add(e->activation.y, e->activation.y_stride);
  if (e->sum.out != nullptr) {
    if (e->sum.out != g.c) add(e->sum.out, e->sum.stride);
    add(e->sum.y, e->sum.stride, false);
  }
  if (e->backward != nullptr) {
    if (e->gradient.grad_x != g.c) add(e->gradient.grad_x, e->gradient.grad_x_stride);
    add(e->gradient.x, e->gradient.x_stride);
    add(e->gradient.y, e->gradient.y_stride);
  }
  if (e->update == nullptr) return;
  const auto add_parameter = [&](const T* array) {
    if (e->transposed) {
      add_transposed(lines, e->panels, array, block);
    } else if (e->update_turned != nullptr) {
      add_packed(lines, e->panels, array, block);
    } else {
      add(array, e->parameter.stride);
    }
  };
  add_parameter(e->parameter.parameter);
  for (const T* const slot : e->parameter.slot) add_parameter(slot);
  if (!e->in_panels()) add_packed<T>(lines, e->panels, e->panels.panels, block);
}

// Rows [begin, end) of a slice.
template <class T>
PRELUNET_INLINE void add_slice(Lines& lines, const Slice<T>& s, std::size_t begin, std::size_t end) {
  const T* const b = moved(s.b, begin * s.b_stride);
  if (s.b_stride == s.panel.width) {  // without a gap: one row of all their lines
    lines.add(b, kLineBytes / sizeof(T), (end - begin) * s.b_stride * sizeof(T) / kLineBytes, 1, false);
  } else {
    lines.add(b, s.b_stride, end - begin, s.panel.columns, false);
  }
}

// What is wanted after the tiles of a block: by its epilogue, by the next gather, and rows of the next slice of B, of
// which each row of the block has a share.
template <class T>
PRELUNET_INLINE void list_lines(Lines& lines, const Gemm<T>& g, const Slice<T>& s, const Block& block,
                                const Slice<T>& next, std::size_t share) {
  const std::size_t tile_rows = most_tile_rows(s.panel.vectors);
  const std::size_t steps = (block.rows + tile_rows - 1) / tile_rows * s.steps;
  lines.columns = lines.lines = 0;
  add_epilogue(lines, g, block);
  if (g.ahead != nullptr) add_ahead(lines, *g.ahead, (block.rows + kChunkRows - 1) / kChunkRows * s.steps);
  if (g.epilogue != nullptr && g.epilogue->transposed && s.column == 0) {  // the columns of A that no tile has read yet
    const std::size_t end = block.row + block.rows;
    if (end < g.m && lines.columns < Lines::kMost)
      lines.add_column(g.a + end + s.begin * g.a_k_stride, g.a_k_stride * sizeof(T), s.steps, false);
  }
  const std::size_t begin = block.row * share, end = begin + block.rows * share;
  if (begin < next.steps) add_slice(lines, next, begin, end < next.steps ? end : next.steps);
  lines.spread_over(steps);
}

template <class T>
void add_scaled(const ScaledSum<T>& g) {
  for (std::size_t i = 0; i < g.rows; ++i) {
    scaled_sum(g.columns, g.factor, g.x + i * g.x_stride, g.y + i * g.stride, g.out + i * g.stride);
  }
}

// The product of a block stands aside, or (null) in C.
template <class T>
PRELUNET_INLINE void run_epilogue(const Epilogue<T>& e, const Block& block, const T* aside, std::size_t aside_stride) {
  if (e.forward != nullptr) e.forward(e.activation.at(block));
  if (e.sum.out != nullptr) {
    ScaledSum<T> sum = e.sum.at(block);
    if (aside != nullptr) {
      sum.x = aside;
      sum.x_stride = aside_stride;
    }
    add_scaled(sum);
  }
  if (e.backward != nullptr) {
    ActivationBackward<T> gradient = e.gradient.at(block);
    if (aside != nullptr && e.sum.out == nullptr) {
      gradient.grad_y = aside;
      gradient.grad_y_stride = aside_stride;
    }
    e.backward(gradient);
  }
  if (e.update == nullptr) return;
  if (e.transposed) return update_transposed(e, block, aside, aside_stride);
  if (e.update_turned != nullptr) return update_in_panels(e, block, aside, aside_stride);
  Update<T> update = e.parameter.at(block);
  update.gradient = aside;
  update.gradient_stride = aside_stride;
  e.update(update);
  if (e.panels.panels != nullptr) pack_block(e.panels, block);
}

// Rows of a slice of B one after another, padded with zeros to the panel's width.
template <class T>
PRELUNET_INLINE void copy_slice(const Slice<T>& s, T* copy) {
  const Panel& panel = s.panel;
  const T* b = s.b;
  for (std::size_t p = 0; p < s.steps; ++p, b += s.b_stride, copy += panel.width) {
    for (std::size_t at = 0; at < panel.columns; at += kLineBytes / sizeof(T)) prefetch(b + kAhead * s.b_stride + at);
    std::size_t j = 0;
    for (; j + kLanes<T> <= panel.columns; j += kLanes<T>) store(copy + j, load(b + j));
    if (j == panel.width) continue;
    const Vec<T> v = load_partial(b + j, panel.columns - j);
    store_count(copy + j, v, panel.width - j < kLanes<T> ? panel.width - j : kLanes<T>);
  }
}

// Whether a look at what comes next pays: not for a few steps of k, nor where all that is read and written stays near.
template <class T>
PRELUNET_INLINE bool worth_prefetching(const Gemm<T>& g, const Slice<T>& s) {
  constexpr std::size_t kFewSteps = 16, kNearBytes = std::size_t{192} << 10;
  return s.steps >= kFewSteps && (g.m * g.n + (g.m + g.n) * g.k) * sizeof(T) > kNearBytes;
}

// Rows that an epilogue takes at once: whole chunks, and of a weight as many as make whole vectors of its panels.
template <class T>
constexpr std::size_t kEpilogueRows = kLanes<T> > kChunkRows ? kLanes<T> : kChunkRows;

// The same where nothing is asked for ahead, and all lies near: fewer turns.
template <class T>
constexpr std::size_t kNearEpilogueRows = 4 * kEpilogueRows<T>;

// The tiles that find A as it lies.
template <class T>
PRELUNET_INLINE const TileTable<T>& tiles_for(const Gemm<T>& g) {
  if (g.a_row_offset != nullptr) return kTiles<T, GatheredA>;
  return g.a_k_stride == 1 ? kTiles<T, RowsOfA> : kTiles<T, ColumnsOfA>;
}

// One slice for all rows; that of the last steps of k runs the epilogue.
template <class T>
PRELUNET_INLINE void gemm_slice(const Gemm<T>& g, const Slice<T>& s, const Slice<T>& next) {
  constexpr std::size_t kPanel = kPanelColumns<T>;
  const Panel& panel = s.panel;
  const bool packed = g.b_stride == 0, gathered = g.a_row_offset != nullptr;
  const LayoutOfB b = s.beside > 0                   ? LayoutOfB::beside
                      : packed || s.copied           ? LayoutOfB::packed
                      : panel.columns == panel.width ? LayoutOfB::whole
                                                     : LayoutOfB::partial;
  const TileTable<T>& table = tiles_for(g);
  const Tile<T>* const tiles = table.of[static_cast<int>(b)][panel.vectors];
  const std::size_t tile_rows = most_tile_rows(panel.vectors);
  const Epilogue<T>* const epilogue = s.begin + s.steps == g.k ? g.epilogue : nullptr;
  const bool updates = epilogue != nullptr && epilogue->update != nullptr;
  const std::size_t whole = panel.vectors == 0 ? kLanes<T> / 2 : kLanes<T>;
  // What is not to be stored, or is overwritten: its lines may be in another core's hands, and a partial store would
  // keep the epilogue from reading it back at once.
  const bool overwritten =
      epilogue != nullptr && epilogue->forward == nullptr &&
      (epilogue->sum.out == g.c || (epilogue->backward != nullptr && epilogue->gradient.grad_x == g.c));
  const bool goes_aside = updates || overwritten;
  // Rows of a narrow weight are updated as one, so that is how they stand aside: what a whole store writes past its
  // row, the next one overwrites.
  const bool transposed = updates && epilogue->transposed;
  const bool joined = updates && !epilogue->in_panels() && epilogue->parameter.stride == panel.columns;
  const std::size_t aside_stride = transposed ? panel.width + (s.beside > 0 ? kLanes<T> : 0)
                                   : joined   ? panel.columns
                                              : kPanel;
  alignas(64) T aside[kNearEpilogueRows<T> * kPanel];
  // Whole squares of it are read, or the padding of the columns beside.
  if (updates && (epilogue->update_turned != nullptr || s.beside > 0)) {
    for (std::size_t i = 0; i < kEpilogueRows<T> * (kPanel + kLanes<T>); ++i) aside[i] = T(0);
  }
  alignas(64) T copy[kCopiedSteps<T> * kPanel];
  TileArgs<T> tile;
  tile.k = s.steps;
  tile.a_row_stride = g.a_row_stride;
  tile.a_k_stride = g.a_k_stride;
  tile.b_stride = s.b_stride;
  tile.b = s.b;
  tile.last = panel.last;
  tile.beside_stride = packed ? kLanes<T> / 2 : g.b_stride;  // in packed B a panel of half a vector
  tile.beside = g.b + (s.column + panel.columns) * (packed ? g.k : 1) + s.begin * tile.beside_stride;
  tile.beside_columns = s.beside;
  if (s.copied) {
    copy_slice(s, copy);
    tile.b = copy;
    tile.b_stride = panel.width;
  }
  tile.start = nullptr;
  tile.start_stride = g.c_stride;
  tile.c_stride = goes_aside ? aside_stride : g.c_stride;
  tile.stored = goes_aside ? whole : panel.last;
  Lines lines;
  tile.lines = &lines;
  const std::size_t share = (next.steps + g.m - 1) / g.m;
  const bool starts = !g.accumulate && s.begin == 0;  // chains start here: C is not read, and may be made twice
  const bool narrow = &table == &kTiles<T, RowsOfA> && panel.columns <= kNarrowColumns<T> && !goes_aside;
  const bool prefetches = !narrow && worth_prefetching(g, s);  // a narrow tile asks for nothing
  const std::size_t most = updates || prefetches ? kEpilogueRows<T> : kNearEpilogueRows<T>;
  // Blocks are counted from the weight's first row.
  const std::size_t first = updates && !transposed ? epilogue->panels.row : 0;
  for (std::size_t row = 0, end = 0; row < g.m; row = end) {
    end = row + most - (first + row) % most;
    if (narrow && starts && end < g.m && g.m - end < kLanes<T>) end = g.m;  // too few rows for a group of their own
    if (end > g.m) end = g.m;
    const Block block{row, s.column, end - row, s.columns()};
    if (prefetches) list_lines(lines, g, s, block, next, share);
    for (std::size_t i = 0, rows = 0; i < block.rows; i += rows) {
      std::size_t groups = narrow ? narrow_groups<T>(block.rows - i) : 0;  // 0: lanes are columns
      if (narrow && groups == 0 && starts && block.rows >= kLanes<T>) {
        i = block.rows - kLanes<T>;  // the last group, with some rows once more
        groups = 1;
      }
      rows = groups > 0 ? groups * kLanes<T> : tile_rows < block.rows - i ? tile_rows : block.rows - i;
      T* const c = g.c + (row + i) * g.c_stride + s.column;
      if (gathered) {
        tile.a = g.a;
        tile.a_row_offset = g.a_row_offset + row + i;
        tile.a_k_offset = g.a_k_offset + s.begin;
      } else {
        tile.a = g.a + (row + i) * g.a_row_stride + s.begin * g.a_k_stride;
      }
      if (!starts) tile.start = c;
      tile.c = goes_aside ? aside + i * aside_stride : c;
      tile.b_is_far = packed && row + i == 0;
      (groups > 0 ? narrow_tile_for<T>(groups, panel.columns) : tiles[rows - 1])(tile);
    }
    if (epilogue != nullptr) run_epilogue(*epilogue, block, goes_aside ? aside : nullptr, aside_stride);
  }
}

template <class T>
void gemm(const Gemm<T>& g) {
  Slice<T> slice = slice_at(g, 0, 0);
  while (slice.panel.columns > 0) {
    const Slice<T> next = slice_after(g, slice);
    gemm_slice(g, slice, next);
    slice = next;
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
