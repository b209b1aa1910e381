// Updates in place, and clipping.
#include <algorithm>
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

// `states`: an array or None for each slot; `options`: their values. Both are in the order of the registry.
void update_binding(const UpdateInfo& info, const py::object& parameter_object, const py::object& gradient_object,
                    const std::vector<py::object>& states, std::int64_t step, double learning_rate, double l2,
                    double weight_decay, const std::vector<double>& options) {
  const std::string op = info.name + "_update";
  UpdateRule rule{};
  rule.learning_rate = learning_rate;
  rule.l2 = l2;
  rule.decay = 1.0 - learning_rate * weight_decay;
  rule.step = step;
  if (options.size() != info.options.size()) {
    Argument{op, "options"}.value_error("hold " + std::to_string(info.options.size()), std::to_string(options.size()));
  }
  std::copy(options.begin(), options.end(), rule.option);
  prepare_update(info.id, rule);

  py::array parameter = writeable(op, "parameter", parameter_object);
  const py::array gradient = state_array(op, "gradient", gradient_object, parameter, false);
  if (states.size() != info.slots.size()) {
    Argument{op, "states"}.value_error("hold " + std::to_string(info.slots.size()), std::to_string(states.size()));
  }
  std::vector<py::array> arrays(states.size());
  for (std::size_t i = 0; i < states.size(); ++i) {
    const SlotInfo& slot = info.slots[i];
    const Argument argument{op, slot.name.c_str()};
    if (states[i].is_none() && !slot.option.empty()) {
      if (keeps_slot(info, rule, i)) argument.value_error("be an array where " + slot.option + " is not 0", "None");
      continue;
    }
    arrays[i] = state_array(op, slot.name.c_str(), states[i], parameter, true);
    check_overlap(argument, arrays[i], "gradient", gradient, Overlap::forbidden);
    for (std::size_t j = 0; j < i; ++j) {
      if (!states[j].is_none()) {
        check_overlap(argument, arrays[i], info.slots[j].name.c_str(), arrays[j], Overlap::forbidden);
      }
    }
  }
  dispatch_dtype(parameter, [&]<class T>() {
    const auto count = static_cast<std::size_t>(parameter.size());
    Update<T> g{};
    g.parameter = mutable_data_of<T>(parameter);
    g.gradient = data_of<T>(gradient);
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (!states[i].is_none()) g.slot[i] = mutable_data_of<T>(arrays[i]);
    }
    g.rule = rule;
    with_team(count, [&](Team& team) { update(team, info.id, g, count); });
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
  py::list rows;  // the registry: (name, ((state, option), ...), options)
  for (const UpdateInfo& info : update_infos()) {
    m.def((info.name + "_update").c_str(),
          [&info](const py::object& parameter, const py::object& gradient, const std::vector<py::object>& states,
                  std::int64_t step, double learning_rate, double l2, double weight_decay,
                  const std::vector<double>& options) {
            update_binding(info, parameter, gradient, states, step, learning_rate, l2, weight_decay, options);
          },
          py::arg("parameter"), py::arg("gradient"), py::arg("states"), py::arg("step"), py::arg("learning_rate"),
          py::arg("l2"), py::arg("weight_decay"), py::arg("options"));
    py::list slots;
    for (const SlotInfo& slot : info.slots) slots.append(py::make_tuple(slot.name, slot.option));
    rows.append(py::make_tuple(info.name, py::tuple(slots), py::tuple(py::cast(info.options))));
  }
  m.attr("UPDATES") = py::tuple(rows);
  m.def("clip_by_value", &clip_by_value_binding, py::arg("gradient"), py::arg("limit"));
  m.def("clip_by_norm", &clip_by_norm_binding, py::arg("gradients"), py::arg("limit"));
}

}  // namespace prelunet
