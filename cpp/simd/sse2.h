// x86-64 baseline: 16-byte vectors, no FMA. What each function does: vec.h.
#pragma once

#include "simd/types.h"

namespace prelunet::PRELUNET_ISA {
namespace {

PRELUNET_INLINE VecF32 splat(float x) { return VecF32{x, x, x, x}; }
PRELUNET_INLINE VecF64 splat(double x) { return VecF64{x, x}; }
template <class T>
PRELUNET_INLINE Vec<T> load_partial(const T* p, std::size_t count) {
  Vec<T> v = {};
  for (std::size_t i = 0; i < count; ++i) v[i] = p[i];
  return v;
}
PRELUNET_INLINE void store_partial(float* p, VecF32 v, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) p[i] = v[i];
}
PRELUNET_INLINE void store_partial(double* p, VecF64 v, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) p[i] = v[i];
}
template <class V>
PRELUNET_INLINE V keep_first(V v, std::size_t count) {
  for (std::size_t i = count; i < sizeof(V) / sizeof v[0]; ++i) v[i] = 0;
  return v;
}

template <class V, class T>
PRELUNET_INLINE V load_parts(const T* const* p, std::size_t offset) {
  V v;
  __builtin_memcpy(&v, p[0] + offset, sizeof v);
  return v;
}

PRELUNET_INLINE VecF32 fma(VecF32 a, VecF32 b, VecF32 c) { return a * b + c; }
PRELUNET_INLINE VecF64 fma(VecF64 a, VecF64 b, VecF64 c) { return a * b + c; }
PRELUNET_INLINE VecF32 sqrt(VecF32 x) { return (VecF32)_mm_sqrt_ps((__m128)x); }
PRELUNET_INLINE VecF64 sqrt(VecF64 x) { return (VecF64)_mm_sqrt_pd((__m128d)x); }

PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return (VecF32)_mm_max_ps((__m128)a, (__m128)b); }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return (VecF64)_mm_max_pd((__m128d)a, (__m128d)b); }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return (VecF32)_mm_min_ps((__m128)a, (__m128)b); }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return (VecF64)_mm_min_pd((__m128d)a, (__m128d)b); }

PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)_mm_cvtps_pd((__m128)x); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x)); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  return (VecF32)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
