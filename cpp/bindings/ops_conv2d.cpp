// Convolution and pooling of images.
#include "bindings/ops.h"
#include "kernels/window2d.h"
#include "ops/activation.h"
#include "ops/column_sums.h"
#include "ops/conv2d.h"
#include "ops/max_pool2d.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

using Pair = std::pair<std::size_t, std::size_t>;

// x (images, height, width, channels) and the geometry of its window.
struct Images {
  py::array x;
  std::size_t count, channels;
  Window2D window;

  Shape shape() const { return shape_of(x); }
  Shape result(std::size_t depth) const { return {count, window.vertical.places, window.horizontal.places, depth}; }
};

Images images_of(const std::string& op, const py::object& x_object, const Pair& size, const Pair& stride,
                 const std::string& padding) {
  const Argument argument{op, "x"};
  const py::array x = strict_array(argument, x_object);
  check_rank(argument, x, 4, "(images, height, width, channels)");
  const Shape shape = shape_of(x);
  const bool same = padding == "same";
  const Window2D window{window_axis(shape[1], size.first, stride.first, same),
                        window_axis(shape[2], size.second, stride.second, same)};
  if (!window.fits() || shape[3] == 0) {
    argument.value_error("have channels, and rows and columns for a window of " + to_text({size.first, size.second}),
                         "shape " + to_text(shape));
  }
  return {x, shape[0], shape[3], window};
}

struct Convolution {
  Images images;
  py::array weight;
  Conv2DPlan plan;
};

Convolution convolution_of(const std::string& op, const py::object& x, const py::object& weight_object,
                           const Pair& stride, const std::string& padding) {
  const py::array first = strict_array({op, "x"}, x);
  const py::array weight = strict_array_like({op, "weight"}, weight_object, first, "x");
  check_rank({op, "weight"}, weight, 4, "(filters, window height, window width, channels)");
  const Shape shape = shape_of(weight);
  if (weight.size() == 0) Argument{op, "weight"}.value_error("have no empty axis", "shape " + to_text(shape));
  const Images images = images_of(op, x, {shape[1], shape[2]}, stride, padding);
  check_shape({op, "weight"}, weight, {shape[0], shape[1], shape[2], images.channels});
  return {images, weight, Conv2DPlan(images.window, images.channels, shape[0])};
}

std::size_t work_of(const Convolution& c) {
  return checked_multiply(checked_multiply(c.images.count, c.plan.places),
                          checked_multiply(c.plan.tap_count, c.plan.filters));
}

std::size_t padded_size(const Convolution& c) {
  return c.plan.window.pads() ? checked_multiply(c.images.count, c.plan.padded_size) : 0;
}

// Returns x, or x with its padding, written to `place`. A barrier must follow only if threads read other threads'
// images.
template <class T>
const T* padded_images(Team& team, const Convolution& c, T* place) {
  const T* const x = data_of<T>(c.images.x);
  if (!c.plan.window.pads()) return x;
  pad_images(team, c.plan, c.images.count, x, place);
  return place;
}

py::array conv2d_forward_binding(const py::object& x, const py::object& weight, const py::object& bias_object,
                                 const Pair& stride, const std::string& padding, const py::object& out) {
  const std::string op = "conv2d_forward";
  const Convolution c = convolution_of(op, x, weight, stride, padding);
  py::array bias;
  if (!bias_object.is_none()) {
    bias = strict_array_like({op, "bias"}, bias_object, c.images.x, "x");
    check_shape({op, "bias"}, bias, {c.plan.filters});
  }
  py::array y = output_array({op, "out"}, out, c.images.result(c.plan.filters), c.images.x.dtype(), "x");
  check_overlap({op, "out"}, y, "x", c.images.x, Overlap::forbidden);
  check_overlap({op, "out"}, y, "weight", c.weight, Overlap::forbidden);
  if (!bias_object.is_none()) check_overlap({op, "out"}, y, "bias", bias, Overlap::forbidden);
  dispatch_dtype(c.images.x, [&]<class T>() {
    OutputEpilogue<T> output{};
    output.forward = kernel_table<T>().activation_forward[static_cast<int>(ActivationId::identity)];
    ActivationForward<T>& f = output.activation;
    f.x = f.y = mutable_data_of<T>(y);
    f.x_stride = f.y_stride = c.plan.filters;
    f.bias = bias_object.is_none() ? nullptr : data_of<T>(bias);
    const Epilogue<T> epilogue = kernel_table<T>().output_epilogue(output);
    Layout layout;
    const std::size_t panels = layout.add<T>(conv2d_panels_size<T>(c.plan));
    const std::size_t padded = layout.add<T>(padded_size(c));
    const Scratch scratch(layout);
    const T* const w = data_of<T>(c.weight);
    with_scratch_team(work_of(c), [&](Team& team) {
      conv2d_pack(team, c.plan, w, scratch.at<T>(panels));
      const T* const images = padded_images(team, c, scratch.at<T>(padded));
      team.barrier();
      conv2d_forward<T>(team, c.plan, c.images.count, images, scratch.at<T>(panels),
                        bias_object.is_none() ? nullptr : &epilogue, f.y, nullptr);
    });
  });
  return y;
}

