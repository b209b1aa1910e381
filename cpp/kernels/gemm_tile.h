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

// A tile of one vector, or half, takes more rows: as many chains as hide the latency of their sums.
constexpr std::size_t kNarrowTileRows = 8;
constexpr std::size_t most_tile_rows(std::size_t vectors) { return vectors <= 1 ? kNarrowTileRows : kTileRows; }

// Steps of k that a tile of all its rows takes between two looks at where it stands; where the mask of a partial row of
// B takes a vector's register, there is none left for it. Where another thread shares the core, a tile is bound by what
// is decoded, not by what is summed.
constexpr std::size_t kUnroll = 4;

template <class T>
constexpr std::size_t kPanelColumns = kTileVectors * kLanes<T>;

// Columns after a full panel that its tile takes with it: as many as one more vector holds of all its rows.
template <class T>
constexpr std::size_t kBesideColumns = kHasPairs && kLanes<T> == 2 * kTileRows ? 2 : 0;

constexpr std::size_t kLineBytes = 64;  // of a cache line, on every machine that these kernels are for

// How many steps of k ahead rows of B are asked for by the first tile that reads them: some 400 cycles of a full tile,
// the way from the third level. The tiles after it find them in the second, and the processor sees them coming.
constexpr std::size_t kAhead = 16;

// Cache lines that are wanted after the next tiles, asked for evenly along their steps of k: many at once would fill
// the queue of outstanding misses, and a tile's own loads would wait behind them. What a tile has no step for is left
// to the next.
//
// Lines that an epilogue writes are asked for to write: most of them another thread has read since they were written
// last. Others are for the second level.
struct Lines {
  static constexpr std::size_t kMost = 20;
  struct Column {  // `count` lines, `stride` bytes apart
    const char* first;
    std::size_t stride;
    std::size_t count;
    bool to_write;
  };
  std::size_t columns = 0;
  std::size_t lines = 0;  // of all columns
  std::size_t pace = 1;   // lines for each kUnroll steps
  Column column[kMost];

  // So many steps of k are to come before the lines are wanted.
  PRELUNET_INLINE void spread_over(std::size_t steps) { pace = (lines * kUnroll + steps - 1) / steps; }

  PRELUNET_INLINE void add_column(const void* first, std::size_t stride, std::size_t count, bool to_write) {
    column[columns++] = {static_cast<const char*>(first), stride, count, to_write};
    lines += count;
  }

