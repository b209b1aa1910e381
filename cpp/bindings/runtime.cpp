// Threads, the instruction set in use, and how this module was built.
#include "runtime/threads.h"

#include "bindings/interrupt.h"
#include "bindings/register.h"
#include "kernels/bfloat16_dispatch.h"
#include "kernels/dispatch.h"
#include "runtime/team.h"

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

void warn_of_small_stack() {
  if (thread_stack() >= kThreadStack) return;
  const std::string text = "prelunet uses one thread: OpenMP's threads have a stack of " +
                           std::to_string(thread_stack() / 1024) + " KiB (OMP_STACKSIZE), and it needs " +
                           std::to_string(kThreadStack / 1024) + " KiB";
  if (PyErr_WarnEx(PyExc_RuntimeWarning, text.c_str(), 1) != 0) throw py::error_already_set();
}

}  // namespace

void register_runtime(py::module_& m) {
  warn_of_small_stack();
  m.attr("__version__") = PRELUNET_VERSION;
  m.def("num_threads", &num_threads, "The number of threads that the next call may use.");
  m.def("set_num_threads", &set_num_threads, py::arg("threads"), "Set the number of threads; 0 restores the default.");
  m.def("calls_at_work", &calls_at_work, "The number of calls that now share the threads.");
  py::class_<StopRequest, std::shared_ptr<StopRequest>>(m, "StopRequest",
                                                        "Ends the calls of the threads that follow it.")
      .def(py::init<>())
      .def("set", &StopRequest::set);
  m.def(
      "follow", [](const std::shared_ptr<StopRequest>& request) { follow(request); }, py::arg("request").none(true),
      "End long calls of this thread with a KeyboardInterrupt if the request is set.");
  m.def("available_cpus", &available_cpus, "The minimum of the CPUs of the affinity mask and the cgroup quota.");
  m.def("isa", [] { return std::string(kernels().isa); }, "The instruction set in use.");
  m.def("available_isas", &available_isas, "The instruction sets that this machine supports, best first.");
  m.def(
      "bfloat16", [] { return std::make_tuple(bfloat16_kernels().order_name, bfloat16_kernels().runs_on); },
      "The order of the sums of bfloat16 products, and the instruction set that computes them.");
  m.def(
      "bfloat16_ratio",
      [] {
        static const std::optional<double> ratio = bfloat16_ratio(bfloat16_kernels().order);
        return ratio;
      },
      "The rate of the order's instruction divided by that of float32 arithmetic; None without the instruction.");
  m.def("compiler", &compiler, "The compiler this module was built with.");
}

}  // namespace prelunet