py::tuple conv2d_backward_binding(const py::object& grad_object, const py::object& x, const py::object& weight,
                                  const Pair& stride, const std::string& padding) {
  const std::string op = "conv2d_backward";
  const Convolution c = convolution_of(op, x, weight, stride, padding);
  const py::array grad = strict_array_like({op, "grad_out"}, grad_object, c.images.x, "x");
  check_shape({op, "grad_out"}, grad, c.images.result(c.plan.filters));
  const py::dtype dtype = c.images.x.dtype();
  py::array grad_x = new_array(op, c.images.shape(), dtype);
  py::array grad_weight = new_array(op, shape_of(c.weight), dtype);
  py::array grad_bias = new_array(op, {c.plan.filters}, dtype);
  dispatch_dtype(c.images.x, [&]<class T>() {
    const std::size_t rows = checked_multiply(c.images.count, c.plan.places);
    Layout layout;
    const std::size_t panels = layout.add<T>(conv2d_grad_panels_size<T>(c.plan));
    const std::size_t padded = layout.add<T>(padded_size(c));
    const std::size_t work = layout.add<T>(conv2d_grad_x_work(c.plan, c.images.count));
    const std::size_t sums = layout.add<T>(checked_multiply(c.plan.tap_count, c.plan.filters));
    const std::size_t partial = layout.add<T>(checked_multiply(chunk_count(rows), c.plan.filters));
    const Scratch scratch(layout);
    const T* const w = data_of<T>(c.weight);
    const T* const grad_y = data_of<T>(grad);
    T* const to_x = mutable_data_of<T>(grad_x);
    T* const to_weight = mutable_data_of<T>(grad_weight);
    T* const to_bias = mutable_data_of<T>(grad_bias);
    T* const taps = scratch.at<T>(sums);
    std::fill_n(taps, c.plan.tap_count * c.plan.filters, T(0));  // there are no images
    with_scratch_team(work_of(c), [&](Team& team) {
      conv2d_grad_pack(team, c.plan, w, scratch.at<T>(panels));
      const T* const images = padded_images(team, c, scratch.at<T>(padded));
      team.barrier();
      conv2d_grad_x<T>(team, c.plan, c.images.count, grad_y, scratch.at<T>(panels), scratch.at<T>(work), to_x, nullptr);
      conv2d_grad_weight<T>(team, c.plan, c.images.count, images, grad_y, true, taps, nullptr);
      column_sums(team, rows, c.plan.filters, grad_y, c.plan.filters, scratch.at<T>(partial), to_bias);
      team.barrier();
      transpose(team, c.plan.tap_count, c.plan.filters, taps, to_weight);
    });
  });
  return py::make_tuple(grad_x, grad_weight, grad_bias);
}

py::array max_pool2d_forward_binding(const py::object& x, const Pair& size, const Pair& stride,
                                     const std::string& padding, const py::object& out) {
  const std::string op = "max_pool2d_forward";
  const Images images = images_of(op, x, size, stride, padding);
  py::array y = output_array({op, "out"}, out, images.result(images.channels), images.x.dtype(), "x");
  check_overlap({op, "out"}, y, "x", images.x, Overlap::forbidden);
  dispatch_dtype(images.x, [&]<class T>() {
    const T* const from = data_of<T>(images.x);
    T* const to = mutable_data_of<T>(y);
    with_team(static_cast<std::size_t>(images.x.size()),
              [&](Team& team) { max_pool2d_forward(team, images.window, images.channels, images.count, from, to); });
  });
  return y;
}

py::array max_pool2d_backward_binding(const py::object& grad_object, const py::object& x, const Pair& size,
                                      const Pair& stride, const std::string& padding) {
  const std::string op = "max_pool2d_backward";
  const Images images = images_of(op, x, size, stride, padding);
  const py::array grad = strict_array_like({op, "grad_out"}, grad_object, images.x, "x");
  check_shape({op, "grad_out"}, grad, images.result(images.channels));
  py::array grad_x = new_array(op, images.shape(), images.x.dtype());
  dispatch_dtype(images.x, [&]<class T>() {
    const Scratch y(checked_multiply(static_cast<std::size_t>(grad.size()), sizeof(T)));
    const T* const from = data_of<T>(images.x);
    const T* const grad_y = data_of<T>(grad);
    T* const to = mutable_data_of<T>(grad_x);
    with_team(static_cast<std::size_t>(images.x.size()), [&](Team& team) {
      max_pool2d_forward(team, images.window, images.channels, images.count, from, y.at<T>(0));
      max_pool2d_backward<T>(team, images.window, images.channels, images.count, from, y.at<T>(0), grad_y, to);
    });
  });
  return grad_x;
}

}  // namespace

void register_conv2d_ops(py::module_& m) {
  m.def("conv2d_forward", &conv2d_forward_binding, py::arg("x"), py::arg("weight"), py::arg("bias").none(true),
        py::arg("stride"), py::arg("padding"), py::arg("out").none(true));
  m.def("conv2d_backward", &conv2d_backward_binding, py::arg("grad_out"), py::arg("x"), py::arg("weight"),
        py::arg("stride"), py::arg("padding"));
  m.def("max_pool2d_forward", &max_pool2d_forward_binding, py::arg("x"), py::arg("size"), py::arg("stride"),
        py::arg("padding"), py::arg("out").none(true));
  m.def("max_pool2d_backward", &max_pool2d_backward_binding, py::arg("grad_out"), py::arg("x"), py::arg("size"),
        py::arg("stride"), py::arg("padding"));
}

}  // namespace prelunet