  // The lines of a block of rows, each `width` elements.
  template <class T>
  PRELUNET_INLINE void add(const T* p, std::size_t stride, std::size_t rows, std::size_t width, bool to_write) {
    if (p == nullptr) return;
    for (std::size_t at = 0; at < width * sizeof(T) && columns < kMost; at += kLineBytes) {
      add_column(reinterpret_cast<const char*>(p) + at, stride * sizeof(T), rows, to_write);
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
  std::size_t b_stride;  // of B in rows; a packed panel's is its width
  bool b_is_far;         // packed, and not read yet
  const T* beside;       // LayoutOfB::beside: rows of the columns beside the panel, and how many those are
  std::size_t beside_stride, beside_columns;
  std::size_t last;  // columns of C in the last vector
  const T* start;    // the chains so far, or null: they start at zero
  std::size_t start_stride;
  T* c;
  std::size_t c_stride;
  std::size_t stored;  // columns of the last vector that are written: `last`, or all of it
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

// How a tile finds its elements of A: of rows whose steps of k are adjacent, of columns (a transposed A) whose rows
// are, or (the patches of an image) each at the sum of an offset of its row and one of its step of k.
template <class T, std::size_t kRows>
struct RowsOfA {
  static constexpr bool kBeside = kBesideColumns<T> > 0, kBesidePacked = true;
  const T* a;
  std::size_t stride;
  explicit PRELUNET_INLINE RowsOfA(const TileArgs<T>& g) : a(g.a), stride(g.a_row_stride) {}
  PRELUNET_INLINE T operator[](std::size_t row) const { return a[row * stride]; }
  PRELUNET_INLINE void next() { ++a; }
};
template <class T, std::size_t kRows>
struct ColumnsOfA {
  static constexpr bool kBeside = kBesideColumns<T> > 0, kBesidePacked = false;
  const T* a;
  std::size_t stride;
  explicit PRELUNET_INLINE ColumnsOfA(const TileArgs<T>& g) : a(g.a), stride(g.a_k_stride) {}
  PRELUNET_INLINE T operator[](std::size_t row) const { return a[row]; }
  PRELUNET_INLINE void next() {
    a = opaque(a + stride);  // else the offsets of all rows in all steps to come are kept, and not in registers
  }
};
template <class T, std::size_t kRows>
struct GatheredA {
  static constexpr bool kBeside = false, kBesidePacked = false;
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

// How B lies: rows packed, a tile wide and padded with zeros; g.b_stride apart, a tile wide; the same, but the last
// vector must not be read past `last` columns; or a tile wide, and two columns beside it that may be read.
enum class LayoutOfB : int { packed, whole, partial, beside };
constexpr int kLayoutsOfB = 4;

template <class T, class Width, template <class, std::size_t> class A, std::size_t kRows, std::size_t kVectors,
          LayoutOfB kB>
void gemm_tile(const TileArgs<T>& g) {
  using Vector = typename Width::Vector;
  constexpr bool kBeside = kB == LayoutOfB::beside;
  constexpr bool kPacked = kB == LayoutOfB::packed || (kBeside && A<T, kRows>::kBesidePacked);
  constexpr std::size_t kCount = Width::kCount, kLast = kVectors - 1, kWidth = kVectors * kCount;
  constexpr bool kUnrolled = (kB != LayoutOfB::partial || kHasMaskRegisters) && kRows == most_tile_rows(kVectors);
  constexpr std::size_t kSteps = kUnrolled ? kUnroll : 1;
  const std::size_t last = g.last, stride = kPacked ? kWidth : g.b_stride;
  Vector c[kRows][kVectors] = {};
  Vector c_beside = {};  // row by row, where kBeside
  const T* beside = g.beside;
  const std::size_t beside_stride = g.beside_stride;
  const bool two_beside = g.beside_columns == 2;  // else one
  if (g.start != nullptr) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const T* const row = g.start + i * g.start_stride;
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kLast; ++v) c[i][v] = load_whole<Vector>(row + v * kCount);
      c[i][kLast] = Width::load_first(row + kLast * kCount, last);
    }
    if constexpr (kBeside) {
      alignas(64) T lanes[kCount] = {};
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) {
        const T* const row = g.start + i * g.start_stride + kWidth;
        lanes[2 * i] = row[0];
        if (two_beside) lanes[2 * i + 1] = row[1];
      }
      c_beside = load(lanes);
    }
  }
  A<T, kRows> a(g);
  const T* b = g.b;
  const bool far = kPacked && g.b_is_far;
  const auto take = [&](auto count) __attribute__((always_inline)) {
    constexpr std::size_t kTaken = decltype(count)::value;
    if (far) {
#pragma GCC unroll 16
      for (std::size_t j = 0; j < kTaken * kWidth; j += kLineBytes / sizeof(T)) prefetch(b + kAhead * kWidth + j);
    }
#pragma GCC unroll 4
    for (std::size_t step = 0; step < kTaken; ++step) {
      Vector row[kVectors];
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kLast; ++v) row[v] = load_whole<Vector>(b + v * kCount);
      if constexpr (kB == LayoutOfB::partial) {
        row[kLast] = Width::load_first(b + kLast * kCount, last);
      } else {
        row[kLast] = load_whole<Vector>(b + kLast * kCount);
      }
      Vector elements = {};
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) {
        const Vector element = Width::broadcast(a[i]);
#pragma GCC unroll 3
        for (std::size_t v = 0; v < kVectors; ++v) accumulate(c[i][v], element, row[v]);
        if constexpr (kBeside) elements = i == 0 ? element : with_pair(elements, i, element);
      }
      if constexpr (kBeside) {
        accumulate(c_beside, elements, splat_pair(beside));
        beside += beside_stride;
      }
      a.next();
      b += stride;
    }
  };
  constexpr Count<kSteps> kSome{};
  constexpr Count<1> kOne{};
  const std::size_t pace = kUnrolled ? g.lines->pace : 1;
  std::size_t left = g.k;
  for (std::size_t i = 0; i < g.lines->columns && left >= kSteps; ++i) {
    Lines::Column& column = g.lines->column[i];
    const char* line = column.first;
    const std::size_t line_stride = column.stride;
    std::size_t count = column.count;
    const bool to_write = column.to_write;
    while (count > 0 && left >= kSteps) {
      const std::size_t some = count < pace ? count : pace;
      for (std::size_t n = some; n > 0; --n, line += line_stride) {
        if (to_write) {
          prefetch_to_write(line);
        } else {
          prefetch_to_level_2(line);
        }
      }
      take(kSome);
      count -= some;
      left -= kSteps;
    }
    column.first = line;
    column.count = count;
  }
  // Not by a count: GCC keeps it on the stack, where each step waits for the store of the one before.
  for (const T* const end = b + left / kSteps * kSteps * stride; b != end;) take(kSome);
  for (const T* const end = b + left % kSteps * stride; b != end;) take(kOne);
  T* const out = g.c;
  const std::size_t c_stride = g.c_stride;
  if constexpr (kBeside) {
    alignas(64) T lanes[kCount];
    store(lanes, c_beside);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      T* const row = out + i * c_stride + kWidth;
      row[0] = lanes[2 * i];
      if (two_beside) row[1] = lanes[2 * i + 1];
    }
  }
  if (g.stored == kCount) {  // whole stores: a masked one cannot be read back at once
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
    Width::store_first(out + i * c_stride + kLast * kCount, c[i][kLast], g.stored);
  }
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

