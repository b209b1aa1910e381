// Elementwise kernels that are neither an activation nor an update: exp, log, cos_2pi, sin_2pi, scaling, and conversion
// of users' arrays.
#pragma once

#include "kernels/lanes.h"
#include "kernels/math.h"
#include "kernels/table.h"

namespace prelunet::PRELUNET_ISA {
namespace {

template <class T>
void exp_elements(std::size_t count, const T* x, T* y) {
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, exp(load_count(x + j, lanes)), lanes);
  });
}

template <class T>
void log_elements(std::size_t count, const T* x, T* y) {
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, log(load_count(x + j, lanes)), lanes);
  });
}

template <class T>
void cos_2pi_elements(std::size_t count, const T* x, T* y) {
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, cos_2pi(load_count(x + j, lanes)), lanes);
  });
}

template <class T>
void sin_2pi_elements(std::size_t count, const T* x, T* y) {
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, sin_2pi(load_count(x + j, lanes)), lanes);
  });
}

// y = x * scale + shift, rounded once.
template <class T>
void scale_shift(std::size_t count, const T* x, double scale, double shift, T* y) {
  const Vec<T> factor = splat(static_cast<T>(scale));
  const Vec<T> offset = splat(static_cast<T>(shift));
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, fma(load_count(x + j, lanes), factor, offset), lanes);
  });
}

// y_j = x_j * scale_j + shift_j, rounded once.
template <class T>
void scale_shift_elements(std::size_t count, const T* x, const T* scale, const T* shift, T* y) {
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(y + j, fma(load_count(x + j, lanes), load_count(scale + j, lanes), load_count(shift + j, lanes)),
                lanes);
  });
}

// out = factor * x + y, rounded once; out may be x or y.
template <class T>
void scaled_sum(std::size_t count, double factor, const T* x, const T* y, T* out) {
  const Vec<T> f = splat(static_cast<T>(factor));
  for_each_vector<T>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    store_count(out + j, fma(f, load_count(x + j, lanes), load_count(y + j, lanes)), lanes);
  });
}

template <class Source, class T>
PRELUNET_INLINE T element_at(const unsigned char* p) {
  Source value;
  __builtin_memcpy(&value, p, sizeof value);  // users' arrays may be misaligned
  return static_cast<T>(value);
}

// Vectorized by hand because compilers convert the tail one element at a time.
PRELUNET_INLINE void round_to_float(std::size_t count, const double* x, float* y) {
  constexpr std::size_t kHalf = kLanes<double>;
  for_each_vector<float>(count, [&](std::size_t j, std::size_t lanes) __attribute__((always_inline)) {
    const bool both = lanes > kHalf;
    const VecF64 low = load_count(x + j, both ? kHalf : lanes);
    const VecF64 high = both ? load_count(x + j + kHalf, lanes - kHalf) : VecF64{};
    store_count(y + j, narrow(low, high), lanes);
  });
}

template <class Source, class T>
void convert_from(std::size_t count, const unsigned char* x, std::ptrdiff_t stride, T* y) {
  if (stride == static_cast<std::ptrdiff_t>(sizeof(Source))) {  // the compiler vectorizes only a constant stride
    for (std::size_t j = 0; j < count; ++j) y[j] = element_at<Source, T>(x + j * sizeof(Source));
    return;
  }
  for (std::size_t j = 0; j < count; ++j) y[j] = element_at<Source, T>(x + static_cast<std::ptrdiff_t>(j) * stride);
}

template <class T>
void convert(ElementType type, std::size_t count, const void* x, std::ptrdiff_t stride, T* y) {
  const auto* const from = static_cast<const unsigned char*>(x);
  switch (type) {
    case ElementType::float32:
      return convert_from<float>(count, from, stride, y);
    case ElementType::float64:
      if constexpr (sizeof(T) == sizeof(float)) {
        const bool aligned = reinterpret_cast<std::size_t>(x) % alignof(double) == 0;
        if (stride == static_cast<std::ptrdiff_t>(sizeof(double)) && aligned)
          return round_to_float(count, static_cast<const double*>(x), y);
      }
      return convert_from<double>(count, from, stride, y);
    case ElementType::boolean:
    case ElementType::uint8:
      return convert_from<std::uint8_t>(count, from, stride, y);
    case ElementType::int8:
      return convert_from<std::int8_t>(count, from, stride, y);
    case ElementType::int16:
      return convert_from<std::int16_t>(count, from, stride, y);
    case ElementType::uint16:
      return convert_from<std::uint16_t>(count, from, stride, y);
    case ElementType::int32:
      return convert_from<std::int32_t>(count, from, stride, y);
    case ElementType::uint32:
      return convert_from<std::uint32_t>(count, from, stride, y);
    case ElementType::int64:
      return convert_from<std::int64_t>(count, from, stride, y);
    case ElementType::uint64:
      return convert_from<std::uint64_t>(count, from, stride, y);
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
