// y = f(x W^T + b), W (units, features), with the activation f of the layer after it fused in where the plan says so.
#pragma once

#include "network/curve.h"
#include "runtime/arena.h"

namespace prelunet {

template <class T>
class Dense final : public Layer<T> {
 public:
  Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable);

  bool fuse(const CurveSpec& spec) override;

  std::vector<ParameterInfo> parameters() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override;
  void refresh(Team& team) override;
  bool keeps_z() const override { return curve_ && curve_->backward_reads_x(); }
  std::size_t work_size(std::size_t rows) const override;
  double multiply_adds() const override { return static_cast<double>(features_) * static_cast<double>(units_); }

  std::optional<Entry<T>> entry(const Flow<T>& flow) const override;
  bool carries_entry() const override { return true; }

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;

 private:
  Panels<T> panels() const { return {units_, features_, weight_.value, features_, panels_.data(), 0, 0}; }
  void weight_gradient(Team& team, const Flow<T>& flow) const;

  // Working memory: the activation's, whose sums must stay in place from block to block, then partial sums of db.
  std::size_t curve_work_size(std::size_t rows) const { return curve_ ? curve_->work_size(rows) : 0; }
  T* bias_partial(const Flow<T>& flow) const {
    return bias_.trainable ? flow.work + curve_work_size(flow.rows) : nullptr;
  }

  std::size_t features_;
  std::size_t units_;
  bool use_bias_;
  bool trainable_;
  std::optional<Curve<T>> curve_;
  Parameter<T> weight_;
  Parameter<T> bias_;
  Arena<T> panels_;  // W^T as the forward tile wants it
};

}  // namespace prelunet
