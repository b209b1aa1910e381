// An activation that is not fused into the layer before it: y = f(x).
#pragma once

#include <memory>

#include "network/activation.h"

namespace prelunet {

template <class T>
struct LayerContext;
struct LayerConfig;
class LayerReader;

bool is_activation(const LayerConfig& layer);
// Throws std::invalid_argument if the registry has no activation of that name.
ActivationSpec read_activation(LayerReader& config);

template <class T>
class ActivationLayer final : public Layer<T> {
 public:
  ActivationLayer(const ActivationSpec& spec, const Shape& shape)
      : Layer<T>(shape, shape),
        columns_(shape.back()),
        rows_per_sample_(element_count(shape) / shape.back()),
        activation_(spec, shape.back()) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::vector<ParameterInfo> parameters() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override;
  std::size_t work_size(std::size_t rows) const override { return activation_.work_size(rows * rows_per_sample_); }
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void visit_kept_sums(const Flow<T>& flow, const typename Layer<T>::SumVisitor& visitor) const override {
    visitor(flow.work, activation_.kept_sums());
  }

 private:
  std::size_t columns_;
  std::size_t rows_per_sample_;
  Activation<T> activation_;
};

}  // namespace prelunet
