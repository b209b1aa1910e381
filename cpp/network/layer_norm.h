// Layer normalization over the last axes of a sample, with learned gamma and beta. Equations: kernels/layer_norm.h.
#pragma once

#include <memory>

#include "network/layer.h"
#include "ops/activation.h"

namespace prelunet {

template <class T>
struct LayerContext;

struct LayerNormOptions {
  Shape axes;  // the sizes of the normalized axes
  double epsilon;
  bool scale;   // there is a gamma
  bool center;  // there is a beta
  bool trainable;
};

template <class T>
class LayerNorm final : public Layer<T> {
 public:
  LayerNorm(const Shape& shape, const LayerNormOptions& options);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::vector<ParameterInfo> parameters() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override;
  // Partials of the gradients of gamma, then of beta.
  std::size_t work_size(std::size_t rows) const override { return 2 * partial_size(rows); }
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;

 private:
  std::size_t partial_size(std::size_t rows) const { return chunk_count(rows * rows_per_sample_) * columns_; }
  T* gamma_partial(const Flow<T>& flow) const { return flow.work; }
  T* beta_partial(const Flow<T>& flow) const { return flow.work + partial_size(flow.capacity); }
  void parameter_gradient(Team& team, const Flow<T>& flow, const T* partial, const Parameter<T>& parameter) const;

  LayerNormOptions options_;
  std::size_t columns_;
  std::size_t rows_per_sample_;
  Parameter<T> gamma_;
  Parameter<T> beta_;
};

}  // namespace prelunet
