// The micro-kernel of the GEMM. It computes a tile of C, which has kRows rows and is kVectors vectors wide. The tile
// stays in registers over the whole k loop.
//
// Lanes are columns of C. Each element of C is therefore one chain of fused multiply-adds, in the order of k.
#pragma once

#include "kernels/lanes.h"
#include "kernels/panels.h"
#include "kernels/prefetch.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t most_tile_rows(std::size_t vectors) {
  return vectors <= 1 ? kTuning.narrow_tile_rows : kTuning.tile_rows;
}

template <class T>
struct TileArgs {
  std::size_t k;
  const T* a;
  std::size_t a_row_stride, a_k_stride;
  const std::ptrdiff_t* a_row_offset;  // in place of strides, for GatheredA
  const std::ptrdiff_t* a_k_offset;
  const T* b;
  std::size_t b_stride;  // of unpacked B; the stride of a packed panel is its width
  bool b_is_cold;        // B is packed and no tile has read it yet, so this tile prefetches its rows
  const T* tail;         // LayoutOfB::with_tail: rows of the tail columns
  std::size_t tail_stride, tail_columns;
  std::size_t last;  // columns of C in the last vector
  const T* start;    // C so far, if its chains are continued; null: chains start at zero
  std::size_t start_stride;
  T* c;
  std::size_t c_stride;
  std::size_t stored;  // in the last vector, the number of columns to store: `last`, or the whole vector
  PrefetchList* list;
};

// How a tile reads A.
//   RowsOfA     row-major A: the elements of a row are adjacent
//   ColumnsOfA  transposed A: the elements of a column are adjacent
//   GatheredA   patches of images: element (i, p) is at a[a_row_offset[i] + a_k_offset[p]]
// kTail: whether there are tiles with tail columns. kTailPacked: whether B is packed in them.
template <class T, std::size_t kRows>
struct RowsOfA {
  static constexpr bool kTail = kTailColumns<T> > 0, kTailPacked = true;
  const T* a;
  std::size_t stride;
  explicit PRELUNET_INLINE RowsOfA(const TileArgs<T>& g) : a(g.a), stride(g.a_row_stride) {}
  PRELUNET_INLINE T operator[](std::size_t row) const { return a[row * stride]; }
  PRELUNET_INLINE void next() { ++a; }
};
template <class T, std::size_t kRows>
struct ColumnsOfA {
  static constexpr bool kTail = kTailColumns<T> > 0, kTailPacked = false;
  const T* a;
  std::size_t stride;
  explicit PRELUNET_INLINE ColumnsOfA(const TileArgs<T>& g) : a(g.a), stride(g.a_k_stride) {}
  PRELUNET_INLINE T operator[](std::size_t row) const { return a[row]; }
  PRELUNET_INLINE void next() {
    a = opaque(a + stride);  // GCC would otherwise compute the addresses of all unrolled steps first and spill them
  }
};
template <class T, std::size_t kRows>
struct GatheredA {
  static constexpr bool kTail = false, kTailPacked = false;
  const T* row_start[kRows];
  const std::ptrdiff_t* offset;
  explicit PRELUNET_INLINE GatheredA(const TileArgs<T>& g) : offset(g.a_k_offset) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) row_start[i] = g.a + g.a_row_offset[i];
  }
  PRELUNET_INLINE T operator[](std::size_t row) const { return row_start[row][*offset]; }
  PRELUNET_INLINE void next() { ++offset; }
};

// How B is stored.
//   packed     zero-padded rows as wide as the tile
//   whole      unpacked rows, b_stride apart, as wide as the tile
//   partial    unpacked rows of which only `last` columns of the last vector may be read
//   with_tail  rows as wide as the tile, and tail columns elsewhere
enum class LayoutOfB : int { packed, whole, partial, with_tail };
constexpr int kLayoutsOfB = 4;

// A tile. run() loads the accumulators from C if necessary, runs the k loop and stores the accumulators.
template <class T, class Width, template <class, std::size_t> class A, std::size_t kRows, std::size_t kVectors,
          LayoutOfB kB>
struct MicroKernel {
  using Vector = typename Width::Vector;
  static constexpr bool kTail = kB == LayoutOfB::with_tail;
  static constexpr bool kPacked = kB == LayoutOfB::packed || (kTail && A<T, kRows>::kTailPacked);
  static constexpr std::size_t kCount = Width::kCount, kLast = kVectors - 1, kWidth = kVectors * kCount;
  // Edge cases are not unrolled. Tiles that read partial rows of B are unrolled only on an ISA with mask registers: on
  // others, the mask occupies a vector register.
  static constexpr bool kUnrolled =
      (kB != LayoutOfB::partial || kHasMaskRegisters) && kRows == most_tile_rows(kVectors);
  static constexpr std::size_t kSteps = kUnrolled ? kTuning.unroll : 1;

