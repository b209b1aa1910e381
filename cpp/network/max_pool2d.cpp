#include "network/max_pool2d.h"

#include "network/layer_registry.h"
#include "network/layer_window.h"
#include "ops/max_pool2d.h"

namespace prelunet {

template <class T>
MaxPool2D<T>::MaxPool2D(const Shape& input, const Window2D& window)
    : Layer<T>(input, {window.vertical.places, window.horizontal.places, input[2]}),
      window_(window),
      channels_(input[2]) {}

template <class T>
void MaxPool2D<T>::forward(Team& team, const Flow<T>& flow) const {
  max_pool2d_forward(team, window_, channels_, flow.rows, flow.x, flow.y);
}

template <class T>
void MaxPool2D<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  max_pool2d_backward<T>(team, window_, channels_, flow.rows, flow.x, flow.y, flow.grad_y, flow.grad_x);
}

template <class T>
std::unique_ptr<Layer<T>> MaxPool2D<T>::make(const LayerContext<T>& context) {
  return std::make_unique<MaxPool2D>(context.input, read_window(context.config, context.input));
}

template class MaxPool2D<float>;
template class MaxPool2D<double>;

}  // namespace prelunet
