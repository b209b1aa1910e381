// Convolution of images by a team (cross-correlation, as in every framework):
//
//   y[i, r, c, f] = sum over u, v, d of x[i, r * stride + u - top, c * stride + v - left, d] * weight[f, u, v, d]
//
// grad_x may also multiply the zeros around grad_y, so an infinite weight may give NaN at the border. Whether it does
// depends on the number of channels and of images only.
//
// x (images, height, width, channels), weight (filters, window height, window width, channels), y and grad_y (images,
// rows, columns, filters), all contiguous; x is 0 outside the image.
//
// There is no im2col. Each of the three products is a GEMM that reads A in place. The offset of an element is the
// offset of its patch plus the offset of its tap (u, v, d). Team::share divides the images in units of kChunkRows.
// grad_weight divides taps or filters instead, and is called after a barrier.
//
// For few channels and many images, grad_x has a GEMM for each pixel and each row of taps: C (channels, images) +=
// weights (channels, taps) * transposed grad_y (taps, images). The chains are the same, without the zeros.
#pragma once

#include <vector>

#include "kernels/dispatch.h"
#include "kernels/window2d.h"
#include "runtime/team.h"

namespace prelunet {

// The geometry of a convolution and its tables of offsets, computed once.
class Conv2DPlan {
 public:
  using Offsets = std::vector<std::ptrdiff_t>;

  Conv2DPlan(const Window2D& window, std::size_t channels, std::size_t filters);

  // One axis of a phase: the pixels with this remainder, the taps that read them, and their places in grad_y.
  struct PhaseAxis {
    std::size_t pixels;     // number of pixels
    std::size_t first_tap;  // taps first_tap + t * stride, for t below taps
    std::size_t taps;
    std::size_t first_place;  // of the window: tap t reads pixel j at place first_place + j - t
    std::size_t places;       // of the window

    PhaseAxis(const WindowAxis& axis, std::size_t remainder);
    // The taps t that read pixel j at a place in the image.
    Range taps_at(std::size_t j) const;
  };

  // The pixels of x whose rows, and whose columns, have the same remainder modulo the stride. Their grad_x is a
  // convolution of grad_y with the taps that read these pixels.
  struct Phase {
    PhaseAxis vertical, horizontal;
    std::size_t first_pixel;  // its offset in an image of x
    Offsets pixels;           // into an image of x, for one group of images
    Offsets patches;          // into padded grad_y
    Offsets taps;             // from a patch, (u, v, f)
    Offsets weights;          // rows of (channels,) in weight, in the order of taps
    std::size_t panels;       // offset of its packed weights, in rows of packed channels
  };

  Window2D window;
  std::size_t channels, filters;
  std::size_t places;       // of the window in an image
  std::size_t tap_count;    // of a patch
  std::size_t image_size;   // elements of an image of x
  std::size_t padded_size;  // the same with padding; image_size if there is none
  std::size_t group;        // images in one product, so that small images fill tiles; divides kChunkRows
  Offsets patches;          // into padded x, for one group of images
  Offsets taps;             // from a patch

  std::size_t grad_top, grad_left, grad_height, grad_width;  // of grad_y with padding for grad_x
  std::size_t padded_grad_size;                              // elements of an image of padded grad_y
  bool gathers;               // strides > 1: rows of the products are scattered to grad_x
  bool covers;                // every pixel is in a phase; grad_x is 0 at pixels in none
  std::vector<Phase> phases;  // of pixels that a tap reads

 private:
  void add_phase(std::size_t row, std::size_t column);
};

// Writes x with its padding: images * padded_size elements. Needed if window.pads().
template <class T>
void pad_images(Team& team, const Conv2DPlan& plan, std::size_t images, const T* x, T* padded);

// The number of elements of the weights that are packed for the forward product and for grad_x, and the functions that
// pack them.
template <class T>
std::size_t conv2d_panels_size(const Conv2DPlan& plan);
template <class T>
std::size_t conv2d_grad_panels_size(const Conv2DPlan& plan);
template <class T>
void conv2d_pack(Team& team, const Conv2DPlan& plan, const T* weight, T* panels);
template <class T>
void conv2d_grad_pack(Team& team, const Conv2DPlan& plan, const T* weight, T* panels);

// Computes y, then runs the epilogue on it unless null. `padded` is x if there is no padding.
template <class T>
void conv2d_forward(Team& team, const Conv2DPlan& plan, std::size_t images, const T* padded, const T* panels,
                    const Epilogue<T>* epilogue, T* y, RowPrefetch* next_rows);

// `work` has conv2d_grad_x_work() elements.
template <class T>
void conv2d_grad_x(Team& team, const Conv2DPlan& plan, std::size_t images, const T* grad_y, const T* grad_panels,
                   T* work, T* grad_x, RowPrefetch* next_rows);
std::size_t conv2d_grad_x_work(const Conv2DPlan& plan, std::size_t images);

// sums (taps, filters) is the transpose of grad_weight. Each element is one chain over all places of all images. If
// `first`, the chains start at zero, else they are continued. The team divides taps or filters.
template <class T>
void conv2d_grad_weight(Team& team, const Conv2DPlan& plan, std::size_t images, const T* padded, const T* grad_y,
                        bool first, T* sums, RowPrefetch* next_rows);

// to (columns, rows) = from (rows, columns) transposed. The team shares rows of `to`.
template <class T>
void transpose(Team& team, std::size_t rows, std::size_t columns, const T* from, T* to);

}  // namespace prelunet
