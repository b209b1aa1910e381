#include "network/clip.h"

#include <algorithm>

#include "network/layer_registry.h"

namespace prelunet {

template <class T>
void Clip<T>::forward(Team& team, const Flow<T>& flow) const {
  const Range rows = team.share(flow.rows, kChunkRows);
  const T* const from = flow.x + rows.begin * this->outputs();
  const T* const end = flow.x + rows.end * this->outputs();
  T* const to = flow.y + rows.begin * this->outputs();
  if (!clips(flow)) {
    std::copy(from, end, to);
    return;
  }
  std::transform(from, end, to, [this](T x) { return x < low_ ? low_ : x > high_ ? high_ : x; });
}

template <class T>
void Clip<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  const Range rows = team.share(flow.rows, kChunkRows);
  const bool clips = this->clips(flow);
  for (std::size_t i = rows.begin * this->outputs(); i < rows.end * this->outputs(); ++i) {
    const bool outside = clips && (flow.x[i] < low_ || flow.x[i] > high_);
    flow.grad_x[i] = outside ? T(0) : flow.grad_y[i];
  }
}

template <class T>
std::unique_ptr<Layer<T>> Clip<T>::make(const LayerContext<T>& context) {
  const ClipOptions options{.low = context.config.real("low"),
                            .high = context.config.real("high"),
                            .in_training = context.config.boolean("in_training")};
  return std::make_unique<Clip>(context.input, options);
}

template class Clip<float>;
template class Clip<double>;

}  // namespace prelunet
