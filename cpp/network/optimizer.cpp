#include "network/optimizer.h"

#include <cmath>

namespace prelunet {
namespace {

std::size_t slot_count(const OptimizerConfig& config) {
  if (config.method == OptimizerConfig::Method::adam) return 2;
  return config.momentum != 0.0 ? 1 : 0;
}

}  // namespace

template <class T>
Optimizer<T>::Optimizer(const OptimizerConfig& config, std::size_t size, const T* values,
                        std::vector<Parameter<T>>& parameters)
    : config_(config) {
  for (std::size_t slot = 0; slot < slot_count(config); ++slot) slots_.emplace_back(size);
  std::size_t squares = 0;
  for (Parameter<T>& p : parameters) {
    p.slot[0] = p.slot[1] = nullptr;
    for (std::size_t slot = 0; slot < slots_.size(); ++slot) p.slot[slot] = slots_[slot].data() + (p.value - values);
    if (!p.trainable) continue;
    parameters_.push_back(p);
    square_offsets_.push_back(squares);
    squares += square_pieces(p.size);
  }
  squares_.resize(squares);
}

// Clipping acts on the gradient of loss plus penalty, so the penalty joins the gradient first.
template <class T>
void Optimizer<T>::clip(Team& team, double l2) const {
  for (const Parameter<T>& p : parameters_) {
    if (l2 != 0.0 && p.decays) add_scaled(team, p.size, l2, p.value, p.gradient);
    if (config_.clip_value > 0.0) clip_by_value(team, p.size, p.gradient, config_.clip_value);
  }
  if (config_.clip_norm > 0.0) clip_by_norm(team);
}

template <class T>
void Optimizer<T>::clip_by_norm(Team& team) const {
  team.barrier();  // squares are shared by other units than the elements just written
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter<T>& p = parameters_[i];
    sum_of_squares(team, p.size, p.gradient, squares_.data() + square_offsets_[i]);
  }
  team.barrier();
  const double norm = std::sqrt(sum_pieces(squares_.size(), squares_.data()));
  if (!(norm > config_.clip_norm)) return;
  for (const Parameter<T>& p : parameters_) scale(team, p.size, p.gradient, config_.clip_norm / norm);
}

template <class T>
void Optimizer<T>::square(Team& team) const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter<T>& p = parameters_[i];
    if (p.decays) sum_of_squares(team, p.size, static_cast<const T*>(p.value), squares_.data() + square_offsets_[i]);
  }
}

template <class T>
double Optimizer<T>::squares() const {
  double sum = 0.0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter<T>& p = parameters_[i];
    if (p.decays) sum += sum_pieces(square_pieces(p.size), squares_.data() + square_offsets_[i]);
  }
  return sum;
}

template <class T>
StepUpdate Optimizer<T>::step(double learning_rate, std::int64_t number, double l2) const {
  const bool adam = config_.method == OptimizerConfig::Method::adam;
  StepUpdate step{adam ? UpdateId::adam : UpdateId::sgd, config_.l2 + l2, {}, {}};
  step.rule.learning_rate = learning_rate;
  step.rule.momentum = config_.momentum;
  step.rule.nesterov = config_.nesterov;
  step.rule.beta_1 = config_.beta_1;
  step.rule.beta_2 = config_.beta_2;
  step.rule.epsilon = config_.epsilon;
  step.rule.correction_1 = adam ? 1.0 - power(config_.beta_1, number) : 1.0;
  step.rule.correction_2 = adam ? 1.0 - power(config_.beta_2, number) : 1.0;
  step.rule.l2 = 0.0;
  step.rule.decay = 1.0;
  step.decaying_rule = step.rule;
  step.decaying_rule.l2 = clips() ? 0.0 : step.l2;  // clip() has added it
  step.decaying_rule.decay = 1.0 - learning_rate * config_.weight_decay;
  return step;
}

template <class T>
void Optimizer<T>::update(Team& team, const StepUpdate& step) const {
  if (clips()) clip(team, step.l2);
  for (const Parameter<T>& p : parameters_) prelunet::update(team, step.id, step.of(p, p.size), p.size);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace prelunet
