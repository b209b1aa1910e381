// PReLU, Scale, Parametric, the activations of the registry, softmax, exp and log.
#include <stdexcept>

#include "bindings/ops.h"
#include "ops/activation.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

// The parameter of an activation over columns: a learned one, which has a name, or a constant. Parametric has both.
struct ParameterArray {
  const char* name = nullptr;
  py::array array = py::array();
  double constant = 0.0;

  bool learned() const { return name != nullptr; }
  template <class T>
  const T* pointer(const T& converted) const {
    return learned() ? data_of<T>(array) : &converted;
  }
  std::size_t stride() const { return array.size() > 1 ? 1 : 0; }
};

void check_has_columns(const Argument& argument, const py::array& array) {
  if (array.ndim() == 0) argument.value_error("have at least one axis", "shape ()");
}

ParameterArray learned_array(const std::string& op, const char* name, const py::object& object, const py::array& x,
                             double constant = 0.0) {
  const py::array array = strict_array_like({op, name}, object, x, "x");
  const std::size_t columns = matrix_of(x).columns;
  const bool fits = array.ndim() == 1 && (array.shape(0) == 1 || array.shape(0) == static_cast<py::ssize_t>(columns));
  if (!fits || array.size() == 0) {
    Argument{op, name}.value_error("have shape (1,) or (" + std::to_string(columns) + ",)", to_text(shape_of(array)));
  }
  return {name, array, constant};
}

py::array forward(const std::string& op, ActivationId id, const py::array& x, const ParameterArray& parameter,
                  const py::object& out) {
  py::array y = output_array({op, "out"}, out, shape_of(x), x.dtype(), "x");
  check_overlap({op, "out"}, y, "x", x, Overlap::same_array);
  if (parameter.learned()) check_overlap({op, "out"}, y, parameter.name, parameter.array, Overlap::forbidden);
  const Matrix size = matrix_of(x);
  dispatch_dtype(x, [&]<class T>() {
    const T constant = static_cast<T>(parameter.constant);
    ActivationForward<T> g{};
    g.rows = size.rows;
    g.columns = size.columns;
    g.x = const_cast<T*>(data_of<T>(x));  // written only if there is a bias
    g.y = mutable_data_of<T>(y);
    g.x_stride = g.y_stride = size.columns;
    g.parameter = parameter.pointer(constant);
    g.parameter_stride = parameter.stride();
    g.constant = constant;
    with_team(size.rows * size.columns, [&](Team& team) { activation_forward(team, id, g); });
  });
  return y;
}

struct Gradients {
  py::array grad_x;
  py::array grad_parameter;
};

Gradients backward(const std::string& op, ActivationId id, const py::object& grad_object, const py::array& x,
                   const ParameterArray& parameter) {
  const py::array grad = strict_array_like({op, "grad_out"}, grad_object, x, "x");
  check_shape({op, "grad_out"}, grad, shape_of(x));
  const Matrix size = matrix_of(x);
  const bool learned = parameter.learned();
  Gradients result{new_array(op, shape_of(x), x.dtype()),
                   learned ? new_array(op, shape_of(parameter.array), x.dtype()) : py::array()};
  dispatch_dtype(x, [&]<class T>() {
    const T constant = static_cast<T>(parameter.constant);
    const std::size_t chunks = chunk_count(size.rows);
    const Scratch scratch(learned ? checked_multiply(checked_multiply(chunks + 1, size.columns), sizeof(T))
                                  : std::size_t{0});
    T* const channel_sums = scratch.at<T>(0);
    ActivationBackward<T> g{};
    g.rows = size.rows;
    g.columns = size.columns;
    g.grad_y = data_of<T>(grad);
    g.x = data_of<T>(x);
    g.grad_x = mutable_data_of<T>(result.grad_x);
    g.grad_y_stride = g.x_stride = g.grad_x_stride = g.partial_stride = size.columns;
    g.parameter = parameter.pointer(constant);
    g.parameter_stride = parameter.stride();
    g.constant = constant;
    g.parameter_partial = learned ? channel_sums + size.columns : nullptr;
    with_team(size.rows * size.columns, [&](Team& team) {
      activation_backward(team, id, g);
      team.barrier();
      if (learned) add_chunks(team, chunks, size.columns, g.parameter_partial, true, channel_sums);
    });
    if (!learned) return;
    T* const grad_alpha = mutable_data_of<T>(result.grad_parameter);
    const bool shared = result.grad_parameter.size() == 1;
    if (shared) *grad_alpha = 0;
    for (std::size_t j = 0; j < size.columns; ++j) {  // one alpha for all: add the channel sums in order
      if (shared) {
        *grad_alpha += channel_sums[j];
      } else {
        grad_alpha[j] = channel_sums[j];
      }
    }
  });
  return result;
}

