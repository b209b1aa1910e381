// Convolution of images, y = f(x * W + b), W (filters, window height, window width, channels); see ops/conv2d.h.
#pragma once

#include <memory>

#include "network/weight_panels.h"
#include "network/weighted.h"
#include "ops/conv2d.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Conv2D final : public Weighted<T> {
 public:
  // `input`: (height, width, channels).
  Conv2D(const Shape& input, const Window2D& window, std::size_t filters, bool use_bias, bool trainable);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  void refresh(Team& team) override { pack_weight(team); }
  std::size_t work_size(std::size_t rows) const override { return work(rows).size; }
  std::size_t predict_work_size(std::size_t rows) const override { return padded_size(rows); }
  double multiply_adds() const override;

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void visit_kept_sums(const Flow<T>& flow, const typename Layer<T>::SumVisitor& visitor) const override;
  void predict(Team& team, const Flow<T>& flow) const override;

 private:
  // Offsets in flow.work.
  struct Work {
    std::size_t activation;    // sums of dalpha, kept between blocks
    std::size_t weight_sums;   // the transposed gradient of the weight, kept between blocks
    std::size_t bias_partial;  // partial sums of db
    std::size_t padded;        // x with its padding
    std::size_t grad_x;        // for conv2d_grad_x
    std::size_t size;
  };
  Work work(std::size_t rows) const;
  T* activation_work(const Flow<T>& flow) const override { return flow.work + work(flow.capacity).activation; }
  T* bias_work(const Flow<T>& flow) const override { return flow.work + work(flow.capacity).bias_partial; }

  std::size_t padded_size(std::size_t rows) const { return plan_.window.pads() ? rows * plan_.padded_size : 0; }
  const T* padded(const Flow<T>& flow, T* own) const { return plan_.window.pads() ? own : flow.x; }
  void pack_weight(Team& team) const;
  void weight_gradient(Team& team, const Flow<T>& flow) const;
  void run_forward(Team& team, const Flow<T>& flow, T* own) const;

  Conv2DPlan plan_;
  WeightPanels<T> panels_;
  Arena<T> grad_panels_;  // W packed for the product that computes grad_x
};

}  // namespace prelunet
