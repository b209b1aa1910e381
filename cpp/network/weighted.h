// The common part of Dense and Conv2D, the layers with a weight: y = f(z). z is a product with the weight plus b. f is
// the activation of the next layer, if the plan fuses it.
#pragma once

#include "network/activation.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
class Weighted : public Layer<T> {
 public:
  // The last axis of `output` has the length of the weight's first axis; the other axes are rows.
  Weighted(const Shape& input, const Shape& output, ParameterInfo weight, bool use_bias);

  bool fuse(const ActivationSpec& spec) final;
  std::vector<ParameterInfo> parameters() const final;
  void bind(const std::vector<Parameter<T>>& parameters) final;
  bool keeps_z() const final { return activation_ && activation_->backward_reads_x(); }
  std::optional<Prologue<T>> prologue(const Flow<T>& flow) const final;
  void visit_kept_sums(const Flow<T>& flow, const typename Layer<T>::SumVisitor& visitor) const override {
    if (activation_) visitor(activation_work(flow), activation_->kept_sums());
  }

 protected:
  std::size_t columns() const { return columns_; }
  std::size_t rows_per_sample() const { return rows_per_sample_; }
  const Parameter<T>& weight() const { return weight_; }
  std::size_t activation_work_size(std::size_t rows) const { return activation_ ? activation_->work_size(rows) : 0; }
  std::size_t bias_work_size(std::size_t rows) const {
    return use_bias_ ? checked_multiply(chunk_count(rows), columns_) : 0;
  }

  // Where the product with the weight is stored.
  T* z(const Flow<T>& flow) const { return keeps_z() && flow.z != nullptr ? flow.z : flow.y; }
  // Bias and activation of z; `forward` is null if there is neither.
  OutputEpilogue<T> output_epilogue(const Flow<T>& flow) const;
  // Replaces flow.grad_y by dz: runs the prologue, unless the stage above has done so, and clips deltas.
  void run_prologue(Team& team, const Flow<T>& flow) const;
  // Computes gradients of all parameters but the weight, and updates these parameters.
  void other_gradients(Team& team, const Flow<T>& flow) const;

 private:
  // In flow.work: the activation's sums, and the partial sums of db.
  virtual T* activation_work(const Flow<T>& flow) const = 0;
  virtual T* bias_work(const Flow<T>& flow) const = 0;

  void run_clipped_prologue(Team& team, const std::optional<Prologue<T>>& prologue, const Flow<T>& flow) const;

  std::size_t columns_;
  std::size_t rows_per_sample_;
  ParameterInfo weight_info_;
  bool use_bias_;
  std::optional<Activation<T>> activation_;
  Parameter<T> weight_;
  Parameter<T> bias_;
};

}  // namespace prelunet
