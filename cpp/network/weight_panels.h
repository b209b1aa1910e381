// The packed copy of a weight W (n, k), which the forward product x W^T reads.
//
// While kept() is true the panels are the only copy: an update then writes W and its slots once, in the panels' layout.
#pragma once

#include <iterator>

#include "network/parameter.h"
#include "runtime/arena.h"
#include "runtime/team.h"

namespace prelunet {

template <class T>
class WeightPanels {
 public:
  WeightPanels(std::size_t n, std::size_t k);

  const T* data() const { return w_.data(); }
  bool kept() const { return kept_; }

  // Packs W. The team shares the work, here and below.
  void pack(Team& team, const Parameter<T>& weight) const;

  // Allocates the panels of the slots; called by one thread before keep().
  void reserve(const Parameter<T>& weight);
  // Makes the panels the only copy of W, which is already packed, and of its slots.
  void keep(Team& team, const Parameter<T>& weight);
  // Writes W and its slots back.
  void give_back(Team& team, const Parameter<T>& weight);

  // How many leading rows of W have their gradient computed as grad_W^T, in the layout of the panels: as many as
  // possible; 0 if W has so few columns that a second product for the other rows does not pay.
  std::size_t transposed_rows() const;

  // The epilogue of a product that computes the gradient of W from row `first_row` on, or of W^T. It updates W's own
  // arrays, or only the panels while these are kept.
  UpdateEpilogue<T> update(const StepUpdate& step, const Parameter<T>& weight, std::size_t first_row,
                           bool transposed) const;

 private:
  static constexpr std::size_t kSlots = std::size(decltype(Parameter<T>::slot){});

  Panels<T> view(const T* matrix, const Arena<T>& packed) const { return {n_, k_, matrix, k_, packed.data(), 0}; }

  std::size_t n_, k_;
  Arena<T> w_;
  Arena<T> slots_[kSlots];
  bool kept_ = false;
};

}  // namespace prelunet
