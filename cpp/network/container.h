// A layer that contains layers: what Residual, Branch and Columns have in common.
#pragma once

#include "network/plan.h"

namespace prelunet {

template <class T>
class Container : public Layer<T> {
 public:
  Container(const Shape& input, const Shape& output, Plan<T>&& inner);

  const Plan<T>* inner() const final { return &inner_; }
  std::vector<std::size_t> categories() const override { return inner_.categories(); }
  void bind(const std::vector<Parameter<T>>& parameters) final { inner_.bind(parameters); }
  void refresh(Team& team) final;
  double multiply_adds() const final;
  bool calls_python() const final;
  void visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const override;

 protected:
  // The flow of stage s of the inner plan. The arrays of these flows are in flow.work.
  virtual Flow<T> inside(std::size_t s, const Flow<T>& flow) const = 0;

  const Plan<T>& plan() const { return inner_; }
  Plan<T>& plan() { return inner_; }

 private:
  Plan<T> inner_;
};

// A container whose stages run one after another. In its work, each stage has the arrays y, z, grad_y and work.
template <class T>
class Sequence : public Container<T> {
 public:
  using Container<T>::Container;
  std::size_t work_size(std::size_t rows) const final { return begin(this->plan().stages.size(), rows); }
  void gradients(Team& team, const Flow<T>& flow) const final;

 protected:
  // Elements of work before the arrays of the first stage.
  virtual std::size_t head_size(std::size_t) const { return 0; }
  // Whether y and grad_y of the last stage are those of this layer.
  virtual bool ends_with_last_stage() const = 0;

  // The flow of stage s. x and grad_x of stage 0 are those of this layer.
  Flow<T> inside(std::size_t s, const Flow<T>& flow) const override;
  // The lowest stage that backward() and gradients() run.
  std::size_t lowest(const Flow<T>& flow) const { return flow.grad_x == nullptr ? this->plan().lowest_trained() : 0; }

 private:
  // Offsets of the arrays of a stage, and their total size.
  struct Places {
    std::size_t y, z, grad_y, work, size;
  };
  Places places(std::size_t s, std::size_t rows) const;
  // The offset in work of the arrays of stage s.
  std::size_t begin(std::size_t s, std::size_t rows) const;
};

}  // namespace prelunet
