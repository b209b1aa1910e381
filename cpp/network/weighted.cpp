#include "network/weighted.h"

#include "ops/elementwise.h"
#include "ops/gemm.h"
#include "ops/optimizer.h"

namespace prelunet {

template <class T>
Weighted<T>::Weighted(const Shape& input, const Shape& output, ParameterInfo weight, bool use_bias)
    : Layer<T>(input, output),
      columns_(output.back()),
      rows_per_sample_(element_count(output) / output.back()),
      weight_info_(std::move(weight)),
      use_bias_(use_bias) {}

template <class T>
bool Weighted<T>::fuse(const ActivationSpec& spec) {
  activation_.emplace(spec, columns_);
  return true;
}

template <class T>
std::vector<ParameterInfo> Weighted<T>::parameters() const {
  std::vector<ParameterInfo> infos{weight_info_};
  if (use_bias_) {
    ParameterInfo bias = weight_info_;
    bias.name = "bias";
    bias.kind = ParameterKind::bias;
    bias.shape = {columns_};
    infos.push_back(std::move(bias));
  }
  if (activation_ && activation_->learned()) infos.push_back(activation_->parameter_info());
  return infos;
}

template <class T>
void Weighted<T>::bind(const std::vector<Parameter<T>>& parameters) {
  weight_ = parameters[0];
  if (use_bias_) bias_ = parameters[1];
  if (activation_ && activation_->learned()) activation_->bind(parameters.back());
}

template <class T>
OutputEpilogue<T> Weighted<T>::output_epilogue(const Flow<T>& flow) const {
  OutputEpilogue<T> epilogue{};
  if (!activation_ && !use_bias_) return epilogue;
  const ActivationId id = activation_ ? activation_->id() : ActivationId::identity;
  epilogue.forward = kernel_table<T>().activation_forward[static_cast<int>(id)];
  ActivationForward<T>& f = epilogue.activation;
  f.x = z(flow);
  f.y = flow.y;
  f.x_stride = f.y_stride = columns_;
  f.bias = bias_.value;
  f.parameter = activation_ ? activation_->parameter() : nullptr;
  f.parameter_stride = activation_ ? activation_->stride() : 0;
  f.constant = activation_ ? activation_->constant() : T(0);
  return epilogue;
}

// Replaces grad_y by dz = grad_y f'(z), and computes the partial sums of the gradients of bias and alpha.
template <class T>
std::optional<Prologue<T>> Weighted<T>::prologue(const Flow<T>& flow) const {
  Prologue<T> prologue{activation_ ? activation_->id() : ActivationId::identity, {}};
  ActivationBackward<T>& g = prologue.g;
  g.rows = flow.rows * rows_per_sample_;
  g.columns = columns_;
  g.grad_y = flow.grad_y;
  g.grad_y_stride = g.x_stride = g.y_stride = g.grad_x_stride = g.partial_stride = columns_;
  g.bias_partial = bias_.trainable ? bias_work(flow) : nullptr;
  if (activation_) {
    g.x = keeps_z() ? flow.z : nullptr;
    g.y = flow.y;
    g.grad_x = flow.grad_y;
    g.parameter = activation_->parameter();
    g.parameter_stride = activation_->stride();
    g.constant = activation_->constant();
    g.parameter_partial = activation_->partial(activation_work(flow));
  } else if (g.bias_partial == nullptr) {
    return std::nullopt;
  }
  return prologue;
}

template <class T>
void Weighted<T>::run_prologue(Team& team, const Flow<T>& flow) const {
  if (flow.prologue_done) return;
  const std::optional<Prologue<T>> own = prologue(flow);
  if (flow.clip != nullptr) return run_clipped_prologue(team, own, flow);
  if (own) activation_backward(team, own->id, own->g, kChunkRows * rows_per_sample_);
}

// The prologue with clipping. dz is clipped after the activation, so the gradient of alpha is not clipped. It is
// clipped before the bias sums are computed.
template <class T>
void Weighted<T>::run_clipped_prologue(Team& team, const std::optional<Prologue<T>>& prologue,
                                       const Flow<T>& flow) const {
  const std::size_t unit = kChunkRows * rows_per_sample_;
  if (activation_) {
    ActivationBackward<T> activation = prologue->g;
    activation.bias_partial = nullptr;
    activation_backward(team, prologue->id, activation, unit);
  }
  clip_rows(team, flow.rows, this->outputs(), flow.grad_y, flow.clip->limit, flow.clip->row_scale);
  if (!prologue || prologue->g.bias_partial == nullptr) return;
  ActivationBackward<T> sums{};
  sums.rows = prologue->g.rows;
  sums.columns = columns_;
  sums.grad_y = flow.grad_y;
  sums.grad_y_stride = sums.x_stride = sums.y_stride = sums.grad_x_stride = sums.partial_stride = columns_;
  sums.bias_partial = prologue->g.bias_partial;
  activation_backward(team, ActivationId::identity, sums, unit);
}

template <class T>
void Weighted<T>::other_gradients(Team& team, const Flow<T>& flow) const {
  const std::size_t rows = flow.rows * rows_per_sample_;
  if (bias_.trainable) {
    add_chunks(team, chunk_count(rows), columns_, bias_work(flow), flow.first, bias_.gradient);
    if (flow.update != nullptr) update(team, flow.update->id, flow.update->of(bias_, columns_), columns_);
  }
  if (activation_) activation_->gradients(team, rows, activation_work(flow), flow.first, flow.update);
}

template class Weighted<float>;
template class Weighted<double>;

}  // namespace prelunet
