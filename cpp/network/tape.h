// A batch that keeps the outputs and gradients of every stage. Call forward() first. Then call backward() or
// backward_from_loss() any number of times, while the parameters do not change.
#pragma once

#include "network/backpropagation.h"
#include "network/stop.h"
#include "runtime/threads.h"

namespace prelunet {

struct TapeOptions {
  bool training = false;  // dropout drops units
  bool clips = false;     // deltas are clipped as in a training step
  bool whole = true;      // false: if X is compressed, it is not made dense, and the tape is not whole()
};

template <class T>
class Tape {
 public:
  using Visitor = typename Layer<T>::Visitor;

  // `targets` may be empty if backward_from_loss() is not called. `step`: number of updates so far, for dropout.
  // `rates` holds those of that step. `threads`: maximum number of threads.
  Tape(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets, std::size_t outputs,
       const TapeOptions& options, std::uint64_t step, const StepRates& rates, int threads);
  Tape(const Tape&) = delete;  // members refer to each other
  Tape& operator=(const Tape&) = delete;

  std::size_t rows() const { return x_.rows; }

  // Reads X. Returns false if interrupted, here and below.
  bool forward(const Interrupt& interrupt);
  // Computes the gradients of all parameters from the gradient of the loss.
  bool backward_from_loss(const Interrupt& interrupt);
  // The same from a gradient of the outputs, (rows, outputs). `row_scale`: the factor of each row, if deltas are
  // clipped; or null. Without `parameters`, computes only the gradient of X.
  bool backward(const RowSource& grad_outputs, const double* row_scale, bool parameters, const Interrupt& interrupt);

  const T* outputs() const { return propagation_.workspace().y(last()); }
  // Whether grad_x() and visit() may be called.
  bool whole() const { return whole_; }
  // (rows, inputs), after a backward pass.
  const T* grad_x() const { return propagation_.workspace().grad_input(); }
  // Calls visitor for all stages with their flows, in the order of the layers.
  void visit(const Visitor& visitor) const;

 private:
  using Pass = typename Backpropagation<T>::Pass;
  Pass pass(Team& team, Stop* stop) const {
    return Pass(propagation_, team, nullptr, block_, BatchBlock{}, step_, stop);
  }
  std::size_t last() const { return propagation_.plan().stages.size() - 1; }
  // In a forked child num_threads() is 1.
  int threads() const { return std::min(threads_, num_threads()); }
  // `begin` computes the gradient of the outputs.
  template <class Begin>
  bool go_back(bool parameters, const Interrupt& interrupt, Begin&& begin);

  RowSource x_;
  bool whole_;
  Targets targets_;
  LossConfig loss_;
  BatchBlock block_;
  std::uint64_t step_;
  StepRates rates_;
  int threads_;
  Backpropagation<T> propagation_;  // refers to the members above
};

}  // namespace prelunet
