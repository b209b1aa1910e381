// Max-pooling of one image; lanes are channels. Layouts: table.h.
#pragma once

#include "kernels/lanes.h"
#include "kernels/window2d.h"

namespace prelunet::PRELUNET_ISA {
namespace {

// The part of a window inside the image.
struct WindowPart {
  std::size_t top, bottom, left, right;
};
PRELUNET_INLINE WindowPart window_part(const Window2D& w, std::size_t row, std::size_t column) {
  const auto clip = [](const WindowAxis& axis, std::size_t place, std::size_t& begin, std::size_t& end) {
    const std::size_t from = place * axis.stride, to = from + axis.window;
    begin = from < axis.before ? 0 : from - axis.before;
    end = to - axis.before < axis.size ? to - axis.before : axis.size;
  };
  WindowPart part;
  clip(w.vertical, row, part.top, part.bottom);
  clip(w.horizontal, column, part.left, part.right);
  return part;
}

// Calls f(offset of the pixel) for the pixels of a window, in row order.
template <class F>
PRELUNET_INLINE void for_each_pixel(const WindowPart& part, std::size_t width, std::size_t channels, F&& f) {
  for (std::size_t i = part.top; i < part.bottom; ++i) {
    for (std::size_t j = part.left; j < part.right; ++j) f((i * width + j) * channels);
  }
}

// Of equal entries the first is the maximum; NaN is larger than every number.
template <class T>
void max_pool2d_forward(const Window2D& w, std::size_t channels, const T* x, T* y) {
  for (std::size_t row = 0; row < w.vertical.places; ++row) {
    for (std::size_t column = 0; column < w.horizontal.places; ++column, y += channels) {
      const WindowPart part = window_part(w, row, column);
      const T* const first = x + (part.top * w.horizontal.size + part.left) * channels;
      for_each_vector<T>(channels, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
        Vec<T> best = load_count(first + j, count);
        for_each_pixel(part, w.horizontal.size, channels, [&](std::size_t at) __attribute__((always_inline)) {
          const Vec<T> v = load_count(x + at + j, count);
          best = select((v <= best) | (best != best), best, v);
        });
        store_count(y + j, best, count);
      });
    }
  }
}

// Each grad_y is added to the first entry of its window that equals y, in the order of windows. If no two windows share
// a pixel, grad_x is not read: a load waits for a masked store of the pixel before it.
template <class T>
void max_pool2d_backward(const Window2D& w, std::size_t channels, const T* x, const T* y, const T* grad_y, T* grad_x) {
  const bool apart = w.vertical.stride >= w.vertical.window && w.horizontal.stride >= w.horizontal.window;
  const std::size_t elements = w.pixels() * channels;
  for_each_vector<T>(elements, [&](std::size_t j, std::size_t count)
                                   __attribute__((always_inline)) { store_count(grad_x + j, Vec<T>{}, count); });
  for (std::size_t row = 0; row < w.vertical.places; ++row) {
    for (std::size_t column = 0; column < w.horizontal.places; ++column, y += channels, grad_y += channels) {
      const WindowPart part = window_part(w, row, column);
      for_each_vector<T>(channels, [&](std::size_t j, std::size_t count) __attribute__((always_inline)) {
        const Vec<T> largest = load_count(y + j, count);
        Vec<T> left = load_count(grad_y + j, count);  // 0 in lanes whose entry has been found
        for_each_pixel(part, w.horizontal.size, channels, [&](std::size_t at) __attribute__((always_inline)) {
          const Vec<T> v = load_count(x + at + j, count);
          const auto found = (v == largest) | (v != v);
          const Vec<T> before = apart ? Vec<T>{} : load_count<T>(grad_x + at + j, count);
          store_count(grad_x + at + j, before + select(found, left, Vec<T>{}), count);
          left = select(found, Vec<T>{}, left);
        });
      });
    }
  }
}

}  // namespace
}  // namespace prelunet::PRELUNET_ISA
