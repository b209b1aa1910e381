// Convolution of images by a team (cross-correlation, as in every framework):
//
//   y[i, r, c, f] = sum over u, v, d of x[i, r * stride + u - top, c * stride + v - left, d] * weight[f, u, v, d]
//
// grad_x multiplies zeros around grad_y too: an infinite weight makes NaN of it at the border.
//
// x (images, height, width, channels), weight (filters, window height, window width, channels), y and grad_y (images,
// rows, columns, filters), all contiguous; x is 0 outside the image.
//
// Each of the three products is a gemm whose A is never written down: an element of a patch lies at the sum of an
// offset of the patch and one of its tap, (u, v, d). Images of a thread are those of Team::share by kChunkRows, but for
// grad_weight, before which the team must have met.
#pragma once

#include <vector>

#include "kernels/dispatch.h"
#include "kernels/window2d.h"
#include "runtime/team.h"

namespace prelunet {

// The geometry of a convolution and its tables of offsets, made once.
class Conv2DPlan {
 public:
  using Offsets = std::vector<std::ptrdiff_t>;

  Conv2DPlan(const Window2D& window, std::size_t channels, std::size_t filters);

  // The pixels of x whose row and column leave one remainder after division by the strides: grad_x there is a
  // convolution of grad_y with those taps that meet them.
  struct Phase {
    Offsets pixels;      // into an image of x, for one group of images
    Offsets patches;     // into padded grad_y
    Offsets taps;        // from a patch, (u, v, f)
    Offsets weights;     // rows of (channels,) in weight, in the order of taps
    std::size_t panels;  // where its packed weights begin, in rows of packed channels
  };

  Window2D window;
  std::size_t channels, filters;
  std::size_t places;       // of the window in an image
  std::size_t tap_count;    // of a patch
  std::size_t image_size;   // elements of an image of x
  std::size_t padded_size;  // the same with the padding written down; image_size where there is none
  std::size_t group;        // images of one product, so that small ones fill a tile too; it divides kChunkRows
  Offsets patches;          // into padded x, for one group of images
  Offsets taps;             // from a patch

  std::size_t grad_top, grad_left, grad_height, grad_width;  // of grad_y with padding for grad_x
  std::size_t padded_grad_size;                              // elements of an image of it
  bool gathers;                                              // strides: grad_x is scattered from products
  bool covers;                // every pixel is in a phase; else grad_x is 0 where no window goes
  std::vector<Phase> phases;  // those that meet a tap

 private:
  void add_phase(std::size_t row, std::size_t column);
};

// x with its padding written down: rows x padded_size elements. Needed where window.pads().
template <class T>
void pad_images(Team& team, const Conv2DPlan& plan, std::size_t images, const T* x, T* padded);

// Elements of the weights packed for the forward product, and for grad_x; and the packing.
template <class T>
std::size_t conv2d_panels_size(const Conv2DPlan& plan);
template <class T>
std::size_t conv2d_grad_panels_size(const Conv2DPlan& plan);
template <class T>
void conv2d_pack(Team& team, const Conv2DPlan& plan, const T* weight, T* panels);
template <class T>
void conv2d_grad_pack(Team& team, const Conv2DPlan& plan, const T* weight, T* panels);

// y, then the epilogue's activation on it; `padded` is x where there is no padding.
template <class T>
void conv2d_forward(Team& team, const Conv2DPlan& plan, std::size_t images, const T* padded, const T* panels,
                    const Epilogue<T>* epilogue, T* y, Ahead* ahead);

// `work`: conv2d_grad_x_work() elements.
template <class T>
void conv2d_grad_x(Team& team, const Conv2DPlan& plan, std::size_t images, const T* grad_y, const T* grad_panels,
                   T* work, T* grad_x, Ahead* ahead);
std::size_t conv2d_grad_x_work(const Conv2DPlan& plan, std::size_t images);

// sums (taps, filters), the transpose of grad_weight, one chain over all places of all images: begun (first) or
// continued. Taps or filters are shared.
template <class T>
void conv2d_grad_weight(Team& team, const Conv2DPlan& plan, std::size_t images, const T* padded, const T* grad_y,
                        bool first, T* sums, Ahead* ahead);

// to (columns, rows) = from (rows, columns) transposed; rows of `to` are shared.
template <class T>
void transpose(Team& team, std::size_t rows, std::size_t columns, const T* from, T* to);

}  // namespace prelunet
