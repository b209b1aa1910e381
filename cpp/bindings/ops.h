// Helpers that the files that bind ops share.
#pragma once

#include "bindings/arrays.h"
#include "bindings/gil.h"
#include "runtime/team.h"
#include "runtime/threads.h"

namespace prelunet {

// Runs f(team) with the GIL dropped; f must not use Python. `work` counts multiply-adds or elements. Small work runs on
// the calling thread.
inline int threads_for(std::size_t work) {
  constexpr std::size_t kSmallWork = 100'000;  // about ten microseconds
  return work < kSmallWork ? 1 : num_threads();
}
template <class F>
void with_team(std::size_t work, F&& f) {
  const WithoutGil without_gil;
  run_team(threads_for(work), f);
}
// The same with scratch, for products.
template <class F>
void with_scratch_team(std::size_t work, F&& f) {
  const int threads = threads_for(work);
  const TeamScratch scratch(threads);
  const WithoutGil without_gil;
  run_team(threads, &scratch, f);
}

// (rows, columns) of an array whose last axis is the columns.
struct Matrix {
  std::size_t rows;
  std::size_t columns;
};
inline Matrix matrix_of(const py::array& array) {
  const auto columns = static_cast<std::size_t>(array.shape(array.ndim() - 1));
  return {columns == 0 ? 0 : static_cast<std::size_t>(array.size()) / columns, columns};
}

void register_activation_ops(py::module_& m);
void register_bfloat16_ops(py::module_& core, py::module_& ops);
void register_conv2d_ops(py::module_& m);
void register_elementwise_ops(py::module_& m);
void register_gemm_ops(py::module_& m);
void register_layer_norm_ops(py::module_& m);
void register_loss_ops(py::module_& m);
void register_optimizer_ops(py::module_& m);

}  // namespace prelunet
