// What the machine can do at best; prelunet.bench calls these.
#include "ops/ceiling.h"

#include "bindings/ops.h"
#include "bindings/register.h"
#include "runtime/scratch.h"

#include <cstring>

namespace prelunet {
namespace {

struct Measured {
  double amount;  // operations or bytes
  double seconds;
};

template <class T>
Measured measure_fma(std::size_t iterations) {
  double seconds = 0.0;
  std::size_t threads = 1;
  {
    const WithoutGil without_gil;
    run_team(num_threads(), [&](Team& team) {
      if (team.rank() == 0) threads = static_cast<std::size_t>(team.size());
      fma_ceiling<T>(team, iterations, &seconds);
    });
  }
  return {static_cast<double>(threads * iterations) * static_cast<double>(kernel_table<T>().ceiling_flops), seconds};
}

py::tuple fma_ceiling_binding(const std::string& dtype, std::size_t iterations) {
  if (dtype != "float32" && dtype != "float64") {
    Argument{"fma_ceiling", "dtype"}.value_error("be 'float32' or 'float64'", "'" + dtype + "'");
  }
  const Measured m = dtype == "float32" ? measure_fma<float>(iterations) : measure_fma<double>(iterations);
  return py::make_tuple(m.amount, m.seconds);
}

py::tuple copy_bandwidth_binding(std::size_t bytes, std::size_t repeats) {
  const Scratch memory(checked_multiply(bytes, 2));
  unsigned char* const from = memory.at<unsigned char>(0);
  double seconds = 0.0;
  {
    const WithoutGil without_gil;
    std::memset(from, 1, 2 * bytes);  // pages that nobody wrote to are all one page of zeros
    run_team(num_threads(), [&](Team& team) { copy_bandwidth(team, bytes, repeats, from, from + bytes, &seconds); });
  }
  return py::make_tuple(2.0 * static_cast<double>(bytes) * static_cast<double>(repeats), seconds);
}

double meetings_binding(std::size_t count) {
  double seconds = 0.0;
  const WithoutGil without_gil;
  run_team(num_threads(), [&](Team& team) { meetings(team, count, &seconds); });
  return seconds;
}

}  // namespace

void register_ceiling(py::module_& m) {
  m.def("fma_ceiling", &fma_ceiling_binding, py::arg("dtype"), py::arg("iterations"),
        "Fused multiply-adds on registers alone, on every thread: (operations, seconds).");
  m.def("copy_bandwidth", &copy_bandwidth_binding, py::arg("bytes"), py::arg("repeats"),
        "memcpy of `bytes`, shared by all threads: (bytes read and written, seconds).");
  m.def("meetings", &meetings_binding, py::arg("count"), "Meetings of all threads, one after another: seconds.");
}

}  // namespace prelunet
