// Piecewise-linear embeddings of each feature (Gorishniy et al. 2022, arXiv:2203.05556).
//
// The edges of a feature divide its axis into bins. In bin k, which begins at edge l and ends at edge r, the encoding e
// of x has ones for the bins before k, share = (x - l) / (r - l) for k, and zeros for the bins after k. The first and
// the last bin have no end: their share may be below 0 or above 1. With weights w of the feature's bins
//   A  y = sum_j w_j e_j + b
//   B  y = sum_j w_j e_j + b + x linear
// This is y = base_k + share w_k, in B plus x linear. base_k, which is b plus the sum over the bins before k, is
// computed after each update.
//   grad_w_k = sum over rows in bin k of share grad_y, plus the sum over rows in later bins of grad_y
//   grad_x = grad_y w_k / (r - l), in B plus grad_y linear
// Rows are summed in their order, then bins. In gradients(), each thread owns whole features.
#pragma once

#include <memory>
#include <vector>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

struct PiecewiseLinearShape {
  std::vector<std::size_t> first_bin;  // of each feature among all bins; at the end, the number of bins
  std::vector<double> edges;           // of all features: one more than bins for each
  std::size_t outputs;                 // of a feature
  bool linear;                         // version B

  std::size_t features() const { return first_bin.size() - 1; }
  std::size_t bins() const { return first_bin.back(); }
  std::size_t most_bins() const;
};

template <class T>
class PiecewiseLinearEmbeddings final : public Layer<T> {
 public:
  PiecewiseLinearEmbeddings(const Shape& input, PiecewiseLinearShape shape, bool trainable)
      : Layer<T>(input, {checked_multiply(shape.features(), shape.outputs)}),
        shape_(std::move(shape)),
        trainable_(trainable),
        base_(checked_multiply(shape_.bins(), shape_.outputs)) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::vector<ParameterInfo> parameters() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override;
  void refresh(Team& team) override;
  std::size_t work_size(std::size_t /*rows*/) const override { return 2 * base_.size(); }
  double multiply_adds() const override;
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void visit_kept_sums(const Flow<T>& flow, const typename Layer<T>::SumVisitor& visitor) const override {
    if (trainable_) visitor(flow.work, 2 * base_.size());
  }

 private:
  struct Place {
    std::size_t bin;  // among all bins
    T share;
    double width;
  };
  Place place(std::size_t feature, T x) const;
  void compute_base(std::size_t feature) const;
  void add_rows(const Flow<T>& flow, std::size_t feature) const;

  PiecewiseLinearShape shape_;
  bool trainable_;
  Parameter<T> weight_, linear_, bias_;  // linear: in B only
  mutable std::vector<T> base_;          // (bins, outputs)
};

}  // namespace prelunet
