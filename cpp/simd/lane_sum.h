// A sum across lanes that is the same on every ISA: 16 virtual lanes in float64, joined by a fixed tree.
#pragma once

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kVirtualLanes = 16;

// The first `count` lanes of v, zeros in the others.
template <class T>
PRELUNET_INLINE Vec<T> keep_first(Vec<T> v, std::size_t count) {
  alignas(kVectorBytes) T buffer[kLanes<T>];
  store(buffer, v);
  return load_partial(buffer, count);
}

// Element j of a row goes to virtual lane j % 16; add() takes the vector of elements [j, j + lanes).
template <class T>
class LaneSum {
 public:
  PRELUNET_INLINE void add(std::size_t j, Vec<T> v) {
    const std::size_t first = j % kVirtualLanes / kLanes<double>;
    if constexpr (sizeof(T) == sizeof(double)) {
      sum_[first] += v;
    } else {
      sum_[first] += widen_low(v);
      sum_[first + 1] += widen_high(v);
    }
  }

  // The same for the tail, whose lanes past `count` do not count.
  PRELUNET_INLINE void add(std::size_t j, Vec<T> v, std::size_t count) {
    add(j, count == kLanes<T> ? v : keep_first<T>(v, count));
  }

  PRELUNET_INLINE double total() const {
    double lane[kVirtualLanes];
    __builtin_memcpy(lane, sum_, sizeof lane);
    for (std::size_t half = kVirtualLanes / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
    }
    return lane[0];
  }

 private:
  Vec<double> sum_[kVirtualLanes / kLanes<double>] = {};
};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
