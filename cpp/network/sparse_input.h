// Compressed rows of X, as the first weight of a list of stages reads them.
#pragma once

#include <algorithm>

#include "network/gather.h"
#include "network/layer.h"
#include "network/tuning.h"

namespace prelunet {

// Which stage reads the compressed rows of x: the first one, or the first one after Rescaling stages without offset.
// None if x is dense, or if that stage needs dense rows.
template <class T, class Stages>
std::optional<std::size_t> sparse_stage(const Stages& stages, const RowSource& x) {
  if (x.compressed == nullptr || !std::holds_alternative<std::vector<T>>(x.compressed->value)) return std::nullopt;
  std::size_t first = 0;
  while (first < stages.size() && stages[first]->sparse_scale()) ++first;
  if (first == stages.size() || !stages[first]->reads_sparse()) return std::nullopt;
  return first;
}

// The most rows of X in a block, a multiple of row_unit(): fewer than `most` if compressed rows are made dense and
// exceed kDenseBlockBytes.
template <class T, class Stages>
std::size_t most_rows(const Stages& stages, const RowSource& x, std::size_t most) {
  if (x.compressed == nullptr || sparse_stage<T>(stages, x)) return most;
  const std::size_t fitting = kDenseBlockBytes / sizeof(T) / std::max<std::size_t>(x.features, 1);
  std::size_t unit = kChunkRows;
  for (const auto& stage : stages) unit = std::max(unit, stage->row_unit());
  return std::clamp(fitting / unit * unit, unit, most);
}

template <class T>
class SparseInput {
 public:
  template <class Stages>
  SparseInput(const Stages& stages, const RowSource& x) {
    const std::optional<std::size_t> stage = sparse_stage<T>(stages, x);
    if (!stage) return;
    rows_ = x.compressed.get();
    first_stage_ = *stage;
    value_ = std::get<std::vector<T>>(rows_->value).data();
    for (std::size_t s = 0; s < first_stage_; ++s) {
      if (const std::optional<double> factor = stages[s]->sparse_scale()) scale(*factor);
    }
  }

  bool used() const { return rows_ != nullptr; }
  // The stage that reads the rows. Stages before it do not run: their scales are in the rows.
  std::size_t first_stage() const { return first_stage_; }
  SparseRows<T> rows(RowIndex index) const {
    const std::int64_t* const order = index.order == nullptr ? nullptr : index.order + index.begin;
    return {rows_->begin.data(), rows_->column.data(), value_, order, index.begin};
  }

 private:
  void scale(double factor);

  const CompressedRows* rows_ = nullptr;
  const T* value_ = nullptr;
  std::size_t first_stage_ = 0;
  std::vector<T> scaled_;
};

}  // namespace prelunet
