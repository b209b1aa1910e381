#include "network/rescaling.h"

#include <algorithm>

#include "network/layer_registry.h"
#include "ops/elementwise.h"

namespace prelunet {
namespace {

// The elements of `values`, or `count` times its only one.
template <class T>
std::vector<T> repeated(const std::vector<double>& values, std::size_t count) {
  if (values.size() == 1) return std::vector<T>(count, static_cast<T>(values[0]));
  return {values.begin(), values.end()};
}

}  // namespace

template <class T>
Rescaling<T>::Rescaling(const Shape& shape, const std::vector<double>& scale, const std::vector<double>& offset)
    : Layer<T>(shape, shape) {
  const std::size_t count = std::max(scale.size(), offset.size());
  scale_ = repeated<T>(scale, count);
  offset_ = repeated<T>(offset, count);
  nothing_.resize(count);
}

template <class T>
std::optional<double> Rescaling<T>::sparse_scale() const {
  if (scale_.size() > 1 || offset_[0] != 0) return std::nullopt;
  return static_cast<double>(scale_[0]);
}

template <class T>
void Rescaling<T>::rescale(Team& team, std::size_t rows, const T* x, const std::vector<T>& offset, T* y) const {
  if (scale_.size() == 1) {
    scale_shift<T>(team, rows, this->outputs(), x, static_cast<double>(scale_[0]), static_cast<double>(offset[0]), y);
  } else {
    scale_shift_columns(team, rows * this->outputs() / scale_.size(), scale_.size(), x, scale_.data(), offset.data(), y,
                        kChunkRows * this->outputs() / scale_.size());
  }
}

template <class T>
void Rescaling<T>::forward(Team& team, const Flow<T>& flow) const {
  rescale(team, flow.rows, flow.x, offset_, flow.y);
}

template <class T>
void Rescaling<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x != nullptr) rescale(team, flow.rows, flow.grad_y, nothing_, flow.grad_x);
}

template <class T>
std::unique_ptr<Layer<T>> Rescaling<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  const std::vector<double>&scale = config.reals("scale"), &offset = config.reals("offset");
  for (const std::vector<double>* values : {&scale, &offset}) {
    if (values->size() == 1 || values->size() == context.input.back()) continue;
    config.fail("scale and offset must be one number, or one for each of " + std::to_string(context.input.back()) +
                " features, got " + std::to_string(values->size()));
  }
  return std::make_unique<Rescaling>(context.input, scale, offset);
}

template class Rescaling<float>;
template class Rescaling<double>;

}  // namespace prelunet
