// A thin typed wrapper over one SIMD register: load, store, fma, max, select, sqrt, round, convert.
//
// Vec<float> and Vec<double> are GCC/Clang vector types, so + - * / and comparisons work on them as they do on
// scalars; a comparison gives a lane mask for select(). Only what the language cannot say is spelled per ISA here.
// Every operation gives the same bits in a lane on every ISA, except that the baseline without FMA rounds twice in
// fma(). Each kernel file includes this once, inside the ISA's own anonymous namespace (see kernels/table.cpp).
//
// Why not a SIMD library: about ten operations are needed, and each must give the same bits everywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "simd/isa.h"

#define PRELUNET_INLINE inline __attribute__((always_inline))

namespace prelunet::PRELUNET_ISA {
namespace {

#if defined(__AVX512F__)
constexpr std::size_t kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t kVectorBytes = 32;
#else
constexpr std::size_t kVectorBytes = 16;
#endif

template <class T>
struct VecTypes;
template <>
struct VecTypes<float> {
  typedef float Vector __attribute__((vector_size(kVectorBytes)));
  typedef std::int32_t Mask __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VecTypes<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes)));
  typedef std::int64_t Mask __attribute__((vector_size(kVectorBytes)));
};

// A number known at compile time, as an argument. (The standard's has a function, which a build may leave behind.)
template <std::size_t kNumber>
struct Count {
  static constexpr std::size_t value = kNumber;
};

template <class T>
using Vec = typename VecTypes<T>::Vector;
using VecF32 = Vec<float>;
using VecF64 = Vec<double>;
using VecI32 = VecTypes<float>::Mask;
using VecI64 = VecTypes<double>::Mask;

template <class T>
constexpr std::size_t kLanes = kVectorBytes / sizeof(T);

// A mask has a register of its own kind, and takes none of those that hold vectors.
constexpr bool kHasMaskRegisters = kVectorBytes == 64;

// Half a register, for the last few columns of a matrix product; where registers are short there is none.
constexpr bool kHasHalf = kVectorBytes > 16;
template <class T>
struct HalfTypes;
template <>
struct HalfTypes<float> {
  typedef float Vector __attribute__((vector_size(kVectorBytes / 2)));
};
template <>
struct HalfTypes<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes / 2)));
};
template <class T>
using HalfVec = typename HalfTypes<T>::Vector;

// ---- load and store --------------------------------------------------------------------------------------------

template <class T>
PRELUNET_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

PRELUNET_INLINE void store(float* p, VecF32 v) { __builtin_memcpy(p, &v, sizeof v); }
PRELUNET_INLINE void store(double* p, VecF64 v) { __builtin_memcpy(p, &v, sizeof v); }

// splat: x in every lane. load_partial: the first `count` lanes from memory and zeros in the others; store_partial: the
// first `count` lanes to memory. Nothing past them is touched (0 <= count <= lanes). keep_first: zeros in the other
// lanes.
#if defined(__AVX512F__)
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
#elif defined(__AVX2__)
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
#else
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
#endif

// The same for half a register.
#if defined(__AVX512F__)
using HalfF32 = HalfVec<float>;
using HalfF64 = HalfVec<double>;
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
#elif defined(__AVX2__)
using HalfF32 = HalfVec<float>;
using HalfF64 = HalfVec<double>;
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
#endif

// 16 bytes from p[i] + offset for each i of as many as make up a V.
template <class V, class T>
PRELUNET_INLINE V load_parts(const T* const* p, std::size_t offset) {
  V v;
  if constexpr (sizeof(V) == 16) {
    __builtin_memcpy(&v, p[0] + offset, sizeof v);
#if defined(__AVX2__)
  } else if constexpr (sizeof(V) == 32) {
    const __m256i first = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i*)(p[0] + offset)));
    v = (V)_mm256_inserti128_si256(first, _mm_loadu_si128((const __m128i*)(p[1] + offset)), 1);
