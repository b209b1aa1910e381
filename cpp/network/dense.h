// y = f(x W^T + b), W (units, features).
#pragma once

#include <memory>
#include "network/weighted.h"
#include "runtime/arena.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Dense final : public Weighted<T> {
 public:
  Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  void refresh(Team& team) override;
  bool reserve_room() override;
  void take_parameters(Team& team) override;
  void return_parameters(Team& team) override;
  std::size_t work_size(std::size_t rows) const override {
    return this->curve_work_size(rows) + this->bias_work_size(rows);
  }
  double multiply_adds() const override { return static_cast<double>(features_) * static_cast<double>(units_); }
  bool carries_entry() const override { return true; }
  bool makes_sum() const override { return true; }

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;

 private:
  Panels<T> panels() const { return panels_of(this->weight().value, panels_); }
  Panels<T> panels_of(const T* matrix, const Arena<T>& packed) const {
    return {units_, features_, matrix, features_, packed.data(), 0, 0};
  }
  std::size_t transposed_units() const;
  Epilogue<T> weight_update(const StepUpdate& update, bool transposed) const;
  void weight_gradient(Team& team, const Flow<T>& flow, std::size_t first) const;
  void transposed_gradient(Team& team, const Flow<T>& flow, std::size_t units) const;

  // The activation's sums must stay in place from block to block: they come first.
  T* curve_work(const Flow<T>& flow) const override { return flow.work; }
  T* bias_work(const Flow<T>& flow) const override { return flow.work + this->curve_work_size(flow.rows); }

  std::size_t features_;
  std::size_t units_;
  Arena<T> panels_;  // W^T as the forward tile wants it
  // The weight lies in panels_ alone, and its slots in these: an update then writes one copy, not two.
  bool taken_ = false;
  Arena<T> slot_panels_[kMaxSlots];
};

}  // namespace prelunet
