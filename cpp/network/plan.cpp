#include "network/plan.h"

#include <stdexcept>

#include "network/activation.h"
#include "network/dense.h"
#include "network/dropout.h"
#include "network/rescaling.h"

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
std::unique_ptr<Layer<T>> make_dense(const Shape& input, const LayerSpec& spec, std::size_t layer) {
  if (input.size() != 1) {
    throw std::invalid_argument("layer " + std::to_string(layer) + " (Dense): input must have shape (features,), got " +
                                to_string(input) + "; put Flatten before it");
  }
  return std::make_unique<Dense<T>>(input, spec.units, spec.use_bias, spec.trainable);
}

// The step of one layer; null for a layer that only renames its shape.
template <class T>
std::unique_ptr<Layer<T>> make_step(const Shape& input, const LayerSpec& spec, std::size_t layer, std::uint64_t seed) {
  if (spec.type == "dense") return make_dense<T>(input, spec, layer);
  if (is_curve(spec)) return std::make_unique<ActivationLayer<T>>(curve_spec(spec), input);
  if (spec.type == "dropout") return std::make_unique<Dropout<T>>(input, spec.rate, seed, layer);
  if (spec.type == "rescaling") return std::make_unique<Rescaling<T>>(input, spec.scale, spec.offset);
  if (spec.type == "flatten") return nullptr;
  throw std::invalid_argument("unknown layer type '" + spec.type + "'");
}

template <class T>
void add_parameters(Plan<T>& plan, std::size_t step, const std::vector<std::size_t>& layers) {
  for (const ParameterInfo& info : plan.steps[step]->parameters()) {
    // A fused activation's alpha belongs to the activation's own place in the list.
    const std::size_t layer = info.kind == ParameterKind::alpha ? layers.back() : layers.front();
    plan.parameters.push_back({step, layer, info});
  }
}

}  // namespace

template <class T>
Plan<T> make_plan(const Shape& input, const std::vector<LayerSpec>& layers, std::uint64_t seed, bool fuse) {
  Plan<T> plan;
  Shape shape = input;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::unique_ptr<Layer<T>> step = make_step<T>(shape, layers[i], i, seed);
    if (step == nullptr) {
      shape = {element_count(shape)};
      plan.shapes.push_back(shape);
      continue;
    }
    shape = step->output_shape();
    plan.shapes.push_back(shape);
    std::vector<std::size_t> members{i};
    auto* const dense = dynamic_cast<Dense<T>*>(step.get());
    if (fuse && dense != nullptr && i + 1 < layers.size() && is_curve(layers[i + 1])) {
      dense->fuse(curve_spec(layers[i + 1]));
      members.push_back(++i);
      plan.shapes.push_back(shape);
    }
    if (!step->identity_in_predict()) plan.predict_steps.push_back(step.get());
    plan.steps.push_back(std::move(step));
    add_parameters(plan, plan.steps.size() - 1, members);
  }
  return plan;
}

template Plan<float> make_plan(const Shape&, const std::vector<LayerSpec>&, std::uint64_t, bool);
template Plan<double> make_plan(const Shape&, const std::vector<LayerSpec>&, std::uint64_t, bool);

}  // namespace prelunet
