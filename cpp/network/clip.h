// y = min(max(x, low), high). NaN stays NaN. The gradient passes where low <= x <= high. Without in_training, the layer
// clips when predicting and evaluating only, and is the identity in training.
#pragma once

#include <memory>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

struct ClipOptions {
  double low;
  double high;
  bool in_training;
};

template <class T>
class Clip final : public Layer<T> {
 public:
  Clip(const Shape& shape, const ClipOptions& options)
      : Layer<T>(shape, shape),
        low_(static_cast<T>(options.low)),
        high_(static_cast<T>(options.high)),
        in_training_(options.in_training) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  bool clips(const Flow<T>& flow) const { return in_training_ || !flow.training; }

  T low_;
  T high_;
  bool in_training_;
};

}  // namespace prelunet
