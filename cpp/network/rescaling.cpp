#include "network/rescaling.h"

#include "kernels/dispatch.h"

namespace prelunet {
namespace {

template <class T>
void scale_rows(Team& team, std::size_t rows, std::size_t columns, const T* x, double scale, double shift, T* y) {
  const Range share = team.share(rows, kChunkRows);
  const std::size_t offset = share.begin * columns;
  kernel_table<T>().scale_shift(share.size() * columns, x + offset, scale, shift, y + offset);
}

}  // namespace

template <class T>
void Rescaling<T>::forward(Team& team, const Flow<T>& flow) const {
  scale_rows(team, flow.rows, this->outputs(), flow.x, scale_, offset_, flow.y);
}

template <class T>
void Rescaling<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  scale_rows(team, flow.rows, this->outputs(), static_cast<const T*>(flow.grad_y), scale_, 0.0, flow.grad_x);
}

template class Rescaling<float>;
template class Rescaling<double>;

}  // namespace prelunet
