// A batch kept whole: for traces, and for losses and loops of one's own.

#include "bindings/network.h"
#include "bindings/register.h"

namespace prelunet {

template <class T>
HeldTape<T> make_tape(const py::object& network, const std::string& operation, const Rows& x, const HeldTargets* y,
                      bool training) {
  auto& n = py::cast<Network<T>&>(network);
  if (x.source.rows == 0) Argument{operation, "X"}.value_error("have at least one row", "none");
  if (y != nullptr) check_same_rows(operation, x, *y);
  return {network, &n, n.version(), n.tape(x.source, y == nullptr ? Targets{} : y->targets, training)};
}

template HeldTape<float> make_tape(const py::object&, const std::string&, const Rows&, const HeldTargets*, bool);
template HeldTape<double> make_tape(const py::object&, const std::string&, const Rows&, const HeldTargets*, bool);

namespace {

template <class T>
py::array copy_of(const T* data, std::size_t rows, const Shape& sample) {
  Shape shape = sample;
  shape.insert(shape.begin(), rows);
  py::array array = new_array("tape", shape, py::dtype::of<T>());
  std::copy_n(data, element_count(shape), mutable_data_of<T>(array));
  return array;
}

template <class T>
py::array forward(HeldTape<T>& held) {
  const T* outputs = nullptr;
  {
    const Usage::Reading reading(held.network->usage(), "forward");
    const py::gil_scoped_release release;
    outputs = held.tape->forward();
  }
  return copy_of(outputs, held.tape->rows(), {held.network->outputs()});
}

template <class T>
py::array backward(HeldTape<T>& held, const py::array& grad_outputs) {
  const Argument argument{"backward", "grad_outputs"};
  const RowSource source = row_source(argument, grad_outputs, {held.network->outputs()});
  if (source.rows != held.tape->rows()) {
    argument.value_error("have " + std::to_string(held.tape->rows()) + " rows", std::to_string(source.rows));
  }
  if (held.version != held.network->version()) {
    throw std::runtime_error("backward: parameters have changed since the outputs were computed; compute them again");
  }
  const T* grad_x = nullptr;
  {
    const Usage::Writing writing(held.network->usage(), "backward");
    const py::gil_scoped_release release;
    grad_x = held.tape->backward(source);
  }
  return copy_of(grad_x, held.tape->rows(), held.network->input_shape());
}

template <class T>
void backward_from_loss(HeldTape<T>& held) {
  const Usage::Reading reading(held.network->usage(), "trace");
  const py::gil_scoped_release release;
  held.tape->backward_from_loss();
}

// (outputs, their gradient) of each step; without `gradients`, None in their place.
template <class T>
py::list steps(const HeldTape<T>& held, bool gradients) {
  py::list list;
  held.tape->visit([&](const Layer<T>& step, const Flow<T>& flow) {
    const Shape& shape = step.output_shape();
    py::object grad_y = py::none();
    if (gradients) grad_y = copy_of(flow.grad_y, flow.rows, shape);
    list.append(py::make_tuple(copy_of(static_cast<const T*>(flow.y), flow.rows, shape), grad_y));
  });
  return list;
}

template <class T>
void register_tape_of(py::module_& m, const char* name) {
  py::class_<HeldTape<T>>(m, name, "A batch kept whole: outputs and gradients of every step.")
      .def("forward", &forward<T>, "Reads X and returns the outputs.")
      .def("backward", &backward<T>, py::arg("grad_outputs"), "Fills the network's gradients and returns that of X.")
      .def("backward_from_loss", &backward_from_loss<T>)
      .def("steps", &steps<T>, py::arg("gradients"), "Outputs, and their gradients, of every step.");
}

}  // namespace

void register_tape(py::module_& m) {
  register_tape_of<float>(m, "Tape32");
  register_tape_of<double>(m, "Tape64");
}

}  // namespace prelunet
