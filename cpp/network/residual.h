// y = x + h f(x), f a list of layers whose output has the shape of its input (He et al. 2016; with a step size h, one
// step of Euler's method for dx/dt = f(x)).
//
// y is rounded once. The stages of f run like stages outside a residual. Their buffers are in this layer's work.
#pragma once

#include <memory>
#include "network/plan.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Residual final : public Layer<T> {
 public:
  Residual(const Shape& shape, double step_size, Plan<T> inner);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  const Plan<T>* inner() const override { return &inner_; }
  std::vector<std::size_t> categories() const override { return inner_.categories(); }
  void bind(const std::vector<Parameter<T>>& parameters) override { inner_.bind(parameters); }
  void refresh(Team& team) override;
  std::size_t work_size(std::size_t rows) const override { return begin(inner_.stages.size(), rows); }
  std::size_t row_unit() const override { return inner_.row_unit(); }
  std::size_t predict_work_size(std::size_t rows) const override { return inner_.predict_work_size(rows); }
  double multiply_adds() const override;
  bool calls_python() const override;
  std::optional<Prologue<T>> prologue(const Flow<T>& flow) const override;
  // The product that computes the sum runs the prologue.
  bool fuses_prologue() const override { return stage_makes_sum(0) && inner_.stages[0]->fuses_prologue(); }

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void predict(Team& team, const Flow<T>& flow) const override;
  void visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const override;

 private:
  // Offsets of the arrays of a stage of f, and their total size.
  struct Places {
    std::size_t y, z, grad_y, work, size;
  };
  Places places(std::size_t s, std::size_t rows) const;
  // The offset in work of the arrays of stage s.
  std::size_t begin(std::size_t s, std::size_t rows) const;

  ScaledSum<T> sum_of(std::size_t rows, double factor, const T* x, const T* y, T* out) const;
  void add(Team& team, const ScaledSum<T>& g) const;
  bool stage_makes_sum(std::size_t s) const { return s < inner_.stages.size() && inner_.stages[s]->makes_sum(); }

  // The lowest stage of f that backward() and gradients() run.
  std::size_t lowest(const Flow<T>& flow) const { return flow.grad_x == nullptr ? inner_.lowest_trained() : 0; }
  // The flow of stage s of f.
  Flow<T> inside(std::size_t s, const Flow<T>& flow) const;

  double step_size_;
  Plan<T> inner_;
};

}  // namespace prelunet