#endif
#if defined(__AVX512F__)
  } else {
    __m512i parts = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i*)(p[0] + offset)));
    parts = _mm512_inserti32x4(parts, _mm_loadu_si128((const __m128i*)(p[1] + offset)), 1);
    parts = _mm512_inserti32x4(parts, _mm_loadu_si128((const __m128i*)(p[2] + offset)), 2);
    v = (V)_mm512_inserti32x4(parts, _mm_loadu_si128((const __m128i*)(p[3] + offset)), 3);
#endif
  }
  return v;
}

// Two numbers for each of as many rows as there are pairs of lanes. splat_pair: p[0] and p[1] in every pair; with_pair:
// v, but for pair `row`, which is that of x.
constexpr bool kHasPairs = kHasMaskRegisters;
#if defined(__AVX512F__)
PRELUNET_INLINE VecF32 splat_pair(const float* p) {
  double pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return (VecF32)_mm512_set1_pd(pair);
}
PRELUNET_INLINE VecF32 with_pair(VecF32 v, std::size_t row, VecF32 x) {
  return (VecF32)_mm512_mask_mov_ps((__m512)v, (__mmask16)(3u << 2 * row), (__m512)x);
}
#endif

// Asks for the cache line at p; p need not be an address one may read. `_to_write`: alone, so that a store need not
// wait until another core has let go of it. `_to_level_2`: what is wanted later than the first level would keep it.
PRELUNET_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }
PRELUNET_INLINE void prefetch_to_write(const void* p) { __builtin_prefetch(p, 1); }
PRELUNET_INLINE void prefetch_to_level_2(const void* p) { __builtin_prefetch(p, 0, 2); }

// An address that the compiler may not take apart.
template <class T>
PRELUNET_INLINE T* opaque(T* p) {
  asm("" : "+r"(p));
  return p;
}

// The number x, rounded to V's element type, in every lane: for constants in code that serves both types.
template <class V>
PRELUNET_INLINE V constant(double x) {
  if constexpr (sizeof(V{}[0]) == sizeof(float)) {
    return splat(static_cast<float>(x));
  } else {
    return splat(x);
  }
}

// ---- arithmetic ------------------------------------------------------------------------------------------------

// a * b + c, rounded once (twice on x86-64 baseline, which has no FMA).
#if defined(__AVX512F__)
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
#elif defined(__AVX2__)
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
#elif defined(__aarch64__)
PRELUNET_INLINE VecF32 fma(VecF32 a, VecF32 b, VecF32 c) {
  return (VecF32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
PRELUNET_INLINE VecF64 fma(VecF64 a, VecF64 b, VecF64 c) {
  return (VecF64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
PRELUNET_INLINE VecF32 sqrt(VecF32 x) { return (VecF32)vsqrtq_f32((float32x4_t)x); }
PRELUNET_INLINE VecF64 sqrt(VecF64 x) { return (VecF64)vsqrtq_f64((float64x2_t)x); }
#else
PRELUNET_INLINE VecF32 fma(VecF32 a, VecF32 b, VecF32 c) { return a * b + c; }
PRELUNET_INLINE VecF64 fma(VecF64 a, VecF64 b, VecF64 c) { return a * b + c; }
PRELUNET_INLINE VecF32 sqrt(VecF32 x) { return (VecF32)_mm_sqrt_ps((__m128)x); }
PRELUNET_INLINE VecF64 sqrt(VecF64 x) { return (VecF64)_mm_sqrt_pd((__m128d)x); }
#endif

// c = fma(a, b, c), c staying where it is. Spelled out for x86, where GCC 12 is free to put the sum in place of a
// factor: in an unrolled loop it then moves the accumulators about until some lie on the stack.
#if defined(__AVX2__)
template <class V>
PRELUNET_INLINE void accumulate(V& c, V a, V b) {
  if constexpr (sizeof(V{}[0]) == sizeof(float)) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
  } else {
    asm("vfmadd231pd %2, %1, %0" : "+v"(c) : "v"(a), "v"(b));
  }
}
#else
template <class V>
PRELUNET_INLINE void accumulate(V& c, V a, V b) {
  c = fma(a, b, c);
}
#endif

// mask ? a : b in each lane; the mask is what a comparison of two vectors gives.
template <class M, class V>
PRELUNET_INLINE V select(M mask, V a, V b) {
  return mask ? a : b;
}

// The larger (smaller); b where either is NaN or both are zero, as x86 has it, so max(x, b) with a NaN-free b drops a
// NaN in x and max(b, x) keeps it. Spelled out for x86 because GCC 12 makes a comparison and a blend of the language's
// words.
#if defined(__AVX512F__)
PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return (VecF32)_mm512_max_ps((__m512)a, (__m512)b); }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return (VecF64)_mm512_max_pd((__m512d)a, (__m512d)b); }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return (VecF32)_mm512_min_ps((__m512)a, (__m512)b); }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return (VecF64)_mm512_min_pd((__m512d)a, (__m512d)b); }
#elif defined(__AVX2__)
PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return (VecF32)_mm256_max_ps((__m256)a, (__m256)b); }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return (VecF64)_mm256_max_pd((__m256d)a, (__m256d)b); }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return (VecF32)_mm256_min_ps((__m256)a, (__m256)b); }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return (VecF64)_mm256_min_pd((__m256d)a, (__m256d)b); }
#elif defined(__x86_64__)
PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return (VecF32)_mm_max_ps((__m128)a, (__m128)b); }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return (VecF64)_mm_max_pd((__m128d)a, (__m128d)b); }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return (VecF32)_mm_min_ps((__m128)a, (__m128)b); }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return (VecF64)_mm_min_pd((__m128d)a, (__m128d)b); }
#else
PRELUNET_INLINE VecF32 max(VecF32 a, VecF32 b) { return a > b ? a : b; }
PRELUNET_INLINE VecF64 max(VecF64 a, VecF64 b) { return a > b ? a : b; }
PRELUNET_INLINE VecF32 min(VecF32 a, VecF32 b) { return a < b ? a : b; }
PRELUNET_INLINE VecF64 min(VecF64 a, VecF64 b) { return a < b ? a : b; }
#endif

