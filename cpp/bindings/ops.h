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

// The sizes of a product of a (m, k) and b (k, n), each of which may be given transposed.
struct Product {
  std::size_t m, n, k;
};
inline Product checked_product(const std::string& op, const py::array& a, const py::array& b, bool transpose_a,
                               bool transpose_b) {
  check_rank({op, "a"}, a, 2, transpose_a ? "(k, m)" : "(m, k)");
  check_rank({op, "b"}, b, 2, transpose_b ? "(n, k)" : "(k, n)");
  const Shape a_shape = shape_of(a);
  const Shape b_shape = shape_of(b);
  const Product product{a_shape[transpose_a ? 1 : 0], b_shape[transpose_b ? 0 : 1], a_shape[transpose_a ? 0 : 1]};
  check_shape({op, "b"}, b, transpose_b ? Shape{product.n, product.k} : Shape{product.k, product.n});
  return product;
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
