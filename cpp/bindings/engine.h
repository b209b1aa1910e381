// What the files that bind the engine share: what a model's Python side holds on to, the description of layers, and how
// a call waits for the engine.
#pragma once

#include <memory>

#include "bindings/arrays.h"
#include "bindings/interrupt.h"
#include "network/tape.h"

namespace prelunet {

// Arrays that live for a whole fit: checked once, read in place, kept alive.
struct Rows {
  RowSource source;
  py::array array;
};
struct HeldTargets {
  Targets targets;
  py::array array;
  std::size_t rows;
};

void check_same_rows(const std::string& operation, const Rows& x, const HeldTargets& y);

// The layers that Python describes, for an engine of this dtype.
std::vector<LayerConfig> layer_configs(const std::vector<py::dict>& dictionaries, const py::dtype& dtype);

// Copies of the gradients of what is trained, in arena order. The caller has the network to itself.
template <class T>
py::list gradient_copies(const Engine<T>& network);

}  // namespace prelunet
