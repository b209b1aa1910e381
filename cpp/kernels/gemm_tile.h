// The register tile of every matrix product: kRows x kVectors vectors of C, held in registers over the whole k loop.
//
// Lanes are columns of C, so that each element is one chain of fused multiply-adds over k in order.
#pragma once

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Registers bound the tile: accumulators, one row of B and one broadcast of A. Rows divide kChunkRows.
#if defined(__AVX512F__)
constexpr std::size_t kTileRows = 8, kTileVectors = 3;  // 24 of 32 registers accumulate
#elif defined(__AVX2__)
constexpr std::size_t kTileRows = 4, kTileVectors = 3;  // 12 of 16
#elif defined(__aarch64__)
constexpr std::size_t kTileRows = 8, kTileVectors = 3;  // 24 of 32
#else
constexpr std::size_t kTileRows = 4, kTileVectors = 2;  // 8 of 16
#endif

template <class T>
constexpr std::size_t kPanelColumns = kTileVectors * kLanes<T>;

constexpr std::size_t kLineBytes = 64;  // of a cache line, on every machine that these kernels are for

// How many steps of k ahead the rows of B are asked for: some 400 cycles of a full tile, the way from the third level.
constexpr std::size_t kAhead = 16;

// Cache lines that are wanted after the next tiles, asked for one a step of k: all at once they would fill the queue of
// outstanding misses, and a tile's own loads would wait behind them. What a tile has no step for is left to the next.
struct Lines {
  static constexpr std::size_t kMost = 16;
  struct Column {  // `count` lines, `stride` bytes apart
    const char* first;
    std::size_t stride;
    std::size_t count;
  };
  std::size_t columns = 0;
  Column column[kMost];

  // The lines of a block of rows, each `width` elements.
  template <class T>
  PRELUNET_INLINE void add(const T* p, std::size_t stride, std::size_t rows, std::size_t width) {
    if (p == nullptr) return;
    for (std::size_t at = 0; at < width * sizeof(T) && columns < kMost; at += kLineBytes) {
      column[columns++] = {reinterpret_cast<const char*>(p) + at, stride * sizeof(T), rows};
    }
  }
};

template <class T>
struct TileArgs {
  std::size_t k;
  const T* a;
  std::size_t a_row_stride, a_k_stride;
  const std::ptrdiff_t* a_row_offset;  // in place of strides, for GatheredA
  const std::ptrdiff_t* a_k_offset;
  const T* b;
  std::size_t b_stride;
  std::size_t last;  // columns of C in the last vector
  const T* start;    // the chains so far, or null: they start at zero
  std::size_t start_stride;
  T* c;
  std::size_t c_stride;
  Lines* lines;
};

// What a tile is made of: whole vectors, or (Half) one half vector of up to that many columns.
template <class T>
struct Whole {
  using Vector = Vec<T>;
  static constexpr std::size_t kCount = kLanes<T>;
  static PRELUNET_INLINE Vector load_first(const T* p, std::size_t count) { return load_partial(p, count); }
  static PRELUNET_INLINE void store_first(T* p, Vector v, std::size_t count) { store_partial(p, v, count); }
  static PRELUNET_INLINE Vector broadcast(T x) { return splat(x); }
};
#if defined(__AVX2__)
template <class T>
struct Half {
  using Vector = HalfVec<T>;
  static constexpr std::size_t kCount = kLanes<T> / 2;
  static PRELUNET_INLINE Vector load_first(const T* p, std::size_t count) { return load_half(p, count); }
  static PRELUNET_INLINE void store_first(T* p, Vector v, std::size_t count) { store_half(p, v, count); }
  static PRELUNET_INLINE Vector broadcast(T x) { return splat_half(x); }
};
#endif

