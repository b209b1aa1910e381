#include "network/periodic_embeddings.h"

#include "network/layer_registry.h"
#include "ops/optimizer.h"
#include "ops/periodic.h"

namespace prelunet {

template <class T>
std::vector<ParameterInfo> PeriodicEmbeddings<T>::parameters() const {
  const auto& s = shape_;
  std::vector<ParameterInfo> infos{
      {"frequency", ParameterKind::weight, {s.features, s.frequencies}, 1, s.frequencies, trainable_}};
  if (!s.plr)
    infos.push_back({"phase", ParameterKind::bias, {s.features, s.frequencies}, 1, s.frequencies, trainable_});
  infos.push_back({"weight", ParameterKind::weight, {s.features, s.outputs, s.terms}, s.terms, s.outputs, trainable_});
  infos.push_back({"bias", ParameterKind::bias, {s.features, s.outputs}, s.terms, s.outputs, trainable_});
  return infos;
}

template <class T>
void PeriodicEmbeddings<T>::bind(const std::vector<Parameter<T>>& parameters) {
  frequency_ = parameters.front();
  if (!shape_.plr) phase_ = parameters[1];
  weight_ = parameters[parameters.size() - 2];
  bias_ = parameters.back();
}

template <class T>
double PeriodicEmbeddings<T>::multiply_adds() const {
  constexpr double kWave = 32.0;  // multiply-adds that take as long as a wave, about
  return static_cast<double>(shape_.waves()) * (kWave + static_cast<double>(shape_.outputs));
}

template <class T>
typename PeriodicEmbeddings<T>::WorkPlaces PeriodicEmbeddings<T>::work_places(std::size_t rows) const {
  const std::size_t chunks = chunk_count(rows), angles = shape_.features * shape_.frequencies;
  Layout layout;
  const std::size_t wave = layout.add<T>(checked_multiply(rows, shape_.waves()));
  const std::size_t frequency = layout.add<T>(checked_multiply(chunks, angles));
  const std::size_t phase = layout.add<T>(shape_.plr ? 0 : chunks * angles);
  const std::size_t bias = layout.add<T>(checked_multiply(chunks, shape_.units()));
  return {wave / sizeof(T), frequency / sizeof(T), phase / sizeof(T), bias / sizeof(T), layout.bytes() / sizeof(T)};
}

template <class T>
void PeriodicEmbeddings<T>::run(Team& team, const Flow<T>& flow, std::size_t wave_stride) const {
  periodic_forward<T>(team, {.rows = flow.rows,
                             .shape = shape_,
                             .x = flow.x,
                             .frequency = frequency_.value,
                             .phase = phase_.value,
                             .weight = weight_.value,
                             .bias = bias_.value,
                             .wave = flow.work,
                             .wave_stride = wave_stride,
                             .y = flow.y});
}

template <class T>
void PeriodicEmbeddings<T>::forward(Team& team, const Flow<T>& flow) const {
  run(team, flow, shape_.waves());
}

template <class T>
PeriodicBackward<T> PeriodicEmbeddings<T>::arguments(const Flow<T>& flow) const {
  const WorkPlaces at = work_places(flow.capacity);
  const auto partial = [&](std::size_t place) { return trainable_ ? flow.work + place : nullptr; };
  return {.rows = flow.rows,
          .shape = shape_,
          .x = flow.x,
          .y = flow.y,
          .frequency = frequency_.value,
          .phase = phase_.value,
          .weight = weight_.value,
          .wave = flow.work + at.wave,
          .grad_y = flow.grad_y,
          .grad_x = flow.grad_x,
          .frequency_partial = partial(at.frequency),
          .phase_partial = partial(at.phase),
          .bias_partial = partial(at.bias)};
}

template <class T>
void PeriodicEmbeddings<T>::backward(Team& team, const Flow<T>& flow) const {
  periodic_backward(team, arguments(flow));
}

template <class T>
void PeriodicEmbeddings<T>::add_up(Team& team, const Flow<T>& flow, const T* partial,
                                   const Parameter<T>& parameter) const {
  add_chunks(team, chunk_count(flow.rows), parameter.size, partial, flow.first, parameter.gradient);
  if (flow.update != nullptr) update(team, flow.update->id, flow.update->of(parameter, parameter.size), parameter.size);
}

template <class T>
void PeriodicEmbeddings<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (!trainable_) return;
  const PeriodicBackward<T> g = arguments(flow);
  add_up(team, flow, g.frequency_partial, frequency_);
  if (!shape_.plr) add_up(team, flow, g.phase_partial, phase_);
  const Range own = share_rows(team, shape_.units(), shape_.terms);
  kernel_table<T>().periodic_weight_gradient(g, own.begin, own.end, !flow.first, weight_.gradient);
  if (flow.update != nullptr) update_own_rows(team, flow.update->id, flow.update->of(weight_, shape_.terms));
  add_up(team, flow, g.bias_partial, bias_);
}

template <class T>
std::unique_ptr<Layer<T>> PeriodicEmbeddings<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  const std::size_t frequencies = config.size("frequencies"), embedding = config.size("embedding");
  const bool plr = config.boolean("plr");
  if (context.input.size() != 1) {
    config.fail("input must have shape (features,), got " + shape_text(context.input) + "; put Flatten before it");
  }
  if (frequencies == 0 || embedding < (plr ? 1 : 2)) config.fail("the embedding must have a frequency and an output");
  const PeriodicShape shape{.features = context.input[0],
                            .frequencies = frequencies,
                            .terms = plr ? 2 * frequencies : frequencies,
                            .outputs = plr ? embedding : embedding - 1,
                            .embedding = embedding,
                            .plr = plr};
  return std::make_unique<PeriodicEmbeddings>(context.input, shape, config.trainable());
}

template class PeriodicEmbeddings<float>;
template class PeriodicEmbeddings<double>;

}  // namespace prelunet
