// Compressed rows of X, as the first weight of a list of steps reads them.
#pragma once

#include <algorithm>

#include "network/gather.h"
#include "network/layer.h"
#include "network/tuning.h"

namespace prelunet {

// Which step reads the compressed rows of x: the first one, or the first one after Rescaling steps without offset. None
// if x is dense, or if that step needs dense rows.
template <class T, class Steps>
std::optional<std::size_t> sparse_step(const Steps& steps, const RowSource& x) {
  if (x.compressed == nullptr || !std::holds_alternative<std::vector<T>>(x.compressed->value)) return std::nullopt;
  std::size_t first = 0;
  while (first < steps.size() && steps[first]->sparse_scale()) ++first;
  if (first == steps.size() || !steps[first]->reads_sparse()) return std::nullopt;
  return first;
}

// The most rows of X in a block, a multiple of row_unit(): fewer than `most` if compressed rows are made dense and
// exceed kDenseBlockBytes.
template <class T, class Steps>
std::size_t most_rows(const Steps& steps, const RowSource& x, std::size_t most) {
  if (x.compressed == nullptr || sparse_step<T>(steps, x)) return most;
  const std::size_t fitting = kDenseBlockBytes / sizeof(T) / std::max<std::size_t>(x.features, 1);
  std::size_t unit = kChunkRows;
  for (const auto& step : steps) unit = std::max(unit, step->row_unit());
  return std::clamp(fitting / unit * unit, unit, most);
}

template <class T>
class SparseInput {
 public:
  template <class Steps>
  SparseInput(const Steps& steps, const RowSource& x) {
    const std::optional<std::size_t> step = sparse_step<T>(steps, x);
    if (!step) return;
    rows_ = x.compressed.get();
    first_step_ = *step;
    value_ = std::get<std::vector<T>>(rows_->value).data();
    for (std::size_t s = 0; s < first_step_; ++s) {
      if (const std::optional<double> factor = steps[s]->sparse_scale()) scale(*factor);
    }
  }

  bool used() const { return rows_ != nullptr; }
  // The step that reads the rows. Steps before it do not run: their scales are in the rows.
  std::size_t first_step() const { return first_step_; }
  SparseRows<T> rows(RowIndex index) const {
    const std::int64_t* const order = index.order == nullptr ? nullptr : index.order + index.begin;
    return {rows_->begin.data(), rows_->column.data(), value_, order, index.begin};
  }

 private:
  void scale(double factor);

  const CompressedRows* rows_ = nullptr;
  const T* value_ = nullptr;
  std::size_t first_step_ = 0;
  std::vector<T> scaled_;
};

}  // namespace prelunet
