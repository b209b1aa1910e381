#include "network/residual.h"

#include <utility>

#include "network/layer_registry.h"
#include "ops/elementwise.h"

namespace prelunet {

template <class T>
Residual<T>::Residual(const Shape& shape, double step_size, Plan<T> inner)
    : Sequence<T>(shape, shape, std::move(inner)), step_size_(step_size) {}

// out = factor * x + y of contiguous rows.
template <class T>
ScaledSum<T> Residual<T>::sum_of(std::size_t rows, double factor, const T* x, const T* y, T* out) const {
  const std::size_t columns = this->outputs();
  return {rows, columns, factor, x, columns, y, out, columns};
}

// The sum as a separate pass.
template <class T>
void Residual<T>::add(Team& team, const ScaledSum<T>& g) const {
  scaled_sum(team, g.rows, g.columns, g.factor, g.x, g.y, g.out);
}

template <class T>
void Residual<T>::forward(Team& team, const Flow<T>& flow) const {
  const std::size_t last = plan().stages.size() - 1;
  const ScaledSum<T> sum = sum_of(flow.rows, step_size_, inside(last, flow).y, flow.x, flow.y);
  for (std::size_t s = 0; s <= last; ++s) {
    Flow<T> inner = inside(s, flow);
    if (s == last && stage_makes_sum(s)) inner.sum = &sum;
    plan().stages[s]->forward(team, inner);
  }
  if (!stage_makes_sum(last)) add(team, sum);
}

// The prologue of the last stage of f, applied to h grad_y.
template <class T>
std::optional<Prologue<T>> Residual<T>::prologue(const Flow<T>& flow) const {
  const std::size_t last = plan().stages.size() - 1;
  const Flow<T> inner = inside(last, flow);
  std::optional<Prologue<T>> prologue = plan().stages[last]->prologue(inner);
  if (!prologue || prologue->g.grad_x != inner.grad_y) return std::nullopt;  // the stage reads h grad_y later
  prologue->g.grad_y = flow.grad_y;
  prologue->g.factor = static_cast<T>(step_size_);
  return prologue;
}

// grad_x = grad_y + J^T (h grad_y), J the Jacobian of f.
template <class T>
void Residual<T>::backward(Team& team, const Flow<T>& flow) const {
  if (!flow.prologue_done) {
    T* const grad_f = inside(plan().stages.size() - 1, flow).grad_y;
    constexpr double kNothing = -0.0;  // adding -0.0 keeps the sign of a zero
    scale_shift<T>(team, flow.rows, this->outputs(), flow.grad_y, step_size_, kNothing, grad_f);
  }
  const ScaledSum<T> sum = sum_of(flow.rows, 1.0, flow.grad_x, flow.grad_y, flow.grad_x);
  const auto flow_of = [&](std::size_t s) {
    Flow<T> inner = inside(s, flow);
    if (s == 0 && flow.grad_x != nullptr && stage_makes_sum(s)) inner.sum = &sum;
    return inner;
  };
  plan().backward(team, lowest(flow), flow_of, [] { return false; });
  if (flow.grad_x != nullptr && !stage_makes_sum(0)) add(team, sum);
}

template <class T>
void Residual<T>::predict(Team& team, const Flow<T>& flow) const {
  const bool carried = !plan().predict_stages.empty() && plan().predict_stages.back()->makes_sum();
  const ScaledSum<T> sum = sum_of(flow.rows, step_size_, flow.y, flow.x, flow.y);
  Flow<T> inner = flow;
  inner.sum = carried ? &sum : nullptr;
  plan().predict(team, inner);
  if (!carried) add(team, sum);
}

template <class T>
std::unique_ptr<Layer<T>> Residual<T>::make(const LayerContext<T>& context) {
  const double step_size = context.config.real("step");
  Plan<T> inner = context.make_plan(context.input, context.config.layers("layers"));
  if (inner.output != context.input) {
    context.config.fail("layers must give the shape of their input, " + shape_text(context.input) + ", got " +
                        shape_text(inner.output));
  }
  return std::make_unique<Residual>(context.input, step_size, std::move(inner));
}

template class Residual<float>;
template class Residual<double>;

}  // namespace prelunet
