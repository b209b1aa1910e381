// An activation and its parameter: a constant, a learned alpha or a learned factor. It is a layer of its own
// (activation_layer.h) or fused into the layer before it (weighted.h).
#pragma once

#include "network/layer.h"
#include "ops/activation.h"

namespace prelunet {

struct ActivationSpec {
  ActivationId id = ActivationId::identity;
  double constant = 0.0;  // a constant slope or scale
  bool learned = false;   // the parameter is learned
  bool channel = false;   // a learned parameter has one value for each index of the last axis, else one for all
  bool trainable = true;
};

template <class T>
class Activation {
 public:
  // `columns`: the length of x's last axis; the other axes are rows.
  Activation(const ActivationSpec& spec, std::size_t columns)
      : spec_(spec), columns_(columns), constant_(static_cast<T>(spec.constant)) {}

  bool learned() const { return spec_.learned; }
  ActivationId id() const { return spec_.id; }
  bool backward_reads_x() const { return kernel_table<T>().backward_reads_x[static_cast<int>(spec_.id)]; }
  ParameterInfo parameter_info() const {
    const std::size_t count = spec_.channel ? columns_ : 1;
    const bool alpha = spec_.id == ActivationId::prelu;
    return {alpha ? "alpha" : "weight",
            alpha ? ParameterKind::alpha : ParameterKind::factor,
            {count},
            columns_,
            columns_,
            spec_.trainable};
  }
  void bind(const Parameter<T>& learned) { learned_ = learned; }

  const T* parameter() const { return learned() ? learned_.value : &constant_; }
  T constant() const { return constant_; }
  std::size_t stride() const { return learned() && spec_.channel ? 1 : 0; }
  bool wants_gradient() const { return learned() && learned_.trainable; }

  // Elements of work for `rows` rows: the channel sums of all blocks so far, then this block's partials of the
  // gradient.
  std::size_t work_size(std::size_t rows) const { return learned() ? (chunk_count(rows) + 1) * columns_ : 0; }
  T* partial(T* work) const { return wants_gradient() ? work + columns_ : nullptr; }

  // The number of sums at the start of work that are kept from block to block.
  std::size_t kept_sums() const { return wants_gradient() && !spec_.channel ? columns_ : 0; }

  // Adds the block's partials to the gradient of the learned parameter; with a step, updates the parameter. Called
  // after a barrier.
  void gradients(Team& team, std::size_t rows, T* work, bool first, const StepUpdate* step) const;

 private:
  ActivationSpec spec_;
  std::size_t columns_;
  T constant_;
  Parameter<T> learned_;
};

}  // namespace prelunet
