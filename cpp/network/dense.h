// y = f(x W^T + b), W (units, features).
#pragma once

#include <memory>

#include "network/weight_panels.h"
#include "network/weighted.h"
#include "ops/gemm.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Dense final : public Weighted<T> {
 public:
  Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  void refresh(Team& team) override { panels_.pack(team, this->weight()); }
  bool reserve_panels() override {
    panels_.reserve(this->weight());
    return true;
  }
  void keep_in_panels(Team& team) override { panels_.keep(team, this->weight()); }
  void leave_panels(Team& team) override { panels_.give_back(team, this->weight()); }
  std::size_t work_size(std::size_t rows) const override {
    return this->activation_work_size(rows) + this->bias_work_size(rows);
  }
  double multiply_adds() const override { return static_cast<double>(features_) * static_cast<double>(units_); }
  bool fuses_prologue() const override { return true; }
  bool makes_sum() const override { return true; }
  bool reads_sparse() const override { return true; }

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  std::size_t gradient_units() const override { return this->weight().trainable ? units_ : 1; }

 private:
  void sparse_gradient(Team& team, const Flow<T>& flow) const;
  void weight_gradient(Team& team, const Flow<T>& flow, Range units) const;
  void transposed_gradient(Team& team, const Flow<T>& flow, std::size_t units) const;
  void run_gradient(Team& team, const Flow<T>& flow, Gemm<T> g, std::size_t first, Split split) const;

  // The activation's sums come first: their offset must be the same in every block.
  T* activation_work(const Flow<T>& flow) const override { return flow.work; }
  T* bias_work(const Flow<T>& flow) const override { return flow.work + this->activation_work_size(flow.rows); }

  std::size_t features_;
  std::size_t units_;
  WeightPanels<T> panels_;
};

}  // namespace prelunet
