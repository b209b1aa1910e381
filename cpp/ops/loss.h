// Losses by a team, rows shared in units of kChunkRows. Equations: kernels/loss.h; arguments: LossRows in
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
  const char* option;  // the name of its option, "" where it has none
  double default_option;
};

// By LossId.
inline constexpr LossInfo kLosses[] = {
#define PRELUNET_ROW(name, Class, reduction, takes_labels, targets, option, value) \
  {LossId::name, #name, Reduction::reduction, takes_labels, TargetRange::targets, option, value},
    PRELUNET_LOSSES(PRELUNET_ROW)
#undef PRELUNET_ROW
};

// Throws std::invalid_argument where no loss has that name.
LossId find_loss(const std::string& name);

template <class T>
void loss_rows(Team& team, LossId id, LossRows<T> g);

// Factor of a batch's weighted sum of row losses: 1 / sum(w) for a mean (0 where sum(w) is 0), 1 for a sum. Times a
// row's weight it is dLoss/d(row loss).
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
