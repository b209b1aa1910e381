// f(x[:, columns]): some columns of the input through a list of layers. A part of a Columns.
#pragma once

#include <memory>

#include "network/container.h"

namespace prelunet {

template <class T>
struct LayerContext;

template <class T>
class Branch final : public Sequence<T> {
 public:
  // `inner` has the columns as its input, and may be empty.
  Branch(const Shape& input, Shape columns, Plan<T> inner);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  const Shape& columns() const { return columns_; }

  std::vector<std::size_t> categories() const override;
  std::size_t predict_work_size(std::size_t rows) const override;

  void forward(Team& team, const Flow<T>& flow) const override;
  // Adds to grad_x, which has the columns of all branches.
  void backward(Team& team, const Flow<T>& flow) const override;
  void predict(Team& team, const Flow<T>& flow) const override;

 protected:
  bool ends_with_last_stage() const override { return true; }
  // The columns and their gradient come first in work.
  std::size_t head_size(std::size_t rows) const override { return checked_multiply(2, input_size(rows)); }
  Flow<T> inside(std::size_t s, const Flow<T>& flow) const override;

 private:
  using Container<T>::plan;
  using Sequence<T>::lowest;

  // Elements of the columns of that many rows, a whole number of cache lines.
  std::size_t input_size(std::size_t rows) const;
  void select(Team& team, std::size_t rows, const T* x, T* to) const;

  Shape columns_;
};

}  // namespace prelunet
