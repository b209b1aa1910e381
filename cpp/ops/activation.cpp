#include "ops/activation.h"

#include <algorithm>

namespace prelunet {
namespace {

// Columns go to threads by whole cache lines.
constexpr std::size_t kColumnUnit = 16;

// p moved on to row `row`; null stays null.
template <class T>
T* at_row(T* p, std::size_t row, std::size_t stride) {
  return p == nullptr ? nullptr : p + row * stride;
}

}  // namespace

template <class T>
void activation_forward(Team& team, ActivationId id, ActivationForward<T> g, std::size_t unit) {
  const Range rows = team.share(g.rows, unit);
  g.rows = rows.size();
  g.x += rows.begin * g.x_stride;
  g.y += rows.begin * g.y_stride;
  kernel_table<T>().activation_forward[static_cast<int>(id)](g);
}

template <class T>
void activation_backward(Team& team, ActivationId id, ActivationBackward<T> g, std::size_t unit) {
  const Range rows = team.share(g.rows, unit);
  const std::size_t chunk = rows.begin / kChunkRows;
  g.rows = rows.size();
  g.grad_y += rows.begin * g.grad_y_stride;
  g.x = at_row(g.x, rows.begin, g.x_stride);
  g.y = at_row(g.y, rows.begin, g.y_stride);
  g.grad_x = at_row(g.grad_x, rows.begin, g.grad_x_stride);
  g.bias_partial = at_row(g.bias_partial, chunk, g.partial_stride);
  g.parameter_partial = at_row(g.parameter_partial, chunk, g.partial_stride);
  kernel_table<T>().activation_backward[static_cast<int>(id)](g);
}

template <class T>
void add_chunks(Team& team, std::size_t chunks, std::size_t columns, const T* partial, bool first, T* total) {
  const Range share = team.share(columns, kColumnUnit);
  if (first) std::fill_n(total + share.begin, share.size(), T(0));
  kernel_table<T>().add_chunks(chunks, share.size(), partial + share.begin, columns, total + share.begin);
}

template <class T>
void softmax_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, T* y) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t offset = share.begin * columns;
  kernel_table<T>().softmax_rows(share.size(), columns, x + offset, y + offset);
}

#define PRELUNET_INSTANTIATE(T)                                                               \
  template void activation_forward(Team&, ActivationId, ActivationForward<T>, std::size_t);   \
  template void activation_backward(Team&, ActivationId, ActivationBackward<T>, std::size_t); \
  template void add_chunks(Team&, std::size_t, std::size_t, const T*, bool, T*);              \
  template void softmax_rows(Team&, std::size_t, std::size_t, const T*, T*);
PRELUNET_INSTANTIATE(float)
PRELUNET_INSTANTIATE(double)
#undef PRELUNET_INSTANTIATE

}  // namespace prelunet
