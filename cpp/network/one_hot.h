// For each feature of x, 1 at the place of its category and 0 elsewhere; only zeros for another value. The gradient of
// x is 0.
#pragma once

#include <memory>
#include <vector>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class OneHot final : public Layer<T> {
 public:
  // `counts`: the number of categories of each feature; `values`: all categories, feature after feature.
  OneHot(const Shape& shape, const Shape& counts, const std::vector<double>& values)
      : Layer<T>(shape, {values.size()}), counts_(counts), values_(values.begin(), values.end()) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  Shape counts_;
  std::vector<T> values_;
};

}  // namespace prelunet