// The tiles of one kind of A, by how B lies, by vectors (0 standing for half a one) and by rows less one.
template <class T>
struct TileTable {
  Tile<T> of[kLayoutsOfB][kTileVectors + 1][kNarrowTileRows];
};
template <class T, class Width, template <class, std::size_t> class A, std::size_t kRows, std::size_t kVectors>
constexpr void add_tiles(TileTable<T>& table, std::size_t place) {
  constexpr LayoutOfB kPacked =
      kRows == most_tile_rows(kVectors) ? LayoutOfB::packed : LayoutOfB::whole;  // edges: less code
  table.of[0][place][kRows - 1] = gemm_tile<T, Width, A, kRows, kVectors, kPacked>;
  table.of[1][place][kRows - 1] = gemm_tile<T, Width, A, kRows, kVectors, LayoutOfB::whole>;
  table.of[2][place][kRows - 1] = gemm_tile<T, Width, A, kRows, kVectors, LayoutOfB::partial>;
  if constexpr (A<T, kRows>::kBeside && kVectors == kTileVectors) {
    table.of[3][place][kRows - 1] = gemm_tile<T, Width, A, kRows, kVectors, LayoutOfB::beside>;
  }
  if constexpr (kRows > 1) add_tiles<T, Width, A, kRows - 1, kVectors>(table, place);
}
template <class T, template <class, std::size_t> class A>
constexpr TileTable<T> all_tiles() {
  TileTable<T> table = {};
#if defined(__AVX2__)
  add_tiles<T, Half<T>, A, most_tile_rows(0), 1>(table, 0);
#endif
  add_tiles<T, Whole<T>, A, most_tile_rows(1), 1>(table, 1);
  add_tiles<T, Whole<T>, A, most_tile_rows(2), 2>(table, 2);
  if constexpr (kTileVectors == 3) add_tiles<T, Whole<T>, A, most_tile_rows(3), kTileVectors>(table, kTileVectors);
  return table;
}
template <class T, template <class, std::size_t> class A>
constexpr TileTable<T> kTiles = all_tiles<T, A>();

// Columns of the full panels that B of n columns begins with.
template <class T>
PRELUNET_INLINE std::size_t full_panels(std::size_t n) {
  return n / kPanelColumns<T> * kPanelColumns<T>;
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
  if (columns_left >= kPanelColumns<T>) return {kPanelColumns<T>, kTileVectors, kPanelColumns<T>, kCount};
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
