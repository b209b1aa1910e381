// The parameters of layers: what they are, where they live, and how one step moves them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "kernels/table.h"

namespace prelunet {

using Shape = std::vector<std::size_t>;  // of one sample: (features,) or (height, width, channels)

std::size_t element_count(const Shape& shape);

enum class ParameterKind { weight, bias, alpha };

struct ParameterInfo {
  std::string name;  // within its layer: weight, bias, alpha
  ParameterKind kind;
  Shape shape;
  std::size_t fan_in;
  std::size_t fan_out;
  bool trainable;
};

// Where a parameter lives: its values, its gradient, and what the optimizer remembers of it.
template <class T>
struct Parameter {
  std::size_t size = 0;
  T* value = nullptr;
  T* gradient = nullptr;
  T* slot[2] = {nullptr, nullptr};
  bool trainable = false;
  bool decays = false;  // l2 and weight decay apply
};

// One step of the optimizer, as layers apply it to their own parameters as soon as a gradient is complete.
struct StepUpdate {
  UpdateId id;
  double l2;                 // of parameters that decay, wherever it is added
  UpdateRule rule;           // of parameters that do not decay
  UpdateRule decaying_rule;  // of those that do

  // The update of a whole parameter, as a matrix of rows `stride` wide.
  template <class T>
  Update<T> of(const Parameter<T>& p, std::size_t stride) const {
    Update<T> update{};
    update.rows = stride == 0 ? 0 : p.size / stride;
    update.columns = stride;
    update.parameter = p.value;
    update.slot[0] = p.slot[0];
    update.slot[1] = p.slot[1];
    update.stride = update.gradient_stride = stride;
    update.gradient = p.gradient;
    update.rule = p.decays ? decaying_rule : rule;
    return update;
  }
};

}  // namespace prelunet
