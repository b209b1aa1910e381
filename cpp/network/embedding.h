// y = the rows of the weight (categories, width) at the integer codes x, one after the other. X holds the codes, and
// bindings check them.
//
// Every thread adds the gradient of its own rows of the weight, in the order of the batch. There is no gradient of x.
#pragma once

#include <memory>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Embedding final : public Layer<T> {
 public:
  Embedding(const Shape& input, std::size_t categories, std::size_t width, bool trainable)
      : Layer<T>(input, {checked_multiply(input[0], width)}),
        categories_(categories),
        width_(width),
        trainable_(trainable) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::vector<std::size_t> categories() const override { return std::vector<std::size_t>(this->inputs(), categories_); }
  std::vector<ParameterInfo> parameters() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override { weight_ = parameters[0]; }
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;

 private:
  // Another thread of Python may have changed X after the check: no code is out of range here.
  std::size_t row_of(T code) const {
    return code >= T(0) && code < static_cast<T>(categories_) ? static_cast<std::size_t>(code) : 0;
  }

  std::size_t categories_;
  std::size_t width_;
  bool trainable_;
  Parameter<T> weight_;
};

}  // namespace prelunet
