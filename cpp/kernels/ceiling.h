// The ceiling that shares are quoted against: fused multiply-adds on registers alone.
#pragma once

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// Chains that run side by side: enough to hide an FMA's latency (4 cycles, two started in each), few enough that none
// is spilled beside the two factors.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr std::size_t kCeilingChains = 24;  // of 32 registers
#else
constexpr std::size_t kCeilingChains = 12;  // of 16
#endif

template <class T>
constexpr std::size_t kCeilingFlops = 2 * kCeilingChains * kLanes<T>;

// kCeilingFlops<T> operations for each of `iterations`. The result keeps the compiler from leaving them out.
template <class T>
T fma_ceiling(std::size_t iterations) {
  const Vec<T> factor = constant<Vec<T>>(0.5);
  const Vec<T> term = constant<Vec<T>>(1.0);  // chains converge to 2: no overflow, no subnormal numbers
  Vec<T> chain[kCeilingChains];
#pragma GCC unroll 24
  for (std::size_t i = 0; i < kCeilingChains; ++i) chain[i] = constant<Vec<T>>(static_cast<double>(i));
  for (std::size_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 24
    for (std::size_t i = 0; i < kCeilingChains; ++i) chain[i] = fma(chain[i], factor, term);
  }
  Vec<T> sum = chain[0];
#pragma GCC unroll 24
  for (std::size_t i = 1; i < kCeilingChains; ++i) sum = sum + chain[i];
  return sum[0];
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
