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

// A parameter as the optimizer sees it: a piece of the arenas.
struct Piece {
  std::size_t offset;
  std::size_t size;
  bool decays;  // l2 and weight decay apply
};

template <class T>
class Optimizer {
 public:
  // `size`: elements of the parameter arena; pieces: its trainable parameters.
  Optimizer(const OptimizerConfig& config, std::size_t size, std::vector<Piece> pieces);

  // One step; `number` counts them from 1. The team has met since the gradients were written.
  void update(Team& team, T* values, T* gradients, double learning_rate, std::int64_t number) const;

  // velocity, or Adam's two moments; each as large as the parameter arena.
  const std::vector<Arena<T>>& slots() const { return slots_; }

 private:
  void clip(Team& team, const T* values, T* gradients) const;
  void clip_by_norm(Team& team, T* gradients) const;
  bool clips() const { return config_.clip_value > 0.0 || config_.clip_norm > 0.0; }

  OptimizerConfig config_;
  std::vector<Piece> pieces_;
  std::vector<Arena<T>> slots_;
  std::vector<std::size_t> square_offsets_;  // where each piece's sums of squares start
  mutable std::vector<double> squares_;
};

}  // namespace prelunet
