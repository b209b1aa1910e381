// Python context managers that hold a network for one thread. To begin and to end is one call of C++ each, since a
// signal handler may raise between two statements of Python.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "network/usage.h"

namespace prelunet {

namespace py = pybind11;

template <class Hold>  // Usage::Holding or Usage::Fitting
class HoldContext {
 public:
  // `owner` keeps `usage` alive.
  HoldContext(py::object owner, Usage& usage, std::string operation)
      : owner_(std::move(owner)), usage_(usage), operation_(std::move(operation)) {}

  void begin() { hold_.emplace(usage_, operation_.c_str()); }
  void end() { hold_.reset(); }

 private:
  py::object owner_;
  Usage& usage_;
  std::string operation_;
  std::optional<Hold> hold_;
};

}  // namespace prelunet