// How a tile finds its elements of A: by strides, or (the patches of an image) each at the sum of an offset of its row
// and one of its step of k.
template <class T, std::size_t kRows>
struct StridedA {
  const T* a;
  std::size_t row_stride, k_stride;
  explicit PRELUNET_INLINE StridedA(const TileArgs<T>& g)
      : a(g.a), row_stride(g.a_row_stride), k_stride(g.a_k_stride) {}
  PRELUNET_INLINE T operator[](std::size_t row) const { return a[row * row_stride]; }
  PRELUNET_INLINE void next() { a += k_stride; }
};
template <class T, std::size_t kRows>
struct GatheredA {
  const T* row_start[kRows];
  const std::ptrdiff_t* offset;
  explicit PRELUNET_INLINE GatheredA(const TileArgs<T>& g) : offset(g.a_k_offset) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) row_start[i] = g.a + g.a_row_offset[i];
  }
  PRELUNET_INLINE T operator[](std::size_t row) const { return row_start[row][*offset]; }
  PRELUNET_INLINE void next() { ++offset; }
};

template <class Vector, class T>
PRELUNET_INLINE Vector load_whole(const T* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class Vector, class T>
PRELUNET_INLINE void store_whole(T* p, Vector v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// kPartialB: B is not padded, so its last vector must not be read past `last` columns.
template <class T, class Width, template <class, std::size_t> class A, std::size_t kRows, std::size_t kVectors,
          bool kPartialB>
void gemm_tile(const TileArgs<T>& g) {
  using Vector = typename Width::Vector;
  constexpr std::size_t kCount = Width::kCount, kLast = kVectors - 1;
  const std::size_t last = g.last, b_stride = g.b_stride;
  Vector c[kRows][kVectors] = {};
  if (g.start != nullptr) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const T* const row = g.start + i * g.start_stride;
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kLast; ++v) c[i][v] = load_whole<Vector>(row + v * kCount);
      c[i][kLast] = Width::load_first(row + kLast * kCount, last);
    }
  }
  A<T, kRows> a(g);
  const T* b = g.b;
  const T* ahead = b + kAhead * b_stride;
  const auto step = [&]() __attribute__((always_inline)) {
    Vector row[kVectors];
#pragma GCC unroll 3
    for (std::size_t j = 0; j < kVectors * kCount; j += kLineBytes / sizeof(T)) prefetch(ahead + j);
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kLast; ++v) row[v] = load_whole<Vector>(b + v * kCount);
    if constexpr (kPartialB) {
      row[kLast] = Width::load_first(b + kLast * kCount, last);
    } else {
      row[kLast] = load_whole<Vector>(b + kLast * kCount);
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vector element = Width::broadcast(a[i]);
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kVectors; ++v) c[i][v] = fma(element, row[v], c[i][v]);
    }
    a.next();
    b += b_stride;
    ahead += b_stride;
  };
  std::size_t left = g.k;
  for (std::size_t i = 0; i < g.lines->columns && left > 0; ++i) {
    Lines::Column& column = g.lines->column[i];
    const char* line = column.first;
    const std::size_t stride = column.stride;
    const std::size_t count = column.count < left ? column.count : left;
    for (std::size_t n = count; n > 0; --n) {
      prefetch(line);
      line += stride;
      step();
    }
    column.first = line;
    column.count -= count;
    left -= count;
  }
  // Not by a count: GCC keeps it on the stack, where each step waits for the store of the one before.
  for (const T* const end = b + left * b_stride; b != end;) step();
  T* const out = g.c;
  const std::size_t c_stride = g.c_stride;
  if (last == kCount) {  // whole stores: a masked one cannot be read back at once
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kVectors; ++v) store_whole(out + i * c_stride + v * kCount, c[i][v]);
    }
    return;
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kLast; ++v) store_whole(out + i * c_stride + v * kCount, c[i][v]);
    Width::store_first(out + i * c_stride + kLast * kCount, c[i][kLast], last);
  }
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

