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
Optimizer<T>::Optimizer(const OptimizerConfig& config, std::size_t size, std::vector<Piece> pieces)
    : config_(config), pieces_(std::move(pieces)) {
  for (std::size_t slot = 0; slot < slot_count(config); ++slot) slots_.emplace_back(size);
  std::size_t squares = 0;
  for (const Piece& piece : pieces_) {
    square_offsets_.push_back(squares);
    squares += square_pieces(piece.size);
  }
  squares_.resize(squares);
}

// Clipping acts on the gradient of loss plus penalty, so the penalty joins the gradient first.
template <class T>
void Optimizer<T>::clip(Team& team, const T* values, T* gradients) const {
  for (const Piece& piece : pieces_) {
    if (config_.l2 != 0.0 && piece.decays) {
      add_scaled(team, piece.size, config_.l2, values + piece.offset, gradients + piece.offset);
    }
    if (config_.clip_value > 0.0) clip_by_value(team, piece.size, gradients + piece.offset, config_.clip_value);
  }
  if (config_.clip_norm > 0.0) clip_by_norm(team, gradients);
}

template <class T>
void Optimizer<T>::clip_by_norm(Team& team, T* gradients) const {
  team.barrier();  // squares are shared by other units than the elements just written
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    sum_of_squares(team, pieces_[i].size, gradients + pieces_[i].offset, squares_.data() + square_offsets_[i]);
  }
  team.barrier();
  const double norm = std::sqrt(sum_pieces(squares_.size(), squares_.data()));
  if (!(norm > config_.clip_norm)) return;
  for (const Piece& piece : pieces_) scale(team, piece.size, gradients + piece.offset, config_.clip_norm / norm);
}

template <class T>
void Optimizer<T>::update(Team& team, T* values, T* gradients, double learning_rate, std::int64_t number) const {
  if (clips()) clip(team, values, gradients);
  for (const Piece& piece : pieces_) {
    const double l2 = piece.decays && !clips() ? config_.l2 : 0.0;
    const double decay = piece.decays ? 1.0 - learning_rate * config_.weight_decay : 1.0;
    T* const value = values + piece.offset;
    const T* const gradient = gradients + piece.offset;
    if (config_.method == OptimizerConfig::Method::adam) {
      const AdamUpdate<T> g{piece.size,
                            value,
                            gradient,
                            slots_[0].data() + piece.offset,
                            slots_[1].data() + piece.offset,
                            learning_rate,
                            config_.beta_1,
                            config_.beta_2,
                            config_.epsilon,
                            1.0 - power(config_.beta_1, number),
                            1.0 - power(config_.beta_2, number),
                            l2,
                            decay};
      adam_update(team, g);
    } else {
      T* const velocity = slots_.empty() ? nullptr : slots_[0].data() + piece.offset;
      const SgdUpdate<T> g{piece.size,       value, gradient, velocity, learning_rate, config_.momentum,
                           config_.nesterov, l2,    decay};
      sgd_update(team, g);
    }
  }
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace prelunet
