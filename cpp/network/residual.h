// y = x + h f(x), f a list of layers whose output has the shape of its input (He et al. 2016; with a step size h, one
// step of Euler's method for dx/dt = f(x)).
//
// y is rounded once. The stages of f run like stages outside a residual. Their buffers are in this layer's work.
#pragma once

#include <memory>

#include "network/container.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Residual final : public Sequence<T> {
 public:
  Residual(const Shape& shape, double step_size, Plan<T> inner);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::size_t row_unit() const override { return plan().row_unit(); }
  std::size_t predict_work_size(std::size_t rows) const override { return plan().predict_work_size(rows); }
  std::optional<Prologue<T>> prologue(const Flow<T>& flow) const override;
  // The product that computes the sum runs the prologue.
  bool fuses_prologue() const override { return stage_makes_sum(0) && plan().stages[0]->fuses_prologue(); }

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void predict(Team& team, const Flow<T>& flow) const override;

 protected:
  bool ends_with_last_stage() const override { return false; }  // the sum comes after it

 private:
  using Container<T>::plan;
  using Sequence<T>::inside;
  using Sequence<T>::lowest;

  ScaledSum<T> sum_of(std::size_t rows, double factor, const T* x, const T* y, T* out) const;
  void add(Team& team, const ScaledSum<T>& g) const;
  bool stage_makes_sum(std::size_t s) const { return s < plan().stages.size() && plan().stages[s]->makes_sum(); }

  double step_size_;
};

}  // namespace prelunet