// The tiles of one number of rows: whole[vectors - 1][partial B], and one of half a vector.
template <class T>
struct TileRow {
  Tile<T> whole[kTileVectors][2];
  Tile<T> half;
};
template <class T, template <class, std::size_t> class A, std::size_t kRows>
constexpr TileRow<T> tiles_of_rows() {
  TileRow<T> row = {};
  row.whole[0][0] = gemm_tile<T, Whole<T>, A, kRows, 1, false>;
  row.whole[0][1] = gemm_tile<T, Whole<T>, A, kRows, 1, true>;
  row.whole[1][0] = gemm_tile<T, Whole<T>, A, kRows, 2, false>;
  row.whole[1][1] = gemm_tile<T, Whole<T>, A, kRows, 2, true>;
  row.whole[kTileVectors - 1][0] = gemm_tile<T, Whole<T>, A, kRows, kTileVectors, false>;
  row.whole[kTileVectors - 1][1] = gemm_tile<T, Whole<T>, A, kRows, kTileVectors, true>;
#if defined(__AVX2__)
  row.half = gemm_tile<T, Half<T>, A, kRows, 1, true>;
#endif
  return row;
}
template <class T>
struct TileTable {
  TileRow<T> row[kTileRows];
};
template <class T, template <class, std::size_t> class A>
constexpr TileTable<T> all_tiles() {
  TileTable<T> table = {};
  table.row[0] = tiles_of_rows<T, A, 1>();
  table.row[1] = tiles_of_rows<T, A, 2>();
  table.row[2] = tiles_of_rows<T, A, 3>();
  table.row[3] = tiles_of_rows<T, A, 4>();
  if constexpr (kTileRows == 8) {
    table.row[4] = tiles_of_rows<T, A, 5>();
    table.row[5] = tiles_of_rows<T, A, 6>();
    table.row[6] = tiles_of_rows<T, A, 7>();
    table.row[7] = tiles_of_rows<T, A, 8>();
  }
  return table;
}
template <class T>
constexpr TileTable<T> kStridedTiles = all_tiles<T, StridedA>();
template <class T>
constexpr TileTable<T> kGatheredTiles = all_tiles<T, GatheredA>();

// Columns of the full panels that B of n columns begins with. Where a full panel would leave one vector, four vectors
// go as two and two: a tile of one vector has too few accumulators to hide the latency of its sums.
template <class T>
PRELUNET_INLINE std::size_t full_panels(std::size_t n) {
  constexpr std::size_t kCount = kLanes<T>, kSmall = kHasHalf ? kCount / 2 : 0;
  const std::size_t count = n / kPanelColumns<T>, rest = n % kPanelColumns<T>;
  const bool splits = kTileVectors == 3 && count > 0 && rest > kSmall && rest <= kCount;
  return (count - (splits ? 1 : 0)) * kPanelColumns<T>;
}

// The next columns of C that one tile is wide: up to kTileVectors vectors, whose last may be partial where more than
// half of it is used; or the last columns that fit half a vector. Full panels come first, so that a panel of packed B
// starts at column * k, and every vector of it is padded to `width` in all.
struct Panel {
  std::size_t columns;
  std::size_t vectors;  // 0: half a vector
  std::size_t width;
  std::size_t last;  // columns of the last vector
};
template <class T>
PRELUNET_INLINE Panel next_panel(std::size_t columns_left) {
  constexpr std::size_t kCount = kLanes<T>;
  if (full_panels<T>(columns_left) > 0) return {kPanelColumns<T>, kTileVectors, kPanelColumns<T>, kCount};
  if (columns_left > kPanelColumns<T>) return {2 * kCount, 2, 2 * kCount, kCount};
  const std::size_t full = columns_left / kCount, rest = columns_left % kCount;
  if (kHasHalf && rest > 0 && rest <= kCount / 2) {
    if (full == 0) return {rest, 0, kCount / 2, rest};
    return {full * kCount, full, full * kCount, kCount};
  }
  const std::size_t vectors = full + (rest > 0 ? 1 : 0);
  return {columns_left, vectors, vectors * kCount, rest > 0 ? rest : kCount};
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