py::array checked_input(const std::string& op, const py::object& object) {
  const py::array x = strict_array({op, "x"}, object);
  check_has_columns({op, "x"}, x);
  return x;
}

void register_activation(py::module_& m, const std::string& name, ActivationId id) {
  const std::string forward_name = name + "_forward";
  m.def(
      forward_name.c_str(),
      [id, forward_name](const py::object& x, double constant, const py::object& out) {
        return forward(forward_name, id, checked_input(forward_name, x), {.constant = constant}, out);
      },
      py::arg("x"), py::arg("parameter"), py::arg("out").none(true));
  const std::string backward_name = name + "_backward";
  m.def(
      backward_name.c_str(),
      [id, backward_name](const py::object& grad_out, const py::object& x, double constant) {
        return backward(backward_name, id, grad_out, checked_input(backward_name, x), {.constant = constant}).grad_x;
      },
      py::arg("grad_out"), py::arg("x"), py::arg("parameter"));
}

py::tuple pair_of(const Gradients& g) { return py::make_tuple(g.grad_x, g.grad_parameter); }

ActivationId parametric_of(const std::string& activation) {
#define PRELUNET_ROW(name, Class, parameter, value, equation) \
  if (activation == #name) return ActivationId::parametric_##name;
  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
  throw std::invalid_argument("unknown activation '" + activation + "'");
}

// The ops of a function with a learned parameter.
void register_learned(py::module_& m, const std::string& name, const char* parameter, ActivationId id) {
  const std::string forward_name = name + "_forward";
  m.def(
      forward_name.c_str(),
      [=](const py::object& x_object, const py::object& learned, const py::object& out) {
        const py::array x = checked_input(forward_name, x_object);
        return forward(forward_name, id, x, learned_array(forward_name, parameter, learned, x), out);
      },
      py::arg("x"), py::arg(parameter), py::arg("out").none(true));
  const std::string backward_name = name + "_backward";
  m.def(
      backward_name.c_str(),
      [=](const py::object& grad_out, const py::object& x_object, const py::object& learned) {
        const py::array x = checked_input(backward_name, x_object);
        return pair_of(backward(backward_name, id, grad_out, x, learned_array(backward_name, parameter, learned, x)));
      },
      py::arg("grad_out"), py::arg("x"), py::arg(parameter));
}

void register_parametric(py::module_& m) {
  m.def(
      "parametric_forward",
      [](const py::object& x_object, const py::object& weight, const std::string& activation, double constant,
         const py::object& out) {
        const std::string op = "parametric_forward";
        const py::array x = checked_input(op, x_object);
        return forward(op, parametric_of(activation), x, learned_array(op, "weight", weight, x, constant), out);
      },
      py::arg("x"), py::arg("weight"), py::arg("activation"), py::arg("parameter"), py::arg("out").none(true));
  m.def(
      "parametric_backward",
      [](const py::object& grad_out, const py::object& x_object, const py::object& weight,
         const std::string& activation, double constant) {
        const std::string op = "parametric_backward";
        const py::array x = checked_input(op, x_object);
        return pair_of(
            backward(op, parametric_of(activation), grad_out, x, learned_array(op, "weight", weight, x, constant)));
      },
      py::arg("grad_out"), py::arg("x"), py::arg("weight"), py::arg("activation"), py::arg("parameter"));
}

// An op y = f(x) of whole arrays: softmax and log_softmax over the last axis, exp, log.
template <class F>
py::array map_array(const std::string& op, const py::object& object, const py::object& out, F&& f) {
  const py::array x = checked_input(op, object);
  py::array y = output_array({op, "out"}, out, shape_of(x), x.dtype(), "x");
  check_overlap({op, "out"}, y, "x", x, Overlap::same_array);
  const Matrix size = matrix_of(x);
  dispatch_dtype(x, [&]<class T>() {
    const T* const from = data_of<T>(x);
    T* const to = mutable_data_of<T>(y);
    with_team(size.rows * size.columns, [&](Team& team) { f(team, size, from, to); });
  });
  return y;
}

}  // namespace

