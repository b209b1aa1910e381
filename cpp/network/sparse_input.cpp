#include "network/sparse_input.h"

#include "kernels/dispatch.h"
#include "runtime/subnormals.h"

namespace prelunet {

template <class T>
void SparseInput<T>::scale(double factor) {
  if (value_ != scaled_.data()) scaled_.assign(value_, value_ + rows_->column.size());
  const FlushSubnormals flush;
  kernel_table<T>().scale_shift(scaled_.size(), scaled_.data(), factor, 0.0, scaled_.data());
  value_ = scaled_.data();
}

template class SparseInput<float>;
template class SparseInput<double>;

}  // namespace prelunet
