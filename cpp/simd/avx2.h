// AVX2 and FMA: 32-byte vectors. What each function does: vec.h.
#pragma once

#include "simd/types.h"

namespace prelunet::PRELUNET_ISA {
namespace {

PRELUNET_INLINE VecF32 splat(float x) { return (VecF32)_mm256_set1_ps(x); }
PRELUNET_INLINE VecF64 splat(double x) { return (VecF64)_mm256_set1_pd(x); }
PRELUNET_INLINE __m256i first_lanes_f32(std::size_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
PRELUNET_INLINE __m256i first_lanes_f64(std::size_t count) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)count), _mm256_setr_epi64x(0, 1, 2, 3));
}
PRELUNET_INLINE VecF32 load_partial(const float* p, std::size_t count) {
  return (VecF32)_mm256_maskload_ps(p, first_lanes_f32(count));
}
PRELUNET_INLINE VecF64 load_partial(const double* p, std::size_t count) {
  return (VecF64)_mm256_maskload_pd(p, first_lanes_f64(count));
}
PRELUNET_INLINE void store_partial(float* p, VecF32 v, std::size_t count) {
  _mm256_maskstore_ps(p, first_lanes_f32(count), (__m256)v);
}
PRELUNET_INLINE void store_partial(double* p, VecF64 v, std::size_t count) {
  _mm256_maskstore_pd(p, first_lanes_f64(count), (__m256d)v);
}
PRELUNET_INLINE VecF32 keep_first(VecF32 v, std::size_t count) {
  return (VecF32)((VecI32)v & (VecI32)first_lanes_f32(count));
}
PRELUNET_INLINE VecF64 keep_first(VecF64 v, std::size_t count) {
  return (VecF64)((VecI64)v & (VecI64)first_lanes_f64(count));
}

PRELUNET_INLINE HalfF32 splat_half(float x) { return (HalfF32)_mm_set1_ps(x); }
PRELUNET_INLINE HalfF64 splat_half(double x) { return (HalfF64)_mm_set1_pd(x); }
PRELUNET_INLINE __m128i first_half_lanes_f32(std::size_t count) {
  return _mm_cmpgt_epi32(_mm_set1_epi32((int)count), _mm_setr_epi32(0, 1, 2, 3));
}
PRELUNET_INLINE __m128i first_half_lanes_f64(std::size_t count) {
  return _mm_cmpgt_epi64(_mm_set1_epi64x((long long)count), _mm_set_epi64x(1, 0));
}
PRELUNET_INLINE HalfF32 load_half(const float* p, std::size_t count) {
  return (HalfF32)_mm_maskload_ps(p, first_half_lanes_f32(count));
}
PRELUNET_INLINE HalfF64 load_half(const double* p, std::size_t count) {
  return (HalfF64)_mm_maskload_pd(p, first_half_lanes_f64(count));
}
PRELUNET_INLINE void store_half(float* p, HalfF32 v, std::size_t count) {
  _mm_maskstore_ps(p, first_half_lanes_f32(count), (__m128)v);
}
PRELUNET_INLINE void store_half(double* p, HalfF64 v, std::size_t count) {
  _mm_maskstore_pd(p, first_half_lanes_f64(count), (__m128d)v);
}

template <class V, class T>
PRELUNET_INLINE V load_parts(const T* const* p, std::size_t offset) {
  const auto part = [&](std::size_t i)
                        __attribute__((always_inline)) { return _mm_loadu_si128((const __m128i*)(p[i] + offset)); };
  if constexpr (sizeof(V) == 16) {
    return (V)part(0);
  } else {
    return (V)_mm256_inserti128_si256(_mm256_castsi128_si256(part(0)), part(1), 1);
  }
}

PRELUNET_INLINE VecF32 fma(VecF32 a, VecF32 b, VecF32 c) {
  return (VecF32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
PRELUNET_INLINE VecF64 fma(VecF64 a, VecF64 b, VecF64 c) {
  return (VecF64)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
PRELUNET_INLINE HalfF32 fma(HalfF32 a, HalfF32 b, HalfF32 c) {
  return (HalfF32)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
}
PRELUNET_INLINE HalfF64 fma(HalfF64 a, HalfF64 b, HalfF64 c) {
  return (HalfF64)_mm_fmadd_pd((__m128d)a, (__m128d)b, (__m128d)c);
}
PRELUNET_INLINE VecF32 sqrt(VecF32 x) { return (VecF32)_mm256_sqrt_ps((__m256)x); }
PRELUNET_INLINE VecF64 sqrt(VecF64 x) { return (VecF64)_mm256_sqrt_pd((__m256d)x); }

PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return (VecF32)_mm256_max_ps((__m256)a, (__m256)b); }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return (VecF64)_mm256_max_pd((__m256d)a, (__m256d)b); }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return (VecF32)_mm256_min_ps((__m256)a, (__m256)b); }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return (VecF64)_mm256_min_pd((__m256d)a, (__m256d)b); }

PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1)); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  return (VecF32)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)high), _mm256_cvtpd_ps((__m256d)low));
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
