#include "network/dense.h"

#include "ops/gemm.h"

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
void Dense<T>::fuse(const CurveSpec& spec) {
  curve_.emplace(spec, units_);
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
  pack(team, units_, features_, weight_.value, features_, panels_.data());
}

template <class T>
std::size_t Dense<T>::work_size(std::size_t rows) const {
  return curve_work_size(rows) + (use_bias_ ? chunk_count(rows) * units_ : 0);
}

template <class T>
void Dense<T>::forward(Team& team, const Flow<T>& flow) const {
  Epilogue<T> epilogue{};
  const ActivationId id = curve_ ? curve_->id() : ActivationId::identity;
  epilogue.forward = kernel_table<T>().activation_forward[static_cast<int>(id)];
  epilogue.bias = bias_.value;
  epilogue.parameter = curve_ ? curve_->parameter() : nullptr;
  epilogue.parameter_stride = curve_ ? curve_->stride() : 0;
  epilogue.y = flow.y;
  epilogue.y_stride = units_;

  Gemm<T> g{};
  g.m = flow.rows;
  g.n = units_;
  g.k = features_;
  g.a = flow.x;
  g.a_row_stride = features_;
  g.a_k_stride = 1;
  g.b = panels_.data();
  g.c = curve_ && flow.z != nullptr ? flow.z : flow.y;
  g.c_stride = units_;
  g.epilogue = curve_ || use_bias_ ? &epilogue : nullptr;
  gemm(team, g, Split::rows);
}

template <class T>
void Dense<T>::backward(Team& team, const Flow<T>& flow) const {
  ActivationBackward<T> a{};
  a.rows = flow.rows;
  a.columns = units_;
  a.grad_y = flow.grad_y;
  a.bias_partial = bias_partial(flow);
  a.grad_y_stride = a.x_stride = a.y_stride = a.grad_x_stride = a.partial_stride = units_;
  if (curve_) {
    a.x = flow.z;
    a.y = flow.y;
    a.grad_x = flow.grad_y;  // grad_y becomes dz in place
    a.parameter = curve_->parameter();
    a.parameter_stride = curve_->stride();
    a.parameter_partial = curve_->partial(flow.work);
    activation_backward(team, curve_->id(), a);
  } else if (a.bias_partial != nullptr) {
    activation_backward(team, ActivationId::identity, a);
  }
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
  gemm(team, g, Split::rows);
}

template <class T>
void Dense<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (weight_.trainable) {
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
    gemm(team, g, Split::output);
  }
  if (bias_.trainable) {
    add_chunks(team, chunk_count(flow.rows), units_, bias_partial(flow), flow.first, bias_.gradient);
  }
  if (curve_) curve_->gradients(team, flow.rows, flow.work, flow.first);
}

template class Dense<float>;
template class Dense<double>;

}  // namespace prelunet
