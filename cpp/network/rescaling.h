// y = x * scale + offset, rounded once. scale and offset are one number, or one for each entry of the last axis.
#pragma once

#include <memory>
#include <vector>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Rescaling final : public Layer<T> {
 public:
  // `scale` and `offset` have one element each, or one for each entry of the last axis.
  Rescaling(const Shape& shape, const std::vector<double>& scale, const std::vector<double>& offset);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);
  std::optional<double> sparse_scale() const override;
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  void rescale(Team& team, std::size_t rows, const T* x, const std::vector<T>& offset, T* y) const;

  std::vector<T> scale_;
  std::vector<T> offset_;
  std::vector<T> nothing_;  // as many zeros
};

}  // namespace prelunet
