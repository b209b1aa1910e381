// Layer normalization over the last axes, those of gamma.
#include "ops/layer_norm.h"

#include <algorithm>

#include "bindings/ops.h"
#include "ops/activation.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

// The array must have the shape of the last axes of x.
py::array parameter_array(const Argument& argument, const py::object& object, const py::array& x) {
  if (x.ndim() == 0) Argument{argument.operation, "x"}.value_error("have at least one axis", "shape ()");
  py::array parameter = strict_array_like(argument, object, x, "x");
  const Shape shape = shape_of(parameter), all = shape_of(x);
  const bool fits =
      !shape.empty() && shape.size() <= all.size() && std::equal(shape.rbegin(), shape.rend(), all.rbegin());
  if (!fits || parameter.size() == 0) {
    argument.value_error("have the shape of the last axes of x, which has " + to_text(all), to_text(shape));
  }
  return parameter;
}

Matrix normalized_matrix(const py::array& x, const py::array& gamma) {
  return {static_cast<std::size_t>(x.size() / gamma.size()), static_cast<std::size_t>(gamma.size())};
}

py::array layer_norm_forward_binding(const py::object& x_object, const py::object& gamma_object,
                                     const py::object& beta_object, double epsilon, const py::object& out) {
  const std::string op = "layer_norm_forward";
  const py::array x = strict_array({op, "x"}, x_object);
  const py::array gamma = parameter_array({op, "gamma"}, gamma_object, x);
  const py::array beta = strict_array_like({op, "beta"}, beta_object, x, "x");
  check_shape({op, "beta"}, beta, shape_of(gamma));
  py::array y = output_array({op, "out"}, out, shape_of(x), x.dtype(), "x");
  check_overlap({op, "out"}, y, "x", x, Overlap::same_array);
  check_overlap({op, "out"}, y, "gamma", gamma, Overlap::forbidden);
  check_overlap({op, "out"}, y, "beta", beta, Overlap::forbidden);
  const Matrix size = normalized_matrix(x, gamma);
  dispatch_dtype(x, [&]<class T>() {
    const LayerNormForward<T> g{.rows = size.rows,
                                .columns = size.columns,
                                .x = data_of<T>(x),
                                .y = mutable_data_of<T>(y),
                                .gamma = data_of<T>(gamma),
                                .beta = data_of<T>(beta),
                                .epsilon = epsilon};
    with_team(size.rows * size.columns, [&](Team& team) { layer_norm_forward(team, g); });
  });
  return y;
}

py::tuple layer_norm_backward_binding(const py::object& grad_object, const py::object& x_object,
                                      const py::object& gamma_object, double epsilon) {
  const std::string op = "layer_norm_backward";
  const py::array x = strict_array({op, "x"}, x_object);
  const py::array grad = strict_array_like({op, "grad_y"}, grad_object, x, "x");
  check_shape({op, "grad_y"}, grad, shape_of(x));
  const py::array gamma = parameter_array({op, "gamma"}, gamma_object, x);
  py::array grad_x = new_array(op, shape_of(x), x.dtype());
  py::array grad_gamma = new_array(op, shape_of(gamma), x.dtype());
  py::array grad_beta = new_array(op, shape_of(gamma), x.dtype());
  const Matrix size = normalized_matrix(x, gamma);
  dispatch_dtype(x, [&]<class T>() {
    const std::size_t chunks = chunk_count(size.rows);
    Layout layout;
    const std::size_t of_gamma = layout.add<T>(checked_multiply(chunks, size.columns));
    const std::size_t of_beta = layout.add<T>(checked_multiply(chunks, size.columns));
    const Scratch scratch(layout);
    const LayerNormBackward<T> g{.rows = size.rows,
                                 .columns = size.columns,
                                 .grad_y = data_of<T>(grad),
                                 .x = data_of<T>(x),
                                 .gamma = data_of<T>(gamma),
                                 .epsilon = epsilon,
                                 .grad_x = mutable_data_of<T>(grad_x),
                                 .gamma_partial = scratch.at<T>(of_gamma),
                                 .beta_partial = scratch.at<T>(of_beta)};
    T* const gamma_sums = mutable_data_of<T>(grad_gamma);
    T* const beta_sums = mutable_data_of<T>(grad_beta);
    with_team(size.rows * size.columns, [&](Team& team) {
      layer_norm_backward(team, g);
      team.barrier();
      add_chunks<T>(team, chunks, size.columns, g.gamma_partial, true, gamma_sums);
      add_chunks<T>(team, chunks, size.columns, g.beta_partial, true, beta_sums);
    });
  });
  return py::make_tuple(grad_x, grad_gamma, grad_beta);
}

}  // namespace

void register_layer_norm_ops(py::module_& m) {
  m.def("layer_norm_forward", &layer_norm_forward_binding, py::arg("x"), py::arg("gamma"), py::arg("beta"),
        py::arg("epsilon"), py::arg("out").none(true));
  m.def("layer_norm_backward", &layer_norm_backward_binding, py::arg("grad_y"), py::arg("x"), py::arg("gamma"),
        py::arg("epsilon"));
}

}  // namespace prelunet
