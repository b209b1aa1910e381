// The GEMM C = A B. A dense layer calls it for x W^T (B = W^T in packed panels), for dz W and for dz^T x (B unpacked).
// Convolution calls it for the same products; there the rows or columns of A are patches of images (ops/conv2d.h).
//
// The outer loop is over panels of B. All rows of A are multiplied by one panel while the panel is in cache. Rows are
// processed in blocks of kEpilogueRows. Blocks are larger if nothing is prefetched and no weight is updated. The
// epilogue runs on each block while the block is in the first-level cache.
#pragma once

#include "kernels/epilogue.h"
#include "kernels/gemm_tile.h"
#include "kernels/narrow_tile.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Steps [begin, begin + steps) of k, for one panel of B and the tail columns after it. All rows of A are multiplied by
// one slice, then by the next. After the last slice, panel.columns is 0.
template <class T>
struct Slice {
  std::size_t column;
  Panel panel;
  std::size_t tail_columns;
  std::size_t begin, steps;
  const T* b;
  std::size_t b_stride;
  bool copied;

  std::size_t columns() const { return panel.columns + tail_columns; }
};

// Whether to copy a slice of unpacked B. In the copy, rows are adjacent and aligned. Copying pays if A has many rows.
template <class T>
PRELUNET_INLINE bool worth_copying(const Gemm<T>& g, const Panel& panel) {
  const std::size_t stride = g.b_stride * sizeof(T);
  const bool few_sets = stride > kTuning.few_sets_bytes && stride % kTuning.few_sets_bytes == 0;
  const bool whole_lines = panel.columns * sizeof(T) % kLineBytes == 0;
  return g.m >= (whole_lines && !few_sets ? kTuning.copy_rows_easy : kTuning.copy_rows_awkward);
}

template <class T>
constexpr std::size_t kCopiedSteps = kTuning.copied_bytes / (kPanelColumns<T> * sizeof(T));

// The number of steps of k in a slice: at most `most`, which is a multiple of 8. All slices of a panel are about
// equally long.
PRELUNET_INLINE std::size_t k_block(std::size_t k, std::size_t most) {
  const std::size_t blocks = (k + most - 1) / most;
  return blocks <= 1 ? k : ((k + blocks - 1) / blocks + 7) / 8 * 8;
}

// The number of tail columns that are computed together with this panel. The panel must be full, and at most
// kTailColumns columns of C may follow it. Two kinds of products have tiles for tail columns:
//   row-major A, packed B       without staging
//   transposed A, unpacked B    without an epilogue, or with Staging::transposed
template <class T>
PRELUNET_INLINE std::size_t tail_columns_after(const Gemm<T>& g, std::size_t column, const Panel& panel) {
  const std::size_t rest = g.n - column - panel.columns;
  if (panel.columns < kPanelColumns<T> || rest > kTailColumns<T> || g.a_row_offset != nullptr) return 0;
  const Staging staging = g.epilogue == nullptr ? Staging::in_c : g.epilogue->staging;
  if (g.b_stride == 0) return g.a_k_stride == 1 && staging == Staging::in_c ? rest : 0;
  const bool updates_transposed = g.epilogue == nullptr || staging == Staging::transposed;
  const bool all = rest == kTailColumns<T>;  // splat_pair() reads two elements of each row of B
  return g.a_k_stride != 1 && updates_transposed && all ? rest : 0;
}

