#include "network/tape.h"

#include <algorithm>

#include "runtime/subnormals.h"

namespace prelunet {
namespace {

LossConfig with_clip(LossConfig loss, bool clips) {
  if (!clips) loss.clip_delta = 0.0;
  return loss;
}

}  // namespace

template <class T>
Tape<T>::Tape(const Plan<T>& plan, const LossConfig& loss, const RowSource& x, const Targets& targets,
              std::size_t outputs, const TapeOptions& options, std::uint64_t step, const StepRates& rates, int threads)
    : x_(x),
      whole_(options.whole || x.compressed == nullptr),
      targets_(targets),
      loss_(with_clip(loss, options.clips)),
      block_{0, x_.rows, 0, x_.rows},
      step_(step),
      rates_(rates.only(step)),
      threads_(threads),
      propagation_(plan, loss_, x_, targets_, outputs,
                   {.block_rows = x_.rows, .whole = whole_, .training = options.training, .rates = &rates_}) {}

template <class T>
bool Tape<T>::forward(const Interrupt& interrupt) {
  Stop stop(interrupt);
  run_flushed_team(threads(), [&](Team& team) { pass(team, &stop).forward(); });
  return !stop.asked();
}

template <class T>
template <class Begin>
bool Tape<T>::go_back(bool parameters, const Interrupt& interrupt, Begin&& begin) {
  Stop stop(interrupt);
  run_flushed_team(threads(), [&](Team& team) {
    Pass one = pass(team, &stop);
    begin(team, one);
    one.backward();
    team.barrier();
    if (parameters && !stop.asked()) one.gradients(nullptr);
  });
  return !stop.asked();
}

template <class T>
bool Tape<T>::backward_from_loss(const Interrupt& interrupt) {
  const double factor = propagation_.batch_factor(nullptr, block_);
  return go_back(true, interrupt, [&](Team&, Pass& one) { one.score(factor); });
}

template <class T>
bool Tape<T>::backward(const RowSource& grad_outputs, const double* row_scale, bool parameters,
                       const Interrupt& interrupt) {
  const Workspace<T>& workspace = propagation_.workspace();
  if (row_scale != nullptr) std::copy_n(row_scale, x_.rows, workspace.row_scale());
  return go_back(parameters, interrupt,
                 [&](Team& team, Pass&) { gather(team, grad_outputs, {}, x_.rows, workspace.grad_y(last())); });
}

template <class T>
void Tape<T>::visit(const Visitor& visitor) const {
  Barrier alone;
  Team solo(0, 1, alone, nullptr);
  const Pass one = pass(solo, nullptr);
  for (std::size_t s = 0; s <= last(); ++s) propagation_.plan().stages[s]->visit(one.flow(s), visitor);
}

template class Tape<float>;
template class Tape<double>;

}  // namespace prelunet
