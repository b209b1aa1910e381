#include "network/dense.h"

#include "network/layer_registry.h"
#include "ops/gemm.h"
#include "ops/optimizer.h"

namespace prelunet {

template <class T>
Dense<T>::Dense(const Shape& input, std::size_t units, bool use_bias, bool trainable)
    : Weighted<T>(
          input, {units},
          {"weight", ParameterKind::weight, {units, element_count(input)}, element_count(input), units, trainable},
          use_bias),
      features_(element_count(input)),
      units_(units),
      panels_(packed_size<T>(units, features_)) {}

template <class T>
void Dense<T>::refresh(Team& team) {
  pack(team, panels());
}

template <class T>
bool Dense<T>::reserve_room() {
  const Parameter<T>& weight = this->weight();
  for (int i = 0; i < kMaxSlots; ++i) {
    if (weight.slot[i] != nullptr && slot_panels_[i].size() == 0) slot_panels_[i] = Arena<T>(panels_.size());
  }
  return true;
}

template <class T>
void Dense<T>::take_parameters(Team& team) {
  const Parameter<T>& weight = this->weight();
  for (int i = 0; i < kMaxSlots; ++i) {
    if (weight.slot[i] != nullptr) pack(team, panels_of(weight.slot[i], slot_panels_[i]));
  }
  if (team.rank() == 0) taken_ = true;
}

template <class T>
void Dense<T>::return_parameters(Team& team) {
  const Parameter<T>& weight = this->weight();
  unpack(team, panels(), weight.value);
  for (int i = 0; i < kMaxSlots; ++i) {
    if (weight.slot[i] != nullptr) unpack(team, panels_of(weight.slot[i], slot_panels_[i]), weight.slot[i]);
  }
  if (team.rank() == 0) taken_ = false;
}

template <class T>
void Dense<T>::forward(Team& team, const Flow<T>& flow) const {
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
  g.ahead = flow.ahead;
  Epilogue<T> epilogue{};
  if (flow.sum != nullptr) epilogue.sum = *flow.sum;
  const bool follows = this->follow(flow, epilogue);
  if (!follows) epilogue.forward = nullptr;
  if (follows || flow.sum != nullptr) g.epilogue = &epilogue;
  gemm(team, g, Split::rows);
}

template <class T>
void Dense<T>::backward(Team& team, const Flow<T>& flow) const {
  this->enter(team, flow);
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
  g.ahead = flow.ahead;

  Epilogue<T> epilogue{};
  if (flow.sum != nullptr) {
    epilogue.sum = *flow.sum;
    g.epilogue = &epilogue;
  }
  if (flow.below != nullptr) {
    epilogue.backward = kernel_table<T>().activation_backward[static_cast<int>(flow.below->id)];
    epilogue.gradient = flow.below->g;
    g.epilogue = &epilogue;
  }
  gemm(team, g, Split::rows);
}

// What moves the weight, wherever it lies, by its gradient, or (transposed) by that of W^T.
template <class T>
Epilogue<T> Dense<T>::weight_update(const StepUpdate& update, bool transposed) const {
  const auto& kernels = kernel_table<T>();
  Epilogue<T> epilogue{};
  epilogue.update = kernels.update[static_cast<int>(update.id)];
  epilogue.parameter = update.of(this->weight(), features_);
  epilogue.panels = panels();
  if (!taken_) return epilogue;
  epilogue.transposed = transposed;
  if (!transposed) epilogue.update_turned = kernels.update_turned[static_cast<int>(update.id)];
  epilogue.parameter.parameter = panels_.data();
  for (int i = 0; i < kMaxSlots; ++i) {
    if (epilogue.parameter.slot[i] != nullptr) epilogue.parameter.slot[i] = slot_panels_[i].data();
  }
  return epilogue;
}

// grad_W = dz^T x, from row `first` of W on.
template <class T>
void Dense<T>::weight_gradient(Team& team, const Flow<T>& flow, std::size_t first) const {
  if (first == units_) return;
  Gemm<T> g{};
  g.m = units_ - first;
  g.n = features_;
  g.k = flow.rows;
  g.a = flow.grad_y + first;
  g.a_row_stride = 1;
  g.a_k_stride = units_;
  g.b = flow.x;
  g.b_stride = features_;
  g.c = this->weight().gradient + first * features_;
  g.c_stride = features_;
  g.accumulate = !flow.first;
  g.ahead = flow.ahead;

  Epilogue<T> epilogue{};
  if (flow.update != nullptr) {
    epilogue = weight_update(*flow.update, false);
    epilogue.panels.row = first;
    g.epilogue = &epilogue;
  }
  gemm(team, g, Split::output);
}

// The same of the first `units` rows as grad_W^T = x^T dz, which is how panels lie.
template <class T>
void Dense<T>::transposed_gradient(Team& team, const Flow<T>& flow, std::size_t units) const {
  if (units == 0) return;
  Gemm<T> g{};
  g.m = features_;
  g.n = units;
  g.k = flow.rows;
  g.a = flow.x;
  g.a_row_stride = 1;
  g.a_k_stride = features_;
  g.b = flow.grad_y;
  g.b_stride = units_;
  g.c = this->weight().gradient;
  g.c_stride = units;
  g.accumulate = !flow.first;
  g.ahead = flow.ahead;

  Epilogue<T> epilogue{};
  if (flow.update != nullptr) {
    epilogue = weight_update(*flow.update, true);
    g.epilogue = &epilogue;
  }
  gemm(team, g, Split::panels);
}

// How many rows of W have a gradient that is made as panels lie: all that can, unless few features would not repay the
// second product, for the others.
template <class T>
std::size_t Dense<T>::transposed_units() const {
  constexpr std::size_t kManyFeatures = 64;
  const std::size_t whole = kernel_table<T>().transposed_columns(units_);
  return whole == units_ || features_ >= kManyFeatures ? whole : 0;
}

template <class T>
void Dense<T>::gradients(Team& team, const Flow<T>& flow) const {
  if (this->weight().trainable) {
    const std::size_t transposed = taken_ ? transposed_units() : 0;
    transposed_gradient(team, flow, transposed);
    weight_gradient(team, flow, transposed);
  }
  this->other_gradients(team, flow);
}

template <class T>
std::unique_ptr<Layer<T>> Dense<T>::make(const LayerContext<T>& context) {
  const std::size_t units = context.config.size("units");
  const bool use_bias = context.config.boolean("use_bias");
  if (context.input.size() != 1) {
    context.config.fail("input must have shape (features,), got " + shape_text(context.input) +
                        "; put Flatten before it");
  }
  return std::make_unique<Dense>(context.input, units, use_bias, context.config.trainable());
}

template class Dense<float>;
template class Dense<double>;

}  // namespace prelunet
