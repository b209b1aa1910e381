// The packed copy of a weight W (n, k), as the forward product x W^T reads it.
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

  // Packs W again. The team shares the work, here and below.
  void pack(Team& team, const Parameter<T>& weight) const;

  // Allocates the panels of the slots; called by one thread before keep().
  void reserve(const Parameter<T>& weight);
  // Makes the panels the only copy of W, which they hold already, and of its slots.
  void keep(Team& team, const Parameter<T>& weight);
  // Writes W and its slots back.
  void give_back(Team& team, const Parameter<T>& weight);

  // Leading rows of W whose gradient is made as grad_W^T, in the layout of the panels: all that can. If there are few
  // columns, a second product for the other rows would not pay, and there are none.
  std::size_t transposed_rows() const;

  // The update of W by a product that makes its gradient, from row `first_row` of W on; or by a product that makes the
  // gradient of W^T. It updates W's own arrays, or the panels while these are kept.
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
