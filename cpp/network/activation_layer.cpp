#include "network/activation_layer.h"

#include <stdexcept>

#include "network/layer_registry.h"

namespace prelunet {
namespace {

// The activation of that name, or x + weight (f(x) - x) for it.
ActivationId find_activation(const std::string& name, bool parametric) {
#define PRELUNET_ROW(row, Class, parameter, value, equation) \
  if (name == #row) return parametric ? ActivationId::parametric_##row : ActivationId::row;
  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
  throw std::invalid_argument("unknown activation '" + name + "'");
}

}  // namespace

bool is_activation(const LayerConfig& layer) {
  const std::string& type = layer.type;
  return type == "activation" || type == "prelu" || type == "scale" || type == "parametric";
}

ActivationSpec read_activation(LayerReader& config) {
  const std::string& type = config.type();
  ActivationSpec spec{.learned = type != "activation", .channel = true, .trainable = config.trainable()};
  if (type == "prelu") {
    spec.id = ActivationId::prelu;
    spec.channel = config.boolean("channel");
  } else if (type == "scale") {
    spec.id = ActivationId::scale;
  } else {
    spec.id = find_activation(config.text("activation"), type == "parametric");
    spec.constant = config.real("constant");
  }
  return spec;
}

template <class T>
std::vector<ParameterInfo> ActivationLayer<T>::parameters() const {
  if (!activation_.learned()) return {};
  return {activation_.parameter_info()};
}

template <class T>
void ActivationLayer<T>::bind(const std::vector<Parameter<T>>& parameters) {
  if (activation_.learned()) activation_.bind(parameters[0]);
}

template <class T>
void ActivationLayer<T>::forward(Team& team, const Flow<T>& flow) const {
  ActivationForward<T> g{};
  g.rows = flow.rows * rows_per_sample_;
  g.columns = columns_;
  g.x = const_cast<T*>(flow.x);  // x is written only if there is a bias
  g.x_stride = g.y_stride = columns_;
  g.y = flow.y;
  g.parameter = activation_.parameter();
  g.parameter_stride = activation_.stride();
  g.constant = activation_.constant();
  activation_forward(team, activation_.id(), g, kChunkRows * rows_per_sample_);
}

template <class T>
void ActivationLayer<T>::backward(Team& team, const Flow<T>& flow) const {
  ActivationBackward<T> g{};
  g.rows = flow.rows * rows_per_sample_;
  g.columns = columns_;
  g.grad_y = flow.grad_y;
  g.x = flow.x;
  g.y = flow.y;
  g.grad_x = flow.grad_x;
  g.grad_y_stride = g.x_stride = g.y_stride = g.grad_x_stride = columns_;
  g.parameter = activation_.parameter();
  g.parameter_stride = activation_.stride();
  g.constant = activation_.constant();
  g.parameter_partial = activation_.partial(flow.work);
  g.partial_stride = columns_;
  activation_backward(team, activation_.id(), g, kChunkRows * rows_per_sample_);
}

template <class T>
void ActivationLayer<T>::gradients(Team& team, const Flow<T>& flow) const {
  activation_.gradients(team, flow.rows * rows_per_sample_, flow.work, flow.first, flow.update);
}

template <class T>
std::unique_ptr<Layer<T>> ActivationLayer<T>::make(const LayerContext<T>& context) {
  return std::make_unique<ActivationLayer>(read_activation(context.config), context.input);
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace prelunet
