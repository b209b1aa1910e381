// A batch kept whole: what every step made of it and, once gradients have come back, theirs. forward() comes first,
// then backward() or backward_from_loss(), as often as wanted while the parameters are the same.
#pragma once

#include "network/backpropagation.h"
#include "network/stop.h"
#include "runtime/threads.h"

namespace prelunet {

struct TapeOptions {
  bool training = false;  // dropout acts
  bool clips = false;     // deltas are clipped as in a step; else gradients are those of the outputs themselves
};

template <class T>
class Tape {
 public:
  using Visitor = typename Layer<T>::Visitor;

  // Lays out room for the rows of `x`. `targets` may be empty where the losses are not asked for. `step`: updates made
  // so far, which dropout goes by; `threads`: at most.
  Tape(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets, std::size_t outputs,
       const TapeOptions& options, std::uint64_t step, int threads);
  Tape(const Tape&) = delete;  // members refer to each other
  Tape& operator=(const Tape&) = delete;

  std::size_t rows() const { return x_.rows; }

  // Reads X. False: interrupted, here and below.
  bool forward(const Interrupt& interrupt);
  // From the gradient of the targets' loss on; fills the gradients of all parameters.
  bool backward_from_loss(const Interrupt& interrupt);
  // From a gradient of the outputs, (rows, outputs), on. `row_scale`: what row i was multiplied by, where deltas are
  // clipped; or null.
  bool backward(const RowSource& grad_outputs, const double* row_scale, const Interrupt& interrupt);

  const T* outputs() const { return propagation_.workspace().y(last()); }
  // (rows, inputs), after a backward pass.
  const T* grad_x() const { return propagation_.workspace().grad_input(); }
  // All steps with their flows, in the order in which layers are written down.
  void visit(const Visitor& visitor) const;

 private:
  using Pass = typename Backpropagation<T>::Pass;
  Pass pass(Team& team, Stop* stop) const {
    return Pass(propagation_, team, nullptr, block_, BatchBlock{}, step_, stop);
  }
  std::size_t last() const { return propagation_.plan().steps.size() - 1; }
  // A forked child has one thread, whatever there was before.
  int threads() const { return std::min(threads_, num_threads()); }
  // `begin` makes the gradient of the outputs.
  template <class Begin>
  bool go_back(const Interrupt& interrupt, Begin&& begin);

  RowSource x_;
  Targets targets_;
  LossConfig loss_;
  BatchBlock block_;
  std::uint64_t step_;
  int threads_;
  Backpropagation<T> propagation_;  // refers to the members above
};

}  // namespace prelunet
