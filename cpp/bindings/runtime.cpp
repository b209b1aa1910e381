// Threads, the instruction set in use, and how this module was built.
#include "runtime/threads.h"

#include "bindings/register.h"
#include "kernels/bfloat16_dispatch.h"
#include "kernels/dispatch.h"

#include <pybind11/stl.h>

namespace prelunet {
namespace {

namespace py = pybind11;

std::string compiler() {
#if defined(__clang__)
  return std::string("clang ") + __clang_version__;
#else
  return std::string("gcc ") + __VERSION__;
#endif
}

}  // namespace

void register_runtime(py::module_& m) {
  m.attr("__version__") = PRELUNET_VERSION;
  m.def("num_threads", &num_threads, "Threads the next call may use.");
  m.def("set_num_threads", &set_num_threads, py::arg("threads"), "Choose the number of threads; 0 takes the default.");
  m.def("available_cpus", &available_cpus, "CPUs of the affinity mask and the cgroup quota, whichever is less.");
  m.def("isa", [] { return std::string(kernels().isa); }, "The instruction set whose kernels run.");
  m.def("available_isas", &available_isas, "Instruction sets this machine can run, best first.");
  m.def(
      "bfloat16", [] { return std::make_tuple(bfloat16_kernels().order_name, bfloat16_kernels().runs_on); },
      "The order of bfloat16 products, and what runs it.");
  m.def("compiler", &compiler, "The compiler this module was built with.");
}

}  // namespace prelunet
