#include "network/plan.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "network/activation.h"
#include "network/conv2d.h"
#include "network/dense.h"
#include "network/dropout.h"
#include "network/lambda.h"
#include "network/max_pool2d.h"
#include "network/rescaling.h"
#include "network/residual.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

struct ActivationRow {
  const char* name;
  ActivationId id;
};
constexpr ActivationRow kActivationRows[] = {
#define PRELUNET_ROW(name, Class, parameter, value, equation) {#name, ActivationId::name},
    PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
};

ActivationId find_activation(const std::string& name) {
  for (const ActivationRow& row : kActivationRows) {
    if (name == row.name) return row.id;
  }
  throw std::invalid_argument("unknown activation '" + name + "'");
}

bool is_curve(const LayerSpec& spec) { return spec.type == "activation" || spec.type == "prelu"; }

CurveSpec curve_spec(const LayerSpec& spec) {
  const ActivationId id = spec.type == "prelu" ? ActivationId::prelu : find_activation(spec.activation);
  return {id, spec.constant, spec.channel, spec.trainable};
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (const std::size_t size : shape) text += std::to_string(size) + ",";
  if (shape.size() > 1) text.pop_back();
  return text + ")";
}

template <class T>
class Planner {
 public:
  Planner(std::uint64_t seed, bool fuse) : seed_(seed), fuse_(fuse) {}

  // The plan of a list of layers; `prefix` comes before their names.
  Plan<T> plan(const Shape& input, const std::vector<LayerSpec>& layers, const std::string& prefix);

 private:
  // The step of one layer; null for a layer that only renames its shape.
  std::unique_ptr<Layer<T>> make_step(const Shape& input, const LayerSpec& spec, const std::string& name);
  std::unique_ptr<Layer<T>> make_dense(const Shape& input, const LayerSpec& spec, const std::string& name);
  std::unique_ptr<Layer<T>> make_conv2d(const Shape& input, const LayerSpec& spec, const std::string& name);
  std::unique_ptr<Layer<T>> make_max_pool2d(const Shape& input, const LayerSpec& spec, const std::string& name);
  // Adds the step of a residual, and to the plan what is inside it.
  void add_residual(Plan<T>& plan, const Shape& input, const LayerSpec& spec, const std::string& name);

  std::uint64_t seed_;
  bool fuse_;
  std::size_t count_ = 0;  // layers so far
};

template <class T>
std::unique_ptr<Layer<T>> Planner<T>::make_dense(const Shape& input, const LayerSpec& spec, const std::string& name) {
  if (input.size() != 1) {
    throw std::invalid_argument("layer " + name + " (Dense): input must have shape (features,), got " +
                                to_string(input) + "; put Flatten before it");
  }
  return std::make_unique<Dense<T>>(input, spec.units, spec.use_bias, spec.trainable);
}

// The way of the layer's window over its input.
Window2D window_of(const Shape& input, const LayerSpec& spec, const std::string& title) {
  if (input.size() != 3) {
    throw std::invalid_argument(title + ": input must have shape (height, width, channels), got " + to_string(input));
  }
  const Window2D window{window_axis(input[0], spec.window_height, spec.stride_height, spec.same),
                        window_axis(input[1], spec.window_width, spec.stride_width, spec.same)};
  if (!window.fits()) {
    throw std::invalid_argument(title + ": input must have at least " + std::to_string(spec.window_height) +
                                " rows and " + std::to_string(spec.window_width) + " columns, got " + to_string(input) +
                                "; padding='same' takes smaller ones");
  }
  return window;
}

template <class T>
std::unique_ptr<Layer<T>> Planner<T>::make_conv2d(const Shape& input, const LayerSpec& spec, const std::string& name) {
  const Window2D window = window_of(input, spec, "layer " + name + " (Conv2D)");
  return std::make_unique<Conv2D<T>>(input, window, spec.units, spec.use_bias, spec.trainable);
}

template <class T>
std::unique_ptr<Layer<T>> Planner<T>::make_max_pool2d(const Shape& input, const LayerSpec& spec,
                                                      const std::string& name) {
  return std::make_unique<MaxPool2D<T>>(input, window_of(input, spec, "layer " + name + " (MaxPool2D)"));
}

