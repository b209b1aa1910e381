// Max-pooling; see ops/max_pool2d.h.
#pragma once

#include <memory>
#include "kernels/window2d.h"
#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class MaxPool2D final : public Layer<T> {
 public:
  // `input`: (height, width, channels).
  MaxPool2D(const Shape& input, const Window2D& window);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  Window2D window_;
  std::size_t channels_;
};

}  // namespace prelunet
