// Periodic embeddings of each feature, with parameters of its own. Equations: kernels/periodic.h.
#pragma once

#include <memory>

#include "kernels/periodic_table.h"
#include "network/layer.h"
#include "ops/activation.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class PeriodicEmbeddings final : public Layer<T> {
 public:
  PeriodicEmbeddings(const Shape& input, const PeriodicShape& shape, bool trainable)
      : Layer<T>(input, {shape.columns()}), shape_(shape), trainable_(trainable) {}
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::vector<ParameterInfo> parameters() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override;
  std::size_t work_size(std::size_t rows) const override { return work_places(rows).size; }
  std::size_t predict_work_size(std::size_t /*rows*/) const override { return shape_.waves(); }
  double multiply_adds() const override;
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void predict(Team& team, const Flow<T>& flow) const override { run(team, flow, 0); }

 private:
  // Offsets of the waves and of the partial sums of gradients.
  struct WorkPlaces {
    std::size_t wave, frequency, phase, bias, size;
  };
  WorkPlaces work_places(std::size_t rows) const;
  void run(Team& team, const Flow<T>& flow, std::size_t wave_stride) const;
  PeriodicBackward<T> arguments(const Flow<T>& flow) const;
  void add_up(Team& team, const Flow<T>& flow, const T* partial, const Parameter<T>& parameter) const;

  PeriodicShape shape_;
  bool trainable_;
  Parameter<T> frequency_, phase_, weight_, bias_;  // no phase in PLR
};

}  // namespace prelunet
