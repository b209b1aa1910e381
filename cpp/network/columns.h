// y = the outputs of several branches side by side. Each branch reads some columns of x; those that no branch reads may
// be passed through at the end.
#pragma once

#include <memory>

#include "network/branch.h"

namespace prelunet {

template <class T>
class Columns final : public Container<T> {
 public:
  // `rest` are the columns to pass through.
  Columns(const Shape& input, std::size_t outputs, Plan<T> branches, Shape rest);
  static std::unique_ptr<Layer<T>> make(const LayerContext<T>& context);

  std::vector<std::size_t> categories() const override;
  std::size_t work_size(std::size_t rows) const override { return places(rows).back(); }
  std::size_t predict_work_size(std::size_t rows) const override;

  void forward(Team& team, const Flow<T>& flow) const override;
  void backward(Team& team, const Flow<T>& flow) const override;
  void gradients(Team& team, const Flow<T>& flow) const override;
  void predict(Team& team, const Flow<T>& flow) const override;
  void visit(const Flow<T>& flow, const typename Layer<T>::Visitor& visitor) const override;

 protected:
  Flow<T> inside(std::size_t b, const Flow<T>& flow) const override;

 private:
  using Container<T>::plan;  // a branch is a stage

  const Layer<T>& branch(std::size_t b) const { return *plan().stages[b]; }
  std::size_t count() const { return plan().stages.size(); }
  // The offsets in work of each branch's arrays: y, grad_y, work; then the total size.
  std::vector<std::size_t> places(std::size_t rows) const;
  static std::size_t output_size(const Layer<T>& branch, std::size_t rows);
  // Copies this thread's rows of columns [first, first + the branch's outputs) of `all` to the branch, or back.
  void split(Team& team, std::size_t rows, std::size_t b, const T* all, T* of_branch) const;
  void join(Team& team, std::size_t rows, std::size_t b, const T* of_branch, T* all) const;

  std::size_t named_;               // branches with layers; the columns passed through come after them
  std::vector<std::size_t> first_;  // the first output of each branch
};

}  // namespace prelunet
