// The update of all parameters: configuration, state, and one step by a team.
#pragma once

#include <vector>

#include "network/layer.h"
#include "ops/optimizer.h"
#include "runtime/arena.h"

namespace prelunet {

struct OptimizerConfig {
  enum class Method { sgd, adam } method = Method::sgd;
  double momentum = 0.0;
  bool nesterov = false;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
  double l2 = 0.0;
  double weight_decay = 0.0;
  bool decay_all = false;   // l2 and weight decay take biases and alphas too
  double clip_value = 0.0;  // 0: no clipping
  double clip_norm = 0.0;   // over all gradients together; 0: no clipping
};

template <class T>
class Optimizer {
 public:
  // `size`: elements of the parameter arena, which `values` begins; its parameters get their slots.
  Optimizer(const OptimizerConfig& config, std::size_t size, const T* values, std::vector<Parameter<T>>& parameters);

  // Clipping looks at complete gradients, the norm even at all of them, before anything moves.
  bool clips() const { return config_.clip_value > 0.0 || config_.clip_norm > 0.0; }

  // The update of step `number`, counted from 1. `l2` comes on top of the configuration's.
  StepUpdate step(double learning_rate, std::int64_t number, double l2 = 0.0) const;

  // Clips the gradients where that is wanted and moves all parameters. The team has met since the gradients were
  // written.
  void update(Team& team, const StepUpdate& step) const;

  // The sum of the squares of what decays: each thread of the team, then, once the team has met, one alone for the sum.
  void square(Team& team) const;
  double squares() const;

  // velocity, or Adam's two moments; each as large as the parameter arena.
  const std::vector<Arena<T>>& slots() const { return slots_; }

 private:
  void clip(Team& team, double l2) const;
  void clip_by_norm(Team& team) const;

  OptimizerConfig config_;
  std::vector<Parameter<T>> parameters_;  // those that are trained
  std::vector<Arena<T>> slots_;
  std::vector<std::size_t> square_offsets_;  // where each parameter's sums of squares start
  mutable std::vector<double> squares_;
};

}  // namespace prelunet
