// Rates that change from step to step, other than the learning rate. Python sets them before the steps that use them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace prelunet {

class StepRates {
 public:
  StepRates() = default;
  // Row i of `values` (steps, columns) has the rates of step first + i: the weight decay, then the rates of Dropout
  // layers with a schedule, in the order of the layers.
  StepRates(std::uint64_t first, std::size_t columns, std::vector<double> values)
      : first_(first), columns_(columns), values_(std::move(values)) {}

  // The rates of one step alone.
  StepRates only(std::uint64_t step) const {
    const double* const row = at(step);
    if (row == nullptr) return {};
    return {step, columns_, {row, row + columns_}};
  }

  // The weight decay of a step; `otherwise` if no rate changes.
  double weight_decay(std::uint64_t step, double otherwise) const {
    const double* const row = at(step);
    return row == nullptr ? otherwise : row[0];
  }
  // The rates of Dropout layers; null if no rate changes.
  const double* dropout(std::uint64_t step) const {
    const double* const row = at(step);
    return row == nullptr ? nullptr : row + 1;
  }

 private:
  const double* at(std::uint64_t step) const {
    if (values_.empty()) return nullptr;
    const std::size_t last = values_.size() / columns_ - 1;
    return values_.data() + std::min<std::size_t>(step - first_, last) * columns_;
  }

  std::uint64_t first_ = 0;
  std::size_t columns_ = 0;
  std::vector<double> values_;
};

}  // namespace prelunet
