#include "network/branch.h"

#include <algorithm>
#include <utility>

#include "network/layer_registry.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
Branch<T>::Branch(const Shape& input, Shape columns, Plan<T> inner)
    : Sequence<T>(input, inner.output, std::move(inner)), columns_(std::move(columns)) {}

template <class T>
std::vector<std::size_t> Branch<T>::categories() const {
  const std::vector<std::size_t> own = plan().categories();
  std::vector<std::size_t> found(own.empty() ? 0 : this->inputs());
  for (std::size_t j = 0; j < own.size(); ++j) found[columns_[j]] = own[j];
  return found;
}

template <class T>
std::size_t Branch<T>::input_size(std::size_t rows) const {
  Layout layout;
  layout.add<T>(checked_multiply(rows, columns_.size()));
  return layout.bytes() / sizeof(T);
}

template <class T>
Flow<T> Branch<T>::inside(std::size_t s, const Flow<T>& flow) const {
  Flow<T> inner = Sequence<T>::inside(s, flow);
  if (s == 0) {
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
  select(team, flow.rows, flow.x, plan().stages.empty() ? flow.y : flow.work);
  for (std::size_t s = 0; s < plan().stages.size(); ++s) plan().stages[s]->forward(team, inside(s, flow));
}

template <class T>
void Branch<T>::backward(Team& team, const Flow<T>& flow) const {
  plan().backward(team, lowest(flow), [&](std::size_t s) { return inside(s, flow); }, [] { return false; });
  if (flow.grad_x == nullptr) return;
  const T* const gradient = plan().stages.empty() ? flow.grad_y : flow.work + input_size(flow.capacity);
  const Range share = team.share(flow.rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    T* const row = flow.grad_x + i * this->inputs();
    for (std::size_t j = 0; j < columns_.size(); ++j) row[columns_[j]] += gradient[i * columns_.size() + j];
  }
}

template <class T>
std::size_t Branch<T>::predict_work_size(std::size_t rows) const {
  return checked_add(input_size(rows), plan().predict_work_size(rows));
}

template <class T>
void Branch<T>::predict(Team& team, const Flow<T>& flow) const {
  if (plan().predict_stages.empty()) return select(team, flow.rows, flow.x, flow.y);
  select(team, flow.rows, flow.x, flow.work);
  Flow<T> inner = flow;
  inner.x = flow.work;
  inner.work = flow.work + input_size(flow.rows);
  inner.sum = nullptr;
  plan().predict(team, inner);
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
    const std::size_t first = slice[0], end = std::min(slice[1], inputs), step = slice[2];
    const std::size_t count = step > 0 && first < end ? (end - first - 1) / step + 1 : 0;
    columns.reserve(count);  // fails before it takes memory if there are too many
    for (std::size_t j = 0; j < count; ++j) columns.push_back(first + j * step);
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
