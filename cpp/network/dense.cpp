#include "network/dense.h"

#include <type_traits>

#include "network/bfloat16_dense.h"
#include "network/layer_registry.h"
#include "ops/sparse.h"

namespace prelunet {

template <class T>
Dense<T>::Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable)
    : Weighted<T>(
          input, {units},
          {"weight", ParameterKind::weight, {units, element_count(input)}, element_count(input), units, trainable},
          use_bias),
      features_(element_count(input)),
      units_(units),
      panels_(units, features_) {}

template <class T>
void Dense<T>::forward(Team& team, const Flow<T>& flow) const {
  OutputEpilogue<T> output = this->output_epilogue(flow);
  if (flow.sum != nullptr) output.sum = *flow.sum;
  const bool has_epilogue = output.forward != nullptr || flow.sum != nullptr;
  const Epilogue<T> epilogue = kernel_table<T>().output_epilogue(output);
  if (flow.sparse_x != nullptr) {
    return sparse_product<T>(
        team, flow.rows,
        {units_, features_, *flow.sparse_x, panels_.data(), this->z(flow), units_, has_epilogue ? &epilogue : nullptr});
  }
  Gemm<T> g{};  // x W^T
  g.m = flow.rows;
  g.n = units_;
  g.k = features_;
  g.a = flow.x;
  g.a_row_stride = features_;
  g.a_k_stride = 1;
  g.b = panels_.data();
  g.c = this->z(flow);
  g.c_stride = units_;
  g.next_rows = flow.next_rows;
  if (has_epilogue) g.epilogue = &epilogue;
  gemm(team, g, Split::rows);
}

template <class T>
void Dense<T>::backward(Team& team, const Flow<T>& flow) const {
  this->run_prologue(team, flow);
  if (flow.grad_x == nullptr) return;

  Gemm<T> g{};  // grad_x = dz W
  g.m = flow.rows;
  g.n = features_;
  g.k = units_;
  g.a = flow.grad_y;
  g.a_row_stride = units_;
  g.a_k_stride = 1;
  g.b = this->weight().value;
  g.b_stride = features_;
  g.c = flow.grad_x;
  g.c_stride = features_;
  g.next_rows = flow.next_rows;

  GradientEpilogue<T> gradient{};
  if (flow.sum != nullptr) gradient.sum = *flow.sum;
  if (flow.prologue != nullptr) {
    gradient.backward = kernel_table<T>().activation_backward[static_cast<int>(flow.prologue->id)];
    gradient.activation = flow.prologue->g;
  }
  const Epilogue<T> epilogue = kernel_table<T>().gradient_epilogue(gradient);
  if (flow.sum != nullptr || flow.prologue != nullptr) g.epilogue = &epilogue;
  gemm(team, g, Split::rows);
}

// Computes grad_W = dz^T x for compressed rows.
template <class T>
void Dense<T>::sparse_gradient(Team& team, const Flow<T>& flow) const {
  SparseGradient<T> g{flow.rows,   units_, features_, *flow.sparse_x, flow.grad_y, this->weight().gradient,
                      !flow.first, nullptr};
  if (flow.update == nullptr) return prelunet::sparse_gradient(team, g);
  const UpdateEpilogue<T> update = panels_.update(*flow.update, this->weight(), 0, false);
  const Epilogue<T> epilogue = kernel_table<T>().update_epilogue(update);
  g.epilogue = &epilogue;
  prelunet::sparse_gradient(team, g);
}

// Computes grad_W = dz^T x for some rows of W.
template <class T>
void Dense<T>::weight_gradient(Team& team, const Flow<T>& flow, Range units) const {
  if (units.empty()) return;
  Gemm<T> g{};
  g.m = units.size();
  g.n = features_;
  g.a = flow.grad_y + units.begin;
  g.a_k_stride = units_;
  g.b = flow.x;
  g.b_stride = features_;
  g.c = this->weight().gradient + units.begin * features_;
  g.c_stride = features_;
  run_gradient(team, flow, g, units.begin, Split::output);
}

// Computes grad_W^T = x^T dz for the first `units` rows of W. Its elements have the same order as in the panels, so the
// update needs no transposition.
template <class T>
void Dense<T>::transposed_gradient(Team& team, const Flow<T>& flow, std::size_t units) const {
  if (units == 0) return;
  Gemm<T> g{};
  g.m = features_;
  g.n = units;
  g.a = flow.x;
  g.a_k_stride = features_;
  g.b = flow.grad_y;
  g.b_stride = units_;
  g.c = this->weight().gradient;
  g.c_stride = units;
  run_gradient(team, flow, g, 0, Split::panels);
}

// Completes the arguments of a gradient and runs the product, with the update if there is one. If `split` is
// Split::panels, g computes grad_W^T.
template <class T>
void Dense<T>::run_gradient(Team& team, const Flow<T>& flow, Gemm<T> g, std::size_t first, Split split) const {
  g.k = flow.rows;
  g.a_row_stride = 1;
  g.accumulate = !flow.first;
  g.next_rows = flow.next_rows;
  if (flow.update == nullptr) return gemm(team, g, split);
  const UpdateEpilogue<T> update = panels_.update(*flow.update, this->weight(), first, split == Split::panels);
  const Epilogue<T> epilogue = kernel_table<T>().update_epilogue(update);
  g.epilogue = &epilogue;
  gemm(team, g, split);
}

template <class T>
void Dense<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (this->weight().trainable && flow.sparse_x != nullptr) {
    sparse_gradient(team, flow);
  } else if (this->weight().trainable) {
    const std::size_t transposed = panels_.transposed_rows();
    transposed_gradient(team, flow, transposed);
    weight_gradient(team, flow, flow.units == nullptr ? Range{transposed, units_} : *flow.units);
  }
  if (flow.units == nullptr || flow.units->end == units_) this->other_gradients(team, flow);
}

template <class T>
std::unique_ptr<Layer<T>> Dense<T>::make(const LayerContext<T>& context) {
  const std::size_t units = context.config.size("units");
  const bool use_bias = context.config.boolean("use_bias");
  if (context.input.size() != 1) {
    context.config.fail("input must have shape (features,), got " + shape_text(context.input) +
                        "; put Flatten before it");
  }
  if constexpr (std::is_same_v<T, float>) {
    if (context.bfloat16 && Bfloat16Dense::fits(context.input[0], units)) {
      return std::make_unique<Bfloat16Dense>(context.input, units, use_bias, context.config.trainable());
    }
  }
  return std::make_unique<Dense>(context.input, units, use_bias, context.config.trainable());
}

template class Dense<float>;
template class Dense<double>;

}  // namespace prelunet
