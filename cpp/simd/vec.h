// A thin typed wrapper over one SIMD register: load, store, fma, max, select, sqrt, convert.
//
// Every operation gives the same bits in a lane on every ISA, except that fma() rounds twice on the x86-64 baseline,
// which has no FMA. The functions that need intrinsics are in avx512.h, avx2.h, sse2.h and neon.h, one of which is
// included here; what each of them does is written below, once. All code is in the anonymous namespace of its ISA, so
// that no symbol compiled for one ISA can be linked into another.
//
// Why not a SIMD library: about ten operations are needed, and each must give the same bits everywhere.
//
//   splat(x)                      x in every lane
//   load_partial(p, count)        the first `count` lanes from memory, zeros in the others (0 <= count <= lanes)
//   store_partial(p, v, count)    the first `count` lanes to memory; nothing past them is touched
//   keep_first(v, count)          zeros in all lanes but the first `count`
//   splat_half, load_half, store_half    the same for half a vector; load_half and store_half are partial
//   load_parts<V>(p, offset)      16 bytes from each of p[0] + offset, p[1] + offset, ..., as many as fill a V
//   splat_pair(p), with_pair(v, row, x)  where kHasPairs: p[0], p[1] in every pair of lanes; v with pair `row` from x
//   fma(a, b, c)                  a * b + c
//   sqrt(x)
//   max(a, b), min(a, b)          b if either is NaN or both are zero, as on x86: max(x, b) with b not NaN drops a
//                                 NaN in x, max(b, x) keeps it. Intrinsics, because GCC 12 compiles a > b ? a : b to a
//                                 comparison and a blend.
//   widen_low(x), widen_high(x)   the lower and upper half of a float vector as doubles
//   narrow(low, high)             two vectors of doubles as floats, rounded to nearest even
#pragma once

#include "simd/types.h"

#if defined(__AVX512F__)
#include "simd/avx512.h"
#elif defined(__AVX2__)
#include "simd/avx2.h"
#elif defined(__aarch64__)
#include "simd/neon.h"
#else
#include "simd/sse2.h"
#endif

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
PRELUNET_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
PRELUNET_INLINE void store(float* p, VecF32 v) { __builtin_memcpy(p, &v, sizeof v); }
PRELUNET_INLINE void store(double* p, VecF64 v) { __builtin_memcpy(p, &v, sizeof v); }

// x, rounded to V's element type, in every lane: for constants in code that serves both types.
template <class V>
PRELUNET_INLINE V constant(double x) {
  if constexpr (sizeof(V{}[0]) == sizeof(float)) {
    return splat(static_cast<float>(x));
  } else {
    return splat(x);
  }
}

// Prefetch the cache line at p, which need not be a readable address. `_to_write` requests ownership, so that a later
// store does not wait for another core. `_to_level_2` is for lines that the first level would evict before their use.
PRELUNET_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }
PRELUNET_INLINE void prefetch_to_write(const void* p) { __builtin_prefetch(p, 1); }
PRELUNET_INLINE void prefetch_to_level_2(const void* p) { __builtin_prefetch(p, 0, 2); }

// p, hidden from the optimizer: the compiler cannot derive other addresses from it in advance.
template <class T>
PRELUNET_INLINE T* opaque(T* p) {
  asm("" : "+r"(p));
  return p;
}

// c = fma(a, b, c) in c's own register. Inline assembly on x86: in an unrolled loop GCC 12 may write the sum over a
// factor, and then moves accumulators between registers until some spill to the stack.
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

// mask ? a : b in each lane; the mask is the result of comparing two vectors.
template <class M, class V>
PRELUNET_INLINE V select(M mask, V a, V b) {
  return mask ? a : b;
}

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

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
