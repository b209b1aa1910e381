// The machine's limits, for prelunet.bench.
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

// `run` is called by every thread of a team.
template <class Run>
Measured measure(std::size_t iterations, std::size_t flops, Run&& run) {
  double seconds = 0.0;
  std::size_t threads = 1;
  {
    const WithoutGil without_gil;
    run_team(num_threads(), [&](Team& team) {
      if (team.rank() == 0) threads = static_cast<std::size_t>(team.size());
      run(team, iterations, &seconds);
    });
  }
  return {static_cast<double>(threads * iterations) * static_cast<double>(flops), seconds};
}

py::tuple fma_ceiling_binding(const std::string& dtype, std::size_t iterations) {
  const auto of = [&]() -> Measured {
    if (dtype == "float32") return measure(iterations, kernel_table<float>().ceiling_flops, fma_ceiling<float>);
    if (dtype == "float64") return measure(iterations, kernel_table<double>().ceiling_flops, fma_ceiling<double>);
    if (dtype == "bfloat16") return measure(iterations, bfloat16_kernels().ceiling.flops, bfloat16_ceiling);
    Argument{"fma_ceiling", "dtype"}.value_error("be 'bfloat16', 'float32' or 'float64'", "'" + dtype + "'");
  };
  const Measured m = of();
  return py::make_tuple(m.amount, m.seconds);
}

py::tuple copy_bandwidth_binding(std::size_t bytes, std::size_t repeats) {
  const Scratch memory(checked_multiply(bytes, 2));
  unsigned char* const from = memory.at<unsigned char>(0);
  double seconds = 0.0;
  {
    const WithoutGil without_gil;
    std::memset(from, 1, 2 * bytes);  // without a write, all pages map to one page of zeros
    run_team(num_threads(), [&](Team& team) { copy_bandwidth(team, bytes, repeats, from, from + bytes, &seconds); });
  }
  return py::make_tuple(2.0 * static_cast<double>(bytes) * static_cast<double>(repeats), seconds);
}

double barriers_binding(std::size_t count) {
  double seconds = 0.0;
  const WithoutGil without_gil;
  run_team(num_threads(), [&](Team& team) { barriers(team, count, &seconds); });
  return seconds;
}

}  // namespace

void register_ceiling(py::module_& m) {
  m.def("fma_ceiling", &fma_ceiling_binding, py::arg("dtype"), py::arg("iterations"),
        "Run fused multiply-adds on registers only, on every thread: (operations, seconds). For bfloat16, the "
        "instruction that its products use.");
  m.def("copy_bandwidth", &copy_bandwidth_binding, py::arg("bytes"), py::arg("repeats"),
        "Copy `bytes` bytes on all threads: (bytes read and written, seconds).");
  m.def("barriers", &barriers_binding, py::arg("count"), "Run successive barriers of all threads: seconds.");
}

}  // namespace prelunet
