#include "network/container.h"

#include <algorithm>
#include <utility>

#include "runtime/scratch.h"

namespace prelunet {

template <class T>
Container<T>::Container(const Shape& input, const Shape& output, Plan<T>&& inner)
    : Layer<T>(input, output), inner_(std::move(inner)) {}

template <class T>
void Container<T>::refresh(Team& team) {
  for (const auto& stage : inner_.stages) stage->refresh(team);
}

template <class T>
double Container<T>::multiply_adds() const {
  auto sum = static_cast<double>(this->outputs());
  for (const auto& stage : inner_.stages) sum += stage->multiply_adds();
  return sum;
}

template <class T>
bool Container<T>::calls_python() const {
  return std::any_of(inner_.stages.begin(), inner_.stages.end(),
                     [](const auto& stage) { return stage->calls_python(); });
}

template <class T>
void Container<T>::visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const {
  visitor(*this, flow);
  for (std::size_t s = 0; s < inner_.stages.size(); ++s) inner_.stages[s]->visit(inside(s, flow), visitor);
}

template <class T>
typename Sequence<T>::Places Sequence<T>::places(std::size_t s, std::size_t rows) const {
  const Layer<T>& stage = *this->plan().stages[s];
  const bool shared = ends_with_last_stage() && s + 1 == this->plan().stages.size();
  const std::size_t size = checked_multiply(rows, stage.outputs());
  Layout layout;
  const std::size_t y = layout.add<T>(shared ? 0 : size);
  const std::size_t z = layout.add<T>(stage.keeps_z() ? size : 0);
  const std::size_t grad_y = layout.add<T>(shared ? 0 : size);
  const std::size_t work = layout.add<T>(stage.work_size(rows));
  return {y / sizeof(T), z / sizeof(T), grad_y / sizeof(T), work / sizeof(T), layout.bytes() / sizeof(T)};
}

template <class T>
std::size_t Sequence<T>::begin(std::size_t s, std::size_t rows) const {
  std::size_t sum = head_size(rows);
  for (std::size_t i = 0; i < s; ++i) sum = checked_add(sum, places(i, rows).size);
  return sum;
}

template <class T>
Flow<T> Sequence<T>::inside(std::size_t s, const Flow<T>& flow) const {
  T* const own = flow.work + begin(s, flow.capacity);
  const Places at = places(s, flow.capacity);
  Flow<T> inner = flow;
  if (!ends_with_last_stage() || s + 1 < this->plan().stages.size()) {
    inner.y = own + at.y;
    inner.grad_y = own + at.grad_y;
  }
  inner.z = own + at.z;
  inner.work = own + at.work;
  inner.sum = nullptr;
  if (s > 0) {
    const Places before = places(s - 1, flow.capacity);
    inner.x = own - before.size + before.y;
    inner.grad_x = s > lowest(flow) ? own - before.size + before.grad_y : nullptr;
  }
  return inner;
}

template <class T>
void Sequence<T>::gradients(Team& team, const Flow<T>& flow) const {
  const auto& stages = this->plan().stages;
  for (std::size_t s = lowest(flow); s < stages.size(); ++s) stages[s]->gradients(team, inside(s, flow));
}

template class Container<float>;
template class Container<double>;
template class Sequence<float>;
template class Sequence<double>;

}  // namespace prelunet
