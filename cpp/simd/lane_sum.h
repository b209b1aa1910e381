// A sum across lanes with the same bits on every ISA: 16 virtual lanes in float64, added by a fixed tree.
#pragma once

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kVirtualLanes = 16;

// The sum of 16 virtual lanes, of which the first `count` are in slot and the others are empty. Overwrites slot.
PRELUNET_INLINE Vec<double> tree_sum(std::size_t count, Vec<double>* slot) {
  for (std::size_t half = kVirtualLanes / 2; half > 0; half /= 2) {
    const std::size_t above = count > half ? count - half : 0;
    for (std::size_t i = 0; i < (above < half ? above : half); ++i) slot[i] += slot[i + half];
  }
  return slot[0] + 0.0;  // empty lanes are +0.0, so the sum is never -0.0
}

// Element j of a row is added to virtual lane j % 16; add() takes the vector of elements [j, j + lanes).
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

  // The tail: only the first `count` lanes are added.
  PRELUNET_INLINE void add(std::size_t j, Vec<T> v, std::size_t count) {
    add(j, count == kLanes<T> ? v : keep_first(v, count));
  }

  PRELUNET_INLINE double total() const {
    constexpr std::size_t kVectors = kVirtualLanes / kLanes<double>;
    Vec<double> sum[kVectors];
    __builtin_memcpy(sum, sum_, sizeof sum);
    for (std::size_t half = kVectors / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) sum[i] += sum[i + half];
    }
    double lane[kLanes<double>];
    store(lane, sum[0]);
    for (std::size_t half = kLanes<double> / 2; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
    }
    return lane[0];
  }

 private:
  Vec<double> sum_[kVirtualLanes / kLanes<double>] = {};
};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
