#include "network/weight_panels.h"

#include "network/tuning.h"
#include "ops/gemm.h"

namespace prelunet {

template <class T>
WeightPanels<T>::WeightPanels(std::size_t n, std::size_t k) : n_(n), k_(k), w_(packed_size<T>(n, k)) {}

template <class T>
void WeightPanels<T>::pack(Team& team, const Parameter<T>& weight) const {
  prelunet::pack(team, view(weight.value, w_));
}

template <class T>
void WeightPanels<T>::reserve(const Parameter<T>& weight) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (weight.slot[i] != nullptr && slots_[i].size() == 0) slots_[i] = Arena<T>(w_.size());
  }
}

template <class T>
void WeightPanels<T>::keep(Team& team, const Parameter<T>& weight) {
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (weight.slot[i] != nullptr) prelunet::pack(team, view(weight.slot[i], slots_[i]));
  }
  if (team.rank() == 0) kept_ = true;
}

template <class T>
void WeightPanels<T>::give_back(Team& team, const Parameter<T>& weight) {
  unpack(team, view(weight.value, w_), weight.value);
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (weight.slot[i] != nullptr) unpack(team, view(weight.slot[i], slots_[i]), weight.slot[i]);
  }
  if (team.rank() == 0) kept_ = false;
}

template <class T>
std::size_t WeightPanels<T>::transposed_rows() const {
  if (!kept_) return 0;
  const std::size_t rows = kernel_table<T>().transposed_columns(n_);
  return rows == n_ || k_ >= kMinTransposedColumns ? rows : 0;
}

template <class T>
UpdateEpilogue<T> WeightPanels<T>::update(const StepUpdate& step, const Parameter<T>& weight, std::size_t first_row,
                                          bool transposed) const {
  UpdateEpilogue<T> e{};
  e.update = kernel_table<T>().update[static_cast<int>(step.id)];
  e.update_transposed = kernel_table<T>().update_transposed[static_cast<int>(step.id)];
  e.parameter = step.of(weight, k_);
  e.panels = view(weight.value, w_);
  e.panels.first_row = first_row;
  e.staging = transposed ? Staging::transposed : kept_ ? Staging::panels : Staging::weight;
  if (!kept_) return e;
  e.parameter.parameter = w_.data();
  for (std::size_t i = 0; i < kSlots; ++i) {
    if (e.parameter.slot[i] != nullptr) e.parameter.slot[i] = slots_[i].data();
  }
  return e;
}

template class WeightPanels<float>;
template class WeightPanels<double>;

}  // namespace prelunet
