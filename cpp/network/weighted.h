// What layers with a weight have in common, Dense and Conv2D: y = f(z), z the products with the weight plus b, with the
// activation f of the layer after it fused in where the plan says so.
#pragma once

#include "network/curve.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
class Weighted : public Layer<T> {
 public:
  // The last axis of `output` has an entry for each of the weight's first axis; all others are rows.
  Weighted(const Shape& input, const Shape& output, ParameterInfo weight, bool use_bias);

  bool fuse(const CurveSpec& spec) final;
  std::vector<ParameterInfo> parameters() const final;
  void bind(const std::vector<Parameter<T>>& parameters) final;
  bool keeps_z() const final { return curve_ && curve_->backward_reads_x(); }
  std::optional<Entry<T>> entry(const Flow<T>& flow) const final;

 protected:
  std::size_t columns() const { return columns_; }
  std::size_t rows_per_sample() const { return rows_per_sample_; }
  const Parameter<T>& weight() const { return weight_; }
  std::size_t curve_work_size(std::size_t rows) const { return curve_ ? curve_->work_size(rows) : 0; }
  std::size_t bias_work_size(std::size_t rows) const {
    return use_bias_ ? checked_multiply(chunk_count(rows), columns_) : 0;
  }

  // Where the products go.
  T* z(const Flow<T>& flow) const { return keeps_z() && flow.z != nullptr ? flow.z : flow.y; }
  // Bias and activation on z as it is made; false: there is neither.
  bool follow(const Flow<T>& flow, Epilogue<T>& epilogue) const;
  // dz in place of flow.grad_y: the entry, unless the step above has done it, and the clip where one is wanted.
  void enter(Team& team, const Flow<T>& flow) const;
  // Gradients and updates of all parameters but the weight.
  void other_gradients(Team& team, const Flow<T>& flow) const;

 private:
  // Where in flow.work the activation's sums lie, and the partial sums of db.
  virtual T* curve_work(const Flow<T>& flow) const = 0;
  virtual T* bias_work(const Flow<T>& flow) const = 0;

  void enter_clipped(Team& team, const std::optional<Entry<T>>& entry, const Flow<T>& flow) const;

  std::size_t columns_;
  std::size_t rows_per_sample_;
  ParameterInfo weight_info_;
  bool use_bias_;
  std::optional<Curve<T>> curve_;
  Parameter<T> weight_;
  Parameter<T> bias_;
};

}  // namespace prelunet
