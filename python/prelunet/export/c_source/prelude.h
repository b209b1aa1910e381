#include <float.h>
#include <math.h>
#if defined(NET_FLUSH) && (defined(__SSE2__) || defined(_M_X64))
#include <xmmintrin.h>
#endif

// 16: as 0, with _Float16.
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "float and double must be computed in their own precision (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__)
#error "-ffast-math and -Ofast change results"
#endif

// The compiler must not contract a product and a sum into a fused multiply-add. GCC 12 vectorizes straight-line code
// without rounding a double to float if the float is converted back.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off", "no-tree-slp-vectorize")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif

// Functions with other options than the caller's, and those around which the mode of NET_FLUSH is set.
#if defined(__GNUC__)
#define NET_NOINLINE __attribute__((noinline))
#else
#define NET_NOINLINE
#endif

#if defined(__GNUC__) || defined(_MSC_VER)
#define NET_RESTRICT __restrict
#elif defined(__cplusplus)
#define NET_RESTRICT
#else
#define NET_RESTRICT restrict
#endif

#ifdef NET_NO_FMA
#define NET_FMA(a, b, c) ((a) * (b) + (c))
#define NET_FMA_REAL(a, b, c) ((a) * (b) + (c))
#elif defined(NET_SOFT_FMA)
#define NET_FMA(a, b, c) net_soft_fma(a, b, c)
#define NET_FMA_REAL(a, b, c) NET_SOFT_FMA_REAL(a, b, c)
#else
#define NET_FMA(a, b, c) fma(a, b, c)
#define NET_FMA_REAL(a, b, c) NET_LIBRARY_FMA(a, b, c)
#endif

#ifdef NET_STATIC_WORK
#define NET_STORAGE static
#else
#define NET_STORAGE
#endif

typedef union {
  double value;
  unsigned long long bits;
} net_bits64;
