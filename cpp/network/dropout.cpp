#include "network/dropout.h"

#include <algorithm>

#include "network/layer_registry.h"
#include "network/philox.h"

namespace prelunet {
template <class T>
Dropout<T>::Dropout(const Shape& shape, double rate, std::optional<std::size_t> scheduled, std::uint64_t seed,
                    std::uint64_t layer)
    : Layer<T>(shape, shape), rate_(rate), scheduled_(scheduled), seed_(seed), layer_(layer) {}

template <class T>
void Dropout<T>::apply(Team& team, const Flow<T>& flow, const T* from, T* to) const {
  const std::size_t units = this->outputs();
  const double rate = scheduled_ && flow.dropout_rates != nullptr ? flow.dropout_rates[*scheduled_] : rate_;
  const T scale = static_cast<T>(1.0 / (1.0 - rate));
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t i = rows.begin; i < rows.end; ++i) {
    for (std::size_t unit = 0; unit < units; unit += 4) {
      const PhiloxWords words = philox({flow.step, flow.first_row + i, unit / 4, 0}, seed_, layer_);
      const std::size_t count = std::min<std::size_t>(4, units - unit);
      for (std::size_t word = 0; word < count; ++word) {
        const std::size_t at = i * units + unit + word;
        const bool kept = static_cast<double>(words[word] >> 11) * 0x1p-53 >= rate;
        to[at] = kept ? from[at] * scale : T(0);
      }
    }
  }
}

template <class T>
void Dropout<T>::forward(Team& team, const Flow<T>& flow) const {
  if (flow.training) {
    apply(team, flow, flow.x, flow.y);
    return;
  }
  const Range rows = team.share(flow.rows, kChunkRows);
  std::copy(flow.x + rows.begin * this->outputs(), flow.x + rows.end * this->outputs(),
            flow.y + rows.begin * this->outputs());
}

template <class T>
void Dropout<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  if (flow.training) {
    apply(team, flow, flow.grad_y, flow.grad_x);
    return;
  }
  const Range rows = team.share(flow.rows, kChunkRows);
  std::copy(flow.grad_y + rows.begin * this->outputs(), flow.grad_y + rows.end * this->outputs(),
            flow.grad_x + rows.begin * this->outputs());
}

template <class T>
std::unique_ptr<Layer<T>> Dropout<T>::make(const LayerContext<T>& context) {
  const double rate = context.config.real("rate");
  std::optional<std::size_t> scheduled;
  if (context.config.boolean("scheduled")) scheduled = context.scheduled++;
  return std::make_unique<Dropout>(context.input, rate, scheduled, context.seed, context.number);
}

template class Dropout<float>;
template class Dropout<double>;

}  // namespace prelunet
