// The vector types of one ISA: Vec<float> and Vec<double> are GCC/Clang vector types, so + - * / and comparisons work
// on them as on scalars. A comparison gives a lane mask for select().
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
  typedef float Half __attribute__((vector_size(kVectorBytes / 2)));
  typedef std::int32_t Mask __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VecTypes<double> {
  typedef double Vector __attribute__((vector_size(kVectorBytes)));
  typedef double Half __attribute__((vector_size(kVectorBytes / 2)));
  typedef std::int64_t Mask __attribute__((vector_size(kVectorBytes)));
};

template <class T>
using Vec = typename VecTypes<T>::Vector;
using VecF32 = Vec<float>;
using VecF64 = Vec<double>;
using VecI32 = VecTypes<float>::Mask;
using VecI64 = VecTypes<double>::Mask;

template <class T>
constexpr std::size_t kLanes = kVectorBytes / sizeof(T);

// Whether masks have their own registers, and need no vector registers.
constexpr bool kHasMaskRegisters = kVectorBytes == 64;

// Whether splat_pair() and with_pair() exist.
constexpr bool kHasPairs = kHasMaskRegisters;

// Whether half vectors exist, for the last few columns of a matrix product. 16-byte ISAs have none.
constexpr bool kHasHalf = kVectorBytes > 16;
template <class T>
using HalfVec = typename VecTypes<T>::Half;
using HalfF32 = HalfVec<float>;
using HalfF64 = HalfVec<double>;

// A compile-time number as a function argument. (std::integral_constant has a member function, which may leave a weak
// symbol in the object.)
template <std::size_t kNumber>
struct Count {
  static constexpr std::size_t value = kNumber;
};

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
