#include "network/conv2d.h"

#include "network/layer_registry.h"
#include "network/layer_window.h"
#include "ops/optimizer.h"
#include "runtime/scratch.h"

namespace prelunet {
namespace {

ParameterInfo weight_info(const Window2D& window, std::size_t channels, std::size_t filters, bool trainable) {
  const std::size_t height = window.vertical.window, width = window.horizontal.window;
  const std::size_t fan_in = height * width * channels, fan_out = height * width * filters;
  return {"weight", ParameterKind::weight, {filters, height, width, channels}, fan_in, fan_out, trainable};
}

}  // namespace

template <class T>
Conv2D<T>::Conv2D(const Shape& input, const Window2D& window, std::size_t filters, bool use_bias, bool trainable)
    : Weighted<T>(input, {window.vertical.places, window.horizontal.places, filters},
                  weight_info(window, input[2], filters, trainable), use_bias),
      plan_(window, input[2], filters),
      panels_(filters, plan_.tap_count),
      grad_panels_(conv2d_grad_panels_size<T>(plan_)) {}

template <class T>
void Conv2D<T>::pack_weight(Team& team) const {
  panels_.pack(team, this->weight());
  conv2d_grad_pack<T>(team, plan_, this->weight().value, grad_panels_.data());
}

template <class T>
double Conv2D<T>::multiply_adds() const {
  return static_cast<double>(plan_.places) * static_cast<double>(plan_.tap_count) * static_cast<double>(plan_.filters);
}

template <class T>
typename Conv2D<T>::Work Conv2D<T>::work(std::size_t rows) const {
  const std::size_t places = checked_multiply(rows, plan_.places);
  Layout layout;
  Work at{};
  at.activation = layout.add<T>(this->activation_work_size(places));
  at.weight_sums = layout.add<T>(checked_multiply(plan_.tap_count, plan_.filters));
  at.bias_partial = layout.add<T>(this->bias_work_size(places));
  at.padded = layout.add<T>(padded_size(rows));
  at.grad_x = layout.add<T>(conv2d_grad_x_work(plan_, rows));
  at.size = layout.bytes();
  for (std::size_t* const offset :
       {&at.activation, &at.weight_sums, &at.bias_partial, &at.padded, &at.grad_x, &at.size}) {
    *offset /= sizeof(T);
  }
  return at;
}

template <class T>
void Conv2D<T>::run_forward(Team& team, const Flow<T>& flow, T* own) const {
  if (plan_.window.pads()) pad_images(team, plan_, flow.rows, flow.x, own);
  const OutputEpilogue<T> output = this->output_epilogue(flow);
  const Epilogue<T> epilogue = kernel_table<T>().output_epilogue(output);
  conv2d_forward<T>(team, plan_, flow.rows, padded(flow, own), panels_.data(),
                    output.forward == nullptr ? nullptr : &epilogue, this->z(flow), flow.next_rows);
}

template <class T>
void Conv2D<T>::forward(Team& team, const Flow<T>& flow) const {
  run_forward(team, flow, flow.work + work(flow.capacity).padded);
}

template <class T>
void Conv2D<T>::predict(Team& team, const Flow<T>& flow) const {
  run_forward(team, flow, flow.work);
}

template <class T>
void Conv2D<T>::backward(Team& team, const Flow<T>& flow) const {
  this->run_prologue(team, flow);
  if (flow.grad_x == nullptr) return;
  conv2d_grad_x<T>(team, plan_, flow.rows, flow.grad_y, grad_panels_.data(), flow.work + work(flow.capacity).grad_x,
                   flow.grad_x, flow.next_rows);
}

template <class T>
void Conv2D<T>::weight_gradient(Team& team, const Flow<T>& flow) const {
  const Work at = work(flow.capacity);
  const Parameter<T>& weight = this->weight();
  T* const sums = flow.work + at.weight_sums;
  conv2d_grad_weight<T>(team, plan_, flow.rows, padded(flow, flow.work + at.padded), flow.grad_y, flow.first, sums,
                        flow.next_rows);
  team.barrier();
  transpose<T>(team, plan_.tap_count, plan_.filters, sums, weight.gradient);
  if (flow.update == nullptr) return;
  team.barrier();
  update(team, flow.update->id, flow.update->of(weight, weight.size), weight.size);
  team.barrier();
  pack_weight(team);
}

template <class T>
void Conv2D<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (this->weight().trainable) weight_gradient(team, flow);
  this->other_gradients(team, flow);
}

template <class T>
void Conv2D<T>::visit_kept_sums(const Flow<T>& flow, const typename Layer<T>::SumVisitor& visitor) const {
  Weighted<T>::visit_kept_sums(flow, visitor);
  if (this->weight().trainable) visitor(flow.work + work(flow.capacity).weight_sums, this->weight().size);
}

template <class T>
std::unique_ptr<Layer<T>> Conv2D<T>::make(const LayerContext<T>& context) {
  const std::size_t filters = context.config.size("units");
  const bool use_bias = context.config.boolean("use_bias");
  const Window2D window = read_window(context.config, context.input);
  return std::make_unique<Conv2D>(context.input, window, filters, use_bias, context.config.trainable());
}

template class Conv2D<float>;
template class Conv2D<double>;

}  // namespace prelunet
