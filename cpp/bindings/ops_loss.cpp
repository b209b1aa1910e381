// The losses, forward and backward in one pass.
#include "bindings/ops.h"
#include "ops/loss.h"
#include "runtime/scratch.h"

#include <pybind11/stl.h>

namespace prelunet {
namespace {

py::tuple loss_binding(const LossInfo& info, const py::object& outputs_object, const py::object& targets_object,
                       const py::object& weight_object, const std::vector<double>& options) {
  const std::string op = info.name;
  const py::array outputs = strict_array({op, "outputs"}, outputs_object);
  check_rank({op, "outputs"}, outputs, 2, "(rows, outputs)");
  const Shape shape = shape_of(outputs);
  check_options({op, info.option}, options, shape[1]);
  if (shape[1] == 0) Argument{op, "outputs"}.value_error("have at least one column", to_text(shape));
  if (!py::isinstance<py::array>(targets_object)) {
    Argument{op, "targets"}.type_error("be a NumPy array", type_name(targets_object));
  }

  const auto raw_targets = py::reinterpret_borrow<py::array>(targets_object);
  const bool labelled = info.takes_labels && raw_targets.dtype().kind() != 'f';
  std::vector<std::int64_t> labels;
  py::array targets;
  if (labelled) {
    if (shape_of(raw_targets) != Shape{shape[0]}) {
      Argument{op, "targets"}.value_error("have shape " + to_text({shape[0]}) + " as integer labels",
                                          to_text(shape_of(raw_targets)));
    }
    labels = checked_integers({op, "targets"}, raw_targets, shape[1], "labels");
  } else {
    if (info.takes_labels && raw_targets.ndim() == 1) {
      Argument{op, "targets"}.type_error("be integer labels or rows of targets", py::str(raw_targets.dtype()));
    }
    targets = strict_array_like({op, "targets"}, targets_object, outputs, "outputs");
    check_shape({op, "targets"}, targets, shape);
  }
  std::vector<double> weights(shape[0], 1.0);
  if (!weight_object.is_none()) {
    if (!py::isinstance<py::array>(weight_object)) {
      Argument{op, "sample_weight"}.type_error("be a NumPy array", type_name(weight_object));
    }
    const double highest = dispatch_dtype(outputs, [&]<class T>() { return highest_weight<T>(info.reduction); });
    const auto given = py::reinterpret_borrow<py::array>(weight_object);
    weights = checked_weights({op, "sample_weight"}, given, shape[0], highest);
  }

  py::array grad = new_array(op, shape, outputs.dtype());
  double loss = 0.0;
  dispatch_dtype(outputs, [&]<class T>() {
    double weight_sum = 0.0;
    for (const double weight : weights) weight_sum += weight;
    const double factor = batch_factor(info.reduction, weight_sum);
    std::vector<double> row_scale(shape[0]);
    std::vector<double> row_loss(shape[0]);
    for (std::size_t i = 0; i < shape[0]; ++i) row_scale[i] = weights[i] * factor;
    LossRows<T> g{};
    g.rows = shape[0];
    g.outputs = shape[1];
    g.output = data_of<T>(outputs);
    g.output_stride = g.target_stride = g.grad_stride = shape[1];
    g.label = labelled ? labels.data() : nullptr;
    g.target = labelled ? nullptr : data_of<T>(targets);
    g.option = options.data();
    g.options = options.size();
    g.row_scale = row_scale.data();
    g.row_loss = row_loss.data();
    g.grad = mutable_data_of<T>(grad);
    with_team(shape[0] * shape[1], [&](Team& team) { loss_rows(team, info.id, g); });
    loss = factor * add_weighted(0.0, shape[0], weights.data(), row_loss.data());
  });
  return py::make_tuple(loss, grad);
}

}  // namespace

void register_loss_ops(py::module_& m) {
  py::list rows;  // the registry: (name, reduction, takes labels, name of its option, default)
  for (const LossInfo& info : kLosses) {
    m.def(
        info.name,
        [&info](const py::object& outputs, const py::object& targets, const py::object& sample_weight,
                const std::vector<double>& options) {
          return loss_binding(info, outputs, targets, sample_weight, options);
        },
        py::arg("outputs"), py::arg("targets"), py::arg("sample_weight").none(true), py::arg("options"));
    rows.append(py::make_tuple(info.name, info.reduction == Reduction::sum ? "sum" : "mean", info.takes_labels,
                               info.option, info.default_option));
  }
  m.attr("LOSSES") = py::tuple(rows);
}

}  // namespace prelunet
