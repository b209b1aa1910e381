#include "network/plan.h"

#include <algorithm>
#include <utility>

#include "network/activation_layer.h"
#include "network/layer_registry.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

template <class T>
void add_parameters(Plan<T>& plan, std::size_t step, std::size_t first, std::size_t last) {
  for (const ParameterInfo& info : plan.steps[step]->parameters()) {
    // The parameter of a fused activation belongs to the activation, not to the layer that fuses it.
    const bool fused = info.kind == ParameterKind::alpha || info.kind == ParameterKind::factor;
    plan.parameters.push_back({step, fused ? last : first, info});
  }
}

// Adds the shapes and parameters of the layers inside a step.
template <class T>
void add_inner(Plan<T>& plan, std::size_t step, const Plan<T>& inner) {
  plan.shapes.insert(plan.shapes.end(), inner.shapes.begin(), inner.shapes.end());
  for (typename Plan<T>::Owner owner : inner.parameters) {
    owner.step = step;
    plan.parameters.push_back(std::move(owner));
  }
}

template <class T>
class Planner {
 public:
  explicit Planner(const PlanOptions& options) : options_(options) {}

  // The plan of a list of layers; `prefix` comes before their names. `reads_input`: their input are columns of X. If
  // `parallel`, it is the input of every layer, and the layers are not fused.
  Plan<T> plan(const Shape& input, const std::vector<LayerConfig>& layers, const std::string& prefix, bool reads_input,
               bool parallel = false);

 private:
  static LayerReader reader(const LayerConfig& layer, const std::string& prefix) {
    return {layer, "layer " + prefix + layer.name + " (" + find_layer<T>(layer.type).title + ")"};
  }
  // The step of one layer; null for a layer that only flattens its input.
  std::unique_ptr<Layer<T>> make_step(const Shape& input, const LayerConfig& layer, const std::string& prefix,
                                      bool reads_input);
  // Fuses the layer into the step if possible; returns whether it did.
  bool fuses(Layer<T>& step, const LayerConfig& layer, const std::string& prefix) const;

  PlanOptions options_;
  std::size_t count_ = 0;      // layers so far
  std::size_t scheduled_ = 0;  // those whose rate has a schedule
};

template <class T>
std::unique_ptr<Layer<T>> Planner<T>::make_step(const Shape& input, const LayerConfig& layer, const std::string& prefix,
                                                bool reads_input) {
  LayerReader config = reader(layer, prefix);
  const std::size_t number = count_++;
  const auto make = find_layer<T>(layer.type).make;
  std::unique_ptr<Layer<T>> step;
  if (make != nullptr) {
    const std::string own = prefix + layer.name + ".";
    step =
        make({.config = config,
              .input = input,
              .seed = options_.seed,
              .number = number,
              .scheduled = scheduled_,
              .bfloat16 = options_.bfloat16,
              .reads_input = reads_input,
              .make_plan = [&](const Shape& of,
                               const std::vector<LayerConfig>& inner) { return plan(of, inner, own, reads_input); },
              .make_branches =
                  [&](const std::vector<LayerConfig>& inner) { return plan(input, inner, own, reads_input, true); }});
  }
  config.finish();
  return step;
}

template <class T>
bool Planner<T>::fuses(Layer<T>& step, const LayerConfig& layer, const std::string& prefix) const {
  if (!options_.fuse || !is_activation(layer)) return false;
  LayerReader config = reader(layer, prefix);
  const bool fused = step.fuse(read_activation(config));
  config.finish();
  return fused;
}