template <class T>
PRELUNET_INLINE Slice<T> slice_at(const Gemm<T>& g, std::size_t column, std::size_t begin) {
  Slice<T> s = {};
  if (column == g.n) return s;
  const bool packed = g.b_stride == 0;
  s.column = column;
  s.panel = next_panel<T>(g.n - column);
  s.tail_columns = tail_columns_after(g, column, s.panel);
  s.begin = begin;
  s.copied = !packed && worth_copying(g, s.panel);
  const std::size_t most = k_block(g.k, packed     ? kTuning.packed_steps
                                        : s.copied ? kCopiedSteps<T>
                                                   : kTuning.unpacked_steps);
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

// Copies a slice of B. The copied rows are adjacent and zero-padded to the panel's width.
template <class T>
PRELUNET_INLINE void copy_slice(const Slice<T>& s, T* copy) {
  const Panel& panel = s.panel;
  const T* b = s.b;
  for (std::size_t p = 0; p < s.steps; ++p, b += s.b_stride, copy += panel.width) {
    for (std::size_t at = 0; at < panel.columns; at += kLineBytes / sizeof(T)) {
      prefetch(b + kTuning.prefetch_distance * s.b_stride + at);
    }
    std::size_t j = 0;
    for (; j + kLanes<T> <= panel.columns; j += kLanes<T>) store(copy + j, load(b + j));
    if (j == panel.width) continue;
    const Vec<T> v = load_partial(b + j, panel.columns - j);
    store_count(copy + j, v, panel.width - j < kLanes<T> ? panel.width - j : kLanes<T>);
  }
}

// Where the tiles of a slice store their results: in C, or in a buffer that the epilogue reads.
template <class T>
struct Destination {
  T* buffer;           // null: C
  std::size_t stride;  // leading dimension
  std::size_t stored;  // in a row's last vector, the number of elements to store

  T* tile(const Gemm<T>& g, std::size_t column, std::size_t row, std::size_t row_in_block) const {
    return buffer == nullptr ? g.c + row * g.c_stride + column : buffer + row_in_block * stride;
  }
};

// The buffer holds the largest block of a full panel. A block with tail columns is wider, but it has fewer rows and
// fits too.
template <class T>
constexpr std::size_t kBufferSize = kTuning.cached_blocks * kEpilogueRows<T> * kPanelColumns<T>;

template <class T>
PRELUNET_INLINE Destination<T> destination_of(const Gemm<T>& g, const Slice<T>& s, const Epilogue<T>* epilogue,
                                              T* buffer) {
  const Panel& panel = s.panel;
  const Staging staging = epilogue == nullptr ? Staging::in_c : epilogue->staging;
  if (staging == Staging::in_c) return {nullptr, g.c_stride, panel.last};
  const std::size_t whole = panel.vectors == 0 ? kLanes<T> / 2 : kLanes<T>;
  // Zeros for the elements that the update reads but no tile stores: the rest of a square, and the padding of the tail
  // columns.
  if (staging == Staging::panels || s.tail_columns > 0) {
    for (std::size_t i = 0; i < kEpilogueRows<T> * (kPanelColumns<T> + kLanes<T>); ++i) buffer[i] = T(0);
  }
  if (staging == Staging::transposed) return {buffer, panel.width + (s.tail_columns > 0 ? kLanes<T> : 0), whole};
  // If W has no columns outside the panel, the update treats its rows as one long row. The rows in the buffer must then
  // be adjacent too. The last vector of a row then extends into the next row, which is stored after it.
  const bool adjacent = staging == Staging::weight && epilogue->weight_columns == panel.columns;
  return {buffer, adjacent ? panel.columns : kPanelColumns<T>, whole};
}

// The tiles for a slice, and how its rows are divided into blocks.
template <class T>
struct SlicePlan {
  const Tile<T>* tiles;  // index: rows - 1
  std::size_t tile_rows;
  bool narrow;  // rows are lanes, in groups of kLanes rows
  bool starts;  // chains start at zero: C is not read, so computing a row twice does no harm
  bool prefetches;
  std::size_t block_rows;  // maximum
  std::size_t first_row;   // blocks end at rows for which first_row + row is a multiple of block_rows
};

template <class T>
PRELUNET_INLINE const TileTable<T>& tiles_for(const Gemm<T>& g) {
  if (g.a_row_offset != nullptr) return kTiles<T, GatheredA>;
  return g.a_k_stride == 1 ? kTiles<T, RowsOfA> : kTiles<T, ColumnsOfA>;
}

// Prefetching does not pay if there are few steps of k, or if all three matrices fit in the cache.
template <class T>
PRELUNET_INLINE bool worth_prefetching(const Gemm<T>& g, const Slice<T>& s) {
  return s.steps >= kTuning.prefetch_min_steps &&
         (g.m * g.n + (g.m + g.n) * g.k) * sizeof(T) > kTuning.prefetch_min_bytes;
}

template <class T>
PRELUNET_INLINE SlicePlan<T> plan_slice(const Gemm<T>& g, const Slice<T>& s, const Epilogue<T>* epilogue) {
  const Panel& panel = s.panel;
  const LayoutOfB b = s.tail_columns > 0             ? LayoutOfB::with_tail
                      : g.b_stride == 0 || s.copied  ? LayoutOfB::packed
                      : panel.columns == panel.width ? LayoutOfB::whole
                                                     : LayoutOfB::partial;
  const TileTable<T>& table = tiles_for(g);
  const Staging staging = epilogue == nullptr ? Staging::in_c : epilogue->staging;
  const bool updates = staging != Staging::in_c && staging != Staging::overwritten;
  SlicePlan<T> plan;
  plan.tiles = table.of[static_cast<int>(b)][panel.vectors];
  plan.tile_rows = most_tile_rows(panel.vectors);
  plan.narrow = &table == &kTiles<T, RowsOfA> && panel.columns <= kNarrowColumns<T> && staging == Staging::in_c;
  plan.starts = !g.accumulate && s.begin == 0;
  plan.prefetches = !plan.narrow && worth_prefetching(g, s);  // narrow tiles do not prefetch
  plan.block_rows = updates || plan.prefetches ? kEpilogueRows<T> : kTuning.cached_blocks * kEpilogueRows<T>;
  // In an update, a block ends where a strip of the weight's panels ends.
  plan.first_row = updates && staging != Staging::transposed ? epilogue->first_row + g.row : 0;
  return plan;
}

// Adds rows [begin, end) of a slice to the prefetch list.
template <class T>
PRELUNET_INLINE void add_slice(PrefetchList& list, const Slice<T>& s, std::size_t begin, std::size_t end) {
  const T* const b = moved(s.b, begin * s.b_stride);
  if (s.b_stride == s.panel.width) {  // rows are adjacent, so one entry of the list holds all their cache lines
    add_rows(list, b, kLineBytes / sizeof(T), (end - begin) * s.b_stride * sizeof(T) / kLineBytes, 1, false);
  } else {
    add_rows(list, b, s.b_stride, end - begin, s.panel.columns, false);
  }
}

// Lists the cache lines to prefetch while the tiles of a block run: those that the block's epilogue will use, rows of X
// to gather, and the next slice of B. Each row of the block prefetches an equal share of the slice.
template <class T>
PRELUNET_INLINE void list_prefetches(PrefetchList& list, const Gemm<T>& g, const Slice<T>& s, const Block& block,
                                     const Slice<T>& next) {
  const Epilogue<T>* const e = g.epilogue;
  const Staging staging = e == nullptr ? Staging::in_c : e->staging;
  const std::size_t tile_rows = most_tile_rows(s.panel.vectors), end = block.row + block.rows;
  list.streams = list.lines = 0;
  if (staging == Staging::in_c || staging == Staging::overwritten) add_block(list, g.c, g.c_stride, block);
  if (e != nullptr)
    e->prefetch(e->context, {g.row + block.row, g.column + block.column, block.rows, block.columns}, list);
  if (g.next_rows != nullptr) add_next_rows(list, *g.next_rows, (block.rows + kChunkRows - 1) / kChunkRows * s.steps);
  // The first panel also prefetches the part of a transposed A that the next block reads.
  if (staging == Staging::transposed && s.column == 0 && end < g.m && list.streams < PrefetchList::kMost) {
    add_stream(list, g.a + end + s.begin * g.a_k_stride, g.a_k_stride * sizeof(T), s.steps, false);
  }
  const std::size_t share = (next.steps + g.m - 1) / g.m, first = block.row * share;
  const std::size_t last = first + block.rows * share;
  if (first < next.steps) add_slice(list, next, first, last < next.steps ? last : next.steps);
  spread_over(list, (block.rows + tile_rows - 1) / tile_rows * s.steps);
}

// The arguments that all tiles of a slice share.
template <class T>
PRELUNET_INLINE TileArgs<T> tile_args(const Gemm<T>& g, const Slice<T>& s, const Destination<T>& to,
                                      PrefetchList& list) {
  const bool packed = g.b_stride == 0;
  TileArgs<T> tile;
  tile.k = s.steps;
  tile.a_row_stride = g.a_row_stride;
  tile.a_k_stride = g.a_k_stride;
  tile.b = s.b;
  tile.b_stride = s.b_stride;
  tile.tail_stride = packed ? kLanes<T> / 2 : g.b_stride;  // packed tail columns form a panel of half a vector
  tile.tail = g.b + (s.column + s.panel.columns) * (packed ? g.k : 1) + s.begin * tile.tail_stride;
  tile.tail_columns = s.tail_columns;
  tile.last = s.panel.last;
  tile.start = nullptr;
  tile.start_stride = g.c_stride;
  tile.c_stride = to.stride;
  tile.stored = to.stored;
  tile.list = &list;
  return tile;
}

// Runs the tiles of one block of rows.
template <class T>
PRELUNET_INLINE void multiply_block(const Gemm<T>& g, const Slice<T>& s, const SlicePlan<T>& plan,
                                    const Destination<T>& to, const Block& block, TileArgs<T>& tile) {
  for (std::size_t i = 0, rows = 0; i < block.rows; i += rows) {
    const std::size_t left = block.rows - i;
    std::size_t groups = plan.narrow ? narrow_groups<T>(left) : 0;  // 0: lanes are columns
    if (plan.narrow && groups == 0 && plan.starts && block.rows >= kLanes<T>) {
      i = block.rows - kLanes<T>;  // the last kLanes rows; some of them have been computed already
      groups = 1;
    }
    rows = groups > 0 ? groups * kLanes<T> : plan.tile_rows < left ? plan.tile_rows : left;
    const std::size_t row = block.row + i;
    if (g.a_row_offset != nullptr) {
      tile.a = g.a;
      tile.a_row_offset = g.a_row_offset + row;
      tile.a_k_offset = g.a_k_offset + s.begin;
    } else {
      tile.a = g.a + row * g.a_row_stride + s.begin * g.a_k_stride;
    }
    if (!plan.starts) tile.start = g.c + row * g.c_stride + s.column;
    tile.c = to.tile(g, s.column, row, i);
    tile.b_is_cold = g.b_stride == 0 && row == 0;
    (groups > 0 ? narrow_tile_for<T>(groups, s.panel.columns) : plan.tiles[rows - 1])(tile);
  }
}

// Computes one slice for all rows of A. The last slice of a panel runs the epilogue.
template <class T>
PRELUNET_INLINE void gemm_slice(const Gemm<T>& g, const Slice<T>& s, const Slice<T>& next) {
  const Epilogue<T>* const epilogue = s.begin + s.steps == g.k ? g.epilogue : nullptr;
  const SlicePlan<T> plan = plan_slice(g, s, epilogue);
  static_assert((kBufferSize<T> + kCopiedSteps<T> * kPanelColumns<T>)*sizeof(T) <= kGemmScratch);
  T* const buffer = static_cast<T*>(g.scratch);
  const Destination<T> to = destination_of(g, s, epilogue, buffer);
  PrefetchList list;
  list.streams = list.lines = 0;
  list.pace = 1;
  TileArgs<T> tile = tile_args(g, s, to, list);
  if (s.copied) {
    T* const copy = buffer + kBufferSize<T>;
    copy_slice(s, copy);
    tile.b = copy;
    tile.b_stride = s.panel.width;
  }
  for (std::size_t row = 0, end = 0; row < g.m; row = end) {
    end = row + plan.block_rows - (plan.first_row + row) % plan.block_rows;
    // If fewer than kLanes rows would remain, this block includes them.
    if (plan.narrow && plan.starts && end < g.m && g.m - end < kLanes<T>) end = g.m;
    if (end > g.m) end = g.m;
    const Block block{row, s.column, end - row, s.columns()};
    if (plan.prefetches) list_prefetches(list, g, s, block, next);
    multiply_block(g, s, plan, to, block, tile);
    if (epilogue == nullptr) continue;
    const Block in_whole{g.row + row, g.column + s.column, block.rows, block.columns};
    epilogue->run(epilogue->context, in_whole, to.tile(g, s.column, row, 0), to.stride);
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
