// Rounds vectors of float32 to bfloat16, one by one or in pairs.
//
// Rounding is that of VCVTNEPS2BF16 on every ISA: to nearest even, subnormal numbers to zeros of the same sign, NaN to
// quiet NaN.
#pragma once

#include "simd/vec.h"

namespace prelunet::PRELUNET_ISA {
namespace {

typedef std::uint32_t VecU32 __attribute__((vector_size(kVectorBytes)));
typedef std::uint16_t HalfU16 __attribute__((vector_size(kVectorBytes / 2)));

constexpr std::size_t kPairs = kLanes<float>;  // pairs of bfloat16 in a vector

// Loads `count` numbers (at most 2 * kPairs), followed by zeros.
PRELUNET_INLINE VecU32 load_bfloat16(const std::uint16_t* p, std::size_t count) {
  VecU32 v = {};
  if (count >= 2 * kPairs) {
    __builtin_memcpy(&v, p, sizeof v);
  } else {
    std::uint16_t some[2 * kPairs] = {};
    for (std::size_t i = 0; i < count; ++i) some[i] = p[i];
    __builtin_memcpy(&v, some, sizeof v);
  }
  return v;
}

PRELUNET_INLINE VecU32 widen(HalfU16 x) { return __builtin_convertvector(x, VecU32); }

#if defined(__AVX512BF16__)
PRELUNET_INLINE HalfU16 to_bfloat16(VecF32 x) { return (HalfU16)_mm512_cvtneps_pbh((__m512)x); }
// The bfloat16 numbers of a, followed by those of b.
PRELUNET_INLINE VecU32 to_bfloat16(VecF32 a, VecF32 b) { return (VecU32)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a); }
#else
// The bfloat16 is in the upper half of each lane. The lower half has no meaning.
PRELUNET_INLINE VecU32 rounded_bits(VecF32 x) {
  const VecU32 bits = (VecU32)x, magnitude = bits & 0x7fffffffu;
  const VecU32 rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const VecU32 finite = magnitude < 0x00800000u ? bits & 0x80000000u : rounded;
  return magnitude > 0x7f800000u ? bits | 0x00400000u : finite;
}
PRELUNET_INLINE HalfU16 to_bfloat16(VecF32 x) { return __builtin_convertvector(rounded_bits(x) >> 16, HalfU16); }
PRELUNET_INLINE VecU32 to_bfloat16(VecF32 a, VecF32 b) {
  const HalfU16 half[2] = {to_bfloat16(a), to_bfloat16(b)};
  VecU32 v;
  __builtin_memcpy(&v, half, sizeof v);
  return v;
}
#endif

// Lane i holds the pair of a[i] (lower half) and b[i] (upper half).
PRELUNET_INLINE VecU32 pair_lanes(VecF32 a, VecF32 b) {
#if defined(__AVX512BF16__)
  alignas(64) static constexpr std::uint16_t kInTurn[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                            21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                            11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return (VecU32)_mm512_permutexvar_epi16(_mm512_load_si512(kInTurn), (__m512i)to_bfloat16(a, b));
#else
  return (rounded_bits(a) >> 16) | (rounded_bits(b) & 0xffff0000u);
#endif
}

// The pairs along a row: elements (0, 1), (2, 3), ... of `count` elements (at most 2 * kPairs), followed by zeros.
PRELUNET_INLINE VecU32 pairs_along(const float* p, std::size_t count) {
  if (count >= 2 * kPairs) return to_bfloat16(load(p), load(p + kPairs));
  const std::size_t first = count < kPairs ? count : kPairs;
  return to_bfloat16(load_partial(p, first), load_partial(p + first, count - first));
}
PRELUNET_INLINE VecU32 pairs_along(const std::uint16_t* p, std::size_t count) { return load_bfloat16(p, count); }

// The pairs across two rows: pair j is (a[j], b[j]), for j < count, followed by zeros. A null b counts as zeros.
PRELUNET_INLINE VecU32 pairs_across(const float* a, const float* b, std::size_t count) {
  if (b != nullptr && count >= kPairs) return pair_lanes(load(a), load(b));
  const VecF32 zero = {};
  const std::size_t some = count < kPairs ? count : kPairs;
  return pair_lanes(load_partial(a, some), b == nullptr ? zero : load_partial(b, some));
}
PRELUNET_INLINE VecU32 pairs_across(const std::uint16_t* a, const std::uint16_t* b, std::size_t count) {
  HalfU16 low = {}, high = {};
  if (count >= kPairs) {
    __builtin_memcpy(&low, a, sizeof low);
    if (b != nullptr) __builtin_memcpy(&high, b, sizeof high);
  } else {
    std::uint16_t some[2][kPairs] = {};
    for (std::size_t j = 0; j < count; ++j) {
      some[0][j] = a[j];
      if (b != nullptr) some[1][j] = b[j];
    }
    __builtin_memcpy(&low, some[0], sizeof low);
    __builtin_memcpy(&high, some[1], sizeof high);
  }
  return widen(low) | (widen(high) << 16);
}

void convert_to_bfloat16(std::size_t count, const float* x, std::uint16_t* y) {
  std::size_t i = 0;
  for (; i + kPairs <= count; i += kPairs) {
    const HalfU16 v = to_bfloat16(load(x + i));
    __builtin_memcpy(y + i, &v, sizeof v);
  }
  if (i == count) return;
  const HalfU16 v = to_bfloat16(load_partial(x + i, count - i));
  std::uint16_t some[kPairs];
  __builtin_memcpy(some, &v, sizeof v);
  for (std::size_t j = 0; i + j < count; ++j) y[i + j] = some[j];
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
