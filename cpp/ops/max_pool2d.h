// Max-pooling by a team: x (images, height, width, channels) contiguous, images shared in units of kChunkRows. Of equal
// entries the first in row order is the maximum and gets the gradient. Padding is never the maximum; NaN always is.
#pragma once

#include "kernels/dispatch.h"
#include "kernels/window2d.h"
#include "runtime/team.h"

namespace prelunet {

// y (images, rows, columns, channels).
template <class T>
void max_pool2d_forward(Team& team, const Window2D& window, std::size_t channels, std::size_t images, const T* x, T* y);

// y is the result of the forward op on x; grad_x is overwritten.
template <class T>
void max_pool2d_backward(Team& team, const Window2D& window, std::size_t channels, std::size_t images, const T* x,
                         const T* y, const T* grad_y, T* grad_x);

}  // namespace prelunet
