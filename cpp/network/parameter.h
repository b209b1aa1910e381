// The parameters of layers: description, memory, and the update of one training step.
#pragma once

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/table.h"
#include "runtime/scratch.h"

namespace prelunet {

using Shape = std::vector<std::size_t>;  // of one sample: (features,) or (height, width, channels)

inline std::size_t element_count(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, checked_multiply);
}

// factor: of each index of the last axis, as in Scale.
enum class ParameterKind { weight, bias, alpha, factor, gamma, beta };

inline const char* name_of(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::weight:
      return "weight";
    case ParameterKind::bias:
      return "bias";
    case ParameterKind::alpha:
      return "alpha";
    case ParameterKind::factor:
      return "factor";
    case ParameterKind::gamma:
      return "gamma";
    case ParameterKind::beta:
      break;
  }
  return "beta";
}

struct ParameterInfo {
  std::string name;  // within its layer: weight, bias, alpha, gamma, beta
  ParameterKind kind;
  Shape shape;
  std::size_t fan_in;
  std::size_t fan_out;
  bool trainable;
};

// Factors of the options that one parameter has: its group's, and 0 for weight_decay if it does not decay.
struct ParameterFactors {
  double learning_rate = 1.0;
  double weight_decay = 0.0;  // of l2 too
  double epsilon = 1.0;
};

// The memory of a parameter: values, gradient and optimizer state.
template <class T>
struct Parameter {
  std::size_t size = 0;
  T* value = nullptr;
  T* gradient = nullptr;
  T* slot[kMaxSlots] = {};
  bool trainable = false;
  ParameterFactors factors;
};

// One step of the optimizer. Layers apply it to their own parameters as soon as a gradient is complete.
struct StepUpdate {
  UpdateId id;
  UpdateRule rule;  // before a parameter's factors; decay is not set
  double l2;        // the penalty of a weight; rule.l2 is 0 if clipping has added it
  double weight_decay;
  int epsilon_option;  // the index of epsilon in rule.option; -1 if the update has none

  // The update of a whole parameter, as a matrix with `stride` columns.
  template <class T>
  Update<T> of(const Parameter<T>& p, std::size_t stride) const {
    Update<T> update{};
    update.rows = stride == 0 ? 0 : p.size / stride;
    update.columns = stride;
    update.parameter = p.value;
    for (int i = 0; i < kMaxSlots; ++i) update.slot[i] = p.slot[i];
    update.stride = update.gradient_stride = stride;
    update.gradient = p.gradient;
    update.rule = rule;
    update.rule.learning_rate *= p.factors.learning_rate;
    update.rule.l2 *= p.factors.weight_decay;
    update.rule.decay = 1.0 - update.rule.learning_rate * weight_decay * p.factors.weight_decay;
    if (epsilon_option >= 0) update.rule.option[epsilon_option] *= p.factors.epsilon;
    return update;
  }
};

}  // namespace prelunet
