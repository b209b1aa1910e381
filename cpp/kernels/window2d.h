// How a window walks over an image: the geometry that convolution and pooling share.
#pragma once

#include <cstddef>

namespace prelunet {

// One axis. The window's place o begins at o * stride - before; what lies outside [0, size) is padding.
struct WindowAxis {
  std::size_t size;    // of the image
  std::size_t window;  // of the window
  std::size_t stride;
  std::size_t before;  // padding ahead of the image
  std::size_t places;  // of the window: the size of the result; 0 where it does not fit

  // From the first entry that a window touches to the last, padding included; at least `before + size`.
  std::size_t padded() const {
    const std::size_t inside = before + size, spanned = places == 0 ? 0 : (places - 1) * stride + window;
    return inside < spanned ? spanned : inside;
  }
};

// TensorFlow's two rules. valid: whole windows only, (size - window) / stride + 1 of them. same: ceil(size / stride)
// windows; what they stick out is padding on both sides, the odd entry behind.
inline WindowAxis window_axis(std::size_t size, std::size_t window, std::size_t stride, bool same) {
  if (!same) return {size, window, stride, 0, size < window ? 0 : (size - window) / stride + 1};
  const std::size_t places = size / stride + (size % stride == 0 ? 0 : 1);
  const std::size_t spanned = places == 0 ? 0 : (places - 1) * stride + window;
  return {size, window, stride, spanned > size ? (spanned - size) / 2 : 0, places};
}

struct Window2D {
  WindowAxis vertical, horizontal;

  bool fits() const { return vertical.places > 0 && horizontal.places > 0; }
  std::size_t pixels() const { return vertical.size * horizontal.size; }      // of the image
  std::size_t places() const { return vertical.places * horizontal.places; }  // of the window
  bool pads() const { return vertical.padded() > vertical.size || horizontal.padded() > horizontal.size; }
};

}  // namespace prelunet
