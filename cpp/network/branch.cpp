#include "network/branch.h"

#include <algorithm>
#include <utility>

#include "network/layer_registry.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
Branch<T>::Branch(const Shape& input, Shape columns, Plan<T> inner)
    : Layer<T>(input, inner.output), columns_(std::move(columns)), inner_(std::move(inner)) {}

template <class T>
std::vector<std::size_t> Branch<T>::categories() const {
  const std::vector<std::size_t> own = inner_.categories();
  std::vector<std::size_t> found(own.empty() ? 0 : this->inputs());
  for (std::size_t j = 0; j < own.size(); ++j) found[columns_[j]] = own[j];
  return found;
}

template <class T>
void Branch<T>::refresh(Team& team) {
  for (const auto& stage : inner_.stages) stage->refresh(team);
}

template <class T>
double Branch<T>::multiply_adds() const {
  auto sum = static_cast<double>(columns_.size());
  for (const auto& stage : inner_.stages) sum += stage->multiply_adds();
  return sum;
}

template <class T>
bool Branch<T>::calls_python() const {
  return std::any_of(inner_.stages.begin(), inner_.stages.end(),
                     [](const auto& stage) { return stage->calls_python(); });
}

template <class T>
void Branch<T>::visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const {
  visitor(*this, flow);
  for (std::size_t s = 0; s < inner_.stages.size(); ++s) inner_.stages[s]->visit(inside(s, flow), visitor);
}

template <class T>
typename Branch<T>::Places Branch<T>::places(std::size_t s, std::size_t rows) const {
  const Layer<T>& stage = *inner_.stages[s];
  const bool last = s + 1 == inner_.stages.size();
  const std::size_t size = checked_multiply(rows, stage.outputs());
  Layout layout;
  const std::size_t y = layout.add<T>(last ? 0 : size);
  const std::size_t z = layout.add<T>(stage.keeps_z() ? size : 0);
  const std::size_t grad_y = layout.add<T>(last ? 0 : size);
  const std::size_t work = layout.add<T>(stage.work_size(rows));
  return {y / sizeof(T), z / sizeof(T), grad_y / sizeof(T), work / sizeof(T), layout.bytes() / sizeof(T)};
}

template <class T>
std::size_t Branch<T>::input_size(std::size_t rows) const {
  Layout layout;
  layout.add<T>(checked_multiply(rows, columns_.size()));
  return layout.bytes() / sizeof(T);
}

template <class T>
std::size_t Branch<T>::begin(std::size_t s, std::size_t rows) const {
  std::size_t sum = checked_multiply(2, input_size(rows));
  for (std::size_t i = 0; i < s; ++i) sum = checked_add(sum, places(i, rows).size);
  return sum;
}

template <class T>
Flow<T> Branch<T>::inside(std::size_t s, const Flow<T>& flow) const {
  T* const own = flow.work + begin(s, flow.capacity);
  const Places at = places(s, flow.capacity);
  const bool last = s + 1 == inner_.stages.size();
  Flow<T> inner = flow;
  inner.y = last ? flow.y : own + at.y;
  inner.z = own + at.z;
  inner.grad_y = last ? flow.grad_y : own + at.grad_y;
  inner.work = own + at.work;
  inner.sum = nullptr;
  if (s > 0) {
    const Places before = places(s - 1, flow.capacity);
    inner.x = own - before.size + before.y;
    inner.grad_x = s > lowest(flow) ? own - before.size + before.grad_y : nullptr;
  } else {
    inner.x = flow.work;
    inner.grad_x = flow.grad_x == nullptr ? nullptr : flow.work + input_size(flow.capacity);
  }
  return inner;
}

template <class T>
void Branch<T>::select(Team& team, std::size_t rows, const T* x, T* to) const {
  const Range share = team.share(rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    for (std::size_t j = 0; j < columns_.size(); ++j) to[i * columns_.size() + j] = x[i * this->inputs() + columns_[j]];
  }
}

template <class T>
void Branch<T>::forward(Team& team, const Flow<T>& flow) const {
  select(team, flow.rows, flow.x, inner_.stages.empty() ? flow.y : flow.work);
  for (std::size_t s = 0; s < inner_.stages.size(); ++s) inner_.stages[s]->forward(team, inside(s, flow));
}

template <class T>
void Branch<T>::backward(Team& team, const Flow<T>& flow) const {
  inner_.backward(team, lowest(flow), [&](std::size_t s) { return inside(s, flow); }, [] { return false; });
  if (flow.grad_x == nullptr) return;
  const T* const gradient = inner_.stages.empty() ? flow.grad_y : flow.work + input_size(flow.capacity);
  const Range share = team.share(flow.rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    T* const row = flow.grad_x + i * this->inputs();
    for (std::size_t j = 0; j < columns_.size(); ++j) row[columns_[j]] += gradient[i * columns_.size() + j];
  }
}

template <class T>
void Branch<T>::gradients(Team& team, const Flow<T>& flow) const {
  for (std::size_t s = lowest(flow); s < inner_.stages.size(); ++s) inner_.stages[s]->gradients(team, inside(s, flow));
}

template <class T>
std::size_t Branch<T>::predict_work_size(std::size_t rows) const {
  return checked_add(input_size(rows), inner_.predict_work_size(rows));
}

template <class T>
void Branch<T>::predict(Team& team, const Flow<T>& flow) const {
  if (inner_.predict_stages.empty()) return select(team, flow.rows, flow.x, flow.y);
  select(team, flow.rows, flow.x, flow.work);
  Flow<T> inner = flow;
  inner.x = flow.work;
  inner.work = flow.work + input_size(flow.rows);
  inner.sum = nullptr;
  inner_.predict(team, inner);
}

template <class T>
std::unique_ptr<Layer<T>> Branch<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  if (context.input.size() != 1) {
    config.fail("input must have shape (columns,), got " + shape_text(context.input) + "; put Flatten before it");
  }
  const std::size_t inputs = context.input[0];
  Shape columns;
  if (config.boolean("slices")) {
    const Shape slice = config.sizes("columns", 3);  // first, last + 1, step
    for (std::size_t j = slice[0]; slice[2] > 0 && j < std::min(slice[1], inputs); j += slice[2]) columns.push_back(j);
  } else {
    columns = config.numbers("columns");
    for (const std::size_t column : columns) {
      if (column < inputs) continue;
      config.fail("columns must be below " + std::to_string(inputs) + ", the columns of the input, got " +
                  std::to_string(column));
    }
  }
  if (columns.empty())
    config.fail("columns must be at least one of the " + std::to_string(inputs) + " of the input, got none");
  Plan<T> inner = context.make_plan({columns.size()}, config.layers("layers"));
  if (inner.output.size() != 1) {
    config.fail("layers must give one axis of outputs, got shape " + shape_text(inner.output) + "; add Flatten");
  }
  return std::make_unique<Branch>(context.input, std::move(columns), std::move(inner));
}

template class Branch<float>;
template class Branch<double>;

}  // namespace prelunet
