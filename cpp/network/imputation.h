// y = x, or the value of the feature where x is NaN. Features are the entries of the last axis. The gradient passes
// where x is not NaN.
#pragma once

#include <memory>
#include <vector>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Imputation final : public Layer<T> {
 public:
  Imputation(const Shape& shape, const std::vector<double>& values)
      : Layer<T>(shape, shape), values_(values.begin(), values.end()) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  std::vector<T> values_;
};

}  // namespace prelunet
