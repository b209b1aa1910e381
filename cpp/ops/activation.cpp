#include "ops/activation.h"

#include <algorithm>

namespace prelunet {
template <class T>
void activation_forward(Team& team, ActivationId id, const ActivationForward<T>& g, std::size_t unit) {
  const Range rows = team.share(g.rows, unit);
  kernel_table<T>().activation_forward[static_cast<int>(id)](g.at({rows.begin, 0, rows.size(), g.columns}));
}

template <class T>
void activation_backward(Team& team, ActivationId id, const ActivationBackward<T>& g, std::size_t unit) {
  const Range rows = team.share(g.rows, unit);
  kernel_table<T>().activation_backward[static_cast<int>(id)](g.at({rows.begin, 0, rows.size(), g.columns}));
}

template <class T>
void add_chunks(Team& team, std::size_t chunks, std::size_t columns, const T* partial, bool first, T* total) {
  const Range share = team.share(columns, kElementUnit);
  if (first) std::fill_n(total + share.begin, share.size(), T(0));
  kernel_table<T>().add_chunks(chunks, share.size(), partial + share.begin, columns, total + share.begin);
}

template <class T>
void softmax_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, T* y) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t offset = share.begin * columns;
  kernel_table<T>().softmax_rows(share.size(), columns, x + offset, y + offset);
}

template <class T>
void log_softmax_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, T* y) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t offset = share.begin * columns;
  kernel_table<T>().log_softmax_rows(share.size(), columns, x + offset, y + offset);
}

template <class T>
void log_softmax_backward_rows(Team& team, std::size_t rows, std::size_t columns, const T* grad_y, const T* y,
                               T* grad_x) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t offset = share.begin * columns;
  kernel_table<T>().log_softmax_backward_rows(share.size(), columns, grad_y + offset, y + offset, grad_x + offset);
}

#define PRELUNET_INSTANTIATE(T)                                                                      \
  template void activation_forward(Team&, ActivationId, const ActivationForward<T>&, std::size_t);   \
  template void activation_backward(Team&, ActivationId, const ActivationBackward<T>&, std::size_t); \
  template void add_chunks(Team&, std::size_t, std::size_t, const T*, bool, T*);                     \
  template void softmax_rows(Team&, std::size_t, std::size_t, const T*, T*);                         \
  template void log_softmax_rows(Team&, std::size_t, std::size_t, const T*, T*);                     \
  template void log_softmax_backward_rows(Team&, std::size_t, std::size_t, const T*, const T*, T*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
