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

template <class T>
struct TileArgs {
  std::size_t k;
  const T* a;
  std::size_t a_row_stride, a_k_stride;
  const T* b;
  std::size_t b_stride;
  std::size_t last;  // columns of C in the last vector
  T* c;
  std::size_t c_stride;
  bool accumulate;
};

// kPartialB: B is not padded, so its last vector must not be read past `last` columns.
template <class T, std::size_t kRows, std::size_t kVectors, bool kPartialB>
void gemm_tile(const TileArgs<T>& g) {
  constexpr std::size_t kLast = kVectors - 1;
  Vec<T> c[kRows][kVectors] = {};
  if (g.accumulate) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const T* row = g.c + i * g.c_stride;
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kLast; ++v) c[i][v] = load(row + v * kLanes<T>);
      c[i][kLast] = load_partial(row + kLast * kLanes<T>, g.last);
    }
  }
  const T* a = g.a;
  const T* b = g.b;
  for (std::size_t p = 0; p < g.k; ++p) {
    Vec<T> row[kVectors];
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kLast; ++v) row[v] = load(b + v * kLanes<T>);
    if constexpr (kPartialB) {
      row[kLast] = load_partial(b + kLast * kLanes<T>, g.last);
    } else {
      row[kLast] = load(b + kLast * kLanes<T>);
    }
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kRows; ++i) {
      const Vec<T> element = splat(a[i * g.a_row_stride]);
#pragma GCC unroll 3
      for (std::size_t v = 0; v < kVectors; ++v) c[i][v] = fma(element, row[v], c[i][v]);
    }
    a += g.a_k_stride;
    b += g.b_stride;
  }
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kRows; ++i) {
    T* out = g.c + i * g.c_stride;
#pragma GCC unroll 3
    for (std::size_t v = 0; v < kLast; ++v) store(out + v * kLanes<T>, c[i][v]);
    store_partial(out + kLast * kLanes<T>, c[i][kLast], g.last);
  }
}

template <class T>
using Tile = void (*)(const TileArgs<T>&);

// kTiles<T>[rows - 1][vectors - 1][partial B]
template <class T>
struct TileRow {
  Tile<T> tile[kTileVectors][2];
};
template <class T, std::size_t kRows>
constexpr TileRow<T> tiles_of_rows() {
  if constexpr (kTileVectors == 3) {
    return {{{gemm_tile<T, kRows, 1, false>, gemm_tile<T, kRows, 1, true>},
             {gemm_tile<T, kRows, 2, false>, gemm_tile<T, kRows, 2, true>},
             {gemm_tile<T, kRows, kTileVectors, false>, gemm_tile<T, kRows, kTileVectors, true>}}};
  } else {
    return {{{gemm_tile<T, kRows, 1, false>, gemm_tile<T, kRows, 1, true>},
             {gemm_tile<T, kRows, kTileVectors, false>, gemm_tile<T, kRows, kTileVectors, true>}}};
  }
}
template <class T>
struct TileTable {
  TileRow<T> row[kTileRows];
};
template <class T>
constexpr TileTable<T> all_tiles() {
  if constexpr (kTileRows == 8) {
    return {{tiles_of_rows<T, 1>(), tiles_of_rows<T, 2>(), tiles_of_rows<T, 3>(), tiles_of_rows<T, 4>(),
             tiles_of_rows<T, 5>(), tiles_of_rows<T, 6>(), tiles_of_rows<T, 7>(), tiles_of_rows<T, kTileRows>()}};
  } else {
    return {{tiles_of_rows<T, 1>(), tiles_of_rows<T, 2>(), tiles_of_rows<T, 3>(), tiles_of_rows<T, kTileRows>()}};
  }
}
template <class T>
constexpr TileTable<T> kTiles = all_tiles<T>();

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