template <class T>
Plan<T> Planner<T>::plan(const Shape& input, const std::vector<LayerConfig>& layers, const std::string& prefix,
                         bool reads_input, bool parallel) {
  Plan<T> plan;
  Shape shape = input;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::size_t first = count_;
    if (parallel) shape = input;
    std::unique_ptr<Layer<T>> step =
        make_step(shape, layers[i], prefix, reads_input && (parallel || plan.steps.empty()));
    shape = step == nullptr ? Shape{element_count(shape)} : step->output_shape();
    plan.shapes.push_back(shape);
    if (step == nullptr) continue;
    std::size_t last = first;
    if (!parallel && i + 1 < layers.size() && fuses(*step, layers[i + 1], prefix)) {
      ++i;
      last = count_++;
      plan.shapes.push_back(shape);
    }
    plan.steps.push_back(std::move(step));
    const std::size_t place = plan.steps.size() - 1;
    add_parameters(plan, place, first, last);
    if (const Plan<T>* inner = plan.steps[place]->inner()) add_inner(plan, place, *inner);
  }
  for (const auto& step : plan.steps) {
    if (!step->identity_in_predict()) plan.predict_steps.push_back(step.get());
  }
  plan.output = shape;
  return plan;
}

}  // namespace

template <class T>
void Plan<T>::bind(const std::vector<Parameter<T>>& bound) const {
  std::vector<std::vector<Parameter<T>>> of_step(steps.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) of_step[parameters[i].step].push_back(bound[i]);
  for (std::size_t step = 0; step < steps.size(); ++step) steps[step]->bind(of_step[step]);
}

template <class T>
std::vector<std::size_t> Plan<T>::categories() const {
  return steps.empty() ? std::vector<std::size_t>{} : steps.front()->categories();
}

template <class T>
std::size_t Plan<T>::lowest_trained() const {
  std::size_t lowest = steps.size();
  for (const Owner& owner : parameters) {
    if (owner.info.trainable) lowest = std::min(lowest, owner.step);
  }
  return lowest;
}

template <class T>
std::size_t Plan<T>::row_unit() const {
  std::size_t unit = kChunkRows;
  for (const auto& step : steps) unit = std::max(unit, step->row_unit());
  return unit;
}

template <class T>
typename Plan<T>::PredictPlaces Plan<T>::predict_places(std::size_t rows, std::size_t first) const {
  std::size_t width = 0, work = 0;
  for (std::size_t s = first; s < predict_steps.size(); ++s) {
    const Layer<T>* const step = predict_steps[s];
    if (step != predict_steps.back()) width = std::max(width, step->outputs());
    work = std::max(work, step->predict_work_size(rows));
  }
  Layout layout;
  const std::size_t even = layout.add<T>(checked_multiply(rows, width));
  const std::size_t odd = layout.add<T>(checked_multiply(rows, width));
  const std::size_t at_work = layout.add<T>(work);
  return {even / sizeof(T), odd / sizeof(T), at_work / sizeof(T), layout.bytes() / sizeof(T)};
}

template <class T>
void Plan<T>::predict(Team& team, const Flow<T>& flow, std::size_t first) const {
  if (predict_steps.empty()) {
    const Range share = team.share(flow.rows, kChunkRows);
    const std::size_t columns = element_count(output);
    std::copy(flow.x + share.begin * columns, flow.x + share.end * columns, flow.y + share.begin * columns);
    return;
  }
  const PredictPlaces at = predict_places(flow.rows, first);
  Flow<T> one = flow;
  one.work = flow.work + at.work;
  for (std::size_t s = first; s < predict_steps.size(); ++s) {
    const bool last = s + 1 == predict_steps.size();
    one.y = last ? flow.y : flow.work + (s % 2 == 0 ? at.even : at.odd);
    one.sum = last ? flow.sum : nullptr;
    predict_steps[s]->predict(team, one);
    one.x = one.y;
    one.sparse_x = nullptr;
  }
}

template <class T>
Plan<T> make_plan(const Shape& input, const std::vector<LayerConfig>& layers, const PlanOptions& options) {
  return Planner<T>(options).plan(input, layers, "", true);
}

template struct Plan<float>;
template struct Plan<double>;
template Plan<float> make_plan(const Shape&, const std::vector<LayerConfig>&, const PlanOptions&);
template Plan<double> make_plan(const Shape&, const std::vector<LayerConfig>&, const PlanOptions&);

}  // namespace prelunet
