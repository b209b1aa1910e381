#include "network/optimizer.h"

#include <algorithm>
#include <cmath>

namespace prelunet {
namespace {

template <class T>
bool decays(const Parameter<T>& p) {
  return p.factors.weight_decay != 0.0;
}

}  // namespace

template <class T>
Optimizer<T>::Optimizer(const OptimizerConfig& config, std::size_t size, const T* values,
                        std::vector<Parameter<T>>& parameters)
    : config_(config), values_(values) {
  const UpdateInfo& info = update_infos()[static_cast<std::size_t>(config.update)];
  set_options("compile: " + info.name, info, config.options, rule_);
  for (std::size_t i = 0; i < info.options.size(); ++i) {
    if (info.options[i] == "epsilon") epsilon_option_ = static_cast<int>(i);
  }
  for (std::size_t slot = 0; slot < kMaxSlots; ++slot) {
    const bool kept = slot < info.slots.size() && keeps_slot(info, rule_, slot);
    if (kept) slots_.emplace_back(size);
    for (Parameter<T>& p : parameters) p.slot[slot] = kept ? slots_.back().data() + (p.value - values) : nullptr;
  }
  if (has_mean()) slots_.emplace_back(size);
  std::size_t squares = 0;
  for (const Parameter<T>& p : parameters) {
    if (!p.trainable) continue;
    parameters_.push_back(p);
    square_offsets_.push_back(squares);
    squares += square_pieces(p.size);
  }
  squares_.resize(squares);
}

// Clips the gradient of loss plus penalty, so the penalty is added to the gradient first.
template <class T>
void Optimizer<T>::clip(Team& team, double l2) const {
  for (const Parameter<T>& p : parameters_) {
    const double scaled = l2 * p.factors.weight_decay;
    if (scaled != 0.0) add_scaled(team, p.size, scaled, p.value, p.gradient);
    if (config_.clip_value > 0.0) clip_by_value(team, p.size, p.gradient, config_.clip_value);
  }
  if (config_.clip_norm > 0.0) clip_by_norm(team);
}

template <class T>
double Optimizer<T>::norm(Team& team) const {
  team.barrier();  // the sums of squares divide elements among threads differently
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter<T>& p = parameters_[i];
    sum_of_squares(team, p.size, p.gradient, squares_.data() + square_offsets_[i]);
  }
  team.barrier();
  return std::sqrt(sum_pieces(squares_.size(), squares_.data()));
}

template <class T>
void Optimizer<T>::clip_by_norm(Team& team) const {
  const double norm = this->norm(team);
  if (!(norm > config_.clip_norm)) return;
  for (const Parameter<T>& p : parameters_) scale(team, p.size, p.gradient, config_.clip_norm / norm);
}

template <class T>
void Optimizer<T>::add_to_mean(Team& team, std::int64_t number) const {
  const double momentum = number == 1 ? 0.0 : *config_.ema_momentum;
  for (const Parameter<T>& p : parameters_) {
    scale(team, p.size, mean_of(p), momentum);
    add_scaled(team, p.size, 1.0 - momentum, static_cast<const T*>(p.value), mean_of(p));
  }
}

template <class T>
void Optimizer<T>::swap_mean(bool keep) const {
  for (const Parameter<T>& p : parameters_) {
    if (keep) {
      std::swap_ranges(p.value, p.value + p.size, mean_of(p));
    } else {
      std::copy_n(mean_of(p), p.size, p.value);
    }
  }
}

template <class T>
void Optimizer<T>::square(Team& team) const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter<T>& p = parameters_[i];
    if (decays(p)) sum_of_squares(team, p.size, static_cast<const T*>(p.value), squares_.data() + square_offsets_[i]);
  }
}

template <class T>
double Optimizer<T>::squares() const {
  double sum = 0.0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter<T>& p = parameters_[i];
    if (!decays(p)) continue;
    sum += p.factors.weight_decay * sum_pieces(square_pieces(p.size), squares_.data() + square_offsets_[i]);
  }
  return sum;
}

template <class T>
StepUpdate Optimizer<T>::step(double learning_rate, std::int64_t number, const StepRates& rates, double l2) const {
  const double weight_decay = rates.weight_decay(static_cast<std::uint64_t>(number - 1), config_.weight_decay);
  StepUpdate step{config_.update, rule_, config_.l2 + l2, weight_decay, epsilon_option_};
  step.rule.learning_rate = learning_rate;
  step.rule.step = number;
  step.rule.l2 = clips() ? 0.0 : step.l2;  // clip() has added it
  prepare_update(step.id, step.rule);
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
