// The FMA ceiling that benchmarks compare with: fused multiply-adds on registers only.
#pragma once

#include "kernels/tuning.h"
#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

constexpr std::size_t kCeilingChains = kTuning.ceiling_chains;

template <class T>
constexpr std::size_t kCeilingFlops = 2 * kCeilingChains * kLanes<T>;

// Runs `iterations` iterations of kCeilingFlops<T> operations each. The result keeps the compiler from removing them.
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
