#include "network/rescaling.h"

#include "network/layer_registry.h"
#include "ops/elementwise.h"

namespace prelunet {

template <class T>
void Rescaling<T>::forward(Team& team, const Flow<T>& flow) const {
  scale_shift(team, flow.rows, this->outputs(), flow.x, scale_, offset_, flow.y);
}

template <class T>
void Rescaling<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  scale_shift<T>(team, flow.rows, this->outputs(), flow.grad_y, scale_, 0.0, flow.grad_x);
}

template <class T>
std::unique_ptr<Layer<T>> Rescaling<T>::make(const LayerContext<T>& context) {
  const double scale = context.config.real("scale"), offset = context.config.real("offset");
  return std::make_unique<Rescaling>(context.input, scale, offset);
}

template class Rescaling<float>;
template class Rescaling<double>;

}  // namespace prelunet
