// AArch64: 16-byte vectors. What each function does: vec.h.
#pragma once

#include "simd/types.h"

namespace prelunet::PRELUNET_ISA {
namespace {

PRELUNET_INLINE VecF32 splat(float x) { return VecF32{x, x, x, x}; }
PRELUNET_INLINE VecF64 splat(double x) { return VecF64{x, x}; }
// Lanes have constant numbers, so that the vector stays in a register.
template <class T>
PRELUNET_INLINE Vec<T> load_partial(const T* p, std::size_t count) {
  Vec<T> v = {};
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kLanes<T>; ++i) {
    if (i < count) v[i] = p[i];
  }
  return v;
}
template <class T>
PRELUNET_INLINE void store_partial(T* p, Vec<T> v, std::size_t count) {
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kLanes<T>; ++i) {
    if (i < count) p[i] = v[i];
  }
}
template <class V>
PRELUNET_INLINE V keep_first(V v, std::size_t count) {
  constexpr std::size_t kCount = sizeof(V) / sizeof v[0];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < kCount; ++i) {
    if (i >= count) v[i] = 0;
  }
  return v;
}

template <class V, class T>
PRELUNET_INLINE V load_parts(const T* const* p, std::size_t offset) {
  V v;
  __builtin_memcpy(&v, p[0] + offset, sizeof v);
  return v;
}

PRELUNET_INLINE VecF32 fma(VecF32 a, VecF32 b, VecF32 c) {
  return (VecF32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
PRELUNET_INLINE VecF64 fma(VecF64 a, VecF64 b, VecF64 c) {
  return (VecF64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
PRELUNET_INLINE VecF32 sqrt(VecF32 x) { return (VecF32)vsqrtq_f32((float32x4_t)x); }
PRELUNET_INLINE VecF64 sqrt(VecF64 x) { return (VecF64)vsqrtq_f64((float64x2_t)x); }

PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return a > b ? a : b; }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return a > b ? a : b; }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return a < b ? a : b; }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return a < b ? a : b; }

PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)vcvt_f64_f32(vget_low_f32((float32x4_t)x)); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)vcvt_high_f64_f32((float32x4_t)x); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  return (VecF32)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)low), (float64x2_t)high);
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
