// A Python context manager that holds a network for one thread.
#pragma once

#include <pybind11/pybind11.h>

#include <optional>
#include <string>

#include "network/usage.h"

namespace prelunet {

namespace py = pybind11;

class Holding {
 public:
  // `owner` keeps `usage` alive.
  Holding(py::object owner, Usage& usage, std::string operation)
      : owner_(std::move(owner)), usage_(usage), operation_(std::move(operation)) {}

  void begin() { holding_.emplace(usage_, operation_.c_str()); }
  void end() { holding_.reset(); }

 private:
  py::object owner_;
  Usage& usage_;
  std::string operation_;
  std::optional<Usage::Holding> holding_;
};

}  // namespace prelunet
