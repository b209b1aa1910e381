// f(x[:, columns]): some columns of the input through a list of layers. A part of a Columns.
#pragma once

#include <memory>

#include "network/plan.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Branch final : public Layer<T> {
 public:
  // `inner` has the columns as its input, and may be empty.
  Branch(const Shape& input, Shape columns, Plan<T> inner);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  const Shape& columns() const { return columns_; }

  const Plan<T>* inner() const override { return &inner_; }
  std::vector<std::size_t> categories() const override;
  void bind(const std::vector<Parameter<T>>& parameters) override { inner_.bind(parameters); }
  void refresh(Team& team) override;
  std::size_t work_size(std::size_t rows) const override { return begin(inner_.stages.size(), rows); }
  std::size_t predict_work_size(std::size_t rows) const override;
  double multiply_adds() const override;
  bool calls_python() const override;

  void forward(Team& team, const Flow<T>& flow) const override;
  // Adds to grad_x, which has the columns of all branches.
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void predict(Team& team, const Flow<T>& flow) const override;
  void visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const override;

 private:
  // Offsets of the arrays of a stage, and their total size. y and grad_y of the last stage are those of the branch.
  struct Places {
    std::size_t y, z, grad_y, work, size;
  };
  Places places(std::size_t s, std::size_t rows) const;
  // The offset in work of the arrays of stage s. The columns and their gradient come first.
  std::size_t begin(std::size_t s, std::size_t rows) const;
  // Elements of the columns of that many rows, a whole number of cache lines.
  std::size_t input_size(std::size_t rows) const;
  Flow<T> inside(std::size_t s, const Flow<T>& flow) const;
  std::size_t lowest(const Flow<T>& flow) const { return flow.grad_x == nullptr ? inner_.lowest_trained() : 0; }
  void select(Team& team, std::size_t rows, const T* x, T* to) const;

  Shape columns_;
  Plan<T> inner_;
};

}  // namespace prelunet
