#include "network/plan.h"

#include <algorithm>
#include <utility>

#include "network/activation_layer.h"
#include "network/layer_registry.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

template <class T>
void add_parameters(Plan<T>& plan, std::size_t stage, std::size_t first, std::size_t last) {
  for (const ParameterInfo& info : plan.stages[stage]->parameters()) {
    // The parameter of a fused activation belongs to the activation, not to the layer that fuses it.
    const bool fused = info.kind == ParameterKind::alpha || info.kind == ParameterKind::factor;
    plan.parameters.push_back({stage, fused ? last : first, info});
  }
}

// Adds the shapes and parameters of the layers inside a stage.
template <class T>
void add_inner(Plan<T>& plan, std::size_t stage, const Plan<T>& inner) {
  plan.shapes.insert(plan.shapes.end(), inner.shapes.begin(), inner.shapes.end());
  for (typename Plan<T>::Owner owner : inner.parameters) {
    owner.stage = stage;
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
  // The stage of one layer; null for a layer that only flattens its input.
  std::unique_ptr<Layer<T>> make_stage(const Shape& input, const LayerConfig& layer, const std::string& prefix,
                                       bool reads_input);
  // Fuses the layer into the stage if possible; returns whether it did.
  bool fuses(Layer<T>& stage, const LayerConfig& layer, const std::string& prefix) const;

  PlanOptions options_;
  std::size_t count_ = 0;      // layers so far
  std::size_t scheduled_ = 0;  // those whose rate has a schedule
};

template <class T>
std::unique_ptr<Layer<T>> Planner<T>::make_stage(const Shape& input, const LayerConfig& layer,
                                                 const std::string& prefix, bool reads_input) {
  LayerReader config = reader(layer, prefix);
  const std::size_t number = count_++;
  const auto make = find_layer<T>(layer.type).make;
  std::unique_ptr<Layer<T>> stage;
  if (make != nullptr) {
    const std::string own = prefix + layer.name + ".";
    stage =
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
  return stage;
}

template <class T>
bool Planner<T>::fuses(Layer<T>& stage, const LayerConfig& layer, const std::string& prefix) const {
  if (!options_.fuse || !is_activation(layer)) return false;
  LayerReader config = reader(layer, prefix);
  const bool fused = stage.fuse(read_activation(config));
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
    std::unique_ptr<Layer<T>> stage =
        make_stage(shape, layers[i], prefix, reads_input && (parallel || plan.stages.empty()));
    shape = stage == nullptr ? Shape{element_count(shape)} : stage->output_shape();
    plan.shapes.push_back(shape);
    if (stage == nullptr) continue;
    std::size_t last = first;
    if (!parallel && i + 1 < layers.size() && fuses(*stage, layers[i + 1], prefix)) {
      ++i;
      last = count_++;
      plan.shapes.push_back(shape);
    }
    plan.stages.push_back(std::move(stage));
    const std::size_t place = plan.stages.size() - 1;
    add_parameters(plan, place, first, last);
    if (const Plan<T>* inner = plan.stages[place]->inner()) add_inner(plan, place, *inner);
  }
  for (const auto& stage : plan.stages) {
    if (!stage->identity_in_predict()) plan.predict_stages.push_back(stage.get());
  }
  plan.output = shape;
  return plan;
}

}  // namespace

template <class T>
void Plan<T>::bind(const std::vector<Parameter<T>>& bound) const {
  std::vector<std::vector<Parameter<T>>> of_stage(stages.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) of_stage[parameters[i].stage].push_back(bound[i]);
  for (std::size_t stage = 0; stage < stages.size(); ++stage) stages[stage]->bind(of_stage[stage]);
}

template <class T>
std::vector<std::size_t> Plan<T>::categories() const {
  return stages.empty() ? std::vector<std::size_t>{} : stages.front()->categories();
}

template <class T>
std::size_t Plan<T>::lowest_trained() const {
  std::size_t lowest = stages.size();
  for (const Owner& owner : parameters) {
    if (owner.info.trainable) lowest = std::min(lowest, owner.stage);
  }
  return lowest;
}

template <class T>
std::size_t Plan<T>::row_unit() const {
  std::size_t unit = kChunkRows;
  for (const auto& stage : stages) unit = std::max(unit, stage->row_unit());
  return unit;
}

template <class T>
typename Plan<T>::PredictPlaces Plan<T>::predict_places(std::size_t rows, std::size_t first) const {
  std::size_t width = 0, work = 0;
  for (std::size_t s = first; s < predict_stages.size(); ++s) {
    const Layer<T>* const stage = predict_stages[s];
    if (stage != predict_stages.back()) width = std::max(width, stage->outputs());
    work = std::max(work, stage->predict_work_size(rows));
  }
  Layout layout;
  const std::size_t even = layout.add<T>(checked_multiply(rows, width));
  const std::size_t odd = layout.add<T>(checked_multiply(rows, width));
  const std::size_t at_work = layout.add<T>(work);
  return {even / sizeof(T), odd / sizeof(T), at_work / sizeof(T), layout.bytes() / sizeof(T)};
}

template <class T>
void Plan<T>::predict(Team& team, const Flow<T>& flow, std::size_t first) const {
  if (predict_stages.empty()) {
    const Range share = team.share(flow.rows, kChunkRows);
    const std::size_t columns = element_count(output);
    std::copy(flow.x + share.begin * columns, flow.x + share.end * columns, flow.y + share.begin * columns);
    return;
  }
  const PredictPlaces at = predict_places(flow.rows, first);
  Flow<T> one = flow;
  one.work = flow.work + at.work;
  for (std::size_t s = first; s < predict_stages.size(); ++s) {
    const bool last = s + 1 == predict_stages.size();
    one.y = last ? flow.y : flow.work + (s % 2 == 0 ? at.even : at.odd);
    one.sum = last ? flow.sum : nullptr;
    predict_stages[s]->predict(team, one);
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
