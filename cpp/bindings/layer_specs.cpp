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

// Writes what a function of Python's returned to `out`.
void take_result(const char* function, const py::object& result, const py::dtype& dtype, std::size_t rows,
                 const Shape& sample, void* out) {
  const Argument argument{"Lambda", function};
  const auto array = py::array::ensure(result);
  if (!array) argument.type_error("return an array", type_name(result));
  Shape expected = sample;
  expected.insert(expected.begin(), rows);
  if (shape_of(array) != expected) {
    argument.value_error("return shape " + to_text(expected), to_text(shape_of(array)));
  }
  const char kind = array.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') {
    argument.type_error("return real numbers", "dtype " + py::cast<std::string>(py::str(array.dtype())));
  }
  const py::array cast = py::module_::import("numpy").attr("ascontiguousarray")(array, dtype);
  std::memcpy(out, cast.data(), static_cast<std::size_t>(cast.nbytes()));
}

std::shared_ptr<const LambdaFunctions> lambda_functions(const py::dict& config, const py::dtype& dtype) {
  auto functions = std::make_shared<LambdaFunctions>();
  functions->output = py::cast<Shape>(config["output_shape"]);
  const py::object forward = config["forward"];
  const py::object backward = config["backward"];
  functions->forward = [=](const Shape& input, const Shape& output, std::size_t rows, const void* x, void* y) {
    const py::gil_scoped_acquire acquire;
    take_result("forward", forward(copied(dtype, rows, input, x)), dtype, rows, output, y);
  };
  functions->backward = [=](const Shape& input, const Shape& output, std::size_t rows, const void* x, const void* y,
                            const void* grad_y, void* grad_x) {
    const py::gil_scoped_acquire acquire;
    const py::object result =
        backward(copied(dtype, rows, output, grad_y), copied(dtype, rows, input, x), copied(dtype, rows, output, y));
    take_result("backward", result, dtype, rows, input, grad_x);
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
      spec.functions = lambda_functions(py::cast<py::dict>(value), dtype);
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