  // Loads the accumulators from C, to continue its chains.
  static PRELUNET_INLINE void load_chains(const TileArgs<T>& g, Vector (&c)[kRows][kVectors], Vector& c_tail) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const T* const row = g.start + i * g.start_stride;
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kLast; ++v) c[i][v] = load_whole<Vector>(row + v * kCount);
      c[i][kLast] = Width::load_first(row + kLast * kCount, g.last);
    }
    if constexpr (kTail) {
      alignas(64) T lanes[kCount] = {};
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kRows; ++i) {
        const T* const row = g.start + i * g.start_stride + kWidth;
        lanes[2 * i] = row[0];
        if (g.tail_columns == 2) lanes[2 * i + 1] = row[1];
      }
      c_tail = load(lanes);
    }
  }

  // One step of k: adds the outer product of a column of A and a row of B. The tail columns of all rows share one
  // vector: row i has lanes 2 i and 2 i + 1.
  static PRELUNET_INLINE void step(const A<T, kRows>& a, const T* b, std::size_t last, const T* tail,
                                   Vector (&c)[kRows][kVectors], Vector& c_tail) {
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
      if constexpr (kTail) elements = i == 0 ? element : with_pair(elements, i, element);
    }
    if constexpr (kTail) accumulate(c_tail, elements, splat_pair(tail));
  }

  static PRELUNET_INLINE void store_tail(const TileArgs<T>& g, Vector c_tail) {
    alignas(64) T lanes[kCount];
    store(lanes, c_tail);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      T* const row = g.c + i * g.c_stride + kWidth;
      row[0] = lanes[2 * i];
      if (g.tail_columns == 2) row[1] = lanes[2 * i + 1];
    }
  }

  static PRELUNET_INLINE void store_chains(const TileArgs<T>& g, const Vector (&c)[kRows][kVectors]) {
    T* const out = g.c;
    const std::size_t c_stride = g.c_stride;
    if (g.stored == kCount) {  // whole stores: a masked store cannot be forwarded to the epilogue's loads
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

  static void run(const TileArgs<T>& g) {
    const std::size_t last = g.last, stride = kPacked ? kWidth : g.b_stride;
    Vector c[kRows][kVectors] = {};
    Vector c_tail = {};
    const T* tail = g.tail;
    const std::size_t tail_stride = g.tail_stride;
    if (g.start != nullptr) load_chains(g, c, c_tail);
    A<T, kRows> a(g);
    const T* b = g.b;
    const bool cold = kPacked && g.b_is_cold;
    const auto take = [&](auto count) __attribute__((always_inline)) {
      constexpr std::size_t kTaken = decltype(count)::value;
      if (cold) {
#pragma GCC unroll 16
        for (std::size_t j = 0; j < kTaken * kWidth; j += kLineBytes / sizeof(T)) {
          prefetch(b + kTuning.prefetch_distance * kWidth + j);
        }
      }
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kTaken; ++i) {
        step(a, b, last, tail, c, c_tail);
        if constexpr (kTail) tail += tail_stride;
        a.next();
        b += stride;
      }
    };
    std::size_t left = g.k;
    prefetch_between_steps<kSteps>(*g.list, left, take);
    // The loops compare pointers. GCC would keep a counter on the stack, and each step would wait for the store of the
    // previous step.
    const T* end = b + left / kSteps * kSteps * stride;
    while (b != end) take(Count<kSteps>{});
    end = b + left % kSteps * stride;
    while (b != end) take(Count<1>{});
    if constexpr (kTail) store_tail(g, c_tail);
    store_chains(g, c);
  }
};

template <class T>
using Tile = void (*)(const TileArgs<T>&);

// The tiles for one kind of A, indexed by the layout of B, the number of vectors (0: half a vector) and rows - 1.
template <class T>
struct TileTable {
  Tile<T> of[kLayoutsOfB][kTuning.tile_vectors + 1][kTuning.narrow_tile_rows];
};
template <class T, class Width, template <class, std::size_t> class A, std::size_t kRows, std::size_t kVectors>
constexpr void add_tiles(TileTable<T>& table, std::size_t place) {
  constexpr LayoutOfB kPacked =
      kRows == most_tile_rows(kVectors) ? LayoutOfB::packed : LayoutOfB::whole;  // edge cases share one instance
  table.of[0][place][kRows - 1] = MicroKernel<T, Width, A, kRows, kVectors, kPacked>::run;
  table.of[1][place][kRows - 1] = MicroKernel<T, Width, A, kRows, kVectors, LayoutOfB::whole>::run;
  table.of[2][place][kRows - 1] = MicroKernel<T, Width, A, kRows, kVectors, LayoutOfB::partial>::run;
  if constexpr (A<T, kRows>::kTail && kVectors == kTuning.tile_vectors) {
    table.of[3][place][kRows - 1] = MicroKernel<T, Width, A, kRows, kVectors, LayoutOfB::with_tail>::run;
  }
  if constexpr (kRows > 1) add_tiles<T, Width, A, kRows - 1, kVectors>(table, place);
}
template <class T, template <class, std::size_t> class A>
constexpr TileTable<T> all_tiles() {
  TileTable<T> table = {};
  if constexpr (kHasHalf) add_tiles<T, Half<T>, A, most_tile_rows(0), 1>(table, 0);
  add_tiles<T, Whole<T>, A, most_tile_rows(1), 1>(table, 1);
  add_tiles<T, Whole<T>, A, most_tile_rows(2), 2>(table, 2);
  if constexpr (kTuning.tile_vectors == 3) add_tiles<T, Whole<T>, A, most_tile_rows(3), 3>(table, 3);
  return table;
}
template <class T, template <class, std::size_t> class A>
constexpr TileTable<T> kTiles = all_tiles<T, A>();

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
