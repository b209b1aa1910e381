// The packed copy of a weight W (n, k), which the forward product x W^T reads.
//
// While kept() is true, the panels are the only current copy. An update then writes W and its slots once, in the layout
// of the panels.
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

  // Packs W. The team divides the work, here and below.
  void pack(Team& team, const Parameter<T>& weight) const;

  // Allocates the panels of the slots; called by one thread before keep().
  void reserve(const Parameter<T>& weight);
  // Makes the panels the only current copy of W and its slots. W must be packed already.
  void keep(Team& team, const Parameter<T>& weight);
  // Writes W and its slots back.
  void give_back(Team& team, const Parameter<T>& weight);

  // The number of leading rows of W whose gradient is computed as grad_W^T, in the layout of the panels: as many as
  // possible if kept(). 0 if a second product is needed for the other rows and W has too few columns for it to pay.
  std::size_t transposed_rows() const;

  // The epilogue of a product that computes the gradient of W from row `first_row` on, or of W^T if `transposed`. It
  // updates the panels, and W as well unless kept().
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
