// The description of layers that comes from Python: dictionaries whose values were checked there.
#include <cstring>

#include "bindings/network.h"
#include "network/lambda.h"

#include <pybind11/stl.h>

namespace prelunet {
namespace {

std::vector<py::ssize_t> array_shape(std::size_t rows, const Shape& sample) {
  std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows)};
  shape.insert(shape.end(), sample.begin(), sample.end());
  return shape;
}

// A copy: what Python keeps of it stays as it was.
py::array copied(const py::dtype& dtype, std::size_t rows, const Shape& sample, const void* data) {
  return py::array(dtype, array_shape(rows, sample), data);
}

// What a Lambda's function is asked for, and how its result is checked. The layer itself is the model's: the engine
// only refers to it, or a function that refers to its model would keep all of it alive for ever.
class Caller {
 public:
  Caller(const py::object& layer_reference, const std::string& name, const char* function, const py::dtype& dtype)
      : layer_(layer_reference), owner_("Lambda (layer " + name + ")"), function_(function), dtype_(dtype) {}

  // Writes function(arguments...), which must have shape (rows, *sample), to `out`.
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
  // Initialised captures are not const, so that moving them cannot throw.
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

LayerSpec layer_spec(const py::dict& config, const py::dtype& dtype) {
  LayerSpec spec;
  for (const auto& [key_object, value] : config) {
    const std::string key = py::cast<std::string>(key_object);
    if (key == "type") {
      spec.type = py::cast<std::string>(value);
    } else if (key == "name") {
      spec.name = py::cast<std::string>(value);
    } else if (key == "units") {
      spec.units = py::cast<std::size_t>(value);
    } else if (key == "window") {
      std::tie(spec.window_height, spec.window_width) = py::cast<std::pair<std::size_t, std::size_t>>(value);
    } else if (key == "strides") {
      std::tie(spec.stride_height, spec.stride_width) = py::cast<std::pair<std::size_t, std::size_t>>(value);
    } else if (key == "same") {
      spec.same = py::cast<bool>(value);
    } else if (key == "use_bias") {
      spec.use_bias = py::cast<bool>(value);
    } else if (key == "activation") {
      spec.activation = py::cast<std::string>(value);
    } else if (key == "constant") {
      spec.constant = py::cast<double>(value);
    } else if (key == "channel") {
      spec.channel = py::cast<bool>(value);
    } else if (key == "rate") {
      spec.rate = py::cast<double>(value);
    } else if (key == "scale") {
      spec.scale = py::cast<double>(value);
    } else if (key == "offset") {
      spec.offset = py::cast<double>(value);
    } else if (key == "step") {
      spec.step = py::cast<double>(value);
    } else if (key == "layers") {
      spec.layers = layer_specs(py::cast<std::vector<py::dict>>(value), dtype);
    } else if (key == "functions") {
      spec.functions = lambda_functions(py::cast<py::dict>(value), spec.name, dtype);
    } else if (key == "trainable") {
      spec.trainable = py::cast<bool>(value);
    } else {
      throw py::key_error("unknown key '" + key + "' in a layer's specification");
    }
  }
  return spec;
}

}  // namespace

std::vector<LayerSpec> layer_specs(const std::vector<py::dict>& configs, const py::dtype& dtype) {
  std::vector<LayerSpec> specs;
  specs.reserve(configs.size());
  for (const py::dict& config : configs) specs.push_back(layer_spec(config, dtype));
  return specs;
}

}  // namespace prelunet
