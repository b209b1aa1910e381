#include "network/piecewise_linear_embeddings.h"

#include <algorithm>

#include "network/layer_registry.h"
#include "ops/optimizer.h"

namespace prelunet {

std::size_t PiecewiseLinearShape::most_bins() const {
  std::size_t most = 0;
  for (std::size_t f = 0; f < features(); ++f) most = std::max(most, first_bin[f + 1] - first_bin[f]);
  return most;
}

template <class T>
std::vector<ParameterInfo> PiecewiseLinearEmbeddings<T>::parameters() const {
  const std::size_t features = shape_.features(), outputs = shape_.outputs, most = shape_.most_bins();
  std::vector<ParameterInfo> infos{
      {"weight", ParameterKind::weight, {shape_.bins(), outputs}, most, outputs, trainable_}};
  if (shape_.linear) infos.push_back({"linear", ParameterKind::weight, {features, outputs}, 1, outputs, trainable_});
  infos.push_back({"bias", ParameterKind::bias, {features, outputs}, most, outputs, trainable_});
  return infos;
}

template <class T>
void PiecewiseLinearEmbeddings<T>::bind(const std::vector<Parameter<T>>& parameters) {
  weight_ = parameters.front();
  if (shape_.linear) linear_ = parameters[1];
  bias_ = parameters.back();
}

template <class T>
double PiecewiseLinearEmbeddings<T>::multiply_adds() const {
  constexpr double kSearch = 16.0;  // multiply-adds that take as long as the search of a bin, about
  return static_cast<double>(shape_.features()) * (kSearch + 2.0 * static_cast<double>(shape_.outputs));
}

template <class T>
typename PiecewiseLinearEmbeddings<T>::Place PiecewiseLinearEmbeddings<T>::place(std::size_t feature, T x) const {
  const std::size_t first = shape_.first_bin[feature], last = shape_.first_bin[feature + 1] - 1;
  const double* const edges = shape_.edges.data() + first + feature;
  const auto value = static_cast<double>(x);
  const double* const left = std::upper_bound(edges + 1, edges + (last - first) + 1, value) - 1;
  const double width = left[1] - left[0];
  return {first + static_cast<std::size_t>(left - edges), static_cast<T>((value - left[0]) / width), width};
}

template <class T>
void PiecewiseLinearEmbeddings<T>::compute_base(std::size_t feature) const {
  const std::size_t outputs = shape_.outputs;
  for (std::size_t o = 0; o < outputs; ++o) {
    double sum = static_cast<double>(bias_.value[feature * outputs + o]);
    for (std::size_t bin = shape_.first_bin[feature]; bin < shape_.first_bin[feature + 1]; ++bin) {
      base_[bin * outputs + o] = static_cast<T>(sum);
      sum += static_cast<double>(weight_.value[bin * outputs + o]);
    }
  }
}

template <class T>
void PiecewiseLinearEmbeddings<T>::refresh(Team& team) {
  const Range own = team.even_share(shape_.features(), 1);
  for (std::size_t f = own.begin; f < own.end; ++f) compute_base(f);
}

template <class T>
void PiecewiseLinearEmbeddings<T>::forward(Team& team, const Flow<T>& flow) const {
  const std::size_t features = shape_.features(), outputs = shape_.outputs;
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t i = rows.begin * features; i < rows.end * features; ++i) {
    const std::size_t f = i % features;
    const T x = flow.x[i];
    const Place at = place(f, x);
    const T* const base = base_.data() + at.bin * outputs;
    const T* const weight = weight_.value + at.bin * outputs;
    T* const y = flow.y + i * outputs;
    for (std::size_t o = 0; o < outputs; ++o) y[o] = base[o] + at.share * weight[o];
    if (!shape_.linear) continue;
    for (std::size_t o = 0; o < outputs; ++o) y[o] += x * linear_.value[f * outputs + o];
  }
}

template <class T>
void PiecewiseLinearEmbeddings<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x == nullptr) return;
  const std::size_t features = shape_.features(), outputs = shape_.outputs;
  const Range rows = team.share(flow.rows, kChunkRows);
  for (std::size_t i = rows.begin * features; i < rows.end * features; ++i) {
    const std::size_t f = i % features;
    const Place at = place(f, flow.x[i]);
    double slope = 0.0, line = 0.0;
    for (std::size_t o = 0; o < outputs; ++o) {
      const auto grad = static_cast<double>(flow.grad_y[i * outputs + o]);
      slope += grad * static_cast<double>(weight_.value[at.bin * outputs + o]);
      if (shape_.linear) line += grad * static_cast<double>(linear_.value[f * outputs + o]);
    }
    flow.grad_x[i] = static_cast<T>(slope / at.width + line);
  }
}

