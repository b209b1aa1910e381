// Binds tapes, for traces and for users' own losses and training loops.
#include "network/tape.h"

#include "bindings/engine.h"
#include "bindings/register.h"

#include <optional>
#include <utility>

namespace prelunet {
namespace {

// A tape with the network and the arrays that it reads. The constructor computes the outputs.
template <class T>
class HeldTape {
 public:
  HeldTape(const py::object& owner, const std::string& operation, Rows x, const HeldTargets* y,
           const TapeOptions& options)
      : owner_(owner), network_(py::cast<Engine<T>&>(owner)), rows_(std::move(x)) {
    if (rows_.source.rows == 0) Argument{operation, "X"}.value_error("have at least one row", "none");
    if (y != nullptr) {
      check_same_rows(operation, rows_, *y);
      targets_ = *y;
    }
    // Engine::tape() may change the plans of the network, so it needs the GIL: other threads may read the network.
    interruptible<Usage::Reading>(
        network_.usage(), operation.c_str(), [&](const Interrupt& interrupt) { return tape_->forward(interrupt); },
        [&] {
          version_ = network_.version();
          tape_ = network_.tape(rows_.source, targets_.targets, options);
        });
  }

  py::array outputs() const { return copy_of(tape_->outputs(), {network_.outputs()}); }

  // Returns (grad_x, gradients of trainable parameters in arena order); None for grad_x if the tape is not whole, and
  // for the gradients without `parameters`.
  py::tuple backward(const py::array& grad_outputs, bool parameters) {
    const RowSource source = checked(grad_outputs);
    return results(parameters,
                   [&](const Interrupt& interrupt) { return tape_->backward(source, nullptr, parameters, interrupt); });
  }

  py::tuple backward_from_loss() {
    return results(true, [&](const Interrupt& interrupt) { return tape_->backward_from_loss(interrupt); });
  }

  // One update from a gradient of the outputs; row i has been scaled by row_scale[i].
  void step(const py::array& grad_outputs, const py::array_t<double, py::array::c_style>& row_scale,
            double learning_rate) {
    const RowSource source = checked(grad_outputs);
    check_shape({"step", "row_scale"}, row_scale, {tape_->rows()});
    interruptible<Usage::Writing>(network_.usage(), "fit", [&](const Interrupt& interrupt) {
      check_version();
      if (!tape_->backward(source, row_scale.data(), true, interrupt)) return false;
      network_.apply_gradients(learning_rate);
      return true;
    });
  }

  // (outputs, their gradient) of each stage; without `gradients`, None in their place.
  py::list stages(bool gradients) const {
    if (!tape_->whole()) throw std::logic_error("stages: the tape must be whole");
    py::list list;
    tape_->visit([&](const Layer<T>& stage, const Flow<T>& flow) {
      py::object grad_y = py::none();
      if (gradients) grad_y = copy_of(flow.grad_y, stage.output_shape());
      list.append(py::make_tuple(copy_of(flow.y, stage.output_shape()), grad_y));
    });
    return list;
  }

 private:
  RowSource checked(const py::array& grad_outputs) const {
    const Argument argument{"backward", "grad_outputs"};
    RowSource source = row_source(argument, grad_outputs, {network_.outputs()});
    if (source.rows != tape_->rows()) {
      argument.value_error("have " + std::to_string(tape_->rows()) + " rows", std::to_string(source.rows));
    }
    return source;
  }

  void check_version() const {
    if (version_ == network_.version()) return;
    throw std::runtime_error("backward: parameters have changed since the outputs were computed; compute them again");
  }

  // Runs backward(interrupt) and returns the gradients.
  template <class F>
  py::tuple results(bool parameters, F&& backward) {
    py::object grad_x = py::none(), arrays = py::none();
    T* to = nullptr;
    if (tape_->whole()) {
      py::array array = array_of(network_.input_shape());
      to = mutable_data_of<T>(array);
      grad_x = std::move(array);
    }
    std::optional<GradientCopies<T>> gradients;
    if (parameters) arrays = gradients.emplace(network_).arrays();
    interruptible<Usage::Writing>(network_.usage(), "backward", [&](const Interrupt& interrupt) {
      check_version();
      if (!backward(interrupt)) return false;
      if (to != nullptr) std::copy_n(tape_->grad_x(), tape_->rows() * network_.inputs(), to);
      if (gradients) gradients->copy();
      return true;
    });
    return py::make_tuple(grad_x, arrays);
  }

  py::array array_of(const Shape& sample) const {
    Shape shape = sample;
    shape.insert(shape.begin(), tape_->rows());
    return new_array("tape", shape, py::dtype::of<T>());
  }
  py::array copy_of(const T* data, const Shape& sample) const {
    py::array array = array_of(sample);
    std::copy_n(data, static_cast<std::size_t>(array.size()), mutable_data_of<T>(array));
    return array;
  }

  py::object owner_;
  Engine<T>& network_;
  Rows rows_;
  HeldTargets targets_{};
  std::uint64_t version_ = 0;
  std::unique_ptr<Tape<T>> tape_;
};

template <class T>
void register_tape_of(py::module_& m, const char* name) {
  using H = HeldTape<T>;
  py::class_<H>(m, name, "A batch with the outputs and gradients of every stage.")
      .def(py::init([](const py::object& network, const std::string& operation, const Rows& rows,
                       const HeldTargets* targets, bool training, bool clips, bool whole) {
             return std::make_unique<H>(network, operation, rows, targets, TapeOptions{training, clips, whole});
           }),
           py::arg("network"), py::arg("operation"), py::arg("rows"), py::arg("targets").none(true),
           py::arg("training"), py::arg("clips"), py::arg("whole") = true,
           "Computes the outputs. A tape that is not whole has neither the gradient of X nor stages().")
      .def("outputs", &H::outputs)
      .def("backward", &H::backward, py::arg("grad_outputs"), py::arg("parameters") = true,
           "The gradients of X and, with `parameters`, of the trainable parameters.")
      .def("backward_from_loss", &H::backward_from_loss, "The same, starting from the loss of the targets.")
      .def("step", &H::step, py::arg("grad_outputs"), py::arg("row_scale"), py::arg("learning_rate"),
           "One update of the parameters.")
      .def("stages", &H::stages, py::arg("gradients"), "Outputs of every stage, and their gradients.");
}

}  // namespace

void register_tape(py::module_& m) {
  register_tape_of<float>(m, "Tape32");
  register_tape_of<double>(m, "Tape64");
}

}  // namespace prelunet
