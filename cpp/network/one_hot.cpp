#include "network/one_hot.h"

#include <algorithm>
#include <numeric>

#include "network/layer_registry.h"

namespace prelunet {

template <class T>
void OneHot<T>::forward(Team& team, const Flow<T>& flow) const {
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t row = rows.begin; row < rows.end; ++row) {
    const T* const x = flow.x + row * this->inputs();
    T* const y = flow.y + row * this->outputs();
    std::size_t place = 0;
    for (std::size_t feature = 0; feature < counts_.size(); ++feature) {
      for (const std::size_t end = place + counts_[feature]; place < end; ++place) {
        y[place] = x[feature] == values_[place] ? T(1) : T(0);
      }
    }
  }
}

template <class T>
void OneHot<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  const Range rows = team.share(flow.rows, kChunkRows);
  std::fill_n(flow.grad_x + rows.begin * this->inputs(), rows.size() * this->inputs(), T(0));
}

template <class T>
std::unique_ptr<Layer<T>> OneHot<T>::make(const LayerContext<T>& context) {
  const Shape& counts = context.config.numbers("counts");
  const std::vector<double>& values = context.config.reals("values");
  if (context.input != Shape{counts.size()}) {
    context.config.fail("categories are given for " + std::to_string(counts.size()) +
                        " features, the input has shape " + shape_text(context.input));
  }
  if (std::accumulate(counts.begin(), counts.end(), std::size_t{0}) != values.size() || values.empty()) {
    context.config.fail("key 'values' must hold the categories of all features");
  }
  return std::make_unique<OneHot>(context.input, counts, values);
}

template class OneHot<float>;
template class OneHot<double>;

}  // namespace prelunet
