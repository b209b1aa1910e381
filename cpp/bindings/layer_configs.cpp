// Converts Python's descriptions of layers to plain values.
#include <initializer_list>

#include "bindings/engine.h"
#include "network/lambda.h"

#include <pybind11/stl.h>

namespace prelunet {
namespace {

// An array that a function of a Lambda reads or writes.
struct LambdaArray {
  std::size_t rows;
  const Shape& sample;
  const void* data;
};

// A new reference to (shape, memory), or null with an error of Python.
PyObject* described(const LambdaArray& array, std::size_t item_size, int access) {
  const auto axes = static_cast<Py_ssize_t>(array.sample.size()) + 1;
  PyObject* const shape = PyTuple_New(axes);
  if (shape == nullptr) return nullptr;
  for (Py_ssize_t i = 0; i < axes; ++i) {
    PyObject* const size = PyLong_FromSize_t(i == 0 ? array.rows : array.sample[static_cast<std::size_t>(i) - 1]);
    if (size == nullptr) {
      Py_DECREF(shape);
      return nullptr;
    }
    PyTuple_SET_ITEM(shape, i, size);
  }
  const std::size_t bytes = array.rows * element_count(array.sample) * item_size;
  auto* const memory = static_cast<char*>(const_cast<void*>(array.data));  // `access` says whether Python may write
  return Py_BuildValue("(NN)", shape, PyMemoryView_FromMemory(memory, static_cast<Py_ssize_t>(bytes), access));
}

// Calls a function of a Lambda through Python's `call_function`, which checks its result.
class Caller {
 public:
  Caller(const py::dict& config, const std::string& name, const char* function, const py::dtype& dtype)
      : call_(py::module_::import("functools")
                  .attr("partial")(config["call"], config["layer"], "Lambda (layer " + name + ")", function, dtype)),
        item_size_(static_cast<std::size_t>(dtype.itemsize())) {}

  void operator()(const LambdaArray& out, std::initializer_list<LambdaArray> arguments) const {
    bool done = false;
    sleep_at_exit([&] { done = call(out, arguments); });
    if (!done) throw py::error_already_set();
  }

 private:
  // Returns false with an error of Python. Python may end the thread anywhere in here: no py::object.
  bool call(const LambdaArray& out, std::initializer_list<LambdaArray> arguments) const {
    PyObject* const all = PyTuple_New(static_cast<Py_ssize_t>(arguments.size()) + 1);
    if (all == nullptr) return false;
    Py_ssize_t place = 0;
    const auto add = [&](const LambdaArray& array, int access) {
      PyObject* const item = described(array, item_size_, access);
      if (item != nullptr) PyTuple_SET_ITEM(all, place++, item);
      return item != nullptr;
    };
    bool added = add(out, PyBUF_WRITE);
    for (const LambdaArray& argument : arguments) added = added && add(argument, PyBUF_READ);
    PyObject* const result = added ? PyObject_CallObject(call_.ptr(), all) : nullptr;
    Py_DECREF(all);
    Py_XDECREF(result);
    return result != nullptr;
  }

  py::object call_;
  std::size_t item_size_;
};

std::shared_ptr<const LambdaFunctions> lambda_functions(const py::dict& config, const std::string& name,
                                                        const py::dtype& dtype) {
  auto functions = std::make_shared<LambdaFunctions>();
  functions->output = py::cast<Shape>(config["output_shape"]);
  functions->forward = [forward = Caller(config, name, "forward", dtype)](const Shape& input, const Shape& output,
                                                                          std::size_t rows, const void* x, void* y) {
    const WithGil with_gil;
    forward({rows, output, y}, {{rows, input, x}});
  };
  functions->backward = [backward = Caller(config, name, "backward", dtype)](
                            const Shape& input, const Shape& output, std::size_t rows, const void* x, const void* y,
                            const void* grad_y, void* grad_x) {
    const WithGil with_gil;
    backward({rows, input, grad_x}, {{rows, output, grad_y}, {rows, input, x}, {rows, output, y}});
  };
  return functions;
}

// bool is checked before int, because a Python bool is also an int.
ConfigValue config_value(const py::handle& value, const std::string& name, const py::dtype& dtype) {
  if (py::isinstance<py::bool_>(value)) return py::cast<bool>(value);
  if (py::isinstance<py::int_>(value)) return py::cast<std::int64_t>(value);
  if (py::isinstance<py::float_>(value)) return py::cast<double>(value);
  if (py::isinstance<py::str>(value)) return py::cast<std::string>(value);
  if (py::isinstance<py::array>(value)) return py::cast<std::vector<double>>(value);
  if (py::isinstance<py::tuple>(value)) return py::cast<Shape>(value);
  if (py::isinstance<py::list>(value)) return layer_configs(py::cast<std::vector<py::dict>>(value), dtype);
  return lambda_functions(py::cast<py::dict>(value), name, dtype);
}

LayerConfig layer_config(const py::dict& values, const py::dtype& dtype) {
  LayerConfig layer;
  layer.name = py::cast<std::string>(values["name"]);
  layer.type = py::cast<std::string>(values["type"]);
  for (const auto& [key_object, value] : values) {
    const std::string key = py::cast<std::string>(key_object);
    if (key == "name" || key == "type") continue;
    try {
      if (key == "trainable") {
        layer.trainable = py::cast<bool>(value);
      } else {
        layer.values[key] = config_value(value, layer.name, dtype);
      }
    } catch (const py::cast_error&) {
      throw std::invalid_argument("layer " + layer.name + ": key '" + key + "' has a value of the wrong type");
    }
  }
  return layer;
}

}  // namespace

std::vector<LayerConfig> layer_configs(const std::vector<py::dict>& dictionaries, const py::dtype& dtype) {
  std::vector<LayerConfig> layers;
  layers.reserve(dictionaries.size());
  for (const py::dict& values : dictionaries) layers.push_back(layer_config(values, dtype));
  return layers;
}

}  // namespace prelunet
