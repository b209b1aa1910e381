// Updates in place, and clipping.
#include <cmath>

#include "bindings/ops.h"
#include "ops/optimizer.h"

#include <pybind11/stl.h>

namespace prelunet {
namespace {

py::array writeable(const std::string& op, const char* name, const py::object& object) {
  py::array array = strict_array({op, name}, object);
  check_writeable({op, name}, array);
  return array;
}

py::array state_array(const std::string& op, const char* name, const py::object& object, const py::array& parameter,
                      bool writes) {
  py::array array = strict_array_like({op, name}, object, parameter, "parameter");
  check_shape({op, name}, array, shape_of(parameter));
  if (writes) check_writeable({op, name}, array);
  check_overlap({op, name}, array, "parameter", parameter, Overlap::forbidden);
  return array;
}

void sgd_binding(const py::object& parameter_object, const py::object& gradient_object,
                 const py::object& velocity_object, double learning_rate, double momentum, bool nesterov, double l2,
                 double weight_decay) {
  const std::string op = "sgd_update";
  py::array parameter = writeable(op, "parameter", parameter_object);
  const py::array gradient = state_array(op, "gradient", gradient_object, parameter, false);
  py::array velocity;
  if (!velocity_object.is_none()) {
    velocity = state_array(op, "velocity", velocity_object, parameter, true);
    check_overlap({op, "velocity"}, velocity, "gradient", gradient, Overlap::forbidden);
  }
  if (momentum != 0.0 && velocity_object.is_none()) {
    Argument{op, "velocity"}.value_error("be an array where momentum is not 0", "None");
  }
  dispatch_dtype(parameter, [&]<class T>() {
    const auto count = static_cast<std::size_t>(parameter.size());
    Update<T> g{};
    g.parameter = mutable_data_of<T>(parameter);
    g.gradient = data_of<T>(gradient);
    if (!velocity_object.is_none()) g.slot[0] = mutable_data_of<T>(velocity);
    g.rule.learning_rate = learning_rate;
    g.rule.momentum = momentum;
    g.rule.nesterov = nesterov;
    g.rule.l2 = l2;
    g.rule.decay = 1.0 - learning_rate * weight_decay;
    with_team(count, [&](Team& team) { update(team, UpdateId::sgd, g, count); });
  });
}

void adam_binding(const py::object& parameter_object, const py::object& gradient_object, const py::object& first_object,
                  const py::object& second_object, std::int64_t step, double learning_rate, double beta_1,
                  double beta_2, double epsilon, double l2, double weight_decay) {
  const std::string op = "adam_update";
  py::array parameter = writeable(op, "parameter", parameter_object);
  const py::array gradient = state_array(op, "gradient", gradient_object, parameter, false);
  py::array first = state_array(op, "first_moment", first_object, parameter, true);
  py::array second = state_array(op, "second_moment", second_object, parameter, true);
  check_overlap({op, "first_moment"}, first, "gradient", gradient, Overlap::forbidden);
  check_overlap({op, "second_moment"}, second, "gradient", gradient, Overlap::forbidden);
  check_overlap({op, "second_moment"}, second, "first_moment", first, Overlap::forbidden);
  dispatch_dtype(parameter, [&]<class T>() {
    const auto count = static_cast<std::size_t>(parameter.size());
    Update<T> g{};
    g.parameter = mutable_data_of<T>(parameter);
    g.gradient = data_of<T>(gradient);
    g.slot[0] = mutable_data_of<T>(first);
    g.slot[1] = mutable_data_of<T>(second);
    g.rule.learning_rate = learning_rate;
    g.rule.beta_1 = beta_1;
    g.rule.beta_2 = beta_2;
    g.rule.epsilon = epsilon;
    g.rule.correction_1 = 1.0 - power(beta_1, step);
    g.rule.correction_2 = 1.0 - power(beta_2, step);
    g.rule.l2 = l2;
    g.rule.decay = 1.0 - learning_rate * weight_decay;
    with_team(count, [&](Team& team) { update(team, UpdateId::adam, g, count); });
  });
}

void clip_by_value_binding(const py::object& gradient_object, double limit) {
  py::array gradient = writeable("clip_by_value", "gradient", gradient_object);
  dispatch_dtype(gradient, [&]<class T>() {
    const auto count = static_cast<std::size_t>(gradient.size());
    T* const data = mutable_data_of<T>(gradient);
    with_team(count, [&](Team& team) { clip_by_value(team, count, data, limit); });
  });
}

double clip_by_norm_binding(const std::vector<py::object>& gradient_objects, double limit) {
  const std::string op = "clip_by_norm";
  std::vector<py::array> gradients;
  for (const py::object& object : gradient_objects) {
    gradients.push_back(writeable(op, "gradients", object));
    strict_array_like({op, "gradients"}, object, gradients.front(), "the first of them");
    for (std::size_t i = 0; i + 1 < gradients.size(); ++i) {
      check_overlap({op, "gradients"}, gradients.back(), "one another", gradients[i], Overlap::forbidden);
    }
  }
  if (gradients.empty()) return 0.0;
  double norm = 0.0;
  dispatch_dtype(gradients.front(), [&]<class T>() {
    double sum = 0.0;
    for (const py::array& gradient : gradients) {
      const auto count = static_cast<std::size_t>(gradient.size());
      std::vector<double> partial(square_pieces(count));
      const T* const data = data_of<T>(gradient);
      with_team(count, [&](Team& team) { sum_of_squares(team, count, data, partial.data()); });
      for (const double piece : partial) sum += piece;
    }
    norm = std::sqrt(sum);
    if (!(norm > limit)) return;
    for (py::array& gradient : gradients) {
      const auto count = static_cast<std::size_t>(gradient.size());
      T* const data = mutable_data_of<T>(gradient);
      with_team(count, [&](Team& team) { scale(team, count, data, limit / norm); });
    }
  });
  return norm;
}

}  // namespace

void register_optimizer_ops(py::module_& m) {
  m.def("sgd_update", &sgd_binding, py::arg("parameter"), py::arg("gradient"), py::arg("velocity").none(true),
        py::arg("learning_rate"), py::arg("momentum"), py::arg("nesterov"), py::arg("l2"), py::arg("weight_decay"));
  m.def("adam_update", &adam_binding, py::arg("parameter"), py::arg("gradient"), py::arg("first_moment"),
        py::arg("second_moment"), py::arg("step"), py::arg("learning_rate"), py::arg("beta_1"), py::arg("beta_2"),
        py::arg("epsilon"), py::arg("l2"), py::arg("weight_decay"));
  m.def("clip_by_value", &clip_by_value_binding, py::arg("gradient"), py::arg("limit"));
  m.def("clip_by_norm", &clip_by_norm_binding, py::arg("gradients"), py::arg("limit"));
}

}  // namespace prelunet
