// Converts Python's descriptions of layers to plain values.
#include <cstring>

#include "bindings/engine.h"
#include "network/lambda.h"

#include <pybind11/stl.h>

namespace prelunet {
namespace {

std::vector<py::ssize_t> array_shape(std::size_t rows, const Shape& sample) {
  std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows)};
  shape.insert(shape.end(), sample.begin(), sample.end());
  return shape;
}

// A copy, because Python code may keep the array.
py::array copied(const py::dtype& dtype, std::size_t rows, const Shape& sample, const void* data) {
  return py::array(dtype, array_shape(rows, sample), data);
}

// Calls a function of a Lambda and checks its result. The engine holds a weak reference to the layer: its functions may
// refer to the model, and a strong reference would then keep both alive.
class Caller {
 public:
  Caller(const py::object& layer_reference, const std::string& name, const char* function, const py::dtype& dtype)
      : layer_(layer_reference), owner_("Lambda (layer " + name + ")"), function_(function), dtype_(dtype) {}

  // Writes the result of function(arguments...), which must have shape (rows, *sample), to `out`.
  template <class... Arguments>
  void operator()(std::size_t rows, const Shape& sample, void* out, Arguments&&... arguments) const {
    const py::object layer = layer_();
    if (layer.is_none()) throw std::runtime_error(owner_ + ": its model is gone");
    const py::object numpy = py::module_::import("numpy");
    const py::array result = numpy.attr("asarray")(layer.attr(function_)(std::forward<Arguments>(arguments)...));
    const Argument argument{owner_, function_};
    const std::string kind(1, result.dtype().kind());
    if (std::string("fiub").find(kind) == std::string::npos) {
      argument.type_error("return real numbers", "dtype " + py::cast<std::string>(py::str(result.dtype())));
    }
    Shape expected = sample;
    expected.insert(expected.begin(), rows);
    if (shape_of(result) != expected) {
      argument.value_error("return shape " + to_text(expected), to_text(shape_of(result)));
    }
    const py::array cast = numpy.attr("ascontiguousarray")(result, dtype_);
    std::memcpy(out, cast.data(), static_cast<std::size_t>(cast.nbytes()));
  }

 private:
  py::object layer_;
  std::string owner_;
  const char* function_;
  py::dtype dtype_;
};

std::shared_ptr<const LambdaFunctions> lambda_functions(const py::dict& config, const std::string& name,
                                                        const py::dtype& dtype) {
  auto functions = std::make_shared<LambdaFunctions>();
  functions->output = py::cast<Shape>(config["output_shape"]);
  // Initialized captures are not const, so that moving them cannot throw.
  functions->forward = [forward = Caller(config["layer"], name, "forward", dtype), dtype = py::dtype(dtype)](
                           const Shape& input, const Shape& output, std::size_t rows, const void* x, void* y) {
    const WithGil with_gil;
    forward(rows, output, y, copied(dtype, rows, input, x));
  };
  functions->backward = [backward = Caller(config["layer"], name, "backward", dtype), dtype = py::dtype(dtype)](
                            const Shape& input, const Shape& output, std::size_t rows, const void* x, const void* y,
                            const void* grad_y, void* grad_x) {
    const WithGil with_gil;
    backward(rows, input, grad_x, copied(dtype, rows, output, grad_y), copied(dtype, rows, input, x),
             copied(dtype, rows, output, y));
  };
  return functions;
}

// bool is checked before int, because a Python bool is also an int.
ConfigValue config_value(const py::handle& value, const std::string& name, const py::dtype& dtype) {
  if (py::isinstance<py::bool_>(value)) return py::cast<bool>(value);
  if (py::isinstance<py::int_>(value)) return py::cast<std::int64_t>(value);
  if (py::isinstance<py::float_>(value)) return py::cast<double>(value);
  if (py::isinstance<py::str>(value)) return py::cast<std::string>(value);
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
