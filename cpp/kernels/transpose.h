// Transposes squares as they are loaded. A square has as many rows and columns as a vector has lanes.
#pragma once

#include <utility>

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kPartBytes = 16;  // vectors consist of parts of 16 bytes; interleave() does not cross them

// In each part, alternates elements of a and b: those of the lower halves (kHigh 0) or upper halves (kHigh 1).
template <std::size_t kHigh, std::size_t kBytes = kPartBytes, class V, std::size_t... j>
PRELUNET_INLINE V interleave(V a, V b, std::index_sequence<j...>) {
  constexpr std::size_t kCount = sizeof...(j), kPart = kBytes * kCount / sizeof(V);
  return __builtin_shufflevector(a, b, int(j / kPart * kPart + (kHigh * kPart + j % kPart) / 2 + j % 2 * kCount)...);
}

// Transposes within parts. Calls f(i, vector); part p of the vector holds element i of part p of each row.
template <class V, std::size_t kPart, class F>
PRELUNET_INLINE void transpose_parts(const V (&row)[kPart], F&& f) {
  constexpr std::make_index_sequence<sizeof(V) * kPart / kPartBytes> kIndices{};
  if constexpr (kPart == 2) {
    f(0, interleave<0>(row[0], row[1], kIndices));
    f(1, interleave<1>(row[0], row[1], kIndices));
  } else {
    const V even[2] = {interleave<0>(row[0], row[2], kIndices), interleave<1>(row[0], row[2], kIndices)};
    const V odd[2] = {interleave<0>(row[1], row[3], kIndices), interleave<1>(row[1], row[3], kIndices)};
    f(0, interleave<0>(even[0], odd[0], kIndices));
    f(1, interleave<1>(even[0], odd[0], kIndices));
    f(2, interleave<0>(even[1], odd[1], kIndices));
    f(3, interleave<1>(even[1], odd[1], kIndices));
  }
}

// Rows `stride` apart. A vector is loaded with one part from each of several rows. transpose_parts() then completes the
// transposition.
template <class Vector, class T>
struct RowParts {
  static constexpr std::size_t kCount = sizeof(Vector) / sizeof(T), kPart = kPartBytes / sizeof(T);
  const T* first[kCount / kPart];  // first row of each part; GCC would spill the addresses of all rows
  std::size_t stride;

  PRELUNET_INLINE RowParts(const T* p, std::size_t row_stride) : stride(row_stride) {
#pragma GCC unroll 4
    for (std::size_t part = 0; part < kCount / kPart; ++part) first[part] = opaque(p + part * kPart * stride);
  }

  // Calls f(column, vector) for columns [j, j + kPart).
  template <class F>
  PRELUNET_INLINE void transpose(std::size_t j, F&& f) const {
    Vector row[kPart];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kPart; ++i) row[i] = load_parts<Vector>(first, i * stride + j);
    transpose_parts(row, [&](std::size_t i, Vector column) __attribute__((always_inline)) { f(j + i, column); });
  }
};

// Calls f(column, vector) for each column of the square of rows at p, `stride` apart.
template <class Vector, class T, class F>
PRELUNET_INLINE void transpose(const T* p, std::size_t stride, F&& f) {
  const RowParts<Vector, T> rows(p, stride);
#pragma GCC unroll 8
  for (std::size_t j = 0; j < rows.kCount; j += rows.kPart) rows.transpose(j, f);
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
