// Elementwise ops of several arrays.
#include "ops/elementwise.h"

#include "bindings/ops.h"

namespace prelunet {
namespace {

py::array scaled_sum_binding(const py::object& x_object, const py::object& y_object, double factor,
                             const py::object& out_object) {
  const std::string op = "scaled_sum";
  const py::array x = strict_array({op, "x"}, x_object);
  const py::array y = strict_array_like({op, "y"}, y_object, x, "x");
  check_shape({op, "y"}, y, shape_of(x));
  py::array out = output_array({op, "out"}, out_object, shape_of(x), x.dtype(), "x");
  check_overlap({op, "out"}, out, "x", x, Overlap::same_array);
  check_overlap({op, "out"}, out, "y", y, Overlap::same_array);
  dispatch_dtype(x, [&]<class T>() {
    const auto count = static_cast<std::size_t>(x.size());
    const T* const from = data_of<T>(x);
    const T* const added = data_of<T>(y);
    T* const to = mutable_data_of<T>(out);
    with_team(count, [&](Team& team) { scaled_sum(team, count, 1, factor, from, added, to); });
  });
  return out;
}

}  // namespace

void register_elementwise_ops(py::module_& m) {
  m.def("scaled_sum", &scaled_sum_binding, py::arg("x"), py::arg("y"), py::arg("factor"), py::arg("out").none(true));
}

}  // namespace prelunet
