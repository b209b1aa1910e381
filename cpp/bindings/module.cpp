#include <cstdlib>
#include <stdexcept>

#include "bindings/register.h"
#include "kernels/bfloat16_dispatch.h"
#include "kernels/dispatch.h"
#include "runtime/threads.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "prelunet's compiled core; the public interface is the package prelunet.";
  try {
    prelunet::choose_kernels(std::getenv("PRELUNET_ISA"));
    prelunet::choose_bfloat16_order(std::getenv("PRELUNET_BF16"));
  } catch (const std::invalid_argument& error) {
    throw pybind11::import_error(error.what());
  }
  prelunet::watch_forks();
  prelunet::register_runtime(m);
  prelunet::register_ceiling(m);
  prelunet::register_ops(m);
  prelunet::register_engine(m);
  prelunet::register_tape(m);
  prelunet::register_batch_share(m);
}