// Adds the gradients of a feature's parameters over the rows. flow.work holds two sums over the rows of each bin, of
// share grad_y and of grad_y. They are continued from block to block, so that blocks do not change the bits.
template <class T>
void PiecewiseLinearEmbeddings<T>::add_rows(const Flow<T>& flow, std::size_t feature) const {
  const std::size_t features = shape_.features(), outputs = shape_.outputs;
  const std::size_t begin = shape_.first_bin[feature] * outputs, end = shape_.first_bin[feature + 1] * outputs;
  T* const shares = flow.work;
  T* const wholes = flow.work + base_.size();
  if (flow.first) {
    std::fill(shares + begin, shares + end, T(0));
    std::fill(wholes + begin, wholes + end, T(0));
  }
  T* const bias = bias_.gradient + feature * outputs;
  for (std::size_t i = feature; i < flow.rows * features; i += features) {
    const Place at = place(feature, flow.x[i]);
    const T* const grad_y = flow.grad_y + i * outputs;
    T* const share = shares + at.bin * outputs;
    T* const whole = wholes + at.bin * outputs;
    for (std::size_t o = 0; o < outputs; ++o) {
      share[o] += at.share * grad_y[o];
      whole[o] += grad_y[o];
      bias[o] += grad_y[o];
    }
    if (!shape_.linear) continue;
    T* const linear = linear_.gradient + feature * outputs;
    for (std::size_t o = 0; o < outputs; ++o) linear[o] += flow.x[i] * grad_y[o];
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    T later = T(0);
    for (std::size_t bin = shape_.first_bin[feature + 1]; bin-- > shape_.first_bin[feature];) {
      const std::size_t index = bin * outputs + o;
      weight_.gradient[index] = shares[index] + later;
      later += wholes[index];
    }
  }
}

template <class T>
void PiecewiseLinearEmbeddings<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (!trainable_) return;
  const Range own = team.even_share(shape_.features(), 1);
  if (own.empty()) return;
  const Range bins{shape_.first_bin[own.begin], shape_.first_bin[own.end]};
  const auto each = [&](const auto& function) {
    function(weight_, bins);
    if (shape_.linear) function(linear_, own);
    function(bias_, own);
  };
  const std::size_t outputs = shape_.outputs;
  if (flow.first) {
    each([&](const Parameter<T>& parameter, const Range& rows) {
      std::fill_n(parameter.gradient + rows.begin * outputs, rows.size() * outputs, T(0));
    });
  }
  for (std::size_t f = own.begin; f < own.end; ++f) add_rows(flow, f);
  if (flow.update == nullptr) return;
  each([&](const Parameter<T>& parameter, const Range& rows) {
    update_rows(rows, flow.update->id, flow.update->of(parameter, outputs));
  });
  for (std::size_t f = own.begin; f < own.end; ++f) compute_base(f);
}

template <class T>
std::unique_ptr<Layer<T>> PiecewiseLinearEmbeddings<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  PiecewiseLinearShape shape{.first_bin = {0},
                             .edges = config.reals("edges"),
                             .outputs = config.size("outputs"),
                             .linear = config.boolean("linear")};
  for (const std::size_t bins : config.numbers("bins")) {
    if (bins == 0) config.fail("a feature must have a bin");
    shape.first_bin.push_back(shape.bins() + bins);
  }
  if (context.input != Shape{shape.features()}) {
    config.fail("bins are given for " + std::to_string(shape.features()) + " features, the input has shape " +
                shape_text(context.input));
  }
  if (shape.edges.size() != shape.bins() + shape.features() || shape.outputs == 0) {
    config.fail("key 'edges' must hold the edges of all bins, and there must be an output");
  }
  return std::make_unique<PiecewiseLinearEmbeddings>(context.input, std::move(shape), config.trainable());
}

template class PiecewiseLinearEmbeddings<float>;
template class PiecewiseLinearEmbeddings<double>;

}  // namespace prelunet
