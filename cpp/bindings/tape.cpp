// Binds tapes, for traces and for users' own losses and training loops.
#include "network/tape.h"

#include "bindings/engine.h"
#include "bindings/register.h"

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
    const Usage::Reading reading(network_.usage(), operation.c_str());
    version_ = network_.version();
    tape_ = network_.tape(rows_.source, targets_.targets, options);
    interruptible([&](const Interrupt& interrupt) { return tape_->forward(interrupt); });
  }

  py::array outputs() const { return copy_of(tape_->outputs(), {network_.outputs()}); }

  // Returns (grad_x, gradients of trainable parameters in arena order); None for grad_x if the tape is not whole, and
  // for the gradients without `parameters`.
  py::tuple backward(const py::array& grad_outputs, bool parameters) {
    const RowSource source = checked(grad_outputs);
    const Usage::Writing writing(network_.usage(), "backward");
    check_version();
    interruptible([&](const Interrupt& interrupt) { return tape_->backward(source, nullptr, parameters, interrupt); });
    return results(parameters);
  }

  py::tuple backward_from_loss() {
    const Usage::Writing writing(network_.usage(), "backward");
    check_version();
    interruptible([&](const Interrupt& interrupt) { return tape_->backward_from_loss(interrupt); });
    return results(true);
  }

  // One update from a gradient of the outputs; row i has been scaled by row_scale[i].
  void step(const py::array& grad_outputs, const py::array_t<double, py::array::c_style>& row_scale,
            double learning_rate) {
    const RowSource source = checked(grad_outputs);
    check_shape({"step", "row_scale"}, row_scale, {tape_->rows()});
    const Usage::Writing writing(network_.usage(), "fit");
    check_version();
    interruptible([&](const Interrupt& interrupt) {
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

  py::tuple results(bool parameters) const {
    py::object grad_x = py::none(), gradients = py::none();
    if (tape_->whole()) grad_x = copy_of(tape_->grad_x(), network_.input_shape());
    if (parameters) gradients = gradient_copies(network_);
    return py::make_tuple(grad_x, gradients);
  }

  py::array copy_of(const T* data, const Shape& sample) const {
    Shape shape = sample;
    shape.insert(shape.begin(), tape_->rows());
    py::array array = new_array("tape", shape, py::dtype::of<T>());
    std::copy_n(data, element_count(shape), mutable_data_of<T>(array));
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
