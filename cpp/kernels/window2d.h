// The geometry of a window that moves over an image, for convolution and pooling.
#pragma once

#include <cstddef>

namespace prelunet {

// One axis. Place o of the window begins at o * stride - before; positions outside [0, size) are padding.
struct WindowAxis {
  std::size_t size;    // of the image
  std::size_t window;  // of the window
  std::size_t stride;
  std::size_t before;  // padding before the image
  std::size_t places;  // of the window: the size of the output; 0 if it does not fit

  // Size of the image with its padding, as far as windows reach; at least `before + size`.
  std::size_t padded() const {
    const std::size_t inside = before + size, spanned = places == 0 ? 0 : (places - 1) * stride + window;
    return inside < spanned ? spanned : inside;
  }
};

// TensorFlow's two rules. valid: (size - window) / stride + 1 windows, no padding. same: ceil(size / stride) windows,
// with padding on both sides, an odd entry after the image.
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
