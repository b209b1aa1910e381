// Losses by a team, which shares rows in units of kChunkRows. Equations: kernels/loss.h; arguments: LossRows in
// kernels/table.h.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "kernels/dispatch.h"
#include "runtime/team.h"

namespace prelunet {

// A row of loss_registry.h.
struct LossInfo {
  LossId id;
  const char* name;
  Reduction reduction;
  bool takes_labels;  // integer labels (n,) as well as rows of targets
  TargetRange targets;
  const char* option;  // the name of its option, "" if it has none
  double default_option;
};

// By LossId.
inline constexpr LossInfo kLosses[] = {
#define PRELUNET_ROW(name, Class, reduction, takes_labels, targets, option, value) \
  {LossId::name, #name, Reduction::reduction, takes_labels, TargetRange::targets, option, value},
    PRELUNET_LOSSES(PRELUNET_ROW)
#undef PRELUNET_ROW
};

// Throws std::invalid_argument if no loss has that name.
LossId find_loss(const std::string& name);

template <class T>
void loss_rows(Team& team, LossId id, LossRows<T> g);

// Factor of a batch's weighted sum of row losses: 1 / sum(w) for a mean (0 if sum(w) is 0), 1 for a sum. dLoss/d(row
// loss) is this factor times the row's weight.
double batch_factor(Reduction reduction, double weight_sum);

// The largest allowed weight of a row. If the reduction is a sum, weights multiply gradients in T. If it is a mean,
// they are first divided by the weight of the batch.
template <class T>
double highest_weight(Reduction reduction) {
  return reduction == Reduction::sum ? std::numeric_limits<T>::max() : std::numeric_limits<double>::max();
}

// The largest allowed target. It must be finite in T, not only in the float64 of a user's array.
template <class T>
double highest_target(TargetRange range) {
  constexpr double kLargest = std::numeric_limits<T>::max();
  switch (range) {
    case TargetRange::finite:
    case TargetRange::positive:
      return kLargest;
    case TargetRange::squarable:
    case TargetRange::non_negative:
      return std::sqrt(kLargest) / 2.0;
    case TargetRange::probability:
      break;
  }
  return 1.0;
}

// The smallest allowed target. A positive one is still positive in T with subnormal numbers flushed.
template <class T>
double lowest_target(TargetRange range) {
  switch (range) {
    case TargetRange::finite:
    case TargetRange::squarable:
      return -highest_target<T>(range);
    case TargetRange::positive:
      return std::numeric_limits<T>::min();
    case TargetRange::non_negative:
    case TargetRange::probability:
      break;
  }
  return 0.0;
}

// Adds weight[i] * row_loss[i] to `sum` for each row in order, in float64. A null weight is all ones. Called by one
// thread.
double add_weighted(double sum, std::size_t rows, const double* weight, const double* row_loss);

}  // namespace prelunet
