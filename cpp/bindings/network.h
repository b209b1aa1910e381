// What the files that bind the engine share: what a model's Python side holds on to, and the description of layers.
#pragma once

#include <memory>

#include "bindings/arrays.h"
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

// The layers that Python describes, for a network of this dtype.
std::vector<LayerSpec> layer_specs(const std::vector<py::dict>& configs, const py::dtype& dtype);

// A batch kept whole, and the network whose parameters it was made with.
template <class T>
struct HeldTape {
  py::object owner;
  Network<T>* network;
  std::uint64_t version;
  std::unique_ptr<Tape<T>> tape;
};
template <class T>
HeldTape<T> make_tape(const py::object& network, const std::string& operation, const Rows& x, const HeldTargets* y,
                      bool training);

}  // namespace prelunet
