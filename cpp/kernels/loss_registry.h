// The list of losses. "How to add" in cpp/README.md lists what a new loss needs.
#pragma once

namespace prelunet {

// How the row losses of a batch are combined.
enum class Reduction { mean, sum };

// The targets that a loss accepts. Other targets could make its value or its gradient infinite or unbounded.
enum class TargetRange {
  finite,
  squarable,     // finite, with finite squares of differences
  non_negative,  // squarable and >= 0
  positive,      // finite, and at least the smallest normal number
  probability,   // from 0 to 1
};

// X(name, Class, reduction, takes_labels, targets, option, default): `name` in pn.ops and in files; `Class` the functor
// in C++ and the description in Python; `takes_labels` whether integer labels (n,) are accepted besides rows of
// targets; `targets` their TargetRange; `option` the name of its option ("" if it has none) with its default. If the
// functor has kOptionPerOutput, the option may have a value for each output.
#define PRELUNET_LOSSES(X)                                                                        \
  X(softmax_cross_entropy, SoftmaxCrossEntropy, mean, true, non_negative, "label_smoothing", 0.0) \
  X(sigmoid_cross_entropy, SigmoidCrossEntropy, mean, false, probability, "", 0.0)                \
  X(mean_squared_error, MeanSquaredError, mean, false, squarable, "", 0.0)                        \
  X(batch_mean_squared_error, BatchMeanSquaredError, mean, false, squarable, "", 0.0)             \
  X(half_squared_error, HalfSquaredError, sum, false, squarable, "", 0.0)                         \
  X(mean_absolute_error, MeanAbsoluteError, mean, false, finite, "", 0.0)                         \
  X(huber, Huber, mean, false, finite, "delta", 1.0)                                              \
  X(log_cosh, LogCosh, mean, false, finite, "", 0.0)                                              \
  X(poisson, Poisson, mean, false, non_negative, "", 0.0)                                         \
  X(gamma, Gamma, mean, false, positive, "", 0.0)                                                 \
  X(pinball, Pinball, mean, false, finite, "quantile", 0.5)

// Indices into the kernel tables.
enum class LossId : int {
#define PRELUNET_ROW(name, Class, reduction, takes_labels, targets, option, value) name,
  PRELUNET_LOSSES(PRELUNET_ROW)
#undef PRELUNET_ROW
      count,
};

}  // namespace prelunet
