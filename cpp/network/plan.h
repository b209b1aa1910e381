// From a list of layers to steps: shapes are inferred, layers that only rename a shape vanish, and an activation joins
// the Dense layer before it.
#pragma once

#include <memory>

#include "network/layer.h"

namespace prelunet {

// What Python says of a layer. Configuration has been checked there; shapes are checked here.
struct LayerSpec {
  std::string type;  // dense, activation, prelu, dropout, flatten, rescaling
  std::size_t units = 0;
  bool use_bias = true;
  std::string activation;  // a name of the registry
  double constant = 0.0;   // its slope or scale
  bool channel = false;
  double rate = 0.0;
  double scale = 1.0;
  double offset = 0.0;
  bool trainable = true;
};

template <class T>
struct Plan {
  // Which layer of the list a parameter belongs to.
  struct Owner {
    std::size_t step;
    std::size_t layer;
    ParameterInfo info;
  };

  std::vector<std::unique_ptr<Layer<T>>> steps;
  std::vector<const Layer<T>*> predict_steps;  // without those that are the identity then
  std::vector<Owner> parameters;               // step by step, in the order that bind() wants
  std::vector<Shape> shapes;                   // the output shape of each layer of the list
};

// Throws std::invalid_argument where a layer does not fit its input. `fuse` false keeps every layer a step of its own,
// which gives the same bits.
template <class T>
Plan<T> make_plan(const Shape& input, const std::vector<LayerSpec>& layers, std::uint64_t seed, bool fuse);

}  // namespace prelunet
