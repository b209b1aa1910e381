// The functions that module.cpp calls: each file of bindings/ registers its part.
#pragma once

#include <pybind11/pybind11.h>

namespace prelunet {

void register_batch_share(const pybind11::module_& m);
void register_ceiling(pybind11::module_& m);
void register_runtime(pybind11::module_& m);
void register_ops(pybind11::module_& m);
void register_engine(pybind11::module_& m);
void register_tape(pybind11::module_& m);

}  // namespace prelunet
