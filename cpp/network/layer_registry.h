// The list of layers. "How to add" in cpp/README.md lists what a new layer needs.
#pragma once

#include <functional>
#include <memory>

#include "network/layer_config.h"
#include "network/plan.h"

namespace prelunet {

// The arguments of a layer's factory.
template <class T>
struct LayerContext {
  LayerReader& config;
  const Shape& input;
  std::uint64_t seed;
  std::uint64_t number;    // of the layer, in the order of descriptions
  std::size_t& scheduled;  // layers so far whose rate has a schedule
  bool bfloat16;           // see PlanOptions
  bool reads_input;        // the input of the layer are columns of X, unchanged
  // The plan of the layers inside, for this input; and of layers that all have the input of this layer.
  std::function<Plan<T>(const Shape& input, const std::vector<LayerConfig>&)> make_plan;
  std::function<Plan<T>(const std::vector<LayerConfig>&)> make_branches;
};

template <class T>
struct LayerRow {
  const char* type;                                           // in descriptions
  const char* title;                                          // in messages
  std::unique_ptr<Layer<T>> (*make)(const LayerContext<T>&);  // null: the layer only flattens its input
};

// Throws std::invalid_argument if no layer has that type.
template <class T>
const LayerRow<T>& find_layer(const std::string& type);

}  // namespace prelunet
