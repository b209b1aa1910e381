// y = x * scale + offset.
#pragma once

#include <memory>
#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Rescaling final : public Layer<T> {
 public:
  Rescaling(const Shape& shape, double scale, double offset) : Layer<T>(shape, shape), scale_(scale), offset_(offset) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);
  std::optional<double> sparse_scale() const override { return offset_ == 0.0 ? std::optional(scale_) : std::nullopt; }
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  double scale_;
  double offset_;
};

}  // namespace prelunet
