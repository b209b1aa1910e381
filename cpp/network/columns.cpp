#include "network/columns.h"

#include <algorithm>
#include <utility>

#include "network/layer_registry.h"
#include "runtime/scratch.h"

namespace prelunet {

template <class T>
Columns<T>::Columns(const Shape& input, std::size_t outputs, Plan<T> branches, Shape rest)
    : Container<T>(input, {outputs}, std::move(branches)), named_(plan().stages.size()) {
  if (!rest.empty()) {
    Plan<T> none;
    none.output = {rest.size()};
    plan().stages.push_back(std::make_unique<Branch<T>>(input, std::move(rest), std::move(none)));
  }
  std::size_t first = 0;
  for (const auto& stage : plan().stages) {
    first_.push_back(first);
    first += stage->outputs();
  }
}

template <class T>
std::vector<std::size_t> Columns<T>::categories() const {
  std::vector<std::size_t> found;
  for (std::size_t b = 0; b < count(); ++b) {
    const std::vector<std::size_t> own = branch(b).categories();
    found.resize(std::max(found.size(), own.size()));
    for (std::size_t j = 0; j < own.size(); ++j) {
      if (own[j] != 0) found[j] = found[j] == 0 ? own[j] : std::min(found[j], own[j]);
    }
  }
  return found;
}

template <class T>
std::size_t Columns<T>::output_size(const Layer<T>& branch, std::size_t rows) {
  Layout layout;
  layout.add<T>(checked_multiply(rows, branch.outputs()));
  return layout.bytes() / sizeof(T);
}

template <class T>
std::vector<std::size_t> Columns<T>::places(std::size_t rows) const {
  std::vector<std::size_t> found{0};
  for (std::size_t b = 0; b < count(); ++b) {
    const std::size_t size = output_size(branch(b), rows);
    const std::size_t work = (branch(b).work_size(rows) + kElementUnit - 1) / kElementUnit * kElementUnit;
    for (const std::size_t next : {size, size, work}) found.push_back(checked_add(found.back(), next));
  }
  return found;
}

template <class T>
Flow<T> Columns<T>::inside(std::size_t b, const Flow<T>& flow) const {
  const std::vector<std::size_t> at = places(flow.capacity);
  Flow<T> inner = flow;
  inner.y = flow.work + at[3 * b];
  inner.grad_y = flow.work + at[3 * b + 1];
  inner.work = flow.work + at[3 * b + 2];
  inner.sum = nullptr;
  inner.prologue = nullptr;
  inner.prologue_done = false;
  return inner;
}

template <class T>
void Columns<T>::split(Team& team, std::size_t rows, std::size_t b, const T* all, T* of_branch) const {
  const std::size_t columns = branch(b).outputs();
  const Range share = team.share(rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    std::copy_n(all + i * this->outputs() + first_[b], columns, of_branch + i * columns);
  }
}

template <class T>
void Columns<T>::join(Team& team, std::size_t rows, std::size_t b, const T* of_branch, T* all) const {
  const std::size_t columns = branch(b).outputs();
  const Range share = team.share(rows, kChunkRows);
  for (std::size_t i = share.begin; i < share.end; ++i) {
    std::copy_n(of_branch + i * columns, columns, all + i * this->outputs() + first_[b]);
  }
}

template <class T>
void Columns<T>::forward(Team& team, const Flow<T>& flow) const {
  for (std::size_t b = 0; b < count(); ++b) {
    const Flow<T> inner = inside(b, flow);
    branch(b).forward(team, inner);
    join(team, flow.rows, b, inner.y, flow.y);
  }
}

template <class T>
void Columns<T>::backward(Team& team, const Flow<T>& flow) const {
  if (flow.grad_x != nullptr) {
    const Range share = team.share(flow.rows, kChunkRows);
    std::fill_n(flow.grad_x + share.begin * this->inputs(), share.size() * this->inputs(), T(0));
  }
  for (std::size_t b = 0; b < count(); ++b) {
    const Flow<T> inner = inside(b, flow);
    split(team, flow.rows, b, flow.grad_y, inner.grad_y);
    branch(b).backward(team, inner);
  }
}

template <class T>
void Columns<T>::gradients(Team& team, const Flow<T>& flow) const {
  for (std::size_t b = 0; b < named_; ++b) branch(b).gradients(team, inside(b, flow));
}

template <class T>
std::size_t Columns<T>::predict_work_size(std::size_t rows) const {
  std::size_t most = 0;
  for (std::size_t b = 0; b < count(); ++b) {
    most = std::max(most, checked_add(output_size(branch(b), rows), branch(b).predict_work_size(rows)));
  }
  return most;
}

template <class T>
void Columns<T>::predict(Team& team, const Flow<T>& flow) const {
  for (std::size_t b = 0; b < count(); ++b) {
    Flow<T> inner = flow;
    inner.y = flow.work;
    inner.work = flow.work + output_size(branch(b), flow.rows);
    inner.sum = nullptr;
    branch(b).predict(team, inner);
    join(team, flow.rows, b, inner.y, flow.y);
  }
}

template <class T>
void Columns<T>::visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const {
  visitor(*this, flow);
  for (std::size_t b = 0; b < named_; ++b) branch(b).visit(inside(b, flow), visitor);
}

template <class T>
std::unique_ptr<Layer<T>> Columns<T>::make(const LayerContext<T>& context) {
  LayerReader& config = context.config;
  const bool passes = config.boolean("passthrough");
  if (context.input.size() != 1) {
    config.fail("input must have shape (columns,), got " + shape_text(context.input) + "; put Flatten before it");
  }
  Plan<T> branches = context.make_branches(config.layers("layers"));
  std::vector<bool> read(passes ? context.input[0] : 0, false);
  std::size_t outputs = 0;
  for (const auto& stage : branches.stages) {
    const auto* const branch = dynamic_cast<const Branch<T>*>(stage.get());
    if (branch == nullptr) config.fail("layers must be branches");
    for (std::size_t j = 0; passes && j < branch->columns().size(); ++j) read[branch->columns()[j]] = true;
    outputs = checked_add(outputs, branch->outputs());
  }
  if (branches.stages.empty()) config.fail("layers must hold at least one branch");
  Shape rest;
  rest.reserve(static_cast<std::size_t>(std::count(read.begin(), read.end(), false)));
  for (std::size_t j = 0; j < read.size(); ++j) {
    if (!read[j]) rest.push_back(j);
  }
  outputs = checked_add(outputs, rest.size());
  return std::make_unique<Columns>(context.input, outputs, std::move(branches), std::move(rest));
}

template class Columns<float>;
template class Columns<double>;

}  // namespace prelunet
