// Declarations that the files that bind the engine share.
#pragma once

#include <memory>

#include "bindings/arrays.h"
#include "bindings/interrupt.h"
#include "network/tape.h"

namespace prelunet {

// The arrays of a fit. They are checked once, read in place and kept alive.
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

// Converts Python's descriptions of layers, for an engine of this dtype.
std::vector<LayerConfig> layer_configs(const std::vector<py::dict>& dictionaries, const py::dtype& dtype);

// New arrays for the gradients of trainable parameters, in arena order.
template <class T>
class GradientCopies {
 public:
  explicit GradientCopies(const Engine<T>& network);
  const py::list& arrays() const { return arrays_; }
  // Copies the gradients into the arrays; does not need the GIL, but exclusive use of the network.
  void copy() const;

 private:
  struct Part {
    const T* from;
    std::size_t size;
    T* to;
  };
  py::list arrays_;
  std::vector<Part> parts_;
};

}  // namespace prelunet
