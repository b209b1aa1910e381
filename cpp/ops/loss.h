// Losses by a team, rows shared in units of kChunkRows. Equations: kernels/loss.h; arguments: LossRows in
// kernels/table.h.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// How the losses of a batch's rows become one number.
enum class Reduction { mean, sum };

// The targets that a loss has a meaning for. Of others its value or its gradient would not be finite, or unbounded.
enum class TargetRange {
  finite,
  squarable,     // finite, and so are squares of differences of two
  non_negative,  // squarable and >= 0: a row need not sum to 1, its sum is a weight of the row
  probability,   // from 0 to 1
};

struct LossInfo {
  LossId id;
  const char* name;
  Reduction reduction;
  bool takes_labels;  // integer labels (n,) as well as rows of targets
  TargetRange targets;
  const char* option;  // the name of its option, "" where it has none
  double default_option;
};

// One row for each loss, by LossId.
inline constexpr LossInfo kLosses[] = {
    {LossId::softmax_cross_entropy, "softmax_cross_entropy", Reduction::mean, true, TargetRange::non_negative,
     "label_smoothing", 0.0},
    {LossId::sigmoid_cross_entropy, "sigmoid_cross_entropy", Reduction::mean, false, TargetRange::probability, "", 0.0},
    {LossId::mean_squared_error, "mean_squared_error", Reduction::mean, false, TargetRange::squarable, "", 0.0},
    {LossId::batch_mean_squared_error, "batch_mean_squared_error", Reduction::mean, false, TargetRange::squarable, "",
     0.0},
    {LossId::half_squared_error, "half_squared_error", Reduction::sum, false, TargetRange::squarable, "", 0.0},
    {LossId::mean_absolute_error, "mean_absolute_error", Reduction::mean, false, TargetRange::finite, "", 0.0},
    {LossId::huber, "huber", Reduction::mean, false, TargetRange::finite, "delta", 1.0},
};

template <class T>
void loss_rows(Team& team, LossId id, LossRows<T> g);

// What a batch's weighted sum of row losses is multiplied by: 1 / sum(w) for a mean (0 where sum(w) is 0), 1 for a sum;
// times its weight that is a row's dLoss/d(row loss).
double batch_factor(Reduction reduction, double weight_sum);

// The largest weight of a row. The weights of a sum multiply gradients in T, those of a mean do as a share of the
// batch's.
template <class T>
double highest_weight(Reduction reduction) {
  return reduction == Reduction::sum ? std::numeric_limits<T>::max() : std::numeric_limits<double>::max();
}

// The largest target, in T and not only in the float64 that it may come in.
template <class T>
double highest_target(TargetRange range) {
  constexpr double kLargest = std::numeric_limits<T>::max();
  switch (range) {
    case TargetRange::finite:
      return kLargest;
    case TargetRange::squarable:
    case TargetRange::non_negative:
      return std::sqrt(kLargest) / 2.0;
    case TargetRange::probability:
      break;
  }
  return 1.0;
}

// sum + weight[i] * row_loss[i] for each row in order, in float64. weight null: all 1. One thread.
double add_weighted(double sum, std::size_t rows, const double* weight, const double* row_loss);

}  // namespace prelunet
