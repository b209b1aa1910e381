// Binds the engine. Python has checked the configuration; arrays are checked here.
#include "network/engine.h"

#include "bindings/arrays.h"
#include "bindings/engine.h"
#include "bindings/holding.h"
#include "bindings/network_state.h"
#include "bindings/register.h"
#include "network/row_order.h"
#include "network/twister_shuffle.h"

#include <pybind11/stl.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace prelunet {

template <class T>
GradientCopies<T>::GradientCopies(const Engine<T>& engine) {
  for (const PlacedParameter& placed : engine.parameters()) {
    if (!placed.info.trainable) continue;
    py::array copy = new_array("gradients", placed.info.shape, py::dtype::of<T>());
    parts_.push_back({engine.gradients() + placed.offset, placed.size, mutable_data_of<T>(copy)});
    arrays_.append(copy);
  }
}

template <class T>
void GradientCopies<T>::copy() const {
  for (const Part& part : parts_) std::copy_n(part.from, part.size, part.to);
}

template class GradientCopies<float>;
template class GradientCopies<double>;

namespace {

OptimizerConfig optimizer_config(const py::dict& config) {
  OptimizerConfig c;
  c.update = find_update(py::cast<std::string>(config["update"])).id;
  c.options = py::cast<std::map<std::string, double>>(config["options"]);
  c.l2 = py::cast<double>(config["l2"]);
  c.weight_decay = py::cast<double>(config["weight_decay"]);
  for (const auto& [learning_rate, weight_decay, epsilon] :
       py::cast<std::vector<std::tuple<double, double, double>>>(config["factors"])) {
    c.factors.push_back({learning_rate, weight_decay, epsilon});
  }
  c.clip_value = py::cast<double>(config["clip_value"]);
  c.clip_norm = py::cast<double>(config["clip_norm"]);
  c.ema_momentum = py::cast<std::optional<double>>(config["ema_momentum"]);
  return c;
}

Accuracy find_accuracy(const std::string& name) {
  if (name == "none") return Accuracy::none;
  if (name == "argmax") return Accuracy::argmax;
  if (name == "threshold") return Accuracy::threshold;
  throw std::invalid_argument("unknown accuracy '" + name + "'");
}

LossConfig loss_config(const std::string& name, const std::vector<double>& options, std::size_t outputs,
                       const std::string& accuracy, double threshold, double clip_delta) {
  LossConfig config;
  config.id = find_loss(name);
  check_options({"compile", config.info().option}, options, outputs);
  config.options = options;
  config.accuracy = find_accuracy(accuracy);
  config.threshold = threshold;
  config.clip_delta = clip_delta;
  return config;
}

template <class T>
py::list parameter_list(const Engine<T>& engine) {
  py::list list;
  for (const PlacedParameter& placed : engine.parameters()) {
    py::dict info;
    info["layer"] = placed.layer;
    info["name"] = placed.info.name;
    info["kind"] = name_of(placed.info.kind);
    info["shape"] = py::tuple(py::cast(placed.info.shape));
    info["fan_in"] = placed.info.fan_in;
    info["fan_out"] = placed.info.fan_out;
    info["trainable"] = placed.info.trainable;
    list.append(info);
  }
  return list;
}

template <class T>
Rows make_rows(const Engine<T>& engine, const std::string& operation, const py::array& x) {
  Rows rows{row_source({operation, "X"}, x, engine.input_shape()), x};
  check_codes({operation, "X"}, rows.source, engine.categories());
  return rows;
}

template <class T>
Rows make_compressed_rows(const Engine<T>& engine, const std::string& operation, const py::array& indptr,
                          const py::array& indices, const py::array& data, const Shape& shape) {
  Rows rows{compressed_rows<T>(operation, indptr, indices, data, shape, engine.input_shape()), {}};
  check_codes({operation, "X"}, rows.source, engine.categories());
  return rows;
}

template <class T>
void check_targets(const Argument& argument, const RowSource& targets, TargetRange range) {
  const double lowest = lowest_target<T>(range);
  check_range(argument, targets, lowest, highest_target<T>(range), lowest < 0.0);
}

template <class T>
HeldTargets make_targets(const Engine<T>& engine, const std::string& operation, const py::array& y,
                         const py::object& sample_weight, const char* weight_name = "sample_weight") {
  const Argument argument{operation, "y"};
  HeldTargets held{{}, y, 0};
  if (y.ndim() == 0) argument.value_error("have at least one axis", "a scalar");
  held.rows = static_cast<std::size_t>(y.shape(0));
  if (engine.loss().info().takes_labels && y.ndim() == 1) {
    held.targets.labels = checked_integers(argument, y, engine.outputs(), "labels");
  } else {
    held.targets.rows = row_source(argument, y, {engine.outputs()});
    check_targets<T>(argument, held.targets.rows, engine.loss().info().targets);
  }
  if (!sample_weight.is_none()) {
    const double highest = highest_weight<T>(engine.loss().info().reduction);
    held.targets.weight =
        checked_weights({operation, weight_name}, py::cast<py::array>(sample_weight), held.rows, highest);
  }
  return held;
}

void check_learning_rates(const std::string& operation, const py::array& learning_rates, std::size_t steps) {
  if (static_cast<std::size_t>(learning_rates.size()) == steps) return;
  Argument{operation, "learning_rates"}.value_error("hold one for each of " + std::to_string(steps) + " steps",
                                                    std::to_string(learning_rates.size()));
}

std::size_t divide_up(std::size_t a, std::size_t b) { return a / b + (a % b == 0 ? 0 : 1); }

// Adds each step to all of `sums`, in order, so that their bits do not depend on the number of steps in a call.
template <class T>
void train(Engine<T>& engine, const Rows& x, const HeldTargets& y, const py::object& order, std::size_t batch_size,
           const py::array_t<double, py::array::c_style>& learning_rates, const std::vector<Totals*>& sums,
           double l2_per_batch_weight, double penalty_in_loss) {
  const std::string operation = "train_epoch";
  check_same_rows(operation, x, y);
  if (batch_size == 0) Argument{operation, "batch_size"}.value_error("be at least 1", "0");
  std::vector<std::int64_t> rows;
  TrainingRun run;
  run.rows = x.source.rows;
  run.batch_size = batch_size;
  run.learning_rates = learning_rates.data();
  run.l2_per_batch_weight = l2_per_batch_weight;
  run.penalty_in_loss = penalty_in_loss;
  run.more = sums;
  if (!order.is_none()) {
    const auto array = py::cast<py::array>(order);
    check_rank({operation, "order"}, array, 1, "(steps * batch_size,)");
    rows = checked_integers({operation, "order"}, array, x.source.rows, "row numbers");
    run.order = rows.data();
    run.rows = rows.size();
  }
  check_learning_rates(operation, learning_rates, divide_up(run.rows, batch_size));
  Totals epoch;
  interruptible<Usage::Writing>(engine.usage(), "fit", [&](const Interrupt& interrupt) {
    return engine.train(x.source, y.targets, run, &epoch, interrupt);
  });
}

// One update with all rows as one batch. Returns (loss, correct answers).
template <class T>
std::pair<double, double> train_on_batch(Engine<T>& engine, const py::array& x, const py::array& y,
                                         const py::object& sample_weight, double learning_rate) {
  const std::string operation = "train_on_batch";
  const Rows rows = make_rows(engine, operation, x);
  const HeldTargets targets = make_targets(engine, operation, y, sample_weight);
  check_same_rows(operation, rows, targets);
  TrainingRun run;
  run.rows = run.batch_size = rows.source.rows;
  run.learning_rates = &learning_rate;
  Totals totals;
  interruptible<Usage::Writing>(engine.usage(), "train_on_batch", [&](const Interrupt& interrupt) {
    return engine.train(rows.source, targets.targets, run, &totals, interrupt);
  });
  const bool mean = engine.loss().info().reduction == Reduction::mean;
  return {mean ? totals.loss / totals.rows : totals.loss, totals.correct};
}

// Trains whole epochs in one call; row i of `totals` (epochs, 3) gets loss, correct answers and rows of epoch i.
// `order`: the rows to visit, epoch after epoch; or a seed and the number of the first epoch, from which the orders are
// drawn; or None. `subset`: without an order, the rows that an epoch visits instead of all. `twister`: the state of a
// Twister, (625,); it and `order`, the rows of an epoch, are shuffled in place. `patience`: the members of Patience;
// epochs after its end leave `totals` unchanged.
template <class T>
void train_epochs(Engine<T>& engine, const Rows& x, const HeldTargets& y, const py::object& order,
                  std::size_t batch_size, const py::array_t<double, py::array::c_style>& learning_rates,
                  py::array& totals, double l2_per_batch_weight, double penalty_in_loss,
                  const std::optional<std::array<double, 5>>& patience, const py::object& subset,
                  std::optional<py::array_t<std::uint32_t, py::array::c_style>> twister) {
  const std::string operation = "train_epochs";
  check_same_rows(operation, x, y);
  if (batch_size == 0) Argument{operation, "batch_size"}.value_error("be at least 1", "0");
  static_assert(sizeof(Totals) == 3 * sizeof(double));
  check_rank({operation, "totals"}, totals, 2, "(epochs, 3)");
  check_shape({operation, "totals"}, totals, {static_cast<std::size_t>(totals.shape(0)), 3});
  check_writeable({operation, "totals"}, totals);
  TrainingRun run;
  run.rows = x.source.rows;
  run.batch_size = batch_size;
  run.epochs = static_cast<std::size_t>(totals.shape(0));
  run.learning_rates = learning_rates.data();
  run.l2_per_batch_weight = l2_per_batch_weight;
  run.penalty_in_loss = penalty_in_loss;
  if (patience) {
    const auto& [factor, tol, least, most, count] = *patience;
    run.patience = Patience{.factor = factor, .tol = tol, .least = least, .most = most, .count = count};
  }
  std::vector<std::int64_t> rows;
  if (!subset.is_none()) {
    const Argument argument{operation, "subset"};
    const auto array = py::cast<py::array>(subset);
    check_rank(argument, array, 1, "(rows,)");
    rows = checked_integers(argument, array, x.source.rows, "row numbers");
    if (rows.empty() || (!order.is_none() && !py::isinstance<py::tuple>(order))) {
      argument.value_error("hold at least one row, without an order", std::to_string(rows.size()));
    }
    run.subset = rows.data();
    run.rows = rows.size();
  }
  if (twister) {
    const Argument argument{operation, "order"};
    check_shape({operation, "twister"}, *twister, {Twister::kWords + 1});
    if (!py::isinstance<py::array_t<std::int64_t, py::array::c_style>>(order)) {
      argument.type_error("be a C-contiguous array of int64 with a twister", std::string(py::str(order)));
    }
    auto array = py::cast<py::array>(order);
    run.rows = checked_integers(argument, array, x.source.rows, "row numbers").size();
    if (run.rows == 0) argument.value_error("hold at least one row", "none");
    check_writeable(argument, array);
    run.twister = TwisterShuffle{twister->mutable_data(), mutable_data_of<std::int64_t>(array)};
  } else if (py::isinstance<py::tuple>(order)) {
    const auto [seed, first_epoch] = py::cast<std::pair<std::uint64_t, std::uint64_t>>(order);
    run.shuffle = Shuffle{seed, first_epoch};
  } else if (!order.is_none()) {
    const auto array = py::cast<py::array>(order);
    const Argument argument{operation, "order"};
    check_rank(argument, array, 1, "(epochs * rows,)");
    rows = checked_integers(argument, array, x.source.rows, "row numbers");
    if (rows.empty() || run.epochs == 0 || rows.size() % run.epochs != 0) {
      argument.value_error("hold as many rows, at least one, for each of " + std::to_string(run.epochs) + " epochs",
                           std::to_string(rows.size()));
    }
    run.order = rows.data();
    run.rows = rows.size() / run.epochs;
  }
  check_learning_rates(operation, learning_rates, run.epochs * divide_up(run.rows, batch_size));
  auto* const to = reinterpret_cast<Totals*>(mutable_data_of<double>(totals));
  interruptible<Usage::Writing>(engine.usage(), "fit", [&](const Interrupt& interrupt) {
    return engine.train(x.source, y.targets, run, to, interrupt);
  });
}

py::array row_order_array(std::uint64_t seed, std::uint64_t epoch, std::size_t rows) {
  std::vector<std::int64_t> order(rows);
  {
    const WithoutGil without_gil;
    row_order(seed, epoch, order);
  }
  return py::array_t<std::int64_t>(static_cast<py::ssize_t>(rows), order.data());
}

// `out`: an array for the outputs, or None.
template <class T>
py::array predict(Engine<T>& engine, const Rows& x, const py::object& out_object) {
  const Argument argument{"predict", "out"};
  py::array out =
      output_array(argument, out_object, {x.source.rows, engine.outputs()}, py::dtype::of<T>(), "the model");
  if (!out_object.is_none() && x.source.compressed == nullptr) {
    check_overlap(argument, out, "X", x.array, Overlap::forbidden);
  }
  T* const to = mutable_data_of<T>(out);
  interruptible<Usage::Reading>(
      engine.usage(), "predict", [&](const Interrupt& interrupt) { return engine.predict(x.source, to, interrupt); },
      [&] { engine.prepare_to_predict(); });
  return out;
}

template <class T>
py::array predict_array(Engine<T>& engine, const std::string& operation, const py::array& x, const py::object& out) {
  return predict(engine, make_rows(engine, operation, x), out);
}

template <class T>
Totals evaluate(Engine<T>& engine, const Rows& x, const HeldTargets& y) {
  check_same_rows("evaluate", x, y);
  Totals totals;
  interruptible<Usage::Reading>(
      engine.usage(), "evaluate",
      [&](const Interrupt& interrupt) { return engine.evaluate(x.source, y.targets, totals, interrupt); },
      [&] { engine.prepare_to_predict(); });
  return totals;
}

template <class T>
py::tuple loss_and_gradients(Engine<T>& engine, const Rows& x, const HeldTargets& y) {
  check_same_rows("loss_and_gradients", x, y);
  Totals totals;
  const GradientCopies<T> gradients(engine);
  interruptible<Usage::Writing>(engine.usage(), "loss_and_gradients", [&](const Interrupt& interrupt) {
    if (!engine.loss_and_gradients(x.source, y.targets, totals, interrupt)) return false;
    gradients.copy();
    return true;
  });
  return py::make_tuple(totals, gradients.arrays());
}

// Returns the norm of the gradients. With `finite`, makes no update if the norm is not finite.
template <class T>
double apply_gradients(Engine<T>& engine, const ArraysByNumber& arrays, double learning_rate, double l2, bool finite) {
  const ArenaReader<T> reader(engine, "apply_gradients", arrays, engine.gradients());
  DroppedGil gil;
  const Usage::Writing writing(engine.usage(), "apply_gradients");
  gil.drop();
  reader.read();
  const double norm = engine.gradient_norm();
  if (!finite || std::isfinite(norm)) engine.apply_gradients(learning_rate, l2);
  return norm;
}

// Returns false, and changes nothing, if the parameters of the networks differ in shape.
template <class T>
bool move_towards(Engine<T>& engine, Engine<T>& other, double weight) {
  DroppedGil gil;
  const Usage::Writing writing(engine.usage(), "copy_from");
  const Usage::Reading reading(other.usage(), "copy_from");
  const auto same = [](const PlacedParameter& a, const PlacedParameter& b) {
    return a.info.shape == b.info.shape && a.offset == b.offset;
  };
  if (!std::ranges::equal(engine.parameters(), other.parameters(), same)) return false;
  gil.drop();
  if (weight != 0.0) engine.move_towards(other, weight);
  return true;
}

// See StepRates.
template <class T>
void set_rates(Engine<T>& engine, std::uint64_t first, const py::array_t<double, py::array::c_style>& rates) {
  check_rank({"set_rates", "rates"}, rates, 2, "(steps, columns)");
  const Usage::Writing writing(engine.usage(), "fit");
  const auto columns = static_cast<std::size_t>(rates.shape(1));
  engine.set_rates({first, columns, {rates.data(), rates.data() + rates.size()}});
}

template <class T, class Hold>
std::unique_ptr<HoldContext<Hold>> hold_context(const py::object& self, const std::string& operation) {
  return std::make_unique<HoldContext<Hold>>(self, py::cast<Engine<T>&>(self).usage(), operation);
}

template <class T>
void register_engine_of(py::module_& m, const char* name) {
  using N = Engine<T>;
  py::class_<N>(m, name)
      .def(py::init([](const Shape& input, const std::vector<py::dict>& layers, std::uint64_t seed, bool fuse,
                       bool bfloat16) {
             const PlanOptions options{.seed = seed, .fuse = fuse, .bfloat16 = bfloat16};
             return std::make_unique<N>(input, layer_configs(layers, py::dtype::of<T>()), options);
           }),
           py::arg("input_shape"), py::arg("layers"), py::arg("seed"), py::arg("fuse") = true,
           py::arg("bfloat16") = false)
      .def_property_readonly(
          "shapes", [](const N& n) { return n.shapes(); },
          "The output shape of each layer; a Residual comes before the layers inside it.")
      .def_property_readonly("output_shape", [](const N& n) { return n.output_shape(); })
      .def_property_readonly("outputs", &N::outputs)
      .def_property_readonly("multiply_adds", &N::multiply_adds, "Those of the forward pass of one row.")
      .def_property_readonly(
          "answers_per_row", [](const N& n) { return n.loss().answers_per_row(n.outputs()); },
          "The number of answers in a row of outputs that accuracy counts: one, or one for each binary output.")
      .def_property("steps", &N::steps, &N::set_steps, "The number of training steps taken.")
      .def_property_readonly("version", &N::version, "Increases whenever the parameters may have changed.")
      .def("parameters", &parameter_list<T>, "Descriptions of the parameters, in arena order.")
      .def("values", &parameter_views<T>,
           "Read-only views of the parameters, in arena order; an error while another thread trains.")
      .def(
          "gradients", [](const py::object& self) { return arena_views(self, py::cast<N&>(self).gradients()); },
          "Views of the last gradients. The caller must have exclusive use of the engine.")
      .def("state", &state_copies<T>, py::arg("operation"), py::arg("slots") = true,
           "Copies of the parameters and of each slot, in arena order, and the steps taken.")
      .def_property_readonly(
          "turns", [](N& n) { return n.usage().turns(); }, "How often a thread has begun or ended holding the engine.")
      .def_property_readonly(
          "lost", [](N& n) { return n.usage().lost(); },
          "Whether a fork left the parameters incomplete in this process, where every use raises.")
      .def_property_readonly(
          "slot_count", [](const N& n) { return n.compiled() ? n.slots().size() : 0; },
          "The number of arrays that the optimizer keeps for each parameter; 0 before compile().")
      .def("restore", &restore<T>, py::arg("operation"), py::arg("parameters"), py::arg("slots"), py::arg("steps"),
           "Write parameters, slots and steps; nothing if any array has the wrong shape or dtype.")
      .def("write_parameters", &write_parameters<T>, py::arg("arrays"))
      .def(
          "compile",
          [](N& n, const std::string& loss, const std::vector<double>& options, const std::string& accuracy,
             double threshold, const py::dict& optimizer, double clip_delta) {
            n.usage().refuse_while_fitting("compile");
            const Usage::Writing writing(n.usage(), "compile");
            n.compile(loss_config(loss, options, n.outputs(), accuracy, threshold, clip_delta),
                      optimizer_config(optimizer));
          },
          py::arg("loss"), py::arg("options"), py::arg("accuracy"), py::arg("threshold"), py::arg("optimizer"),
          py::arg("clip_delta"))
      .def("rows", &make_rows<T>, py::arg("operation"), py::arg("X"))
      .def("compressed_rows", &make_compressed_rows<T>, py::arg("operation"), py::arg("indptr"), py::arg("indices"),
           py::arg("data"), py::arg("shape"), "A copy of the rows of a CSR matrix, in canonical form.")
      .def("targets", &make_targets<T>, py::arg("operation"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("weight_name") = "sample_weight")
      .def("train", &train<T>, py::arg("rows"), py::arg("targets"), py::arg("order").none(true), py::arg("batch_size"),
           py::arg("learning_rates"), py::arg("sums"), py::arg("l2_per_batch_weight") = 0.0,
           py::arg("penalty_in_loss") = 1.0)
      .def("train_on_batch", &train_on_batch<T>, py::arg("X"), py::arg("y"), py::arg("sample_weight").none(true),
           py::arg("learning_rate"))
      .def("train_epochs", &train_epochs<T>, py::arg("rows"), py::arg("targets"), py::arg("order").none(true),
           py::arg("batch_size"), py::arg("learning_rates"), py::arg("totals"), py::arg("l2_per_batch_weight") = 0.0,
           py::arg("penalty_in_loss") = 1.0, py::arg("patience") = py::none(), py::arg("subset") = py::none(),
           py::arg("twister") = py::none())
      .def("predict", &predict<T>, py::arg("rows"), py::arg("out") = py::none())
      .def("predict_array", &predict_array<T>, py::arg("operation"), py::arg("X"), py::arg("out") = py::none(),
           "predict(rows(operation, X), out) in a single call.")
      .def("evaluate", &evaluate<T>, py::arg("rows"), py::arg("targets"))
      .def("loss_and_gradients", &loss_and_gradients<T>, py::arg("rows"), py::arg("targets"))
      .def("apply_gradients", &apply_gradients<T>, py::arg("arrays"), py::arg("learning_rate"), py::arg("l2") = 0.0,
           py::arg("finite") = false)
      .def("move_towards", &move_towards<T>, py::arg("other"), py::arg("weight"))
      .def(
          "swap_mean",
          [](N& n, bool keep) {
            const Usage::Writing writing(n.usage(), "fit");
            n.swap_mean(keep);
          },
          py::arg("keep"), "Exchange the parameters and their running mean, or replace the parameters by it.")
      .def("set_rates", &set_rates<T>, py::arg("first"), py::arg("rates"),
           "Set weight decay and dropout rates of the steps from `first` on, one row each.")
      .def("holding", &hold_context<T, Usage::Holding>, py::arg("operation"),
           "A context manager that reserves the engine for the calling thread.")
      .def("fitting", &hold_context<T, Usage::Fitting>, py::arg("operation"),
           "A context manager that reserves the engine for a fit of the calling thread.");
}

template <class Hold>
void register_hold_context(py::module_& m, const char* name, const char* documentation) {
  using Context = HoldContext<Hold>;
  py::class_<Context>(m, name, documentation)
      .def("__enter__", &Context::begin)
      .def("__exit__",
           [](Context& context, const py::object&, const py::object&, const py::object&) { context.end(); });
}

}  // namespace

void check_same_rows(const std::string& operation, const Rows& x, const HeldTargets& y) {
  if (y.rows != x.source.rows) {
    Argument{operation, "y"}.value_error("have as many rows as X, " + std::to_string(x.source.rows),
                                         std::to_string(y.rows));
  }
  if (x.source.rows == 0) Argument{operation, "X"}.value_error("have at least one row", "none");
}

void register_engine(py::module_& m) {
  py::class_<Totals>(m, "Totals", "Sums over the steps of an epoch.")
      .def(py::init<>())
      .def(
          "add", [](Totals& t, double loss, double correct, double rows) { t += {loss, correct, rows}; },
          py::arg("loss"), py::arg("correct"), py::arg("rows"))
      .def_readonly("loss", &Totals::loss)
      .def_readonly("correct", &Totals::correct)
      .def_readonly("rows", &Totals::rows);
  py::class_<Rows>(m, "Rows", "Checked rows of a user's array.").def_property_readonly("count", [](const Rows& r) {
    return r.source.rows;
  });
  py::class_<HeldTargets>(m, "Targets", "Checked targets and weights.");
  register_hold_context<Usage::Holding>(m, "Holding", "Reserves the engine for the calling thread.");
  register_hold_context<Usage::Fitting>(m, "Fitting", "Reserves the engine for a fit of the calling thread.");
  m.def("row_order", &row_order_array, py::arg("seed"), py::arg("epoch"), py::arg("rows"),
        "The order in which an epoch visits rows.");
  register_engine_of<float>(m, "Engine32");
  register_engine_of<double>(m, "Engine64");
}

}  // namespace prelunet