template <class T>
std::unique_ptr<Layer<T>> Planner<T>::make_step(const Shape& input, const LayerSpec& spec, const std::string& name) {
  if (spec.type == "dense") return make_dense(input, spec, name);
  if (spec.type == "conv2d") return make_conv2d(input, spec, name);
  if (spec.type == "max_pool2d") return make_max_pool2d(input, spec, name);
  if (is_curve(spec)) return std::make_unique<ActivationLayer<T>>(curve_spec(spec), input);
  if (spec.type == "dropout") return std::make_unique<Dropout<T>>(input, spec.rate, seed_, count_ - 1);
  if (spec.type == "rescaling") return std::make_unique<Rescaling<T>>(input, spec.scale, spec.offset);
  if (spec.type == "lambda") return std::make_unique<Lambda<T>>(input, spec.functions);
  if (spec.type == "flatten") return nullptr;
  throw std::invalid_argument("unknown layer type '" + spec.type + "'");
}

template <class T>
void Planner<T>::add_residual(Plan<T>& plan, const Shape& input, const LayerSpec& spec, const std::string& name) {
  Plan<T> inner = this->plan(input, spec.layers, name + ".");
  if (inner.shapes.back() != input) {
    throw std::invalid_argument("layer " + name + " (Residual): layers must give the shape of their input, " +
                                to_string(input) + ", got " + to_string(inner.shapes.back()));
  }
  plan.shapes.insert(plan.shapes.end(), inner.shapes.begin(), inner.shapes.end());
  for (typename Plan<T>::Owner owner : inner.parameters) {
    owner.step = plan.steps.size();
    plan.parameters.push_back(std::move(owner));
  }
  plan.steps.push_back(std::make_unique<Residual<T>>(input, spec.step, std::move(inner)));
}

template <class T>
void add_parameters(Plan<T>& plan, std::size_t step, std::size_t first, std::size_t last) {
  for (const ParameterInfo& info : plan.steps[step]->parameters()) {
    // A fused activation's alpha belongs to the activation's own place in the list.
    plan.parameters.push_back({step, info.kind == ParameterKind::alpha ? last : first, info});
  }
}

template <class T>
Plan<T> Planner<T>::plan(const Shape& input, const std::vector<LayerSpec>& layers, const std::string& prefix) {
  Plan<T> plan;
  Shape shape = input;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::size_t first = count_++;
    const std::string name = prefix + layers[i].name;
    if (layers[i].type == "residual") {
      plan.shapes.push_back(shape);
      add_residual(plan, shape, layers[i], name);
      continue;
    }
    std::unique_ptr<Layer<T>> step = make_step(shape, layers[i], name);
    shape = step == nullptr ? Shape{element_count(shape)} : step->output_shape();
    plan.shapes.push_back(shape);
    if (step == nullptr) continue;
    if (fuse_ && i + 1 < layers.size() && is_curve(layers[i + 1]) && step->fuse(curve_spec(layers[i + 1]))) {
      ++i;
      plan.shapes.push_back(shape);
      ++count_;
    }
    plan.steps.push_back(std::move(step));
    add_parameters(plan, plan.steps.size() - 1, first, count_ - 1);
  }
  for (const auto& step : plan.steps) {
    if (!step->identity_in_predict()) plan.predict_steps.push_back(step.get());
  }
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
std::size_t Plan<T>::lowest_trained() const {
  std::size_t lowest = steps.size();
  for (const Owner& owner : parameters) {
    if (owner.info.trainable) lowest = std::min(lowest, owner.step);
  }
  return lowest;
}

template <class T>
typename Plan<T>::PredictPlaces Plan<T>::predict_places(std::size_t rows) const {
  std::size_t width = 0, work = 0;
  for (const Layer<T>* step : predict_steps) {
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
void Plan<T>::predict(Team& team, const Flow<T>& flow) const {
  if (predict_steps.empty()) {
    const Range share = team.share(flow.rows, kChunkRows);
    const std::size_t columns = element_count(shapes.back());
    std::copy(flow.x + share.begin * columns, flow.x + share.end * columns, flow.y + share.begin * columns);
    return;
  }
  const PredictPlaces at = predict_places(flow.rows);
  Flow<T> one = flow;
  one.work = flow.work + at.work;
  for (std::size_t s = 0; s < predict_steps.size(); ++s) {
    const bool last = s + 1 == predict_steps.size();
    one.y = last ? flow.y : flow.work + (s % 2 == 0 ? at.even : at.odd);
    one.sum = last ? flow.sum : nullptr;
    predict_steps[s]->predict(team, one);
    one.x = one.y;
  }
}

template <class T>
Plan<T> make_plan(const Shape& input, const std::vector<LayerSpec>& layers, std::uint64_t seed, bool fuse) {
  return Planner<T>(seed, fuse).plan(input, layers, "");
}

template struct Plan<float>;
template struct Plan<double>;
template Plan<float> make_plan(const Shape&, const std::vector<LayerSpec>&, std::uint64_t, bool);
template Plan<double> make_plan(const Shape&, const std::vector<LayerSpec>&, std::uint64_t, bool);

}  // namespace prelunet
