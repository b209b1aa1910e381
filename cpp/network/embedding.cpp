#include "network/embedding.h"

#include <algorithm>
#include <limits>

#include "network/layer_registry.h"
#include "ops/optimizer.h"

namespace prelunet {

template <class T>
std::vector<ParameterInfo> Embedding<T>::parameters() const {
  return {{"weight", ParameterKind::weight, {categories_, width_}, categories_, width_, trainable_}};
}

template <class T>
void Embedding<T>::forward(Team& team, const Flow<T>& flow) const {
  const std::size_t columns = this->inputs();
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t i = rows.begin * columns; i < rows.end * columns; ++i) {
    std::copy_n(weight_.value + row_of(flow.x[i]) * width_, width_, flow.y + i * width_);
  }
}

template <class T>
void Embedding<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  const Range rows = team.share(flow.rows, kChunkRows);
  std::fill_n(flow.grad_x + rows.begin * this->inputs(), rows.size() * this->inputs(), T(0));
}

template <class T>
void Embedding<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (!weight_.trainable) return;
  const Range own = share_rows(team, categories_, width_);
  if (flow.first) std::fill_n(weight_.gradient + own.begin * width_, own.size() * width_, T(0));
  for (std::size_t i = 0; i < flow.rows * this->inputs(); ++i) {
    const std::size_t row = row_of(flow.x[i]);
    if (row < own.begin || row >= own.end) continue;
    T* const to = weight_.gradient + row * width_;
    for (std::size_t j = 0; j < width_; ++j) to[j] += flow.grad_y[i * width_ + j];
  }
  if (flow.update != nullptr) update_own_rows(team, flow.update->id, flow.update->of(weight_, width_));
}

template <class T>
std::unique_ptr<Layer<T>> Embedding<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  const std::size_t categories = config.size("categories"), width = config.size("width");
  constexpr std::size_t kMost = std::size_t{1} << std::numeric_limits<T>::digits;
  if (context.input.size() != 1) {
    config.fail("input must have shape (columns,), got " + shape_text(context.input) + "; put Flatten before it");
  }
  if (!context.reads_input) {
    config.fail(
        "must be the first layer of the model, or of a branch of a Columns that is: it reads codes, which are columns "
        "of X");
  }
  if (categories == 0 || width == 0) config.fail("input_dim and output_dim must be at least 1");
  if (categories > kMost) {
    config.fail("input_dim must be at most " + std::to_string(kMost) + ", the integers that the dtype holds exactly, " +
                "got " + std::to_string(categories));
  }
  return std::make_unique<Embedding>(context.input, categories, width, config.trainable());
}

template class Embedding<float>;
template class Embedding<double>;

}  // namespace prelunet
