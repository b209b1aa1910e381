#include "network/engine.h"

#include <algorithm>
#include <stdexcept>

#include "ops/elementwise.h"

#include "network/tuning.h"
#include "runtime/subnormals.h"
#include "runtime/threads.h"

namespace prelunet {

template <class T>
Engine<T>::Engine(const Shape& input, const std::vector<LayerConfig>& layers, const PlanOptions& options)
    : input_(input), layers_(layers), options_(options), plan_(make_plan<T>(input, layers, options)) {
  Layout layout;
  for (const auto& owner : plan_.parameters) {
    const std::size_t size = element_count(owner.info.shape);
    parameters_.push_back({owner.layer, owner.info, layout.add<T>(size) / sizeof(T), size});
  }
  values_ = Arena<T>(layout.bytes() / sizeof(T));
  gradients_ = Arena<T>(layout.bytes() / sizeof(T));

  for (const PlacedParameter& placed : parameters_) {
    places_.push_back({.size = placed.size,
                       .value = values_.data() + placed.offset,
                       .gradient = gradients_.data() + placed.offset,
                       .trainable = placed.info.trainable,
                       .factors = {}});
  }
  plan_.bind(places_);
}

template <class T>
void Engine<T>::refresh() {
  ++version_;
  run_flushed_team(threads_for(1, 1.0), [&](Team& team) {
    for (const auto& stage : plan_.stages) stage->refresh(team);
  });
  values_changed(plan_);
}

template <class T>
void Engine<T>::make_current(const Plan<T>& plan) {
  if (stale_ != &plan) return;
  run_flushed_team(threads_for(1, 1.0), [&](Team& team) {
    for (const auto& stage : plan.stages) stage->refresh(team);
  });
  stale_ = nullptr;
}

template <class T>
void Engine<T>::values_changed(const Plan<T>& current) {
  stale_ = &current == &plan_ ? float32_plan_.get() : &plan_;
}

template <class T>
const Plan<T>& Engine<T>::gradient_plan(std::size_t rows) {
  gradient_plan_ = &plan_;
  if (options_.bfloat16 && rows < kBfloat16MinRows) {
    if (float32_plan_ == nullptr) {
      PlanOptions options = options_;
      options.bfloat16 = false;
      auto made = std::make_unique<Plan<T>>(make_plan<T>(input_, layers_, options));
      made->bind(places_);
      make_current(plan_);
      float32_plan_ = std::move(made);
      stale_ = float32_plan_.get();
    }
    gradient_plan_ = float32_plan_.get();
  }
  make_current(*gradient_plan_);
  return *gradient_plan_;
}

template <class T>
double Engine<T>::gradient_norm() const {
  double norm = 0.0;
  run_flushed_team(threads_for(1, 1.0), [&](Team& team) {
    const double found = optimizer_->norm(team);
    if (team.rank() == 0) norm = found;
  });
  return norm;
}

template <class T>
void Engine<T>::move_towards(const Engine& other, double weight) {
  ++version_;
  run_flushed_team(threads_for(1, 1.0), [&](Team& team) {
    prelunet::move_towards(team, values_.size(), weight, other.values(), values());
    team.barrier();
    for (const auto& stage : plan_.stages) stage->refresh(team);
  });
  values_changed(plan_);
  if (T* const mean = this->mean()) std::copy_n(values(), values_.size(), mean);
}

template <class T>
void Engine<T>::compile(const LossConfig& loss, const OptimizerConfig& optimizer) {
  // Allocating slots may throw. The current configuration is replaced only after that.
  std::vector<Parameter<T>> places = places_;
  if (optimizer.factors.size() != places.size()) {
    throw std::invalid_argument("compile: factors must be given for " + std::to_string(places.size()) +
                                " parameters, got " + std::to_string(optimizer.factors.size()));
  }
  for (std::size_t i = 0; i < places.size(); ++i) places[i].factors = optimizer.factors[i];
  Optimizer<T> compiled(optimizer, values_.size(), values_.data(), places);
  loss_ = loss;
  places_ = std::move(places);
  optimizer_.emplace(std::move(compiled));
  plan_.bind(places_);
  if (float32_plan_ != nullptr) float32_plan_->bind(places_);
  steps_ = 0;
  rates_ = {};
}

template <class T>
T* Engine<T>::mean() {
  return optimizer_ && optimizer_->has_mean() ? optimizer_->slots().back().data() : nullptr;
}

template <class T>
void Engine<T>::swap_mean(bool keep) {
  if (!optimizer_->has_mean()) throw std::logic_error("swap_mean: the optimizer has no mean");
  optimizer_->swap_mean(keep);
  refresh();
}

template <class T>
double Engine<T>::multiply_adds() const {
  double sum = 0.0;
  for (const auto& stage : plan_.stages) sum += stage->multiply_adds();
  return sum;
}

// Small work runs on the calling thread: waking a team and waiting at barriers costs more than it saves.
template <class T>
int Engine<T>::threads_for(double multiply_adds) const {
  return multiply_adds < kSmallCall || calls_python() ? 1 : num_threads();
}

// The team's threads stay awake between steps; ThreadTuner measures whether they pay.
template <class T>
int Engine<T>::training_threads(std::size_t batch_size) const {
  const bool tiny = multiply_adds() * 3.0 * static_cast<double>(batch_size) < kTinyStep;
  return tiny || calls_python() ? 1 : num_threads();
}

template <class T>
bool Engine<T>::calls_python() const {
  return std::any_of(plan_.stages.begin(), plan_.stages.end(), [](const auto& stage) { return stage->calls_python(); });
}

template <class T>
bool Engine<T>::is_small(std::size_t rows) const {
  return multiply_adds() * 3.0 * static_cast<double>(rows) < kSmallStep;
}

template class Engine<float>;
template class Engine<double>;

}  // namespace prelunet
