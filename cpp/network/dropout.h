// Dropout (Srivastava et al. 2014): y = x / (1 - rate) if the element is kept, else 0; the identity when predicting.
//
// Whether an element is kept depends on (seed, layer, step, row in batch, unit) only: Philox4x64-10 (Salmon et
// al. 2011) with key (seed, layer) and counter (step, row, unit / 4, 0), its word unit % 4. An element is kept if the
// word's upper 53 bits, as a fraction in [0, 1), are at least rate. No mask is stored: backward() draws the same
// numbers again.
#pragma once

#include <memory>
#include <optional>

#include "network/layer.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Dropout final : public Layer<T> {
 public:
  // `scheduled`: the index of the rate in Flow::dropout_rates, if the rate changes from step to step.
  Dropout(const Shape& shape, double rate, std::optional<std::size_t> scheduled, std::uint64_t seed,
          std::uint64_t layer);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);
  bool identity_in_predict() const override { return true; }
  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;

 private:
  void apply(Team& team, const Flow<T>& flow, const T* from, T* to) const;

  double rate_;
  std::optional<std::size_t> scheduled_;
  std::uint64_t seed_;
  std::uint64_t layer_;
};

}  // namespace prelunet
