// AVX-512: 64-byte vectors. What each function does: vec.h.
#pragma once

#include "simd/types.h"

namespace prelunet::PRELUNET_ISA {
namespace {

PRELUNET_INLINE VecF32 splat(float x) { return (VecF32)_mm512_set1_ps(x); }
PRELUNET_INLINE VecF64 splat(double x) { return (VecF64)_mm512_set1_pd(x); }
PRELUNET_INLINE __mmask16 first_lanes_f32(std::size_t count) { return (__mmask16)((1u << count) - 1u); }
PRELUNET_INLINE __mmask8 first_lanes_f64(std::size_t count) { return (__mmask8)((1u << count) - 1u); }
PRELUNET_INLINE VecF32 load_partial(const float* p, std::size_t count) {
  return (VecF32)_mm512_maskz_loadu_ps(first_lanes_f32(count), p);
}
PRELUNET_INLINE VecF64 load_partial(const double* p, std::size_t count) {
  return (VecF64)_mm512_maskz_loadu_pd(first_lanes_f64(count), p);
}
PRELUNET_INLINE void store_partial(float* p, VecF32 v, std::size_t count) {
  _mm512_mask_storeu_ps(p, first_lanes_f32(count), (__m512)v);
}
PRELUNET_INLINE void store_partial(double* p, VecF64 v, std::size_t count) {
  _mm512_mask_storeu_pd(p, first_lanes_f64(count), (__m512d)v);
}
PRELUNET_INLINE VecF32 keep_first(VecF32 v, std::size_t count) {
  return (VecF32)_mm512_maskz_mov_ps(first_lanes_f32(count), (__m512)v);
}
PRELUNET_INLINE VecF64 keep_first(VecF64 v, std::size_t count) {
  return (VecF64)_mm512_maskz_mov_pd(first_lanes_f64(count), (__m512d)v);
}

PRELUNET_INLINE HalfF32 splat_half(float x) { return (HalfF32)_mm256_set1_ps(x); }
PRELUNET_INLINE HalfF64 splat_half(double x) { return (HalfF64)_mm256_set1_pd(x); }
PRELUNET_INLINE HalfF32 load_half(const float* p, std::size_t count) {
  return (HalfF32)_mm256_maskz_loadu_ps((__mmask8)((1u << count) - 1u), p);
}
PRELUNET_INLINE HalfF64 load_half(const double* p, std::size_t count) {
  return (HalfF64)_mm256_maskz_loadu_pd((__mmask8)((1u << count) - 1u), p);
}
PRELUNET_INLINE void store_half(float* p, HalfF32 v, std::size_t count) {
  _mm256_mask_storeu_ps(p, (__mmask8)((1u << count) - 1u), (__m256)v);
}
PRELUNET_INLINE void store_half(double* p, HalfF64 v, std::size_t count) {
  _mm256_mask_storeu_pd(p, (__mmask8)((1u << count) - 1u), (__m256d)v);
}

template <class T>
PRELUNET_INLINE __m128i load_part(const T* p) {
  return _mm_loadu_si128((const __m128i*)p);
}
template <class V, class T>
PRELUNET_INLINE V load_parts(const T* const* p, std::size_t offset) {
  if constexpr (sizeof(V) == 32) {
    const __m256i first = _mm256_castsi128_si256(load_part(p[0] + offset));
    return (V)_mm256_inserti128_si256(first, load_part(p[1] + offset), 1);
  } else {
    __m512i parts = _mm512_castsi128_si512(load_part(p[0] + offset));
    parts = _mm512_inserti32x4(parts, load_part(p[1] + offset), 1);
    parts = _mm512_inserti32x4(parts, load_part(p[2] + offset), 2);
    return (V)_mm512_inserti32x4(parts, load_part(p[3] + offset), 3);
  }
}

PRELUNET_INLINE VecF32 splat_pair(const float* p) {
  double pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return (VecF32)_mm512_set1_pd(pair);
}
PRELUNET_INLINE VecF32 with_pair(VecF32 v, std::size_t row, VecF32 x) {
  return (VecF32)_mm512_mask_mov_ps((__m512)v, (__mmask16)(3u << 2 * row), (__m512)x);
}

PRELUNET_INLINE VecF32 fma(VecF32 a, VecF32 b, VecF32 c) {
  return (VecF32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
PRELUNET_INLINE VecF64 fma(VecF64 a, VecF64 b, VecF64 c) {
  return (VecF64)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
PRELUNET_INLINE HalfF32 fma(HalfF32 a, HalfF32 b, HalfF32 c) {
  return (HalfF32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
PRELUNET_INLINE HalfF64 fma(HalfF64 a, HalfF64 b, HalfF64 c) {
  return (HalfF64)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
PRELUNET_INLINE VecF32 sqrt(VecF32 x) { return (VecF32)_mm512_sqrt_ps((__m512)x); }
PRELUNET_INLINE VecF64 sqrt(VecF64 x) { return (VecF64)_mm512_sqrt_pd((__m512d)x); }

PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return (VecF32)_mm512_max_ps((__m512)a, (__m512)b); }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return (VecF64)_mm512_max_pd((__m512d)a, (__m512d)b); }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return (VecF32)_mm512_min_ps((__m512)a, (__m512)b); }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return (VecF64)_mm512_min_pd((__m512d)a, (__m512d)b); }

PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1)); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  const __m512 bottom = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low));
  return (VecF32)_mm512_insertf32x8(bottom, _mm512_cvtpd_ps((__m512d)high), 1);
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
