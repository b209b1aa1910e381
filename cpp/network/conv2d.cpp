#include "network/conv2d.h"

#include "network/entry.h"
#include "ops/optimizer.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
Conv2D<T>::Conv2D(const Shape& input, const Window2D& window, std::size_t filters, bool use_bias, bool trainable)
    : Layer<T>(input, {window.vertical.places, window.horizontal.places, filters}),
      plan_(window, input[2], filters),
      use_bias_(use_bias),
      trainable_(trainable),
      panels_(conv2d_panels_size<T>(plan_)),
      grad_panels_(conv2d_grad_panels_size<T>(plan_)) {}

template <class T>
bool Conv2D<T>::fuse(const CurveSpec& spec) {
  curve_.emplace(spec, plan_.filters);
  return true;
}

template <class T>
std::vector<ParameterInfo> Conv2D<T>::parameters() const {
  const std::size_t height = plan_.window.vertical.window, width = plan_.window.horizontal.window;
  const std::size_t fan_in = plan_.tap_count, fan_out = height * width * plan_.filters;
  std::vector<ParameterInfo> infos{
      {"weight", ParameterKind::weight, {plan_.filters, height, width, plan_.channels}, fan_in, fan_out, trainable_}};
  if (use_bias_) infos.push_back({"bias", ParameterKind::bias, {plan_.filters}, fan_in, fan_out, trainable_});
  if (curve_ && curve_->learned()) infos.push_back(curve_->parameter_info());
  return infos;
}

template <class T>
void Conv2D<T>::bind(const std::vector<Parameter<T>>& parameters) {
  weight_ = parameters[0];
  if (use_bias_) bias_ = parameters[1];
  if (curve_ && curve_->learned()) curve_->bind(parameters.back());
}

template <class T>
void Conv2D<T>::pack_weight(Team& team) const {
  conv2d_pack<T>(team, plan_, weight_.value, panels_.data());
  conv2d_grad_pack<T>(team, plan_, weight_.value, grad_panels_.data());
}

template <class T>
double Conv2D<T>::multiply_adds() const {
  return static_cast<double>(plan_.places) * static_cast<double>(plan_.tap_count) * static_cast<double>(plan_.filters);
}

template <class T>
typename Conv2D<T>::Work Conv2D<T>::work(std::size_t rows) const {
  const std::size_t places = checked_multiply(rows, plan_.places);
  Layout layout;
  Work at{};
  at.curve = layout.add<T>(curve_ ? curve_->work_size(places) : 0);
  at.weight_sums = layout.add<T>(checked_multiply(plan_.tap_count, plan_.filters));
  at.bias_partial = layout.add<T>(checked_multiply(chunk_count(places), plan_.filters));
  at.padded = layout.add<T>(padded_size(rows));
  at.grad_x = layout.add<T>(conv2d_grad_x_work(plan_, rows));
  at.size = layout.bytes();
  for (std::size_t* const offset : {&at.curve, &at.weight_sums, &at.bias_partial, &at.padded, &at.grad_x, &at.size}) {
    *offset /= sizeof(T);
  }
  return at;
}

template <class T>
void Conv2D<T>::run_forward(Team& team, const Flow<T>& flow, T* own) const {
  if (plan_.window.pads()) pad_images(team, plan_, flow.rows, flow.x, own);
  T* const z = keeps_z() && flow.z != nullptr ? flow.z : flow.y;
  Epilogue<T> epilogue{};
  const ActivationId id = curve_ ? curve_->id() : ActivationId::identity;
  epilogue.forward = kernel_table<T>().activation_forward[static_cast<int>(id)];
  ActivationForward<T>& f = epilogue.activation;
  f.x = z;
  f.y = flow.y;
  f.x_stride = f.y_stride = plan_.filters;
  f.bias = bias_.value;
  f.parameter = curve_ ? curve_->parameter() : nullptr;
  f.parameter_stride = curve_ ? curve_->stride() : 0;
  const bool follows = curve_ || use_bias_;
  conv2d_forward<T>(team, plan_, flow.rows, padded(flow, own), panels_.data(), follows ? &epilogue : nullptr, z,
                    flow.ahead);
}

template <class T>
void Conv2D<T>::forward(Team& team, const Flow<T>& flow) const {
  run_forward(team, flow, flow.work + work(flow.capacity).padded);
}

template <class T>
void Conv2D<T>::predict(Team& team, const Flow<T>& flow) const {
  run_forward(team, flow, flow.work);
}

// dz = grad_y f'(z), in place of grad_y, and the sums that the gradients of bias and alpha are made of.
template <class T>
std::optional<Entry<T>> Conv2D<T>::entry(const Flow<T>& flow) const {
  const Work at = work(flow.capacity);
  Entry<T> entry{curve_ ? curve_->id() : ActivationId::identity, {}};
  ActivationBackward<T>& g = entry.g;
  g.rows = flow.rows * plan_.places;
  g.columns = plan_.filters;
  g.grad_y = flow.grad_y;
  g.grad_y_stride = g.x_stride = g.y_stride = g.grad_x_stride = g.partial_stride = plan_.filters;
  g.bias_partial = bias_.trainable ? flow.work + at.bias_partial : nullptr;
  if (curve_) {
    g.x = keeps_z() ? flow.z : nullptr;
    g.y = flow.y;
    g.grad_x = flow.grad_y;
    g.parameter = curve_->parameter();
    g.parameter_stride = curve_->stride();
    g.parameter_partial = curve_->partial(flow.work + at.curve);
  } else if (g.bias_partial == nullptr) {
    return std::nullopt;
  }
  return entry;
}

template <class T>
void Conv2D<T>::backward(Team& team, const Flow<T>& flow) const {
  enter(team, *this, flow, plan_.places);
  if (flow.grad_x == nullptr) return;
  conv2d_grad_x<T>(team, plan_, flow.rows, flow.grad_y, grad_panels_.data(), flow.work + work(flow.capacity).grad_x,
                   flow.grad_x, flow.ahead);
}

template <class T>
void Conv2D<T>::gradients(Team& team, const Flow<T>& flow) const {
  const Work at = work(flow.capacity);
  const std::size_t places = flow.rows * plan_.places;
  if (weight_.trainable) {
    T* const sums = flow.work + at.weight_sums;
    conv2d_grad_weight<T>(team, plan_, flow.rows, padded(flow, flow.work + at.padded), flow.grad_y, flow.first, sums,
                          flow.ahead);
    team.barrier();
    transpose<T>(team, plan_.tap_count, plan_.filters, sums, weight_.gradient);
    if (flow.update != nullptr) {
      team.barrier();
      update(team, flow.update->id, flow.update->of(weight_, weight_.size), weight_.size);
      team.barrier();
      pack_weight(team);
    }
  }
  if (bias_.trainable) {
    add_chunks(team, chunk_count(places), plan_.filters, flow.work + at.bias_partial, flow.first, bias_.gradient);
    if (flow.update != nullptr) update(team, flow.update->id, flow.update->of(bias_, plan_.filters), plan_.filters);
  }
  if (curve_) curve_->gradients(team, places, flow.work + at.curve, flow.first, flow.update);
}

template class Conv2D<float>;
template class Conv2D<double>;

}  // namespace prelunet
