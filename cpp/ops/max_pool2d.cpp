#include "ops/max_pool2d.h"

namespace prelunet {

template <class T>
void max_pool2d_forward(Team& team, const Window2D& window, std::size_t channels, std::size_t images, const T* x,
                        T* y) {
  const std::size_t from = window.pixels() * channels, to = window.places() * channels;
  const Range share = team.share(images, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    kernel_table<T>().max_pool2d_forward(window, channels, x + i * from, y + i * to);
  }
}

template <class T>
void max_pool2d_backward(Team& team, const Window2D& window, std::size_t channels, std::size_t images, const T* x,
                         const T* y, const T* grad_y, T* grad_x) {
  const std::size_t from = window.pixels() * channels, to = window.places() * channels;
  const Range share = team.share(images, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    kernel_table<T>().max_pool2d_backward(window, channels, x + i * from, y + i * to, grad_y + i * to,
                                          grad_x + i * from);
  }
}

#define PRELUNET_INSTANTIATE(T)                                                                     \
  template void max_pool2d_forward(Team&, const Window2D&, std::size_t, std::size_t, const T*, T*); \
  template void max_pool2d_backward(Team&, const Window2D&, std::size_t, std::size_t, const T*, const T*, const T*, T*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
