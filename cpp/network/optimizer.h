// The update of all parameters: configuration, state, and one step by a team.
#pragma once

#include <optional>
#include <vector>

#include "network/layer.h"
#include "network/step_rates.h"
#include "ops/optimizer.h"
#include "runtime/arena.h"

namespace prelunet {

struct OptimizerConfig {
  UpdateId update = UpdateId::sgd;
  std::map<std::string, double> options;  // hyperparameters of the update
  double l2 = 0.0;
  double weight_decay = 0.0;
  std::vector<ParameterFactors> factors;  // one for each parameter
  double clip_value = 0.0;                // 0: no clipping
  double clip_norm = 0.0;                 // norm of all gradients together; 0: no clipping
  std::optional<double> ema_momentum;     // of the running mean of the parameters; none: there is no mean
};

template <class T>
class Optimizer {
 public:
  // `size`: elements of the parameter arena, which begins at `values`. Sets the slots of the parameters.
  Optimizer(const OptimizerConfig& config, std::size_t size, const T* values, std::vector<Parameter<T>>& parameters);

  // Clipping needs all gradients before any parameter is updated.
  bool clips() const { return config_.clip_value > 0.0 || config_.clip_norm > 0.0; }

  // The update of step `number`, counted from 1, with the rates of that step. `l2` is added to the configuration's.
  StepUpdate step(double learning_rate, std::int64_t number, const StepRates& rates, double l2 = 0.0) const;

  // Clips the gradients if configured, then updates all parameters. Called after a barrier.
  void update(Team& team, const StepUpdate& step) const;

  // The Euclidean norm of all gradients together. All threads call it, and get the same number.
  double norm(Team& team) const;

  // Whether there is a running mean of the parameters: mean = momentum * mean + (1 - momentum) * parameter after each
  // step, and mean = parameter after step 1.
  bool has_mean() const { return config_.ema_momentum.has_value(); }
  // Adds the parameters after step `number` to the mean. No thread may change them during the call.
  void add_to_mean(Team& team, std::int64_t number) const;
  // Exchanges parameters and mean; without `keep`, the mean stays and replaces the parameters.
  void swap_mean(bool keep) const;

  // Sum of squares of the parameters that decay. All threads call square(); after a barrier squares() returns the sum.
  void square(Team& team) const;
  double squares() const;

  // The slots that are kept, each as large as the parameter arena. The last one is the mean, if there is one.
  const std::vector<Arena<T>>& slots() const { return slots_; }

 private:
  T* mean_of(const Parameter<T>& p) const { return slots_.back().data() + (p.value - values_); }
  void clip(Team& team, double l2) const;
  void clip_by_norm(Team& team) const;

  OptimizerConfig config_;
  const T* values_;
  UpdateRule rule_{};  // holds the options that all steps share
  int epsilon_option_ = -1;
  std::vector<Parameter<T>> parameters_;  // trainable ones
  std::vector<Arena<T>> slots_;
  std::vector<std::size_t> square_offsets_;  // where each parameter's sums of squares start
  mutable std::vector<double> squares_;
};

}  // namespace prelunet