PRELUNET_INLINE VecF32 abs(VecF32 x) { return (VecF32)((VecI32)x & 0x7fffffff); }
PRELUNET_INLINE VecF64 abs(VecF64 x) { return (VecF64)((VecI64)x & 0x7fffffffffffffffLL); }

// |magnitude| with the sign bit of `sign`.
PRELUNET_INLINE VecF32 copysign(VecF32 magnitude, VecF32 sign) {
  return (VecF32)(((VecI32)magnitude & 0x7fffffff) | ((VecI32)sign & ~0x7fffffff));
}
PRELUNET_INLINE VecF64 copysign(VecF64 magnitude, VecF64 sign) {
  constexpr long long kMagnitude = 0x7fffffffffffffffLL;
  return (VecF64)(((VecI64)magnitude & kMagnitude) | ((VecI64)sign & ~kMagnitude));
}

// ---- conversion ------------------------------------------------------------------------------------------------

// The lower and upper half of a float vector as doubles, and back (rounded to nearest even).
#if defined(__AVX512F__)
PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1)); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  const __m512 bottom = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low));
  return (VecF32)_mm512_insertf32x8(bottom, _mm512_cvtpd_ps((__m512d)high), 1);
}
#elif defined(__AVX2__)
PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1)); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  return (VecF32)_mm256_set_m128(_mm256_cvtpd_ps((__m256d)high), _mm256_cvtpd_ps((__m256d)low));
}
#elif defined(__aarch64__)
PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)vcvt_f64_f32(vget_low_f32((float32x4_t)x)); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)vcvt_high_f64_f32((float32x4_t)x); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  return (VecF32)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)low), (float64x2_t)high);
}
#else
PRELUNET_INLINE VecF64 widen_low(VecF32 x) { return (VecF64)_mm_cvtps_pd((__m128)x); }
PRELUNET_INLINE VecF64 widen_high(VecF32 x) { return (VecF64)_mm_cvtps_pd(_mm_movehl_ps((__m128)x, (__m128)x)); }
PRELUNET_INLINE VecF32 narrow(VecF64 low, VecF64 high) {
  return (VecF32)_mm_movelh_ps(_mm_cvtpd_ps((__m128d)low), _mm_cvtpd_ps((__m128d)high));
}
#endif

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
