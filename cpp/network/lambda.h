// A layer whose two functions come from Python.
#pragma once

#include <memory>

#include "network/layer.h"
#include "network/layer_registry.h"

namespace prelunet {

// Arrays are of the network's dtype, (rows, *shape of a sample). The functions may throw.
struct LambdaFunctions {
  Shape output;  // of one sample; empty: the input's
  std::function<void(const Shape& input, const Shape& output, std::size_t rows, const void* x, void* y)> forward;
  std::function<void(const Shape& input, const Shape& output, std::size_t rows, const void* x, const void* y,
                     const void* grad_y, void* grad_x)>
      backward;
};

template <class T>
class Lambda final : public Layer<T> {
 public:
  Lambda(const Shape& input, std::shared_ptr<const LambdaFunctions> functions)
      : Layer<T>(input, functions->output.empty() ? input : functions->output), functions_(std::move(functions)) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context) {
    return std::make_unique<Lambda>(context.input, context.config.functions("functions"));
  }

  bool calls_python() const override { return true; }

  void forward(Team&, const Flow<T>& flow) const override {
    functions_->forward(this->input_shape(), this->output_shape(), flow.rows, flow.x, flow.y);
  }
  void backward(Team&, const Flow<T>& flow) const override {
    if (flow.grad_x == nullptr) return;
    functions_->backward(this->input_shape(), this->output_shape(), flow.rows, flow.x, flow.y, flow.grad_y,
                         flow.grad_x);
  }

 private:
  std::shared_ptr<const LambdaFunctions> functions_;
};

}  // namespace prelunet
