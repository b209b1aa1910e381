#include "network/layer_norm.h"

#include "network/layer_registry.h"
#include "ops/layer_norm.h"
#include "ops/optimizer.h"

namespace prelunet {

template <class T>
LayerNorm<T>::LayerNorm(const Shape& shape, const LayerNormOptions& options)
    : Layer<T>(shape, shape),
      options_(options),
      columns_(element_count(options.axes)),
      rows_per_sample_(element_count(shape) / columns_) {}

template <class T>
std::vector<ParameterInfo> LayerNorm<T>::parameters() const {
  std::vector<ParameterInfo> infos;
  if (options_.scale) {
    infos.push_back({"gamma", ParameterKind::gamma, options_.axes, columns_, columns_, options_.trainable});
  }
  if (options_.center) {
    infos.push_back({"beta", ParameterKind::beta, options_.axes, columns_, columns_, options_.trainable});
  }
  return infos;
}

template <class T>
void LayerNorm<T>::bind(const std::vector<Parameter<T>>& parameters) {
  if (options_.scale) gamma_ = parameters.front();
  if (options_.center) beta_ = parameters.back();
}

template <class T>
void LayerNorm<T>::forward(Team& team, const Flow<T>& flow) const {
  LayerNormForward<T> g{};
  g.rows = flow.rows * rows_per_sample_;
  g.columns = columns_;
  g.x = flow.x;
  g.y = flow.y;
  g.gamma = gamma_.value;
  g.beta = beta_.value;
  g.epsilon = options_.epsilon;
  layer_norm_forward(team, g, kChunkRows * rows_per_sample_);
}

template <class T>
void LayerNorm<T>::backward(Team& team, const Flow<T>& flow) const {
  LayerNormBackward<T> g{};
  g.rows = flow.rows * rows_per_sample_;
  g.columns = columns_;
  g.grad_y = flow.grad_y;
  g.x = flow.x;
  g.gamma = gamma_.value;
  g.epsilon = options_.epsilon;
  g.grad_x = flow.grad_x;
  g.gamma_partial = gamma_.trainable ? gamma_partial(flow) : nullptr;
  g.beta_partial = beta_.trainable ? beta_partial(flow) : nullptr;
  layer_norm_backward(team, g, kChunkRows * rows_per_sample_);
}

template <class T>
void LayerNorm<T>::gradients(Team& team, const Flow<T>& flow) const {
  parameter_gradient(team, flow, gamma_partial(flow), gamma_);
  parameter_gradient(team, flow, beta_partial(flow), beta_);
}

template <class T>
void LayerNorm<T>::parameter_gradient(Team& team, const Flow<T>& flow, const T* partial,
                                      const Parameter<T>& parameter) const {
  if (!parameter.trainable) return;
  add_chunks(team, chunk_count(flow.rows * rows_per_sample_), columns_, partial, flow.first, parameter.gradient);
  if (flow.update != nullptr) update(team, flow.update->id, flow.update->of(parameter, columns_), columns_);
}

template <class T>
std::unique_ptr<Layer<T>> LayerNorm<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  const Shape& input = context.input;
  const std::size_t axes = config.size("axes");
  if (axes == 0 || axes > input.size()) {
    config.fail("axes must be at most the " + std::to_string(input.size()) + " axes of the input " + shape_text(input) +
                ", got " + std::to_string(axes));
  }
  const LayerNormOptions options{.axes = Shape(input.end() - static_cast<std::ptrdiff_t>(axes), input.end()),
                                 .epsilon = config.real("epsilon"),
                                 .scale = config.boolean("scale"),
                                 .center = config.boolean("center"),
                                 .trainable = config.trainable()};
  return std::make_unique<LayerNorm>(input, options);
}

template class LayerNorm<float>;
template class LayerNorm<double>;

}  // namespace prelunet
