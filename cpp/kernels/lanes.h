// Helpers that run vector code over rows of any length: whole vectors first, then a masked tail.
#pragma once

#include "kernels/tuning.h"
#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Calls f(column, count) for whole vectors (count = lanes), then for the tail.
template <class T, class F>
PRELUNET_INLINE void for_each_vector(std::size_t columns, F&& f) {
  std::size_t j = 0;
  for (; j + kLanes<T> <= columns; j += kLanes<T>) f(j, kLanes<T>);
  if (j < columns) f(j, columns - j);
}

// Calls f(column, count, vectors), where `vectors` is a Count. If kSeveral, a call processes as many vectors as a full
// panel is wide, while they fit. The other calls process one vector, and the last one the tail.
template <class T, bool kSeveral, class F>
PRELUNET_INLINE void for_each_vectors(std::size_t columns, F&& f) {
  std::size_t j = 0;
  if constexpr (kSeveral) {
    for (; j + kPanelColumns<T> <= columns; j += kPanelColumns<T>) f(j, kLanes<T>, Count<kTuning.tile_vectors>{});
  }
  for_each_vector<T>(columns - j, [&](std::size_t at, std::size_t count)
                                      __attribute__((always_inline)) { f(j + at, count, Count<1>{}); });
}

template <class T>
PRELUNET_INLINE Vec<T> load_count(const T* p, std::size_t count) {
  return count == kLanes<T> ? load(p) : load_partial(p, count);
}
template <class T>
PRELUNET_INLINE void store_count(T* p, Vec<T> v, std::size_t count) {
  count == kLanes<T> ? store(p, v) : store_partial(p, v, count);
}

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

// The width of a vector as a template argument: a whole vector or half of one. Half exists if kHasHalf.
template <class T>
struct Whole {
  using Vector = Vec<T>;
  static constexpr std::size_t kCount = kLanes<T>;
  static PRELUNET_INLINE Vector load_first(const T* p, std::size_t count) { return load_partial(p, count); }
  static PRELUNET_INLINE void store_first(T* p, Vector v, std::size_t count) { store_partial(p, v, count); }
  static PRELUNET_INLINE Vector broadcast(T x) { return splat(x); }
};
template <class T>
struct Half {
  using Vector = HalfVec<T>;
  static constexpr std::size_t kCount = kLanes<T> / 2;
  static PRELUNET_INLINE Vector load_first(const T* p, std::size_t count) { return load_half(p, count); }
  static PRELUNET_INLINE void store_first(T* p, Vector v, std::size_t count) { store_half(p, v, count); }
  static PRELUNET_INLINE Vector broadcast(T x) { return splat_half(x); }
};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
