#include "network/activation.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "network/layer_registry.h"
#include "ops/optimizer.h"
#include "runtime/scratch.h"

namespace prelunet {

namespace {

ActivationId find_activation(const std::string& name) {
#define PRELUNET_ROW(row, Class, parameter, value, equation) \
  if (name == #row) return ActivationId::row;
  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
  throw std::invalid_argument("unknown activation '" + name + "'");
}

}  // namespace

bool is_activation(const LayerConfig& layer) { return layer.type == "activation" || layer.type == "prelu"; }

CurveSpec read_activation(LayerReader& config) {
  const bool learned = config.type() == "prelu";
  return {.id = learned ? ActivationId::prelu : find_activation(config.text("activation")),
          .constant = learned ? 0.0 : config.real("constant"),
          .channel = learned && config.boolean("channel"),
          .trainable = config.trainable()};
}

template <class T>
void Curve<T>::gradients(Team& team, std::size_t rows, T* work, bool first, const StepUpdate* step) const {
  if (!wants_gradient()) return;
  const std::size_t chunks = chunk_count(rows);
  if (spec_.channel) {
    add_chunks(team, chunks, columns_, partial(work), first, alpha_.gradient);
  } else if (!team.share(1, kElementUnit).empty()) {
    // One alpha for all: the channel sums added in unit order, by the thread whose share it is.
    if (first) std::fill_n(work, columns_, T(0));
    kernel_table<T>().add_chunks(chunks, columns_, partial(work), columns_, work);
    *alpha_.gradient = std::accumulate(work, work + columns_, T(0));
  }
  if (step != nullptr) update(team, step->id, step->of(alpha_, alpha_.size), alpha_.size);
}

template <class T>
std::vector<ParameterInfo> ActivationLayer<T>::parameters() const {
  if (!curve_.learned()) return {};
  return {curve_.parameter_info()};
}

template <class T>
void ActivationLayer<T>::bind(const std::vector<Parameter<T>>& parameters) {
  if (curve_.learned()) curve_.bind(parameters[0]);
}

template <class T>
void ActivationLayer<T>::forward(Team& team, const Flow<T>& flow) const {
  ActivationForward<T> g{};
  g.rows = flow.rows * rows_per_sample_;
  g.columns = columns_;
  g.x = const_cast<T*>(flow.x);  // only a bias would be written back to x, and there is none
  g.x_stride = g.y_stride = columns_;
  g.y = flow.y;
  g.parameter = curve_.parameter();
  g.parameter_stride = curve_.stride();
  activation_forward(team, curve_.id(), g, kChunkRows * rows_per_sample_);
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
  g.parameter = curve_.parameter();
  g.parameter_stride = curve_.stride();
  g.parameter_partial = curve_.partial(flow.work);
  g.partial_stride = columns_;
  activation_backward(team, curve_.id(), g, kChunkRows * rows_per_sample_);
}

template <class T>
void ActivationLayer<T>::gradients(Team& team, const Flow<T>& flow) const {
  curve_.gradients(team, flow.rows * rows_per_sample_, flow.work, flow.first, flow.update);
}

template class Curve<float>;
template class Curve<double>;
template <class T>
std::unique_ptr<Layer<T>> ActivationLayer<T>::make(const LayerContext<T>& context) {
  return std::make_unique<ActivationLayer>(read_activation(context.config), context.input);
}

template class ActivationLayer<float>;
template class ActivationLayer<double>;

}  // namespace prelunet
