// A batch kept whole: what every step made of it and, once gradients have come back, theirs.
#pragma once

#include "network/backpropagation.h"

namespace prelunet {

template <class T>
class Tape {
 public:
  using Visitor = typename Layer<T>::Visitor;

  // Lays out room for `rows` rows. `training`: dropout acts, as in the step number `step`.
  Tape(const Plan<T>& plan, const LossConfig& loss, RowSource x, Targets targets, std::size_t outputs, bool training,
       std::uint64_t step, int threads);

  std::size_t rows() const { return x_.rows; }

  // Reads X; after it, the outputs of all steps are there. Returns those of the last, (rows, outputs).
  const T* forward();
  // From the gradient of the loss on, as the targets have it.
  void backward_from_loss();
  // From a gradient of the outputs, (rows, outputs), on: fills the gradients of all parameters, and returns that of X,
  // (rows, inputs).
  const T* backward(const RowSource& grad_outputs);
  // All steps with their flows, in the order in which layers are written down.
  void visit(const Visitor& visitor) const;

 private:
  using Pass = typename Backpropagation<T>::Pass;
  Pass pass(Team& team) const { return Pass(all_, team, nullptr, block_, BatchBlock{}, step_); }

  RowSource x_;
  Targets targets_;
  std::uint64_t step_;
  int threads_;
  BatchBlock block_;
  LossConfig loss_;
  Backpropagation<T> all_;
};

}  // namespace prelunet