void register_activation_ops(py::module_& m) {
  register_learned(m, "prelu", "alpha", ActivationId::prelu);
  register_learned(m, "scale", "weight", ActivationId::scale);
  register_parametric(m);

  py::list rows;  // the registry: (name, class, name of its parameter, default, equation)
#define PRELUNET_ROW(name, Class, parameter, value, equation) \
  register_activation(m, #name, ActivationId::name);          \
  rows.append(py::make_tuple(#name, #Class, parameter, value, equation));
  PRELUNET_ACTIVATIONS(PRELUNET_ROW)
#undef PRELUNET_ROW
  m.attr("ACTIVATIONS") = py::tuple(rows);

  m.def(
      "softmax_forward",
      [](const py::object& x, const py::object& out) {
        return map_array("softmax_forward", x, out, [](Team& team, Matrix size, const auto* from, auto* to) {
          softmax_rows(team, size.rows, size.columns, from, to);
        });
      },
      py::arg("x"), py::arg("out").none(true));
  m.def(
      "log_softmax_forward",
      [](const py::object& x, const py::object& out) {
        return map_array("log_softmax_forward", x, out, [](Team& team, Matrix size, const auto* from, auto* to) {
          log_softmax_rows(team, size.rows, size.columns, from, to);
        });
      },
      py::arg("x"), py::arg("out").none(true));
  m.def(
      "log_softmax_backward",
      [](const py::object& grad_object, const py::object& y_object) {
        const std::string op = "log_softmax_backward";
        const py::array y = strict_array({op, "y"}, y_object);
        check_has_columns({op, "y"}, y);
        const py::array grad = strict_array_like({op, "grad_out"}, grad_object, y, "y");
        check_shape({op, "grad_out"}, grad, shape_of(y));
        py::array grad_x = new_array(op, shape_of(y), y.dtype());
        const Matrix size = matrix_of(y);
        dispatch_dtype(y, [&]<class T>() {
          const T* const from = data_of<T>(grad);
          const T* const outputs = data_of<T>(y);
          T* const to = mutable_data_of<T>(grad_x);
          with_team(size.rows * size.columns,
                    [&](Team& team) { log_softmax_backward_rows(team, size.rows, size.columns, from, outputs, to); });
        });
        return grad_x;
      },
      py::arg("grad_out"), py::arg("y"));
  const auto elementwise = [&](const char* name, auto kernel_of) {
    m.def(
        name,
        [name, kernel_of](const py::object& x) {
          return map_array(name, x, py::none(), [&](Team& team, Matrix size, const auto* from, auto* to) {
            const Range share = team.share(size.rows * size.columns, 1024);
            const auto kernel = kernel_of(kernel_table<std::remove_cvref_t<decltype(*to)>>());
            kernel(share.size(), from + share.begin, to + share.begin);
          });
        },
        py::arg("x"));
  };
  elementwise("exp", [](const auto& table) { return table.exp; });
  elementwise("log", [](const auto& table) { return table.log; });
  elementwise("cos_2pi", [](const auto& table) { return table.cos_2pi; });
  elementwise("sin_2pi", [](const auto& table) { return table.sin_2pi; });
}

}  // namespace prelunet
