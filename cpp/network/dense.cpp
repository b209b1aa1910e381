#include "network/dense.h"

#include "network/entry.h"
#include "ops/gemm.h"
#include "ops/optimizer.h"

namespace prelunet {

template <class T>
Dense<T>::Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable)
    : Layer<T>(input, {units}),
      features_(element_count(input)),
      units_(units),
      use_bias_(use_bias),
      trainable_(trainable),
      panels_(packed_size<T>(units, features_)) {}

template <class T>
bool Dense<T>::fuse(const CurveSpec& spec) {
  curve_.emplace(spec, units_);
  return true;
}

template <class T>
std::vector<ParameterInfo> Dense<T>::parameters() const {
  std::vector<ParameterInfo> infos{
      {"weight", ParameterKind::weight, {units_, features_}, features_, units_, trainable_}};
  if (use_bias_) infos.push_back({"bias", ParameterKind::bias, {units_}, features_, units_, trainable_});
  if (curve_ && curve_->learned()) infos.push_back(curve_->parameter_info());
  return infos;
}

template <class T>
void Dense<T>::bind(const std::vector<Parameter<T>>& parameters) {
  weight_ = parameters[0];
  if (use_bias_) bias_ = parameters[1];
  if (curve_ && curve_->learned()) curve_->bind(parameters.back());
}

template <class T>
void Dense<T>::refresh(Team& team) {
  pack(team, panels());
}

template <class T>
std::size_t Dense<T>::work_size(std::size_t rows) const {
  return curve_work_size(rows) + (use_bias_ ? chunk_count(rows) * units_ : 0);
}

template <class T>
void Dense<T>::forward(Team& team, const Flow<T>& flow) const {
  Gemm<T> g{};  // x W^T
  g.m = flow.rows;
  g.n = units_;
  g.k = features_;
  g.a = flow.x;
  g.a_row_stride = features_;
  g.a_k_stride = 1;
  g.b = panels_.data();
  g.c = keeps_z() && flow.z != nullptr ? flow.z : flow.y;
  g.c_stride = units_;
  g.ahead = flow.ahead;

  Epilogue<T> epilogue{};
  const ActivationId id = curve_ ? curve_->id() : ActivationId::identity;
  epilogue.forward = kernel_table<T>().activation_forward[static_cast<int>(id)];
  ActivationForward<T>& f = epilogue.activation;
  f.x = g.c;
  f.y = flow.y;
  f.x_stride = f.y_stride = units_;
  f.bias = bias_.value;
  f.parameter = curve_ ? curve_->parameter() : nullptr;
  f.parameter_stride = curve_ ? curve_->stride() : 0;
  if (curve_ || use_bias_) g.epilogue = &epilogue;
  gemm(team, g, Split::rows);
}

// dz = grad_y f'(z), in place of grad_y, and the sums that the gradients of bias and alpha are made of.
template <class T>
std::optional<Entry<T>> Dense<T>::entry(const Flow<T>& flow) const {
  Entry<T> entry{curve_ ? curve_->id() : ActivationId::identity, {}};
  ActivationBackward<T>& g = entry.g;
  g.rows = flow.rows;
  g.columns = units_;
  g.grad_y = flow.grad_y;
  g.grad_y_stride = g.x_stride = g.y_stride = g.grad_x_stride = g.partial_stride = units_;
  g.bias_partial = bias_partial(flow);
  if (curve_) {
    g.x = keeps_z() ? flow.z : nullptr;
    g.y = flow.y;
    g.grad_x = flow.grad_y;
    g.parameter = curve_->parameter();
    g.parameter_stride = curve_->stride();
    g.parameter_partial = curve_->partial(flow.work);
  } else if (g.bias_partial == nullptr) {
    return std::nullopt;
  }
  return entry;
}

template <class T>
void Dense<T>::backward(Team& team, const Flow<T>& flow) const {
  enter(team, *this, flow, 1);
  if (flow.grad_x == nullptr) return;

  Gemm<T> g{};  // grad_x = dz W
  g.m = flow.rows;
  g.n = features_;
  g.k = units_;
  g.a = flow.grad_y;
  g.a_row_stride = units_;
  g.a_k_stride = 1;
  g.b = weight_.value;
  g.b_stride = features_;
  g.c = flow.grad_x;
  g.c_stride = features_;
  g.ahead = flow.ahead;

  Epilogue<T> epilogue{};
  if (flow.below != nullptr) {
    epilogue.backward = kernel_table<T>().activation_backward[static_cast<int>(flow.below->id)];
    epilogue.gradient = flow.below->g;
    g.epilogue = &epilogue;
  }
  gemm(team, g, Split::rows);
}

template <class T>
void Dense<T>::weight_gradient(Team& team, const Flow<T>& flow) const {
  Gemm<T> g{};  // grad_W = dz^T x
  g.m = units_;
  g.n = features_;
  g.k = flow.rows;
  g.a = flow.grad_y;
  g.a_row_stride = 1;
  g.a_k_stride = units_;
  g.b = flow.x;
  g.b_stride = features_;
  g.c = weight_.gradient;
  g.c_stride = features_;
  g.accumulate = !flow.first;
  g.ahead = flow.ahead;

  Epilogue<T> epilogue{};
  if (flow.update != nullptr) {
    epilogue.update = kernel_table<T>().update[static_cast<int>(flow.update->id)];
    epilogue.parameter = flow.update->of(weight_, features_);
    epilogue.panels = panels();
    g.epilogue = &epilogue;
  }
  gemm(team, g, Split::output);
}

template <class T>
void Dense<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (weight_.trainable) weight_gradient(team, flow);
  if (bias_.trainable) {
    add_chunks(team, chunk_count(flow.rows), units_, bias_partial(flow), flow.first, bias_.gradient);
    if (flow.update != nullptr) update(team, flow.update->id, flow.update->of(bias_, units_), units_);
  }
  if (curve_) curve_->gradients(team, flow.rows, flow.work, flow.first, flow.update);
}

template class Dense<float>;
template class Dense<double>;

}  // namespace prelunet
