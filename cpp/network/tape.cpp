#include "network/tape.h"

namespace prelunet {

template <class T>
Tape<T>::Tape(const Plan<T>& plan, const LossConfig& loss, RowSource x, Targets targets, std::size_t outputs,
              bool training, std::uint64_t step, int threads)
    : x_(std::move(x)),
      targets_(std::move(targets)),
      step_(step),
      threads_(threads),
      block_{0, x_.rows, 0, x_.rows},
      loss_(loss),
      all_(plan, loss_, x_, targets_, outputs, {.block_rows = x_.rows, .whole = true, .training = training}) {}

template <class T>
const T* Tape<T>::forward() {
  run_team(threads_, [&](Team& team) { pass(team).forward(); });
  return all_.workspace().y(all_.plan().steps.size() - 1);
}

template <class T>
void Tape<T>::backward_from_loss() {
  const double factor = all_.batch_factor(nullptr, block_);
  run_team(threads_, [&](Team& team) {
    Pass one = pass(team);
    one.judge(factor);
    one.backward();
  });
}

template <class T>
const T* Tape<T>::backward(const RowSource& grad_outputs) {
  T* const to = all_.workspace().grad_y(all_.plan().steps.size() - 1);
  run_team(threads_, [&](Team& team) {
    gather(team, grad_outputs, {}, x_.rows, to);
    Pass one = pass(team);
    one.backward();
    team.barrier();
    one.gradients(nullptr);
  });
  return all_.workspace().grad_input();
}

template <class T>
void Tape<T>::visit(const Visitor& visitor) const {
  Barrier alone(1);
  Team solo(0, 1, alone);
  const Pass one = pass(solo);
  for (std::size_t s = 0; s < all_.plan().steps.size(); ++s) all_.plan().steps[s]->visit(one.flow(s), visitor);
}

template class Tape<float>;
template class Tape<double>;

}  // namespace prelunet
