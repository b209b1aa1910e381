#include "network/imputation.h"

#include <cmath>

#include "network/layer_registry.h"

namespace prelunet {

template <class T>
void Imputation<T>::forward(Team& team, const Flow<T>& flow) const {
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t i = rows.begin * this->outputs(); i < rows.end * this->outputs(); i += values_.size()) {
    for (std::size_t j = 0; j < values_.size(); ++j) {
      flow.y[i + j] = std::isnan(flow.x[i + j]) ? values_[j] : flow.x[i + j];
    }
  }
}

template <class T>
void Imputation<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t i = rows.begin * this->outputs(); i < rows.end * this->outputs(); ++i) {
    flow.grad_x[i] = std::isnan(flow.x[i]) ? T(0) : flow.grad_y[i];
  }
}

template <class T>
std::unique_ptr<Layer<T>> Imputation<T>::make(const LayerContext<T>& context) {
  const std::vector<double>& values = context.config.reals("values");
  if (values.size() != context.input.back()) {
    context.config.fail("values must be one number for each of " + std::to_string(context.input.back()) +
                        " features, got " + std::to_string(values.size()));
  }
  return std::make_unique<Imputation>(context.input, values);
}

template class Imputation<float>;
template class Imputation<double>;

}  // namespace prelunet
